"""What was recorded, for tests to look at: runs, task runs, states and logs as the store has them."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from penstock.core.ids import RunId, parse_id
from penstock.ports import (
    Artifact,
    FlowRun,
    GetFlowRun,
    ListArtifacts,
    ListFlowRuns,
    ListLogs,
    ListStates,
    ListTaskRuns,
    LogLine,
    Orchestrator,
    Page,
    Principal,
    Request,
    RunFilter,
    StateEntry,
    TaskRun,
)
from penstock.sdk import wiring

T = TypeVar("T")
R = TypeVar("R")


class History:
    """Reads what the current home's database holds. A run is meant by its id, a task run by its run; none: the latest.

    >>> from penstock import flow
    >>> from penstock.testing import harness
    >>> @flow
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> with harness():
    ...     _ = double(4)
    ...     History().flow_run().state.name
    'Completed'
    """

    def ask(self, request: Request[R]) -> R:
        """Ask the orchestrator, after all that this process recorded is in the store."""
        wiring.flush()
        settings = wiring.current_settings()
        orchestrator: Orchestrator = wiring.open_orchestrator(settings)
        return orchestrator.ask(request, Principal(workspace=settings.workspace))

    def flow_run(self, run_id: str | None = None) -> FlowRun:
        """A run; the latest that no other run called, if none is named."""
        return self.ask(GetFlowRun(id=self._id(run_id)))

    def flow_runs(self, flow_name: str | None = None) -> list[FlowRun]:
        """All runs, or those of a flow, oldest first, subflow runs among them."""
        names = () if flow_name is None else (flow_name,)
        return self._all(lambda cursor: ListFlowRuns(filter=RunFilter(flow_names=names), cursor=cursor))[::-1]

    def subflow_runs(self, run_id: str | None = None) -> list[FlowRun]:
        """The runs that a run called directly, oldest first."""
        parent = self._id(run_id)
        return self._all(lambda cursor: ListFlowRuns(filter=RunFilter(parent_run_id=parent), cursor=cursor))[::-1]

    def task_runs(self, run_id: str | None = None) -> list[TaskRun]:
        """A run's task runs, oldest first."""
        flow_run_id = self._id(run_id)
        return self._all(lambda cursor: ListTaskRuns(flow_run_id=flow_run_id, cursor=cursor))

    def task_run(self, name: str, run_id: str | None = None) -> TaskRun:
        """A run's task run by its name, or by its task's if there is one of it."""
        found = [t for t in self.task_runs(run_id) if name in (t.name, t.task_name)]
        if len(found) != 1:
            raise LookupError(f"{len(found)} task runs are called {name}: {[t.name for t in found]}")
        return found[0]

    def state_names(self, run_id: str | None = None) -> list[str]:
        """The names of the states that a run went through."""
        return [entry.state.name for entry in self.states(run_id)]

    def states(self, run_id: str | None = None) -> Sequence[StateEntry]:
        """The states that a run went through."""
        return self.ask(ListStates(flow_run_id=self._id(run_id)))

    def logs(self, run_id: str | None = None, *, of: str | None = None) -> list[LogLine]:
        """A run's log lines in order; of one logger only, if it is named."""
        flow_run_id = self._id(run_id)
        lines = self._all(lambda cursor: ListLogs(flow_run_id=flow_run_id, cursor=cursor))
        return [line for line in lines if of in (None, line.logger)]

    def artifacts(self, run_id: str | None = None) -> list[Artifact]:
        """A run's artifacts, oldest first."""
        flow_run_id = self._id(run_id)
        return self._all(lambda cursor: ListArtifacts(flow_run_id=flow_run_id, cursor=cursor))[::-1]

    def _id(self, run_id: str | None) -> RunId:
        if run_id is not None:
            return RunId(parse_id(run_id))
        latest = self.ask(ListFlowRuns(filter=RunFilter(top_level=True), limit=1)).items
        if not latest:
            raise LookupError("No flow has run here yet.")
        return latest[0].id

    def _all(self, request: Callable[[str | None], Request[Page[T]]]) -> list[T]:
        items: list[T] = []
        cursor: str | None = None
        while True:
            page = self.ask(request(cursor))
            items.extend(page.items)
            cursor = page.cursor
            if cursor is None:
                return items
