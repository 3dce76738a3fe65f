"""The protocols between the floors, and the verbs of the orchestrator.

SDK, workers and CLI know only `Orchestrator.ask`: a verb is a frozen request dataclass that names its response type.
Routes, the remote client and the contract suite derive from these declarations. Nothing here does any work.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from penstock.core.ids import ArtifactId, RunId, TaskRunId, WriterId
from penstock.core.records import Record
from penstock.core.states import RunState, StateType

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

PAGE_SIZE_DEFAULT = 100
PAGE_SIZE_MAX = 1_000
DEFAULT_WORKSPACE = "default"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: every verb is asked on somebody's behalf, within one workspace."""

    name: str = "local"
    workspace: str = DEFAULT_WORKSPACE


LOCAL = Principal()


class Request(Generic[R]):
    """A verb. `R` is what the orchestrator answers."""

    __slots__ = ()


class Orchestrator(Protocol):
    """The one port: in this process or over HTTP, told apart by nobody."""

    def ask(self, request: Request[R], principal: Principal = LOCAL) -> R:
        """Perform a verb. Raises the `PenstockError`s that the verb's docstring names."""

    def close(self) -> None:
        """Let go of connections; asking afterwards is an error."""


@dataclass(frozen=True, slots=True)
class Page(Generic[R_co]):
    """One page of a list; `cursor` continues it, none where it ends."""

    items: Sequence[R_co]
    cursor: str | None = None


# ---- What is shown of things -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A flow that has run or was registered."""

    id: str
    name: str
    created_at: int
    run_count: int = 0
    last_run_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRun:
    """One execution of a flow, as recorded."""

    id: RunId
    flow_id: str
    flow_name: str
    name: str
    state: RunState
    epoch: int
    version: int
    """Row version, the guard of transitions; not the flow's version."""
    flow_version: str | None
    code_version: str | None
    entrypoint: str | None
    """`path/to/file.py:function` or `module:function`, where the flow can be loaded from; none for a notebook's."""
    parameters: Any
    """JSON. A parameter that is not JSON is `{"$penstock": {"type": ..., "size": ..., "ref": ...}}`."""
    tags: Sequence[str]
    parent_run_id: RunId | None
    parent_task_run_id: TaskRunId | None
    upstream: Sequence[str]
    created_at: int
    expected_start_at: int | None
    started_at: int | None
    ended_at: int | None
    result: str | None
    host: str | None
    pid: int | None
    writer_id: WriterId | None
    cancel_requested_at: int | None
    task_counts: Mapping[str, int]
    """Task runs by state type."""
    expected_end_at: int | None = None
    """For a running run: its start plus the median duration of the flow's recent completed runs."""
    deployment: str | None = None
    """The name of the deployment that it is a run of."""
    deployment_version: int | None = None
    changed: int = 0


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


# ---- Runs: begin, take, move ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterHello:
    """The process that will journal a run."""

    writer_id: WriterId
    host: str
    boot_id: str
    pid: int
    lease_seconds: float | None = None
    """For a process whose lock nobody at the store can look at: unless it is heard of within this time, it is dead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTaken:
    """A process owns a run's new epoch."""

    run: FlowRun
    limits: Mapping[str, int] = field(default_factory=dict)
    """The concurrency limits of tags, tasks and flows, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginFlowRun(Request[RunTaken]):
    """Create a top-level run, RUNNING in epoch 1, owned by the caller. Asking again with the same id changes nothing."""

    id: RunId
    flow_name: str
    name: str
    writer: WriterHello
    at: int | None = None
    """Microseconds UTC of the start; the store's clock if none."""
    flow_version: str | None = None
    code_version: str | None = None
    entrypoint: str | None = None
    parameters: Any = None
    tags: Sequence[str] = ()
    state: RunState | None = None
    """Another first state than Running, such as Failed for a run whose parameters did not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeFlowRun(Request[RunTaken]):
    """Begin a run's next epoch and own it: retry, resume, claim.

    Raises `NotFound`; `RunNotResumable` if the run is COMPLETED or its process is alive (`holder_alive`).
    """

    id: RunId
    writer: WriterHello
    holder_alive: bool
    state_name: str = "Running"
    message: str | None = None
    code_version: str | None = None
    claim: int | None = None
    """For a run that a worker claimed: the claim's number. Refused if another worker has the run by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCall:
    """A call whose record is complete: what a new epoch returns in place of calling again."""

    id: str
    kind: str
    """task or flow."""
    task_key: str
    state_name: str
    state_type: StateType
    result: str | None
    message: str | None
    source_hash: str | None
    upstream: Sequence[str]
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRecordedCalls(Request[Page[RecordedCall]]):
    """COMPLETED task runs and direct subflows of a run, oldest epoch included, in a lasting order."""

    flow_run_id: RunId
    cursor: str | None = None
    limit: int = PAGE_SIZE_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveOutcome:
    """Where a run is after a request to move it."""

    accepted: bool
    state: RunState
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveFlowRun(Request[MoveOutcome]):
    """Ask that a run move within its epoch, by the table of states. A refusal is an answer, not an error.

    Raises `NotFound`.
    """

    id: RunId
    epoch: int
    state: RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelFlowRun(Request[MoveOutcome]):
    """Ask that a run be cancelled. With a live process it becomes Cancelling and the process is told.

    Raises `NotFound`.
    """

    id: RunId
    holder_alive: bool | None = None
    """Whether the run's process lives; the orchestrator judges if none is said."""
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellations:
    """Which of the runs asked about are to stop, and a token that changes when asking again may tell more."""

    run_ids: Sequence[RunId]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindCancellations(Request[Cancellations]):
    """Which of these runs has somebody asked to cancel? Cheap when nothing was written since the last call."""

    run_ids: Sequence[RunId]
    writer_id: WriterId | None = None
    """The process that runs them: asking renews its lease."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """Everything up to and including `sequence` of this writer is in the store."""

    sequence: int
    limits: Mapping[str, int] | None = None
    """The concurrency limits of tags, tasks and flows, by name; none if nothing is said of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingest(Request[Acknowledged]):
    """Take in a batch of a writer's records, in order. Records at or below the writer's mark are passed over.

    Raises `JournalError` on a gap in the sequence. `records` are pairs (sequence, record).
    """

    writer_id: WriterId
    records: Sequence[tuple[int, Record]]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRuns:
    """Runs of a writer that have no final state."""

    runs: Sequence[tuple[RunId, int]]
    """(run, epoch)"""
    mark: int
    """The writer's last ingested sequence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindOpenRuns(Request[OpenRuns]):
    """Which runs does this writer own that have not ended?"""

    writer_id: WriterId


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkCrashed(Request[Sequence[RunId]]):
    """Presume that a dead writer's unfinished runs (and their running task runs) CRASHED; answers which did."""

    writer_id: WriterId
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReapLeases(Request[Sequence[RunId]]):
    """Presume the runs of processes CRASHED whose lease has ended, in all workspaces; answers which."""


# ---- Runs: read and delete --------------------------------------------------------------------------------------


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
    """A search, as in `state:failed flow:web-to-* started>-2h param.year=2020 text`; see the reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindFlowRuns(Request[Sequence[RunId]]):
    """Runs whose id begins so, or whose name is exactly so: newest first, at most `limit`."""

    text: str
    limit: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class GetFlowRun(Request[FlowRun]):
    """One run. Raises `NotFound`."""

    id: RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFlowRuns(Request[Page[FlowRun]]):
    """Runs, newest start first. Raises `SearchInvalid` for what the filter's `where` cannot mean."""

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


# ---- Logs, artifacts, variables, datasets, events ---------------------------------------------------------------


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
    """Events in order, after a sequence number."""

    after: int = 0
    kinds: Sequence[str] = ()
    limit: int = PAGE_SIZE_DEFAULT


# ---- The database as a whole ------------------------------------------------------------------------------------


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Prune(Request[Mapping[str, int]]):
    """Remove what retention no longer keeps, at most `limit` runs a pass; answers how many rows went, by table."""

    runs_older_than: int | None = None
    """Microseconds UTC: ended runs that ended before go, with all that hangs on them."""
    limit: int = 1_000
    dry_run: bool = False


# ---- Results ----------------------------------------------------------------------------------------------------


class ResultStore(Protocol):
    """Where results live: the user's own storage. References are opaque text that says nothing of the data."""

    def put(self, value: Any, *, run_id: str, serializer: Any = None, key: str | None = None) -> str:
        """Keep a value and return its reference. Raises `ResultNotStorable`, `StoreFull`, `StoreReadOnly`."""

    def get(self, reference: str) -> Any:
        """Return the value. Raises `ResultMissing` or `ResultCorrupt`."""

    def exists(self, reference: str) -> bool:
        """Tell whether the reference still leads to something."""

    def find_cached(self, key: str, *, now: int) -> "CachedResult | None":
        """Look a cache key up; what has expired at `now` (microseconds UTC) is not found."""

    def put_cached(self, key: str, reference: str, *, now: int, expires_at: int | None) -> None:
        """Let a cache key lead to a result."""

    def remove_run(self, run_id: str) -> None:
        """Drop what was kept for a run, except what a live cache key leads to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedResult:
    """A hit in the cache index."""

    reference: str
    created_at: int
    expires_at: int | None


class Clock(Protocol):
    """Where the time comes from."""

    def now_us(self) -> int:
        """Microseconds since 1970, UTC."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class ObjectStore(Protocol):
    """A place for named bytes: a folder, S3, GCS, Azure. Puts are atomic; names use `/`."""

    def put(self, name: str, data: bytes, *, only_if_absent: bool = False) -> bool:
        """Write an object whole; False if it was there and `only_if_absent`."""

    def get(self, name: str) -> bytes:
        """Read an object whole. Raises `KeyError` if absent."""

    def list(self, prefix: str = "") -> Sequence[str]:
        """Names that begin so, in order."""

    def delete(self, name: str) -> None:
        """Remove an object; removing what is absent is no error."""

    def url(self, name: str = "") -> str:
        """The address of an object or of the whole place, for people and other libraries."""


Now = Callable[[], int]
