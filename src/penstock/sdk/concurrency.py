"""Taking slots of limits: waiting for them, holding them while a block runs, giving them back.

Slots are leases, renewed while the block runs; if the process dies, they end by themselves.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from types import TracebackType

from penstock.core.errors import SlotsNotAcquired, StoreUnavailable
from penstock.core.ids import RunId, time_ordered_id
from penstock.engine.context import current_flow_run, current_task_run
from penstock.engine.slots import WAIT_SECONDS_MAX, WAIT_SECONDS_MIN, Held
from penstock.limits import LEASE_SECONDS_DEFAULT, AcquireSlots
from penstock.ports import Orchestrator, Principal
from penstock.sdk import wiring
from penstock.settings import load_settings


class concurrency:
    """Hold slots of one or several limits while a block runs; `with` and `async with` alike.

    Waits until all of them have room, at most `timeout_seconds`, then raises `SlotsNotAcquired`. A name that no limit has
    holds nobody back, unless `strict` is set. If the process dies, the slots are free after `lease_seconds`.

    >>> with concurrency("database", occupy=2):
    ...     pass
    """

    def __init__(
        self,
        names: str | Sequence[str],
        occupy: int = 1,
        timeout_seconds: float | None = None,
        strict: bool = False,
        lease_seconds: float = LEASE_SECONDS_DEFAULT,
    ):
        self._names = (names,) if isinstance(names, str) else tuple(names)
        self._occupy, self._timeout, self._strict = occupy, timeout_seconds, strict
        self._lease = lease_seconds
        self._held: list[Held] = []

    def __enter__(self) -> "concurrency":
        asking = _Asking(self._names, self._occupy, self._timeout, self._strict, self._lease)
        while (pause := asking.ask()) is not None:
            asking.wait(pause)
        self._held.append(asking.hold())
        return self

    def __exit__(self, *_: object) -> None:
        self._held.pop().release()

    async def __aenter__(self) -> "concurrency":
        asking = _Asking(self._names, self._occupy, self._timeout, self._strict, self._lease)
        while (pause := await asyncio.to_thread(asking.ask)) is not None:  # noqa: ASYNC110 - what it waits for is elsewhere
            await asyncio.sleep(pause)
        self._held.append(asking.hold())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.shield(asyncio.to_thread(self._held.pop().release))


def rate_limit(
    names: str | Sequence[str], occupy: int = 1, timeout_seconds: float | None = None, strict: bool = False
) -> None:
    """Wait until rate limits let this through. Raises `SlotsNotAcquired` after `timeout_seconds`.

    >>> rate_limit("api")
    """
    asking = _Asking((names,) if isinstance(names, str) else tuple(names), occupy, timeout_seconds, strict, 1.0)
    while (pause := asking.ask()) is not None:
        asking.wait(pause)


async def arate_limit(
    names: str | Sequence[str], occupy: int = 1, timeout_seconds: float | None = None, strict: bool = False
) -> None:
    """`rate_limit` that lets other coroutines run while it waits."""
    asking = _Asking((names,) if isinstance(names, str) else tuple(names), occupy, timeout_seconds, strict, 1.0)
    while (pause := await asyncio.to_thread(asking.ask)) is not None:  # noqa: ASYNC110 - what it waits for is elsewhere
        await asyncio.sleep(pause)


class _Asking:
    """One wait for slots."""

    def __init__(
        self, names: Sequence[str], occupy: int, timeout_seconds: float | None, strict: bool, lease_seconds: float
    ):
        self._orchestrator, self._principal = _ports()
        self._id = time_ordered_id(time.time_ns() // 1_000, os.urandom(10))
        self._request = AcquireSlots(
            id=self._id,
            names=names,
            occupy=occupy,
            lease_seconds=lease_seconds,
            holder=_holder(),
            flow_run_id=_run_id(),
        )
        self._strict, self._timeout = strict, timeout_seconds
        self._deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds

    def ask(self) -> float | None:
        """Ask once: none if the slots are ours, else how long to wait. Raises `SlotsNotAcquired`, `NotFound`."""
        waiting_for, pause = "the database", WAIT_SECONDS_MAX
        try:
            answer = self._orchestrator.ask(self._request, self._principal)
        except StoreUnavailable:
            if self._deadline is None:
                raise
        else:
            if answer.missing and self._strict:
                raise SlotsNotAcquired(answer.missing[0], why="there is no such limit")
            if answer.acquired:
                return None
            waiting_for = f"`{answer.waiting_for}`"
            pause = max(WAIT_SECONDS_MIN, min(answer.retry_after_seconds, WAIT_SECONDS_MAX))
        if self._deadline is None:
            return pause
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise SlotsNotAcquired(waiting_for.strip("`"), why=f"there was no room within {self._timeout:g} s")
        return min(pause, left)

    def wait(self, pause: float) -> None:
        """Wait in this thread; a run that is being cancelled waits no more."""
        run = current_flow_run.get()
        if run is None:
            time.sleep(pause)
        elif run.cancelled.wait(pause):
            run.check_going_on()

    def hold(self) -> Held:
        """Keep what was got."""
        return Held(self._orchestrator, self._principal, self._id, self._request.lease_seconds)


def _holder() -> str:
    task, flow = current_task_run.get(), current_flow_run.get()
    if task is not None:
        return f"task run {task.name} of {task.run.name}"
    return f"process {os.getpid()}" if flow is None else f"flow run {flow.name}"


def _run_id() -> RunId | None:
    task, flow = current_task_run.get(), current_flow_run.get()
    run = task.run if task is not None else flow
    return None if run is None else RunId(run.id)


def _ports() -> tuple[Orchestrator, Principal]:
    run = current_flow_run.get()
    if run is not None:
        return run.services.orchestrator, run.services.principal
    settings = load_settings()
    return wiring.open_orchestrator(settings), Principal(workspace=settings.workspace)
