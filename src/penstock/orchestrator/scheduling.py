"""Which function answers which request of `scheduling.py`; loaded when the first of them is asked."""

from collections.abc import Callable, Mapping
from typing import Any

from penstock import scheduling
from penstock.core.errors import NotFound
from penstock.ports import CancelFlowRun, MoveOutcome, Principal, Request
from penstock.store import Store, backfills, deadlines, deployments, firing, previews, requests, schedules
from penstock.store.quiet import Quiet

Handler = Callable[[Store, Any, Principal], Any]
Cancel = Callable[[Store, CancelFlowRun, Principal], MoveOutcome]
"""Cancels a run, judging whether its process lives."""

TURNS_MAX = 5
"""So often a schedule that cancels its earlier runs is tried at once; the rest is left to the next time."""


def _within(answer: Callable[[Store, Any, str], Any]) -> Handler:
    return lambda store, request, principal: answer(store, request, principal.workspace)


def _by(answer: Callable[..., Any]) -> Handler:
    """A handler of what is written down with the name of whoever asked."""
    return lambda store, request, principal: answer(store, request, principal.workspace, actor=principal.name)


def make_handlers(cancel: Cancel) -> Mapping[type[Request[Any]], Handler]:
    """The table of handlers."""
    return {
        scheduling.SaveDeployment: _by(deployments.save_deployment),
        scheduling.GetDeployment: _within(deployments.get_deployment),
        scheduling.ListDeployments: _within(deployments.list_deployments),
        scheduling.DeleteDeployment: _by(deployments.delete_deployment),
        scheduling.PauseDeployment: _by(deployments.pause_deployment),
        scheduling.ListDeploymentVersions: _within(deployments.list_versions),
        scheduling.UseDeploymentVersion: _by(deployments.use_version),
        scheduling.SaveSchedule: _by(schedules.save_schedule),
        scheduling.RemoveSchedule: _by(schedules.remove_schedule),
        scheduling.SetScheduleActive: _by(schedules.set_active),
        scheduling.ExceptTick: _by(schedules.except_tick),
        scheduling.ListTicks: _within(schedules.list_ticks),
        scheduling.PreviewSchedule: lambda store, request, by: previews.preview_schedule(store, request),
        scheduling.FireSchedules: Firing(cancel),
        scheduling.RequestRun: _by(requests.request_run),
        scheduling.GetRunRequest: _within(requests.get_run_request),
        scheduling.CheckDeadlines: Awaiting(lambda store, by: deadlines.check_deadlines(store)),
        scheduling.CreateBackfill: _by(backfills.create_backfill),
        scheduling.ListBackfills: _within(backfills.list_backfills),
        scheduling.GetBackfill: _within(backfills.get_backfill),
        scheduling.MoveBackfill: lambda store, request, by: _move_backfill(store, request, by, cancel),
        scheduling.AdvanceBackfills: Awaiting(lambda store, by: (backfills.advance(store, actor=by.name), None)),
    }


class Awaiting:
    """Answers what is asked every second, and nearly always in vain: the store is read only if somebody wrote since.

    Where the database tells of no writes it is read each time.
    """

    def __init__(self, look: Callable[[Store, Principal], tuple[int, int | None]]):
        """`look` tells how much was done, and from when on there may be more though nobody writes (none: never)."""
        self._look = look
        self._quiet: Quiet | None = None

    def __call__(self, store: Store, request: Request[int], by: Principal) -> int:
        """Look, unless there can be nothing."""
        token = store.database.change_token()
        if token is not None and self._quiet is not None and self._quiet.holds(token, store.now_us()):
            return 0
        done, again_at = self._look(store, by)
        self._quiet = None if token is None or done else Quiet(token, again_at)
        return done


class Firing:
    """Answers `FireSchedules`, and notices when the clock has gone back."""

    def __init__(self, cancel: Cancel):
        self._cancel = cancel
        self._seen: int | None = None
        self._quiet: Quiet | None = None

    def __call__(self, store: Store, request: scheduling.FireSchedules, by: Principal) -> scheduling.Fired:
        """Fire; a schedule that cancels its earlier runs fires once they are told to stop, so that none is forgotten."""
        runs, token = 0, store.database.change_token()
        if self._seen is not None and token is not None and self._quiet is not None:
            now, due_at = store.now_us(), self._quiet.until
            if now >= self._seen and self._quiet.holds(token, now):
                self._seen = now
                return scheduling.Fired(runs=0, wait_seconds=None if due_at is None else (due_at - now) / 1e6)
        if self._seen is None:  # it may have gone back before this process began
            self._seen = store.now_us()
            firing.step_back(store)
        for _ in range(TURNS_MAX):
            turn = firing.fire(store, limit=request.limit, actor=by.name)
            runs += turn.fired.runs
            for run in turn.to_cancel:
                message = "A later run of its schedule takes its place."
                _cancel(store, run.id, Principal(by.name, run.workspace), self._cancel, message=message)
            stepped_back, self._seen = turn.now < self._seen, turn.now
            if stepped_back:
                firing.step_back(store)
            elif not turn.to_cancel:
                break
        wait = turn.fired.wait_seconds
        if token is not None and runs == 0 and (wait is None or wait > 0):
            self._quiet = Quiet(token, None if wait is None else turn.now + int(wait * 1e6))
        return scheduling.Fired(runs=runs, wait_seconds=wait)


def _move_backfill(
    store: Store, request: scheduling.MoveBackfill, by: Principal, cancel: Cancel
) -> scheduling.Backfill:
    moved, left = backfills.move_backfill(store, request, by.workspace, actor=by.name)
    for run_id in left:
        _cancel(store, run_id, by, cancel, message="Its backfill was cancelled.")
    return moved if not left else backfills.get_backfill(store, scheduling.GetBackfill(id=moved.id), by.workspace)


def _cancel(store: Store, run_id: Any, by: Principal, cancel: Cancel, *, message: str) -> None:
    try:
        cancel(store, CancelFlowRun(id=run_id, message=message), by)
    except NotFound:  # deleted meanwhile
        return
