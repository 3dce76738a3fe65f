"""Runs that go on elsewhere, as values: where they are, and waiting for their end."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from penstock.core.errors import InvalidDefinition, RunNotOver, StoreUnavailable
from penstock.core.ids import RunId, as_uuid_text, parse_id
from penstock.engine.context import current_flow_run, current_task_run
from penstock.engine.kept_results import load_result
from penstock.engine.options import Kind
from penstock.engine.states import State
from penstock.ports import FlowRun, GetFlowRun, Orchestrator, Principal
from penstock.sdk import wiring

POLL_SECONDS = 0.25
"""How often it is looked where nobody tells of news."""


@dataclass(frozen=True, slots=True)
class FollowedRun:
    """A flow run of another process, as it was when it was last looked at."""

    id: str
    name: str
    flow_name: str
    state: State
    parameters: dict[str, Any]

    def result(self, raise_on_failure: bool = True) -> Any:
        """What the run returned, from result storage, which has to be shared with it; or its error. See `State.result`."""
        return self.state.result(raise_on_failure)

    def __repr__(self) -> str:
        return f"<FollowedRun {self.name} of {self.flow_name}: {self.state!r}>"


class Following:
    """Looks at one run until it has ended or the time is up."""

    def __init__(self, run: FlowRun, *, timeout: float | None, poll_interval: float | None = None):
        self._orchestrator, self._principal = ports_here()
        self.run = run
        self.pause = POLL_SECONDS if poll_interval is None else poll_interval
        self._deadline = None if timeout is None else time.monotonic() + timeout

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.run.state.is_final or (self._deadline is not None and time.monotonic() >= self._deadline)

    def look(self) -> None:
        """Look again; a server that is away is asked the next time. Raises if the run that waits here is to stop."""
        waiting = current_flow_run.get()
        if waiting is not None:
            waiting.check_going_on()
        try:
            self.run = self._orchestrator.ask(GetFlowRun(id=self.run.id), self._principal)
        except StoreUnavailable:
            return

    def wait(self) -> FollowedRun:
        """Wait in this thread."""
        if not self.is_over:
            with wiring.following(self.run.id) as wait:
                while not self.is_over:
                    (wait if self._deadline is None else time.sleep)(self._left())
                    self.look()
        return followed(self.run)

    async def wait_async(self) -> FollowedRun:
        """Wait, and let other coroutines run."""
        while not self.is_over:
            await asyncio.sleep(self._left())
            await asyncio.to_thread(self.look)
        return followed(self.run)

    def _left(self) -> float:
        return self.pause if self._deadline is None else max(0.0, min(self.pause, self._deadline - time.monotonic()))


def wait_for_flow_run(
    flow_run_id: str, *, timeout: float | None = 10_800.0, poll_interval: float | None = None
) -> FollowedRun:
    """Wait until a flow run has ended, and answer how. Raises `NotFound`, `TimeoutError` after `timeout` seconds."""
    following = Following(_get(flow_run_id), timeout=timeout, poll_interval=poll_interval)
    return _in_time(following.wait(), timeout)


async def await_flow_run(
    flow_run_id: str, *, timeout: float | None = 10_800.0, poll_interval: float | None = None
) -> FollowedRun:
    """`wait_for_flow_run` that lets other coroutines run while it waits."""
    run = await asyncio.to_thread(_get, flow_run_id)
    return _in_time(await Following(run, timeout=timeout, poll_interval=poll_interval).wait_async(), timeout)


def followed(run: FlowRun) -> FollowedRun:
    """A run as a value for users, whose result is loaded when it is asked for."""
    state, reference = run.state, run.result
    shown = State(
        state.type,
        state.name,
        state.message,
        reason=state.reason,
        timestamp=state.at,
        run_id=run.id,
        run_name=run.name,
        result_reference=reference,
        load=None if reference is None else lambda: load_result(wiring.result_store(), reference),
    )
    return FollowedRun(as_uuid_text(run.id), run.name, run.flow_name, shown, dict(run.parameters or {}))


def ports_here() -> tuple[Orchestrator, Principal]:
    """The orchestrator of the run that this code is part of, or of the settings."""
    run = current_flow_run.get()
    if run is not None:
        return run.services.orchestrator, run.services.principal
    settings = wiring.current_settings()
    return wiring.open_orchestrator(settings), wiring.principal_of(settings)


def refuse_in_coroutine(what: str) -> None:
    """Raise `InvalidDefinition` where waiting would hold up the loop that the flow itself runs on."""
    run = current_flow_run.get()
    if run is None or current_task_run.get() is not None or run.flow.kind not in (Kind.COROUTINE, Kind.ASYNC_GENERATOR):
        return
    try:
        asyncio.get_running_loop()
    except RuntimeError:  # it was handed to a thread, where it may wait
        return
    raise InvalidDefinition(
        f"`{what}` would hold up the loop that flow `{run.flow.name}` runs on: await `a{what}` in it."
    )


def _get(flow_run_id: str) -> FlowRun:
    orchestrator, principal = ports_here()
    return orchestrator.ask(GetFlowRun(id=RunId(parse_id(flow_run_id))), principal)


def _in_time(run: FollowedRun, timeout: float | None) -> FollowedRun:
    if not run.state.is_final():
        raise RunNotOver(f"Flow run `{run.name}` is still {run.state.name} after {timeout:g} s.")
    return run
