"""The verbs behind charts and the pages about one run or flow. A bundle of its own: processes that run flows never load it.

What is drawn as many points travels as columns: lists of equal length, with small numbers that point into lists of names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.core.ids import RunId
from penstock.core.states import StateType
from penstock.ports import DatasetUse, Event, Flow, FlowRun, LogLine, Page, Request, RunFilter

BUCKETS_DEFAULT = 60
BUCKETS_MAX = 500
POINTS_MAX = 5_000
TIMELINE_ROWS_MAX = 100_000
BARS_DEFAULT = 30
BARS_MAX = 100
GRID_TASK_RUNS_MAX = 100_000
TOPICS = ("backfill", "deployment", "schedule", "work-pool", "worker")
"""Kinds of things besides runs that followers hear of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunActivity:
    """How many runs started when, by the state that they are in."""

    since: int
    until: int
    bucket_us: int
    counts: Mapping[str, Sequence[int]]
    """By state type: runs in each bucket, the oldest first."""
    totals: Mapping[str, int]
    """By state type, over all buckets."""
    success_rate: float | None
    """Completed of those that ended, from 0 to 1; none if none ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetRunActivity(Request[RunActivity]):
    """Count runs over time. Raises `SearchInvalid`."""

    since: int
    until: int
    buckets: int = BUCKETS_DEFAULT
    where: str | None = None
    top_level: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPoints:
    """Runs as points: when they started and how long they took."""

    ids: Sequence[RunId]
    names: Sequence[str]
    flows: Sequence[int]
    """Of each run, the place of its flow in `flow_names`."""
    flow_names: Sequence[str]
    states: Sequence[str]
    """State types."""
    starts: Sequence[int]
    durations: Sequence[int | None]
    """Microseconds; of a run that goes on, so far; none before the start."""
    truncated: bool
    """Whether older runs were left out."""
    total: int
    """How many runs fit."""
    every: int
    """1 if each of them is here; else about one of so many, and besides all that failed or crashed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRunPoints(Request[RunPoints]):
    """Runs that fit a filter, for the scatter plot; of more than `limit`, a sample over all of the time.

    Raises `SearchInvalid`.
    """

    filter: RunFilter = RunFilter()
    limit: int = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBar:
    """A run in a row of bars."""

    id: RunId
    name: str
    state_type: StateType
    state_name: str
    started_at: int
    duration: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSummary:
    """How a flow is doing lately."""

    flow: Flow
    recent: Sequence[RunBar]
    """Its last runs, the newest first."""
    counts: Mapping[str, int]
    """Runs since the time asked about, by state type."""
    success_rate: float | None
    duration_median: int | None
    """Microseconds, of the recent completed runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFlowSummaries(Request[Page[FlowSummary]]):
    """Flows by name, with their last runs."""

    since: int = 0
    name_contains: str | None = None
    runs: int = BARS_DEFAULT
    cursor: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class GetFlowSummary(Request[FlowSummary]):
    """One flow, by its name. Raises `NotFound`."""

    name: str
    since: int = 0
    runs: int = BARS_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowGrid:
    """A flow's tasks through its last runs."""

    runs: Sequence[RunBar]
    tasks: Sequence[str]
    cells: Sequence[Sequence[Mapping[str, int] | None]]
    """For each task, for each run: task runs by state type; none if the run did not call the task."""
    truncated: bool
    """Whether there were too many task runs to count them all: the oldest runs are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetFlowGrid(Request[FlowGrid]):
    """The grid of a flow's tasks and runs. Raises `NotFound`."""

    name: str
    runs: int = BARS_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingFlow:
    """A flow whose last run did not succeed."""

    flow_name: str
    run: FlowRun
    failures_in_a_row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowRun:
    """A run that should have started or ended by now."""

    run: FlowRun
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Is everything all right?"""

    at: int
    """The store's clock."""
    running: Sequence[FlowRun]
    running_count: int
    failing: Sequence[FailingFlow]
    stuck: Sequence[SlowRun]
    success_rate: float | None
    success_rate_before: float | None
    """In the window of the same length before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetOverview(Request[Overview]):
    """What the home page shows besides the chart: what runs, what fails, what is stuck."""

    window_seconds: int = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Task runs and subflow runs of one run as columns, by their first record. Times in microseconds UTC."""

    flow_run_id: RunId
    origin: int
    """What `created`, `starts` and `ends` count from."""
    ids: Sequence[str]
    tasks: Sequence[int]
    """The place of the task's name in `task_names`; -1 - n for a subflow with name n in `flow_names`."""
    task_names: Sequence[str]
    flow_names: Sequence[str]
    ordinals: Sequence[int]
    """A task run is called `<task>-<ordinal>` unless `names` has it."""
    names: Mapping[str, str]
    """Names that users gave, by the place of the row."""
    created: Sequence[int]
    starts: Sequence[int | None]
    ends: Sequence[int | None]
    states: Sequence[int]
    """The place in `state_names`."""
    state_names: Sequence[tuple[str, StateType]]
    attempts: Sequence[int]
    tries: Mapping[str, Sequence[tuple[int | None, int | None]]]
    """By the place of a row that was tried more than once: start and end of the tries before the current one."""
    parents: Sequence[int]
    """The place of the row that called this one; -1 if the flow itself did."""
    upstream: Mapping[str, Sequence[int]]
    """By the place of a row: the places of the rows that it took results from."""
    changed: int
    """Ask again with `after` to get only rows that changed since."""
    truncated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GetTimeline(Request[Timeline]):
    """The timeline of a run, or what changed in it. Raises `NotFound`."""

    flow_run_id: RunId
    after: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphNode:
    """All calls of one task or subflow within a run."""

    key: str
    kind: str
    """task or flow."""
    name: str
    counts: Mapping[str, int]
    duration: int
    """Microseconds, of all calls together."""
    started_at: int | None
    ended_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphEdge:
    """Calls of one took results of, or were called by, calls of another."""

    source: str
    target: str
    count: int
    kind: str
    """result or call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunGraph:
    """What depends on what in a run, by task."""

    nodes: Sequence[GraphNode]
    edges: Sequence[GraphEdge]


@dataclass(frozen=True, slots=True, kw_only=True)
class GetRunGraph(Request[RunGraph]):
    """The dependency graph of a run, calls of the same task as one node. Raises `NotFound`."""

    flow_run_id: RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterDifference:
    """A parameter of two runs."""

    name: str
    left: Any
    right: Any
    same: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskMeasure:
    """What a run's calls of a task took and how they ended."""

    count: int
    duration: int
    """Microseconds, of all calls together."""
    states: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDifference:
    """A task in two runs; none where a run did not call it."""

    name: str
    left: TaskMeasure | None
    right: TaskMeasure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetDifference:
    """A dataset in two runs: the last use of each; none where a run did not use it."""

    dataset: str
    action: str
    left: DatasetUse | None
    right: DatasetUse | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunComparison:
    """What differs between two runs."""

    left: FlowRun
    right: FlowRun
    parameters: Sequence[ParameterDifference]
    tasks: Sequence[TaskDifference]
    datasets: Sequence[DatasetDifference]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareFlowRuns(Request[RunComparison]):
    """Two runs side by side. Raises `NotFound`."""

    left: RunId
    right: RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What was committed after a cursor, whole transactions only."""

    cursor: int
    """Ask again after this."""
    flow_runs: Sequence[FlowRun]
    """As they are now, in the order of their last change."""
    logs: Sequence[LogLine]
    """Of the runs asked about."""
    events: Sequence[Event]
    more: bool
    """Whether there is more to be had at once."""
    reset: bool
    """Whether so much changed at once that lists are to be read anew; `cursor` is after all of it."""
    topics: Sequence[str] = ()
    """What else changed, of `TOPICS`: ask for it anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListChanges(Request[Changes]):
    """What changed after a cursor; none asks where to begin. Cheap when nothing was written since the last call."""

    after: int | None = None
    log_runs: Sequence[RunId] = ()
    """Runs whose log lines are wanted, with those of their subflows."""
    with_events: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreMeasures:
    """Figures of the whole database, as metrics tell them."""

    at: int
    """The store's clock."""
    flow_runs: Mapping[str, int]
    """By state type."""
    waiting: int
    """Runs that are due and that nobody has taken yet."""
    oldest_wait_us: int
    """How long the first of them has been due."""
    events: int
    bytes: int
    scheduler_lag_us: int = 0
    """How long the first tick of a schedule has been due that nobody has fired; 0 if all are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureStore(Request[StoreMeasures]):
    """Figures of the whole database, of all workspaces; cheap enough to be asked every few seconds."""
