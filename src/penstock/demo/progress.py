"""The demo's live view: every task of a run and of its subflows, as the orchestrator knows them."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from penstock.core.errors import StoreUnavailable
from penstock.core.ids import RunId
from penstock.core.states import StateType
from penstock.ports import FlowRun, ListFlowRuns, ListTaskRuns, Orchestrator, RunFilter, TaskRun

SIGNS = {
    StateType.COMPLETED: Text("✓", "green"),
    StateType.FAILED: Text("✗", "red"),
    StateType.CRASHED: Text("✗", "red"),
    StateType.CANCELLED: Text("✗", "yellow"),
    StateType.RUNNING: Text("●", "cyan"),
}
WAITING = Text("·", "dim")


class TaskView:
    """Draws the task runs of one top-level run; `run_id` is set when the run has begun."""

    def __init__(self, orchestrator: Orchestrator):
        self.run_id: str | None = None
        self._orchestrator = orchestrator
        self._drawn = Table.grid()

    def draw(self) -> Table:
        """Ask the orchestrator, and draw; while it is away, what was known last."""
        if self.run_id is None:
            return self._drawn
        table = Table.grid(padding=(0, 2))
        try:
            listed = self._list_tasks(RunId(self.run_id))
        except StoreUnavailable:  # the demo goes on without its server, and so does the view
            return self._drawn
        for run, tasks in listed:
            for task in tasks:
                table.add_row(
                    SIGNS.get(task.state.type, WAITING),
                    task.name,
                    Text(f"{run.flow_name} {run.name}", "dim"),
                    _seconds(task),
                )
        self._drawn = table
        return table

    def _list_tasks(self, run_id: RunId) -> list[tuple[FlowRun, Sequence[TaskRun]]]:
        ask = self._orchestrator.ask
        listed: list[tuple[FlowRun, Sequence[TaskRun]]] = []
        waiting = list(ask(ListFlowRuns(filter=RunFilter(ids=[run_id]))).items)
        while waiting:
            run = waiting.pop(0)
            listed.append((run, ask(ListTaskRuns(flow_run_id=run.id)).items))
            waiting += ask(ListFlowRuns(filter=RunFilter(parent_run_id=run.id))).items
        return sorted(listed, key=lambda pair: min((task.created_at for task in pair[1]), default=0))


def _seconds(task: TaskRun) -> Text:
    if task.started_at is None or task.ended_at is None:
        return Text("")
    return Text(f"{(task.ended_at - task.started_at) / 1_000_000:.2f} s", "dim")
