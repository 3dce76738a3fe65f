"""Workers that wait for work: one task asks for all of them, and no request waits in a thread.

Workers that ask for the same are served in the order in which they came; if the first gets nothing, there is nothing for
the others. The task asks when it is told of a commit, and now and then; while nobody writes it is answered from memory
(`store/claims.py`).
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from penstock.core.errors import PenstockError
from penstock.core.run_tokens import LIFE_US, RunToken, write_token
from penstock.ports import Clock, Orchestrator, Principal
from penstock.server.commit_news import CommitNews, Listen
from penstock.server.guard import Door
from penstock.server.principals import principal_of
from penstock.server.routes import API_PREFIX, add_route, answer, signature
from penstock.server.samples import describe_example
from penstock.wire import ROUTES, answer_type, decoder, field_types
from penstock.work import ClaimedRun, ClaimRuns

LOOK_SECONDS = 0.25
"""How often it asks though it heard of nothing: for runs whose time has come, and for what other processes write to a file."""
LOOK_SECONDS_MIN = 0.02
"""Between two questions, however much is written."""
WAIT_SECONDS_MAX = 30.0

Place = tuple[str, str, tuple[str, ...]]


@dataclass(eq=False, slots=True)
class _Waiter:
    request: ClaimRuns
    principal: Principal
    answered: "asyncio.Future[Sequence[ClaimedRun]]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class ClaimDesk:
    """Where workers wait."""

    def __init__(self, orchestrator: Orchestrator, *, listen: Listen | None = None):
        """`listen` has the database tell of commits, where it can."""
        self._orchestrator, self._commits = orchestrator, CommitNews(listen)
        self._waiting: dict[Place, deque[_Waiter]] = {}
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def claim(self, request: ClaimRuns, principal: Principal, is_gone: Callable[[], Any]) -> Sequence[ClaimedRun]:
        """Claim what is there, or wait for something to come; nothing is claimed for a worker that has gone."""
        claimed = await self._ask(request, principal)
        seconds = min(request.wait_seconds, WAIT_SECONDS_MAX)
        if claimed or seconds <= 0 or self._closed:
            return claimed
        waiter = _Waiter(request, principal)
        place = (principal.workspace, request.worker.work_pool, tuple(request.worker.queues))
        self._waiting.setdefault(place, deque()).append(waiter)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look())
        gone = asyncio.ensure_future(is_gone())
        try:
            await asyncio.wait({waiter.answered, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            # What was claimed at this very moment is answered all the same: it comes back by its lease if nobody reads it.
            return waiter.answered.result() if waiter.answered.done() else ()
        finally:
            gone.cancel()
            waiter.answered.cancel()
            with contextlib.suppress(KeyError, ValueError):
                self._waiting[place].remove(waiter)

    def close(self) -> None:
        """Have everybody go with nothing: the server stops."""
        self._closed = True
        self._commits.stop()
        for group in self._waiting.values():
            for waiter in group:
                if not waiter.answered.done():
                    waiter.answered.set_result(())

    async def _look(self) -> None:
        self._commits.start()
        while any(self._waiting.values()) and not self._closed:
            heard = await self._commits.wait(LOOK_SECONDS)
            for place, group in list(self._waiting.items()):
                if not group:
                    del self._waiting[place]
                while group and await self._serve(group):
                    pass
            if heard:
                await asyncio.sleep(LOOK_SECONDS_MIN)

    async def _serve(self, group: deque[_Waiter]) -> bool:
        """Ask for who waits longest; tells whether there may be more for the next."""
        waiter = group[0]
        if waiter.answered.done():
            with contextlib.suppress(ValueError):
                group.remove(waiter)
            return bool(group)
        try:
            claimed = await self._ask(waiter.request, waiter.principal)
        except PenstockError as error:
            if not waiter.answered.done():
                waiter.answered.set_exception(error)
            return False
        if claimed and not waiter.answered.done():
            waiter.answered.set_result(claimed)
        return bool(claimed)

    async def _ask(self, request: ClaimRuns, principal: Principal) -> Sequence[ClaimedRun]:
        return await run_in_threadpool(self._orchestrator.ask, replace(request, wait_seconds=0.0), principal)


def make_router(desk: ClaimDesk, door: Door, clock: Clock) -> APIRouter:
    """The route of `ClaimRuns`. Each run comes with the token that its process will show."""
    router = APIRouter(prefix=API_PREFIX)
    make, hint, route = decoder(ClaimRuns), answer_type(ClaimRuns), ROUTES["ClaimRuns"]

    async def endpoint(request: Request, **given: Any) -> Response:
        said: ClaimRuns = make(given["body"].model_dump(exclude_unset=True, warnings=False))

        async def is_gone() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass

        principal = principal_of(request)
        claimed = await desk.claim(said, principal, is_gone)
        return answer([with_token(one, principal, door, now=clock.now_us()) for one in claimed], hint)

    endpoint.__name__ = "ClaimRuns"
    endpoint.__signature__ = signature(ClaimRuns, route, tuple(field_types(ClaimRuns)))  # type: ignore[attr-defined]  # what FastAPI reads
    add_route(router, ClaimRuns, route, endpoint, openapi_extra=describe_example(ClaimRuns, route))
    return router


def with_token(claimed: ClaimedRun, principal: Principal, door: Door, *, now: int) -> ClaimedRun:
    """A claimed run with its token; none where the door has no key."""
    if door.api_key is None:
        return claimed
    token = RunToken(claimed.run.id, claimed.request.claim, principal.workspace, now + LIFE_US)
    return replace(claimed, token=write_token(token, door.api_key))
