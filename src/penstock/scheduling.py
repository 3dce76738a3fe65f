"""The verbs of deployments, their schedules, and the runs that are asked for. A bundle of its own.

A deployment is a flow, where its code lies, and how it is run; each deploy makes a numbered version of that. A run that is
asked for waits in its work queue (`work.py`) until a worker claims it, and keeps the version that it was asked with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock.core.ids import MessageId, RunId
from penstock.ports import PAGE_SIZE_DEFAULT, FlowRun, Page, Request

TICKS_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentSpec:
    """What a version of a deployment says; never changed once it is made."""

    entrypoint: str | None = None
    """`path/file.py:function`, within `path`; or `module:function`. None where the flow is served by its own process."""
    path: str | None = None
    """The folder that the code lies in, where the run's process works."""
    pull_steps: Sequence[Mapping[str, Any]] = ()
    """How the code gets there; each maps the name of one step to its options."""
    code_version: str | None = None
    """A commit or a digest of the code."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Defaults on top of the function's own."""
    parameter_schema: Mapping[str, Any] | None = None
    """JSON Schema of the parameters; none lets all pass."""
    enforce_parameter_schema: bool = True
    work_pool: str | None = None
    """None where the flow is served by its own process."""
    work_queue: str | None = None
    job_variables: Mapping[str, Any] = field(default_factory=dict)
    """Values for the variables of the pool's job template."""
    tags: Sequence[str] = ()
    description: str | None = None
    concurrency_limit: int | None = None
    """So many runs of this deployment at once."""
    collision: str = "enqueue"
    """What happens to a run beyond the limit: `enqueue` lets it wait, `cancel_new` cancels it."""
    on_crash: str = "none"
    """What happens to a run whose process died: `none`, `resume` (what was completed is kept) or `retry` (all anew)."""
    on_crash_limit: int = 3
    """So many times."""
    deadline_seconds: float | None = None
    """A run that has not ended so long after its time is told of by an event and a state message."""
    version_name: str | None = None
    """What its makers call this version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRow:
    """A schedule of a deployment."""

    slug: str
    definition: Mapping[str, Any]
    """As `core/schedules.py` writes it."""
    active: bool
    next_at: int | None
    last_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A flow that is run by itself or on demand, as its current version says."""

    id: str
    name: str
    flow_name: str
    version: int
    spec: DeploymentSpec
    schedules: Sequence[ScheduleRow]
    paused: bool
    created_at: int
    updated_at: int
    last_run: FlowRun | None = None
    changed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentVersion:
    """What one deploy said."""

    number: int
    spec: DeploymentSpec
    created_at: int
    actor: str
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveDeployment(Request[Deployment]):
    """Deploy: make the deployment or its next version. Saying what is said already makes no version.

    Schedules are told apart by their slugs: those not named go, a known one keeps what it has fired already, and begins anew
    from now if its times changed. A definition that leaves `active` out leaves it as it is. `schedules` left out leaves
    all as they are. A queue that the pool does not have is made. Raises `ScheduleInvalid`, `TemplateInvalid`; `RequestInvalid`,
    also for job variables that the pool does not know; `ParameterInvalid` for parameters that do not fit the schema; `NotFound`
    for an unknown work pool.
    """

    flow_name: str
    name: str
    spec: DeploymentSpec = DeploymentSpec()
    schedules: Sequence[Mapping[str, Any]] | None = None
    paused: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDeployment(Request[Deployment]):
    """One deployment, by its id or by `flow/name`. Raises `NotFound`."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDeployments(Request[Page[Deployment]]):
    """Deployments by flow and name. Raises `NotFound` for an unknown pool."""

    flow_name: str | None = None
    work_pool: str | None = None
    tag: str | None = None
    name_contains: str | None = None
    cursor: str | None = None
    limit: int = PAGE_SIZE_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteDeployment(Request[None]):
    """Forget a deployment and its schedules; runs stay, those that wait are cancelled. Raises `NotFound`."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseDeployment(Request[Deployment]):
    """Pause (no tick fires) or let go on; ticks missed meanwhile are skipped. Raises `NotFound`."""

    key: str
    paused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDeploymentVersions(Request[Page[DeploymentVersion]]):
    """A deployment's versions, newest first. Raises `NotFound`."""

    key: str
    cursor: str | None = None
    limit: int = PAGE_SIZE_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class UseDeploymentVersion(Request[Deployment]):
    """Roll back (or forward): runs asked for from now on use that version. Raises `NotFound`."""

    key: str
    number: int


# ---- Schedules --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveSchedule(Request[ScheduleRow]):
    """Add a schedule, or change the one with the same slug; it begins anew from now if its times changed.

    Raises `ScheduleInvalid`, `TemplateInvalid`, `ParameterInvalid`, `NotFound`.
    """

    key: str
    definition: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveSchedule(Request[None]):
    """Raises `NotFound`."""

    key: str
    slug: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetScheduleActive(Request[ScheduleRow]):
    """Switch a schedule on or off. Raises `NotFound`."""

    key: str
    slug: str
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptTick(Request[None]):
    """Skip one tick (`to` left out), move it, or take an exception back (`restore`).

    Raises `NotFound`; `RequestInvalid` for a time at which the schedule does not fire, or that it is past.
    """

    key: str
    slug: str
    at: int
    to: int | None = None
    restore: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UpcomingTick:
    """A run that a schedule will ask for; computed, not stored."""

    deployment_id: str
    deployment_name: str
    flow_name: str
    slug: str
    at: int
    """When it fires; where it was moved, the new time."""
    fire_at: int
    """The tick itself."""
    period_start: int
    period_end: int
    skipped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTicks(Request[Sequence[UpcomingTick]]):
    """What the active schedules will ask for between two times, in order; at most `limit`. Raises `NotFound`."""

    since: int
    until: int
    deployment: str | None = None
    limit: int = TICKS_MAX
    excepted: bool = False
    """Only those that are skipped or were moved from or to a time between the two; a moved one that ran already is skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FiringTime:
    """A time at which a schedule fires, and the period that it stands for."""

    at: int
    period_start: int
    period_end: int
    offset_seconds: int
    """How far the schedule's zone is ahead of UTC then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewSchedule(Request[Sequence[FiringTime]]):
    """When a schedule would fire next, before anybody relies on it; nothing is kept. Raises `ScheduleInvalid`, `TemplateInvalid`."""

    definition: Mapping[str, Any]
    since: int | None = None
    """After then; after now if none."""
    count: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """What came of looking at the schedules whose time had come."""

    runs: int
    """So many runs were asked for."""
    wait_seconds: float | None
    """Until the next tick; 0 if more is due already, none if nothing will ever be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FireSchedules(Request[Fired]):
    """Ask for the runs whose time has come, in all workspaces. Safe to ask twice at once."""

    limit: int = 500
    """So many schedules are looked at."""


# ---- Runs that are asked for ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRun(Request[FlowRun]):
    """Ask for a run of a deployment; asked again with the same idempotency key, the same run is answered.

    Templates in the deployment's own parameters are filled in with the run's time as the period. Raises `NotFound`,
    `ParameterInvalid`, `TemplateInvalid`; `RequestInvalid` for job variables that the pool does not know.
    """

    deployment: str
    """Id or `flow/name`."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    at: int | None = None
    """Not before then; now if none."""
    idempotency_key: str | None = None
    name: str | None = None
    tags: Sequence[str] = ()
    job_variables: Mapping[str, Any] = field(default_factory=dict)
    work_queue: str | None = None
    parent_run_id: RunId | None = None
    parent_task_run_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """How a run was asked for, and where it stands between being asked for and running."""

    flow_run_id: RunId
    deployment_id: str | None
    deployment_name: str | None
    version: int
    spec: DeploymentSpec
    status: str
    """waiting, claimed, suspended or done."""
    due_at: int
    claim: int
    """Counts the claims; a process that was started for an older one is refused."""
    worker: str | None
    work_pool: str | None
    work_queue: str | None
    lease_until: int | None
    infrastructure: str | None
    """`process:1234`, `docker:<container>`, `kubernetes:<namespace>/<job>`."""
    job_variables: Mapping[str, Any]
    schedule: str | None
    fire_at: int | None
    period_start: int | None
    period_end: int | None
    idempotency_key: str | None
    backfill_id: str | None
    after_run_id: RunId | None = None
    """The run that has to end before this one may be claimed: its schedule queues its runs."""
    anew: bool = False
    """The next process does all of it again, and returns nothing that is recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetRunRequest(Request[RunRequest]):
    """How a run was asked for. Raises `NotFound`, also for a run that nobody asked for."""

    flow_run_id: RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a run is where it is, and what would bring it on."""

    code: str
    """Such as not_due, paused, no_worker, pool_limit, queue_limit, deployment_limit, claimed, running, ended."""
    message: str
    since: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainRun(Request[Sequence[Explanation]]):
    """Why is this run not running? The most pressing reason first. Raises `NotFound`."""

    flow_run_id: RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class RequeueRun(Request[FlowRun]):
    """Have a worker run it again: `resume` keeps what was completed, else all is done anew in the same run.

    Also lets a suspended run go on. Raises `NotFound`, `RunNotResumable` (completed, alive, or of no deployment).
    """

    flow_run_id: RunId
    resume: bool = True
    message: str | None = None


# ---- Backfills --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckDeadlines(Request[int]):
    """Tell of the runs that have not ended by their deadline, each once, in all workspaces; answers how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillPeriod:
    """A period that a backfill will ask for a run for."""

    fire_at: int
    period_start: int
    period_end: int
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """Runs for the periods of the past."""

    id: str
    deployment_id: str
    deployment_name: str
    slug: str
    since: int
    until: int
    status: str
    """running, paused, cancelled or done."""
    concurrency: int
    parameters: Mapping[str, Any]
    total: int
    counts: Mapping[str, int]
    """Runs by state type; those not asked for yet are under `waiting`."""
    created_at: int
    newest_first: bool = False
    ahead: Sequence[BackfillPeriod] = ()
    """The next periods, at most 20; not in lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateBackfill(Request[Backfill]):
    """Run a deployment for each period of a schedule that begins from `since` on and before `until`. Fresh runs go first.

    Periods that have not ended yet are left out; those that had a run get another one. Raises `NotFound`, `TemplateInvalid`,
    `ParameterInvalid`; `RequestInvalid` for no or too many periods, or a deployment with several schedules and no slug said.
    """

    key: str
    since: int
    until: int
    slug: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    concurrency: int = 1
    newest_first: bool = False
    dry_run: bool = False
    """Answer what it would be, and make nothing."""
    idempotency_key: str | None = None
    """Asked again with the same key, the same backfill is answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListBackfills(Request[Page[Backfill]]):
    """Backfills, newest first. Raises `NotFound` for an unknown deployment."""

    key: str | None = None
    cursor: str | None = None
    limit: int = PAGE_SIZE_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBackfill(Request[Backfill]):
    """Raises `NotFound`."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveBackfill(Request[Backfill]):
    """Pause, let go on, or cancel; cancelling leaves the runs that have begun alone unless `cancel_runs`.

    Raises `NotFound`; `Conflict` if it has come to its end; `RequestInvalid` for an unknown action.
    """

    id: str
    action: str
    """pause, resume or cancel."""
    cancel_runs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvanceBackfills(Request[int]):
    """Ask for the next runs of backfills that have room, in all workspaces; answers how many."""


# ---- Runs that wait for somebody --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInput:
    """What a paused or suspended run asks, and the answer if there is one."""

    flow_run_id: RunId
    key: str
    message: str | None
    answer_schema: Mapping[str, Any] | None
    """JSON Schema of the answer; none where only to go on is asked."""
    asked_at: int
    expires_at: int | None
    answer: Any = None
    answered_at: int | None = None
    answered_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseRun(Request[RunInput]):
    """Put a running run into Paused (its process waits) or Suspended (its process goes), and ask for an answer.

    Asked again with the same key, what is there is answered, with its answer: a resumed run comes by here again. Raises `NotFound`,
    and `TransitionRefused` where the run has gone on in another process.
    """

    flow_run_id: RunId
    epoch: int
    key: str
    suspend: bool = False
    message: str | None = None
    answer_schema: Mapping[str, Any] | None = None
    timeout_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRunInputs(Request[Sequence[RunInput]]):
    """What a run asked, the oldest first. Raises `NotFound`."""

    flow_run_id: RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRun(Request[FlowRun]):
    """Let a paused or suspended run go on, with an answer that fits what it asked.

    Raises `NotFound`, `ParameterInvalid` naming what does not fit, `Conflict` if it does not wait (any more).
    """

    flow_run_id: RunId
    key: str | None = None
    answer: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMessage:
    """What was sent to a run, which goes on meanwhile."""

    number: int
    """Of those to one run, a later one has a higher number."""
    key: str
    value: Any
    sender: RunId | None
    """The run that sent it, if one did."""
    sent_at: int
    sent_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendToRun(Request[RunMessage]):
    """Send a run a value that it may look for. Sent again with the same id, it is there once.

    Raises `NotFound`, `Conflict` for a run that has ended, `RequestInvalid` for a value that is too large, or one too many.
    """

    flow_run_id: RunId
    id: MessageId
    key: str
    value: Any = None
    sender: RunId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRunMessages(Request[Sequence[RunMessage]]):
    """What was sent to a run with a key, in order, after the one of some number. Raises `NotFound`."""

    flow_run_id: RunId
    key: str
    after: int = 0
    limit: int = PAGE_SIZE_DEFAULT
