"""Taking in journals: a batch is the journal's own lines, as the file holds them."""

import asyncio
import time
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from penstock import ports
from penstock.core.errors import JournalCorrupt
from penstock.core.ids import WriterId
from penstock.core.records import FlowSeen, Record, Superseded, TaskDefined, TaskSeen, parse_lines
from penstock.ports import Orchestrator, Principal
from penstock.server.metrics import Metrics
from penstock.server.models import Identifier
from penstock.server.principals import principal_of
from penstock.server.routes import API_PREFIX, add_route, answer
from penstock.wire import JOURNAL_TYPE, ROUTES

BATCHES_AT_ONCE = 1
"""In the order in which they come. Two at once take in no more, and whoever wants to begin a run waits for both."""
TIME_MAX = 2**62
EXAMPLE = '["close",1,1700000000000000]\n'


def make_router(orchestrator: Orchestrator, metrics: Metrics) -> APIRouter:
    """The route of `Ingest`."""
    router = APIRouter(prefix=API_PREFIX)
    turns, handle = asyncio.Semaphore(BATCHES_AT_ONCE), make_handle(orchestrator, metrics)

    async def ingest(request: Request, writer_id: Annotated[Identifier, Path()]) -> Response:
        body = await request.body()
        async with turns:
            return await run_in_threadpool(handle, writer_id, body, principal_of(request))

    described: Any = {
        "requestBody": {
            "required": True,
            "description": "Lines of a journal, in order: JSON arrays of kind, sequence number and fields. "
            "May be sent with `Content-Encoding: gzip`.",
            "content": {JOURNAL_TYPE: {"schema": {"type": "string"}, "example": EXAMPLE}},
        }
    }
    add_route(router, ports.Ingest, ROUTES["Ingest"], ingest, openapi_extra=described)
    return router


def make_handle(orchestrator: Orchestrator, metrics: Metrics) -> Callable[[str, bytes, Principal], Response]:
    """What answers `Ingest`, whichever way it comes."""

    def handle(writer_id: str, body: bytes, principal: Principal) -> Response:
        return answer(take_in(orchestrator, WriterId(writer_id), body, principal, metrics), ports.Acknowledged)

    return handle


def take_in(
    orchestrator: Orchestrator, writer_id: WriterId, body: bytes, principal: Principal, metrics: Metrics
) -> ports.Acknowledged:
    """Decode a batch and have it taken in."""
    begun = time.perf_counter()
    records = decode_batch(body)
    taken = orchestrator.ask(ports.Ingest(writer_id=writer_id, records=records), principal)
    said_at = next((at for _, record in records if (at := said_when(record)) is not None), None)
    plausible = isinstance(said_at, int) and 0 < said_at < TIME_MAX  # what strangers send may be anything
    delay = time.time() - said_at / 1_000_000 if plausible and said_at is not None else None
    metrics.batch(len(records), time.perf_counter() - begun, delay_seconds=delay)
    return taken


def said_when(record: Record) -> int | None:
    """When a record was said, in microseconds UTC; none of a definition, which no instant belongs to.

    >>> from penstock.core.records import WriterClosed
    >>> said_when(WriterClosed(1_700_000_000_000_000))
    1700000000000000
    """
    if isinstance(record, TaskSeen):
        return record.ended_at or record.started_at or record.created_at
    if isinstance(record, FlowSeen):
        return record.created_at
    return None if isinstance(record, TaskDefined | Superseded) else record.at


def decode_batch(content: bytes) -> list[tuple[int, Record]]:
    """Decode journal lines. Raises `JournalCorrupt`."""
    try:
        return parse_lines([line for line in content.split(b"\n") if line.strip()])
    except (ValueError, TypeError, RecursionError) as error:
        raise JournalCorrupt(f"The batch holds what no writer writes: {error}") from error
