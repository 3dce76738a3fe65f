"""The verbs by which people look things up and tidy up, and what these answer. Read them as part of `ports.py`.

A bundle of its own because processes that run flows ask none of these.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.core.ids import ArtifactId, RunId, TaskRunId
from penstock.core.states import RunState, StateType
from penstock.ports import PAGE_SIZE_DEFAULT, FlowRun, Page, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A flow that has run or was registered."""

    id: str
    name: str
    created_at: int
    run_count: int = 0
    last_run_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StateEntry:
    """One line of a flow run's state history."""

    state: RunState
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of a task run."""

    number: int
    started_at: int | None
    ended_at: int | None
    state_name: str
    message: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRun:
    """One execution of a task, as recorded."""

    id: TaskRunId
    flow_run_id: RunId
    task_id: str
    task_key: str
    task_name: str
    name: str
    ordinal: int
    epoch: int
    parent_id: TaskRunId | None
    state: RunState
    attempt: int
    attempts: Sequence[Attempt]
    """All tries so far, the current one last."""
    created_at: int
    started_at: int | None
    ended_at: int | None
    tags: Sequence[str]
    upstream: Sequence[TaskRunId]
    result: str | None
    cache_key: str | None
    changed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One logged line."""

    seq: int
    flow_run_id: RunId
    task_run_id: TaskRunId | None
    at: int
    level: int
    logger: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """Something that a run shows; artifacts with the same key are versions of one another."""

    id: ArtifactId
    key: str | None
    type: str
    description: str | None
    data: Any
    flow_run_id: RunId | None
    task_run_id: TaskRunId | None
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A named JSON value."""

    name: str
    value: Any
    tags: Sequence[str]
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetUse:
    """A run read or wrote a version of a dataset."""

    dataset: str
    location: str
    version: int
    action: str
    at: int
    flow_run_id: RunId | None
    task_run_id: TaskRunId | None
    write_key: str | None
    rows: int | None
    bytes: int | None
    schema_digest: str | None
    details: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the ordered log of things worth reacting to."""

    seq: int
    id: str
    at: int
    kind: str
    resource: str
    related: Sequence[str]
    actor: str | None
    cause: str | None
    payload: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs a list shows; every condition must hold. Times in microseconds UTC, of the run's start."""

    state_types: Sequence[StateType] = ()
    state_names: Sequence[str] = ()
    flow_names: Sequence[str] = ()
    deployments: Sequence[str] = ()
    """Names of deployments; those of one flow are found by an index if `flow_names` says it."""
    name_contains: str | None = None
    tags: Sequence[str] = ()
    parent_run_id: RunId | None = None
    top_level: bool = False
    since: int | None = None
    until: int | None = None
    ids: Sequence[RunId] = ()
    where: str | None = None
    """A search, as in `state:failed flow:web-to-* started>-2h param.year=2020 text`; see `docs/reference/searching.md`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindFlowRuns(Request[Sequence[RunId]]):
    """Runs whose id begins so, or whose name is exactly so: newest first, at most `limit`."""

    text: str
    limit: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFlowRuns(Request[Page[FlowRun]]):
    """Runs, newest start first, or oldest with `sort:oldest` in `where`. Raises `SearchInvalid` for what the filter's `where` cannot mean."""

    filter: RunFilter = RunFilter()
    oldest_first: bool = False
    cursor: str | None = None
    limit: int = PAGE_SIZE_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class ListStates(Request[Sequence[StateEntry]]):
    """A run's state history, oldest first."""

    flow_run_id: RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteFlowRun(Request[int]):
    """Remove a run and all that hangs on it, its subflow runs included; answers how many runs went.

    Raises `NotFound`; `Conflict` if the run has not ended and `force` is not set.
    """

    id: RunId
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFlows(Request[Page[Flow]]):
    """Flows by name."""

    cursor: str | None = None
    limit: int = PAGE_SIZE_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class GetTaskRun(Request[TaskRun]):
    """One task run, by its id. Raises `NotFound`."""

    id: TaskRunId


@dataclass(frozen=True, slots=True, kw_only=True)
class FindTaskRuns(Request[Sequence[TaskRunId]]):
    """Task runs whose id begins so, at most `limit`."""

    text: str
    limit: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTaskRuns(Request[Page[TaskRun]]):
    """Task runs of one run (oldest first) or of all (newest first)."""

    flow_run_id: RunId | None = None
    state_types: Sequence[StateType] = ()
    task_names: Sequence[str] = ()
    cursor: str | None = None
    limit: int = PAGE_SIZE_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class ListLogs(Request[Page[LogLine]]):
    """Log lines of a run in the order in which they were recorded; with `with_subflows` those of its subflows too."""

    flow_run_id: RunId | None = None
    task_run_id: TaskRunId | None = None
    level_min: int = 0
    text: str | None = None
    """Within a run: lines that have this in them. Over all runs: lines that have these words, the last one its beginning."""
    since: int | None = None
    until: int | None = None
    with_subflows: bool = False
    newest_first: bool = False
    cursor: str | None = None
    limit: int = PAGE_SIZE_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class ListArtifacts(Request[Page[Artifact]]):
    """Artifacts, newest first."""

    flow_run_id: RunId | None = None
    key: str | None = None
    latest_only: bool = False
    cursor: str | None = None
    limit: int = PAGE_SIZE_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class GetArtifact(Request[Artifact]):
    """One artifact, by id or (the latest) by key. Raises `NotFound`."""

    id_or_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetVariable(Request[Variable]):
    """Set a variable. Raises `Conflict` if it exists and `overwrite` is not set."""

    name: str
    value: Any
    tags: Sequence[str] = ()
    overwrite: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class GetVariable(Request[Variable]):
    """One variable. Raises `NotFound`."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListVariables(Request[Page[Variable]]):
    """Variables by name."""

    cursor: str | None = None
    limit: int = PAGE_SIZE_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveVariable(Request[None]):
    """Forget a variable. Raises `NotFound`."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDatasetUses(Request[Page[DatasetUse]]):
    """What was read and written, newest first; of a run, of a dataset, or of all."""

    flow_run_id: RunId | None = None
    dataset: str | None = None
    action: str | None = None
    write_key: str | None = None
    cursor: str | None = None
    limit: int = PAGE_SIZE_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEvents(Request[Page[Event]]):
    """Events in order, after a sequence number; or the newest first, before one."""

    after: int = 0
    before: int | None = None
    kinds: Sequence[str] = ()
    newest_first: bool = False
    limit: int = PAGE_SIZE_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryTable:
    """The answer to a read-only query."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    truncated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuery(Request[QueryTable]):
    """Run one read-only SQL statement over the documented views. Raises `QueryRefused`."""

    sql: str
    row_limit: int = 10_000
    timeout_seconds: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreInfo:
    """What the database is and holds."""

    dialect: str
    location: str
    """File path or URL without its password."""
    schema_version: int
    bytes: int
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeStore(Request[StoreInfo]):
    """What is this database?"""

    counted: bool = True
    """Whether its rows are counted, which takes the longer the more there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What went, or with `dry_run` would go."""

    rows: Mapping[str, int]
    """By table."""
    run_ids: Sequence[RunId]
    """The flow runs, subflows included: their results are of no use to anybody now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prune(Request[Pruned]):
    """Remove what retention no longer keeps, at most `limit` runs a pass, with their subflows."""

    runs_older_than: int | None = None
    """Microseconds UTC: ended runs that ended before go, with all that hangs on them."""
    limit: int = 1_000
    dry_run: bool = False
