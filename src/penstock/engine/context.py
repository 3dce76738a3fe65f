"""What is running here: the context of the current flow run and task run, which lake, results and blocks meet at.

Contexts travel with `contextvars`, so that threads of a run and coroutines each see their own.
"""

from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any, TypeVar

from penstock.core.errors import NotInRun

if TYPE_CHECKING:
    from penstock.core.records import Record
    from penstock.engine.runs import FlowRunContext, TaskRunContext

R = TypeVar("R")

current_flow_run: ContextVar["FlowRunContext | None"] = ContextVar("penstock_flow_run", default=None)
current_task_run: ContextVar["TaskRunContext | None"] = ContextVar("penstock_task_run", default=None)
current_transaction: ContextVar[Any] = ContextVar("penstock_transaction", default=None)
current_tags: ContextVar[frozenset[str]] = ContextVar("penstock_tags", default=frozenset())


def call_inside(run: "FlowRunContext", call: "TaskRunContext | None", function: Callable[[], R]) -> R:
    """Call what belongs to a run, but is not its body, so that it knows where it is.

    The context is a copy, which is left in one step, wherever the function is struck.
    """

    def enter() -> R:
        current_flow_run.set(run)
        current_task_run.set(call)
        return function()

    return copy_context().run(enter)


class Place:
    """Where code is running: what a lake or a block needs to know of it, and no more.

    Get one with `find_place()`. `record` appends a fact to the run's journal; in a process that does not own the
    journal (a pool child) it travels back to the owner.
    """

    __slots__ = ("flow_run_id", "epoch", "task_run_id", "code_version", "record", "now_us", "_count")

    def __init__(
        self,
        *,
        flow_run_id: str,
        epoch: int,
        task_run_id: str | None,
        code_version: str | None,
        record: Callable[["Record"], object],
        now_us: Callable[[], int],
        count: Callable[[str], int],
    ):
        self.flow_run_id, self.epoch, self.task_run_id = flow_run_id, epoch, task_run_id
        self.code_version, self.record, self.now_us, self._count = code_version, record, now_us, count

    def next_ordinal(self, what: str) -> int:
        """Count the occurrences of `what` in the current task run (or flow run outside of tasks), from 0.

        The count begins anew in each epoch and attempt, so that equal programs count alike.
        """
        return self._count(what)


def find_place() -> Place | None:
    """The current run as a place, or none outside of runs."""
    task_run = current_task_run.get()
    if task_run is not None:
        return task_run.place()
    flow_run = current_flow_run.get()
    return None if flow_run is None else flow_run.place()


def get_place(what: str) -> Place:
    """The current run as a place. Raises `NotInRun`, naming `what` was to be done."""
    place = find_place()
    if place is None:
        raise NotInRun(
            f"{what} works inside a flow or task run only. Call it from a function decorated with @flow or @task."
        )
    return place


__all__ = [
    "Place",
    "call_inside",
    "current_flow_run",
    "current_tags",
    "current_task_run",
    "current_transaction",
    "find_place",
    "get_place",
]
