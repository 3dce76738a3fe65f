"""A run's log as a file: text for people, JSON Lines for programs. Sent page by page, so that a million lines need no memory."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from penstock.core.ids import RunId, TaskRunId
from penstock.ports import PAGE_SIZE_MAX, GetFlowRun, ListLogs, LogLine, Orchestrator, Page, Principal
from penstock.server.models import Identifier
from penstock.server.principals import principal_of
from penstock.server.routes import API_PREFIX, describe_errors
from penstock.wire import dump, encoder

SEARCH_CHARACTERS_MAX = 1_000
LEVEL_NAMES = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}
DESCRIPTION = """
The log of a run and, unless told otherwise, of its subflows, in the order in which it was recorded.

The file may end early if the database goes away while it is sent: the connection is then cut, and no end is pretended.
"""


class Format(StrEnum):
    """How lines are written."""

    TEXT = "text"
    JSONL = "jsonl"


MEDIA_TYPES = {Format.TEXT: "text/plain; charset=utf-8", Format.JSONL: "application/x-ndjson"}
SUFFIXES = {Format.TEXT: "log", Format.JSONL: "jsonl"}

_encode = encoder(LogLine)


def make_router(orchestrator: Orchestrator) -> APIRouter:
    """The route of downloads."""
    router = APIRouter(prefix=API_PREFIX, tags=["Logs"])
    content = {media.partition(";")[0]: {"schema": {"type": "string"}} for media in MEDIA_TYPES.values()}
    answers: dict[int | str, dict[str, Any]] = {
        200: {"description": "The file.", "content": content},
        **describe_errors("`NotFound`"),
    }

    async def download(
        request: Request,
        flow_run_id: Annotated[Identifier, Path()],
        format: Annotated[Format, Query(description="text or jsonl.")] = Format.TEXT,
        level_min: Annotated[int, Query(ge=0, le=1_000, description="Lines of this level and above.")] = 0,
        text: Annotated[
            str | None, Query(max_length=SEARCH_CHARACTERS_MAX, description="Lines that have this in them.")
        ] = None,
        task_run_id: Annotated[Identifier | None, Query(description="Lines of one task run.")] = None,
        with_subflows: Annotated[bool, Query(description="Those of its subflow runs too.")] = True,
    ) -> Response:
        principal = principal_of(request)
        run = await run_in_threadpool(orchestrator.ask, GetFlowRun(id=RunId(flow_run_id)), principal)
        wanted = ListLogs(
            flow_run_id=run.id,
            task_run_id=None if task_run_id is None else TaskRunId(task_run_id),
            level_min=level_min,
            text=text or None,
            with_subflows=with_subflows,
            limit=PAGE_SIZE_MAX,
        )
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", run.name)[:100] or run.id
        return StreamingResponse(
            write_lines(orchestrator, wanted, format, principal),
            media_type=MEDIA_TYPES[format],
            headers={"Content-Disposition": f'attachment; filename="{name}.{SUFFIXES[format]}"'},
        )

    router.add_api_route(
        "/flow-runs/{flow_run_id}/logs/download",
        download,
        summary="Download a run's log",
        description=DESCRIPTION,
        operation_id="DownloadLogs",
        response_class=Response,
        responses=answers,
    )
    return router


async def write_lines(
    orchestrator: Orchestrator, wanted: ListLogs, format: Format, principal: Principal
) -> AsyncIterator[bytes]:
    """The lines of all pages as the file has them."""
    write = _as_json if format is Format.JSONL else as_text
    cursor: str | None = None
    while True:
        request = ListLogs(**{name: getattr(wanted, name) for name in ListLogs.__slots__} | {"cursor": cursor})
        page: Page[LogLine] = await run_in_threadpool(orchestrator.ask, request, principal)
        yield b"".join(write(line) for line in page.items)
        cursor = page.cursor
        if cursor is None:
            return


def _as_json(line: LogLine) -> bytes:
    return dump(_encode(line)) + b"\n"


def as_text(line: LogLine) -> bytes:
    r"""One line, its later rows set in. What terminals would obey is shown as a sign in its place.

    >>> run = RunId("0" * 32)
    >>> as_text(LogLine(seq=1, flow_run_id=run, task_run_id=None, at=0, level=20, logger="x", message="a\nb\x1b"))
    b'1970-01-01T00:00:00.000000Z INFO     a\n    b\xe2\x90\x9b\n'
    """
    at = datetime.fromtimestamp(line.at / 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    level = LEVEL_NAMES.get(line.level, str(line.level))
    message = line.message.translate(_HARMLESS).replace("\n", "\n    ")
    return f"{at} {level:<8} {message}\n".encode(errors="replace")


_HARMLESS = {code: 0x2400 + code for code in range(32) if code not in (9, 10)} | {127: 0x2421}
"""Control characters as their pictures in Unicode."""
