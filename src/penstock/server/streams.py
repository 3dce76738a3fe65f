"""Live streams as server-sent events. A stream holds a connection and two small tasks, no thread and no database."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from penstock.core.errors import RequestInvalid
from penstock.core.ids import RunId
from penstock.server.feed import Feed, Subscriber
from penstock.server.metrics import Metrics
from penstock.server.models import Identifier
from penstock.server.principals import principal_of
from penstock.server.routes import API_PREFIX, describe_errors

QUIET_SECONDS_MAX = 15.0
"""After so long without news a comment is sent, so that nobody between takes the connection for dead."""
RETRY_MS = 1_000

DESCRIPTION = """
Server-sent events, for as long as the connection lasts.

| event | data |
| --- | --- |
| `hello` | where the stream begins; read lists after it |
| `flow-runs` | runs that changed, as they are now (with `run`: that run and its direct subflows) |
| `logs` | with `run`: new log lines of it and of its subflows |
| `events` | with `events=true`: new events |
| `topics` | what else changed: `deployment`, `schedule`, `backfill`, `work-pool`, `worker`; ask for them anew |
| `reset` | more was missed than can be sent: read lists anew |

The id of each event is a cursor: `Last-Event-ID`, which browsers send by themselves, or `after` goes on from there.
"""


def make_router(feed: Feed, metrics: Metrics) -> APIRouter:
    """The route of the streams."""
    router = APIRouter(prefix=API_PREFIX, tags=["Events"])
    answers: dict[int | str, dict[str, Any]] = {
        200: {"description": "Events.", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
        **describe_errors(""),
    }

    async def stream(
        request: Request,
        run: Annotated[Identifier | None, Query(description="One run, with its log lines.")] = None,
        events: Annotated[bool, Query(description="The event log too.")] = False,
        after: Annotated[
            int | None, Query(ge=0, le=2**62, description="The id of the last event that was seen.")
        ] = None,
        last_event_id: Annotated[str | None, Header(max_length=100)] = None,
    ) -> Response:
        subscriber = Subscriber(
            workspace=principal_of(request).workspace,
            flow_runs=True,
            events=events,
            run_id=None if run is None else RunId(run),
        )
        return _Stream(feed, subscriber, metrics, after=_cursor(last_event_id, after))

    router.add_api_route(
        "/stream",
        stream,
        summary="Follow what happens",
        description=DESCRIPTION,
        operation_id="Stream",
        response_class=Response,
        responses=answers,
    )
    return router


def _cursor(last_event_id: str | None, after: int | None) -> int | None:
    if not last_event_id:
        return after
    if not last_event_id.isdigit():
        raise RequestInvalid("`Last-Event-ID` is the id of an event of this stream: a number.")
    return int(last_event_id)


class _Stream(Response):
    """Sends what waits for a subscriber until it goes or the server stops."""

    media_type = "text/event-stream"

    def __init__(self, feed: Feed, subscriber: Subscriber, metrics: Metrics, *, after: int | None):
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._feed, self._subscriber, self._metrics, self._after = feed, subscriber, metrics, after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await self._write(send, b"retry: %d\n\n" % RETRY_MS)
        gone = asyncio.create_task(self._notice_end(receive))
        try:
            await self._feed.join(self._subscriber, self._after)
            self._metrics.streams(self._feed.size)
            await self._pass_on(send)
        finally:
            gone.cancel()
            self._feed.leave(self._subscriber)
            self._metrics.streams(self._feed.size)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pass_on(self, send: Send) -> None:
        subscriber = self._subscriber
        while not subscriber.closed:
            try:
                async with asyncio.timeout(QUIET_SECONDS_MAX):
                    await subscriber.news.wait()
            except TimeoutError:
                await self._write(send, b": still here\n\n")
                continue
            subscriber.news.clear()
            content = b"".join(subscriber.waiting)
            subscriber.waiting.clear()
            if content:
                await self._write(send, content)

    async def _notice_end(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._subscriber.close()

    @staticmethod
    async def _write(send: Send, content: bytes) -> None:
        await send({"type": "http.response.body", "body": content, "more_body": True})
