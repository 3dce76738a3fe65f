"""Taking in journals: a batch is the journal's own lines, as the file holds them, compressed or not."""

import json
import zlib
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from penstock import ports
from penstock.core.errors import JournalCorrupt, RequestInvalid, TooLarge
from penstock.core.ids import WriterId
from penstock.core.records import Record, parse_record
from penstock.ports import Orchestrator, Principal
from penstock.server.models import Identifier
from penstock.server.principals import principal_of
from penstock.server.routes import add_route, answer
from penstock.wire import JOURNAL_TYPE, ROUTES

BATCH_BYTES_MAX = 64 * 1024 * 1024
"""Of one batch, decompressed."""

EXAMPLE = '["close",1,1700000000000000]\n'


def make_router(orchestrator: Orchestrator) -> APIRouter:
    """The route of `Ingest`."""
    router = APIRouter()

    async def ingest(request: Request, writer_id: Annotated[Identifier, Path()]) -> Response:
        body = await request.body()
        compressed = request.headers.get("content-encoding", "") == "gzip"
        taken = await run_in_threadpool(
            take_in, orchestrator, WriterId(writer_id), body, principal_of(request), compressed=compressed
        )
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


def take_in(
    orchestrator: Orchestrator, writer_id: WriterId, body: bytes, principal: Principal, *, compressed: bool
) -> ports.Acknowledged:
    """Decode a batch and have it taken in."""
    records = decode_batch(decompress(body) if compressed else body)
    return orchestrator.ask(ports.Ingest(writer_id=writer_id, records=records), principal)


def decompress(body: bytes, *, limit: int = BATCH_BYTES_MAX) -> bytes:
    """Undo gzip, without letting a small body become a huge one."""
    stream = zlib.decompressobj(wbits=31)
    try:
        content = stream.decompress(body, limit)
    except zlib.error as error:
        raise RequestInvalid(f"The body is not what Content-Encoding says: {error}.") from error
    if stream.unconsumed_tail:
        raise TooLarge(f"The body has more than {limit:,} bytes once decompressed. Send smaller batches.")
    return content


def decode_batch(content: bytes) -> list[tuple[int, Record]]:
    """Decode journal lines. Raises `JournalCorrupt`."""
    lines = [line for line in content.split(b"\n") if line]
    try:
        return [parse_record(fields) for fields in json.loads(b"[" + b",".join(lines) + b"]")]
    except (ValueError, TypeError, RecursionError) as error:
        raise JournalCorrupt(f"The batch holds what no writer writes: {error}") from error
