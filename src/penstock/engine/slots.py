"""Slots of concurrency limits that this process holds, and how runs wait for those that their tags, names and flows need.

The limits that concern runs come with the answer to the run's beginning and with each acknowledgement of the journal: a task
that touches none asks nobody. Slots are leases; one thread renews them and gives them back.
"""

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from penstock.core.errors import PenstockError, StoreUnavailable
from penstock.core.ids import RunId, time_ordered_id
from penstock.core.states import Reason, RunState, StateType
from penstock.engine.programs import Block, Program, Sleep
from penstock.engine.runs import FlowRunContext, TaskCall
from penstock.ports import Orchestrator, Principal

if TYPE_CHECKING:
    from penstock.limits import AcquireSlots, SlotsAnswer

LEASE_SECONDS = 60.0
RENEWALS_PER_LEASE = 3
WAIT_SECONDS_MIN = 0.02
WAIT_SECONDS_MAX = 1.0
AWAY_SECONDS = 1.0


class Held:
    """Slots that this process holds, renewed until they are given back."""

    def __init__(self, orchestrator: Orchestrator, principal: Principal, identifier: str, lease_seconds: float):
        self.id, self.lease_seconds = identifier, lease_seconds
        self.over = False
        self._orchestrator, self._principal = orchestrator, principal
        _keeper.keep(self)

    def renew(self) -> None:
        """Hold them for another lease."""
        from penstock.limits import RenewSlots  # lazy: 12 ms, for those who use limits

        self._orchestrator.ask(RenewSlots(ids=(self.id,), lease_seconds=self.lease_seconds), self._principal)

    def release(self) -> None:
        """Give them back now. A store that is away frees them when the lease ends."""
        from penstock.limits import ReleaseSlots  # lazy: 12 ms, for those who use limits

        self.over = True
        try:
            self._orchestrator.ask(ReleaseSlots(id=self.id), self._principal)
        except StoreUnavailable:
            return

    def release_soon(self) -> None:
        """Give them back from another thread: for callers that must not wait."""
        self.over = True
        _keeper.give_back(self)


class _Keeper:
    """The thread that renews and gives back; it runs while this process holds something."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: set[Held] = set()
        self._returned: SimpleQueue[Held] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def keep(self, held: Held) -> None:
        with self._lock:
            self._held.add(held)
            self._start()

    def give_back(self, held: Held) -> None:
        self._returned.put(held)
        with self._lock:
            self._start()

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="penstock-leases", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            with self._lock:
                self._held = {held for held in self._held if not held.over}
                held = list(self._held)
                if not held and self._returned.empty():
                    self._thread = None
                    return
            pause = min((one.lease_seconds for one in held), default=LEASE_SECONDS) / RENEWALS_PER_LEASE
            try:
                returned = self._returned.get(timeout=pause)
            except Empty:
                _each(held, Held.renew)
            else:
                _each([returned], Held.release)


def _each(held: Iterable[Held], do: Callable[[Held], None]) -> None:
    for one in held:
        try:
            do(one)
        except PenstockError:
            continue  # a store that is away is asked again at the next turn; a lease that is lost is lost


_keeper = _Keeper()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _keeper.__init__())  # type: ignore[misc]  # a child holds nothing


# ---- What runs wait for ----


def take_task_slots(call: TaskCall) -> Program[Held | None]:
    """Wait until the limits of a task's tags and name have room; none if there is no such limit."""
    known = call.run.services.journal.limits
    names = [name for name in (f"task:{call.task.name}", *(f"tag:{tag}" for tag in sorted(call.tags))) if name in known]
    if not names:
        return None
    return (yield from _take(call.run, names, f"task run {call.name} of {call.run.name}", call))


def take_flow_slots(run: FlowRunContext) -> Program[Held | None]:
    """The same for a flow run, by its flow and tags."""
    known: Mapping[str, int] = run.services.journal.limits
    names = [name for name in (f"flow:{run.flow.name}", *(f"tag:{tag}" for tag in sorted(run.tags))) if name in known]
    if run.parent is not None:
        names = [name for name in names if name.startswith("flow:")]  # tags are the parent's, who holds their slots
    if not names:
        return None
    return (yield from _take(run, names, f"flow run {run.name}", None))


def _take(run: FlowRunContext, names: list[str], holder: str, call: TaskCall | None) -> Program[Held]:
    from penstock.limits import AcquireSlots  # lazy: 12 ms, for those who use limits

    services = run.services
    identifier = time_ordered_id(services.clock.now_us(), services.entropy(10))
    request = AcquireSlots(
        id=identifier, names=names, lease_seconds=LEASE_SECONDS, holder=holder, flow_run_id=RunId(run.id)
    )
    waited = False
    while True:
        answer = yield Block(lambda: _ask(services.orchestrator, request, services.principal))
        if answer is not None and answer.acquired:
            if waited and call is None:
                run.seen(RunState(StateType.RUNNING, "Running", services.clock.now_us()))
            return Held(services.orchestrator, services.principal, identifier, LEASE_SECONDS)
        message = "Waits for the server." if answer is None else f"Waits for a slot of `{answer.waiting_for}`."
        if not waited:
            _say_waiting(run, call, message)
            waited = True
        pause = AWAY_SECONDS if answer is None else answer.retry_after_seconds
        yield Sleep(max(WAIT_SECONDS_MIN, min(pause, WAIT_SECONDS_MAX)), run.cancelled, services.sleep)
        run.check_going_on()


def _ask(orchestrator: Orchestrator, request: "AcquireSlots", principal: Principal) -> "SlotsAnswer | None":
    try:
        return orchestrator.ask(request, principal)
    except StoreUnavailable:
        return None  # slots are a permission: waited for while the server is away


def _say_waiting(run: FlowRunContext, call: TaskCall | None, message: str) -> None:
    reason = Reason.WAITING_FOR_SLOT
    if call is not None:
        call.seen("SCHEDULED", "AwaitingConcurrencySlot", reason=reason, message=message)
        return
    at = run.services.clock.now_us()
    run.seen(RunState(StateType.SCHEDULED, "AwaitingConcurrencySlot", at, reason, message))
