"""The protocols between the floors, and the verbs of the orchestrator.

SDK, workers and CLI know only `Orchestrator.ask`: a verb is a frozen request dataclass that names its response type.
Routes, the remote client and the contract suite derive from these declarations. Nothing here does any work.

What a process asks that runs flows is declared here; what people ask, in `lookups.py`, of which the names are found here
too and loaded when one of them is first used: a dataclass takes 0.4 ms to make, and a small flow 0.3 s as a whole.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from penstock.core.ids import RunId, TaskRunId, WriterId
from penstock.core.records import Record
from penstock.core.states import RunState, StateType

if TYPE_CHECKING:
    from penstock.core.run_tokens import RunToken
    from penstock.lookups import Artifact as Artifact
    from penstock.lookups import Attempt as Attempt
    from penstock.lookups import DatasetUse as DatasetUse
    from penstock.lookups import DeleteFlowRun as DeleteFlowRun
    from penstock.lookups import DescribeStore as DescribeStore
    from penstock.lookups import Event as Event
    from penstock.lookups import FindFlowRuns as FindFlowRuns
    from penstock.lookups import FindTaskRuns as FindTaskRuns
    from penstock.lookups import Flow as Flow
    from penstock.lookups import GetArtifact as GetArtifact
    from penstock.lookups import GetTaskRun as GetTaskRun
    from penstock.lookups import GetVariable as GetVariable
    from penstock.lookups import ListArtifacts as ListArtifacts
    from penstock.lookups import ListDatasetUses as ListDatasetUses
    from penstock.lookups import ListEvents as ListEvents
    from penstock.lookups import ListFlowRuns as ListFlowRuns
    from penstock.lookups import ListFlows as ListFlows
    from penstock.lookups import ListLogs as ListLogs
    from penstock.lookups import ListStates as ListStates
    from penstock.lookups import ListTaskRuns as ListTaskRuns
    from penstock.lookups import ListVariables as ListVariables
    from penstock.lookups import LogLine as LogLine
    from penstock.lookups import Prune as Prune
    from penstock.lookups import Pruned as Pruned
    from penstock.lookups import QueryTable as QueryTable
    from penstock.lookups import RemoveVariable as RemoveVariable
    from penstock.lookups import RunFilter as RunFilter
    from penstock.lookups import RunQuery as RunQuery
    from penstock.lookups import SetVariable as SetVariable
    from penstock.lookups import StateEntry as StateEntry
    from penstock.lookups import StoreInfo as StoreInfo
    from penstock.lookups import TaskRun as TaskRun
    from penstock.lookups import Variable as Variable

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
    token: "RunToken | None" = None
    """Of the process of one run, which may ask for no more than that run needs."""


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
    environment: Mapping[str, str] | None = None
    """What its process runs on: the versions of Python and of Penstock, the platform, and the environment's folder."""
    changed: int = 0


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
    environment: Mapping[str, str] = field(default_factory=dict)
    """What it runs on: python, penstock, platform, prefix."""


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
    """Which of the runs asked about are to stop."""

    run_ids: Sequence[RunId]
    """Those that somebody asked to cancel."""
    taken_over: Sequence[RunId] = ()
    """Those that another process owns by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindCancellations(Request[Cancellations]):
    """Which of these runs are to stop? Cheap when nothing was written since the last call."""

    run_ids: Sequence[RunId]
    epochs: Sequence[int] = ()
    """The epoch in which the process that asks runs each; without them it is not told that a later one began."""
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
class MakeDurable(Request[None]):
    """Bring everything that was answered so far to the disk: once this is answered, power loss costs nothing of it."""

    writer_id: WriterId
    """Who asks: a process with a strict run."""


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
    last_seen_at: int | None = None
    """When the process was last heard of, microseconds UTC: the runs ended then, and not when somebody found out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReapLeases(Request[Sequence[RunId]]):
    """Presume the runs of processes CRASHED whose lease has ended, in all workspaces; answers which."""


# ---- Runs: read -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class GetFlowRun(Request[FlowRun]):
    """One run. Raises `NotFound`."""

    id: RunId


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


def __getattr__(name: str) -> Any:
    if not name.startswith("_"):
        value = getattr(import_module("penstock.lookups"), name, None)
        if value is not None:
            globals()[name] = value
            return value
    raise AttributeError(f"module `penstock.ports` has no attribute `{name}`")
