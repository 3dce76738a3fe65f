"""Taking in journals: a batch is the journal's own lines, as the file holds them."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from penstock import ports
from penstock.core.errors import JournalCorrupt
from penstock.core.ids import WriterId
from penstock.core.records import Record, parse_record
from penstock.ports import Orchestrator, Principal
from penstock.server.models import Identifier
from penstock.server.principals import principal_of
from penstock.server.routes import add_route, answer
from penstock.wire import JOURNAL_TYPE, ROUTES

EXAMPLE = '["close",1,1700000000000000]\n'


def make_router(orchestrator: Orchestrator) -> APIRouter:
    """The route of `Ingest`."""
    router = APIRouter()

    async def ingest(request: Request, writer_id: Annotated[Identifier, Path()]) -> Response:
        body = await request.body()
        taken = await run_in_threadpool(take_in, orchestrator, WriterId(writer_id), body, principal_of(request))
        return answer(taken, ports.Acknowledged)

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


def take_in(orchestrator: Orchestrator, writer_id: WriterId, body: bytes, principal: Principal) -> ports.Acknowledged:
    """Decode a batch and have it taken in."""
    return orchestrator.ask(ports.Ingest(writer_id=writer_id, records=decode_batch(body)), principal)


def decode_batch(content: bytes) -> list[tuple[int, Record]]:
    """Decode journal lines. Raises `JournalCorrupt`."""
    lines = [line for line in content.split(b"\n") if line]
    try:
        return [parse_record(fields) for fields in json.loads(b"[" + b",".join(lines) + b"]")]
    except (ValueError, TypeError, RecursionError) as error:
        raise JournalCorrupt(f"The batch holds what no writer writes: {error}") from error
