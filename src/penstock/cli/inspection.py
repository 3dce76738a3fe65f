"""All that is known of one flow run, gathered through the port and shown to people; `shapes` shows it to programs."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from penstock.cli.lookup import short_ids
from penstock.cli.output import Terminal
from penstock.cli.session import Session
from penstock.cli.shapes import Shape, flow_run_details
from penstock.cli.states import state_cell
from penstock.cli.tables import Cell, Column
from penstock.cli.text import as_clock, as_count, as_duration, as_local_time, as_moment
from penstock.core.ids import as_uuid_text
from penstock.core.states import RunState, StateType
from penstock.ports import (
    PAGE_SIZE_MAX,
    Artifact,
    DatasetUse,
    FlowRun,
    ListArtifacts,
    ListDatasetUses,
    ListFlowRuns,
    ListStates,
    ListTaskRuns,
    RunFilter,
    StateEntry,
    TaskRun,
)

TASK_RUNS_SHOWN_MAX = 50
TROUBLED = (StateType.FAILED, StateType.CRASHED, StateType.PENDING, StateType.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """A flow run with everything that hangs on it. `task_runs` are all of them, or those worth showing."""

    run: FlowRun
    states: list[StateEntry]
    task_runs: list[TaskRun]
    subflow_runs: list[FlowRun]
    artifacts: list[Artifact]
    datasets: list[DatasetUse]

    def as_shape(self) -> Shape:
        """For programs."""
        return flow_run_details(
            self.run,
            states=self.states,
            task_runs=self.task_runs,
            subflow_runs=self.subflow_runs,
            artifacts=self.artifacts,
            datasets=self.datasets,
        )


def gather(session: Session, run: FlowRun, *, all_task_runs: bool) -> Inspection:
    """Ask for everything. Without `all_task_runs`, for the first of them and the first of those in trouble."""
    id_ = run.id
    states: Sequence[StateEntry] = session.ask(ListStates(flow_run_id=id_))
    return Inspection(
        run=run,
        states=list(states),
        task_runs=_all_task_runs(session, run) if all_task_runs else _telling_task_runs(session, run),
        subflow_runs=list(
            session.pages(
                lambda cursor: ListFlowRuns(filter=RunFilter(parent_run_id=id_), cursor=cursor, limit=PAGE_SIZE_MAX)
            )
        )[::-1],
        artifacts=list(
            session.pages(lambda cursor: ListArtifacts(flow_run_id=id_, cursor=cursor, limit=PAGE_SIZE_MAX))
        )[::-1],
        datasets=list(
            session.pages(lambda cursor: ListDatasetUses(flow_run_id=id_, cursor=cursor, limit=PAGE_SIZE_MAX))
        )[::-1],
    )


def _all_task_runs(session: Session, run: FlowRun) -> list[TaskRun]:
    return list(session.pages(lambda cursor: ListTaskRuns(flow_run_id=run.id, cursor=cursor, limit=PAGE_SIZE_MAX)))


def _telling_task_runs(session: Session, run: FlowRun) -> list[TaskRun]:
    first = session.ask(ListTaskRuns(flow_run_id=run.id, limit=TASK_RUNS_SHOWN_MAX)).items
    if len(first) == sum(run.task_counts.values()):
        return list(first)
    troubled = session.ask(ListTaskRuns(flow_run_id=run.id, state_types=TROUBLED, limit=TASK_RUNS_SHOWN_MAX)).items
    kept = {task_run.id: task_run for task_run in [*troubled, *first]}
    return sorted(list(kept.values())[:TASK_RUNS_SHOWN_MAX], key=lambda task_run: task_run.created_at)


def show(terminal: Terminal, inspection: Inspection) -> None:
    """For people."""
    terminal.pairs(_head(inspection.run))
    _show_states(terminal, inspection.states)
    _show_task_runs(terminal, inspection)
    _show_subflow_runs(terminal, inspection.subflow_runs)
    _show_artifacts(terminal, inspection.artifacts)
    _show_datasets(terminal, inspection.datasets)


def _head(run: FlowRun) -> list[tuple[str, str | Cell]]:
    ended = run.ended_at
    rows: list[tuple[str, str | Cell | None]] = [
        ("Flow run", run.name),
        ("ID", as_uuid_text(run.id)),
        ("Flow", run.flow_name + (f", version {run.flow_version}" if run.flow_version else "")),
        ("State", state_cell(run.state)),
        ("Reason", run.state.reason and str(run.state.reason)),
        ("Message", run.state.message),
        ("Started", as_local_time(run.started_at) if run.started_at else None),
        ("Ended", as_local_time(ended) if ended else None),
        ("Took", as_duration(ended - run.started_at) if ended and run.started_at else None),
        ("Expected end", as_local_time(run.expected_end_at) if run.expected_end_at and not ended else None),
        ("Epoch", str(run.epoch)),
        ("Parameters", json.dumps(run.parameters, ensure_ascii=False) if run.parameters else None),
        ("Tags", ", ".join(run.tags)),
        ("Parent run", as_uuid_text(run.parent_run_id) if run.parent_run_id else None),
        ("Entrypoint", run.entrypoint),
        ("Code version", run.code_version),
        ("Process", f"{run.pid} on {run.host}" if run.pid else None),
        ("Result", run.result),
    ]
    return [(name, value) for name, value in rows if value]


def _show_states(terminal: Terminal, states: list[StateEntry]) -> None:
    terminal.data()
    terminal.table(
        [Column("At"), Column("State"), Column("Epoch", right=True), Column("Reason"), Column("Message", give=True)],
        (
            (
                as_local_time(entry.state.at),
                state_cell(entry.state),
                str(entry.epoch),
                str(entry.state.reason or ""),
                entry.state.message or "",
            )
            for entry in states
        ),
        title="States",
    )


def _show_task_runs(terminal: Terminal, inspection: Inspection) -> None:
    task_runs, counts = inspection.task_runs, inspection.run.task_counts
    if not task_runs:
        return
    terminal.data()
    summary = ", ".join(f"{count:,} {type_}" for type_, count in counts.items() if count)
    show_task_runs(terminal, task_runs, title=f"Task runs: {summary}", when=as_clock)
    hidden = sum(counts.values()) - len(task_runs)
    if hidden > 0:
        terminal.say(
            f"... and {as_count(hidden, 'more task run')}: "
            f"`penstock task-run ls --run {as_uuid_text(inspection.run.id)} --all` lists them.",
            colour="bright_black",
        )


def show_task_runs(
    terminal: Terminal,
    task_runs: list[TaskRun],
    *,
    title: str | None = None,
    when: "Callable[[int | None], str | Cell] | None" = None,
    flow_runs: Mapping[str, str] | None = None,
) -> None:
    """A table of task runs; ids are shortened on terminals only. `flow_runs` are names by id, where the runs are of several."""
    when = when or time_cell
    ids = shown_ids(terminal, [task_run.id for task_run in task_runs])
    terminal.table(
        [
            Column("ID"),
            Column("Task run", give=True),
            *([] if flow_runs is None else [Column("Flow run", give=True)]),
            Column("State"),
            Column("Tries", right=True),
            Column("Started"),
            Column("Took", right=True),
            Column("Message", give=True),
        ],
        (
            (
                ids[task_run.id],
                task_run.name,
                *([] if flow_runs is None else [flow_runs.get(task_run.flow_run_id, "")]),
                state_cell(task_run.state),
                str(task_run.attempt),
                when(task_run.started_at),
                took(task_run.started_at, task_run.ended_at, task_run.state),
                task_run.state.message or "",
            )
            for task_run in task_runs
        ),
        title=title,
    )


def time_cell(at: int | None) -> Cell:
    """When something was, in full where there is room."""
    return Cell(as_local_time(at), short=as_moment(at))


def shown_ids(terminal: Terminal, ids: list[str]) -> dict[str, str]:
    """Ids as a table shows them: shortened on a terminal, whole for programs."""
    return short_ids(ids) if terminal.out.isatty() else {id_: as_uuid_text(id_) for id_ in ids}


def took(started_at: int | None, ended_at: int | None, state: RunState | None = None) -> str:
    """How long something took; of what is running, more than how long."""
    if started_at is None:
        return "–"
    if ended_at is not None:
        return as_duration(ended_at - started_at)
    if state is not None and state.type is StateType.RUNNING:
        return f"> {as_duration(time.time_ns() // 1000 - started_at)}"
    return "–"


def _show_subflow_runs(terminal: Terminal, runs: list[FlowRun]) -> None:
    if not runs:
        return
    terminal.data()
    ids = shown_ids(terminal, [run.id for run in runs])
    terminal.table(
        [
            Column("ID"),
            Column("Flow run", give=True),
            Column("Flow", give=True),
            Column("State"),
            Column("Took", right=True),
        ],
        (
            (ids[run.id], run.name, run.flow_name, state_cell(run.state), took(run.started_at, run.ended_at, run.state))
            for run in runs
        ),
        title="Subflow runs",
    )


def _show_artifacts(terminal: Terminal, artifacts: list[Artifact]) -> None:
    if not artifacts:
        return
    terminal.data()
    terminal.table(
        [Column("ID"), Column("Key", give=True), Column("Type"), Column("Description", give=True)],
        ((as_uuid_text(item.id), item.key or "", item.type, item.description or "") for item in artifacts),
        title="Artifacts",
    )


def _show_datasets(terminal: Terminal, uses: list[DatasetUse]) -> None:
    if not uses:
        return
    terminal.data()
    terminal.table(
        [
            Column("Dataset", give=True),
            Column("Version", right=True),
            Column("Action"),
            Column("Rows", right=True),
            Column("Location", give=True),
        ],
        (
            (use.dataset, str(use.version), use.action, "" if use.rows is None else f"{use.rows:,}", use.location)
            for use in uses
        ),
        title="Datasets",
    )
