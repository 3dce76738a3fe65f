"""Which run is meant: by a whole id, the beginning of one, or the run's name."""

from collections.abc import Iterable, Iterator, Sequence

from penstock.cli.session import Session
from penstock.cli.text import find_near
from penstock.core.errors import Ambiguous, NotFound
from penstock.core.ids import RunId, TaskRunId, as_uuid_text
from penstock.ports import (
    PAGE_SIZE_MAX,
    FindFlowRuns,
    FindTaskRuns,
    FlowRun,
    GetFlowRun,
    GetTaskRun,
    ListFlowRuns,
    ListFlows,
    ListTaskRuns,
    TaskRun,
)

CANDIDATES_MAX = 10
NEAR_MAX = 3
SHORT_ID_LENGTH_MIN = 18
"""Of ids as UUIDs: the first 13 characters are the time, so that ids of one moment differ only after them."""


def get_flow_run(session: Session, text: str) -> FlowRun:
    """The run that is meant. Raises `NotFound` with near names, or `Ambiguous` with the candidates."""
    found = find_flow_run_ids(session, text)
    if not found:
        near = find_near(text, (run.name for run in recent_flow_runs(session)))
        raise NotFound("flow run", text, near=near, listing="penstock flow-run ls")
    if len(found) > 1:
        runs = [session.ask(GetFlowRun(id=id_)) for id_ in found]
        raise _ambiguous(
            text, (f"{as_uuid_text(run.id)}  {run.name} ({run.flow_name}, {run.state.name})" for run in runs)
        )
    return session.ask(GetFlowRun(id=found[0]))


def find_flow_run_ids(session: Session, text: str) -> list[RunId]:
    """Ids of the flow runs that `text` may mean."""
    found: Sequence[RunId] = session.ask(FindFlowRuns(text=text, limit=CANDIDATES_MAX))
    return list(found)


def get_task_run(session: Session, text: str) -> TaskRun:
    """The task run that is meant. Raises `NotFound`, or `Ambiguous` with the candidates."""
    found = find_task_run_ids(session, text)
    if not found:
        near = [f"{run}/{text}" for run in _runs_with(session, text)]
        raise NotFound("task run", text, near=near, listing="penstock task-run ls")
    if len(found) > 1:
        runs = [session.ask(GetTaskRun(id=id_)) for id_ in found]
        raise _ambiguous(text, (f"{as_uuid_text(run.id)}  {run.name} ({run.state.name})" for run in runs))
    return session.ask(GetTaskRun(id=found[0]))


def find_task_run_ids(session: Session, text: str) -> list[TaskRunId]:
    """Ids of the task runs that `text` may mean: an id, the beginning of one, or a flow run and a name, `brave-otter/fetch-0`."""
    found: Sequence[TaskRunId] = session.ask(FindTaskRuns(text=text, limit=CANDIDATES_MAX))
    run, slash, name = text.partition("/")
    if found or not slash:
        return list(found)
    within = find_flow_run_ids(session, run)
    return [task_run.id for id_ in within for task_run in _task_runs(session, id_) if task_run.name == name]


def _task_runs(session: Session, flow_run_id: RunId) -> Iterator[TaskRun]:
    cursor: str | None = None
    while True:
        page = session.ask(ListTaskRuns(flow_run_id=flow_run_id, cursor=cursor, limit=PAGE_SIZE_MAX))
        yield from page.items
        cursor = page.cursor
        if cursor is None:
            return


def _runs_with(session: Session, name: str) -> list[str]:
    """The flow runs of late with a task run of that name."""
    recent = session.ask(ListTaskRuns(limit=PAGE_SIZE_MAX)).items
    ids = dict.fromkeys(task_run.flow_run_id for task_run in recent if task_run.name == name)
    return list(dict.fromkeys(session.ask(GetFlowRun(id=id_)).name for id_ in list(ids)[:NEAR_MAX]))


def recent_flow_runs(session: Session) -> Iterable[FlowRun]:
    """The newest page of runs, to guess from."""
    return session.ask(ListFlowRuns(limit=PAGE_SIZE_MAX)).items


def near_flow_names(session: Session, text: str) -> list[str]:
    """Names of flows that may have been meant."""
    return find_near(text, (flow.name for flow in session.ask(ListFlows(limit=PAGE_SIZE_MAX)).items))


def short_ids(ids: Iterable[str]) -> dict[str, str]:
    """The shortest beginnings of ids, as UUIDs, that tell these ids apart.

    >>> short_ids(["018bcfe5680070008000000000000000", "018bcfe5680070008010000000000000"])[
    ...     "018bcfe5680070008010000000000000"
    ... ]
    '018bcfe5-6800-7000-801'
    """
    texts = {id_: as_uuid_text(id_) for id_ in ids}
    length = SHORT_ID_LENGTH_MIN
    while len({text[:length] for text in texts.values()}) < len(texts):
        length += 1
    return {id_: text[:length] for id_, text in texts.items()}


def _ambiguous(text: str, candidates: Iterable[str]) -> Ambiguous:
    lines = "\n".join(f"  {line}" for line in candidates)
    return Ambiguous(f"`{text}` may mean several runs; write more of the id:\n{lines}")
