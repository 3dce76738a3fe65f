"""The verbs of work pools, their queues, and the workers that claim what waits there. A bundle of its own.

A claim is a lease with a number: a process that was started for an older claim cannot take the run. Whoever holds claims
renews them, and learns from the answer what to stop.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.core.ids import RunId
from penstock.core.states import RunState
from penstock.ports import PAGE_SIZE_DEFAULT, FlowRun, Page, Request
from penstock.scheduling import RunRequest

CLAIM_SECONDS = 30.0
"""A claim's lease: unless it is renewed within this time, another worker may have the run."""
POOL_TYPES = ("process", "docker", "kubernetes")
QUEUE_DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkQueue:
    """A line in a work pool."""

    name: str
    priority: int
    """1 is served first."""
    concurrency_limit: int | None
    paused: bool
    waiting: int
    running: int
    late: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A process that claims runs of a pool."""

    name: str
    work_pool: str
    """Empty for one that serves its own deployments, which `queues` then are."""
    host: str
    pid: int
    version: str
    queues: Sequence[str]
    limit: int | None
    running: int
    started_at: int
    seen_at: int
    online: bool
    left_at: int | None = None
    """When it said that it goes; none while it is there, and if it was lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkPool:
    """Where runs of one kind of infrastructure wait for a worker."""

    name: str
    type: str
    description: str | None
    base_job_template: Mapping[str, Any]
    """`variables` is a JSON Schema, `job_configuration` a document with `{{ variable }}` in it."""
    concurrency_limit: int | None
    paused: bool
    queues: Sequence[WorkQueue]
    workers_online: int
    waiting: int
    running: int
    created_at: int
    updated_at: int
    changed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveWorkPool(Request[WorkPool]):
    """Make a pool with its queue `default`, or change it. Raises `RequestInvalid`; `Conflict` if it exists and not `overwrite`.

    What is left out (None) keeps its value, or gets the type's default; a limit is taken away by 0 or less.
    """

    name: str
    type: str | None = None
    description: str | None = None
    base_job_template: Mapping[str, Any] | None = None
    concurrency_limit: int | None = None
    paused: bool | None = None
    overwrite: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GetWorkPool(Request[WorkPool]):
    """One pool. Raises `NotFound`."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListWorkPools(Request[Page[WorkPool]]):
    """Pools by name."""

    cursor: str | None = None
    limit: int = PAGE_SIZE_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteWorkPool(Request[None]):
    """Forget a pool. Raises `NotFound`; `Conflict` if deployments use it and not `force`: then their runs wait for ever."""

    name: str
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveWorkQueue(Request[WorkQueue]):
    """Make or change a queue; what is left out keeps its value. A limit of 0 or less takes it away. Raises `NotFound`."""

    work_pool: str
    name: str
    priority: int | None = None
    concurrency_limit: int | None = None
    paused: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteWorkQueue(Request[None]):
    """Forget a queue; what waits there goes to `default`. Raises `NotFound`, `Conflict` for `default` itself."""

    work_pool: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListWorkers(Request[Sequence[Worker]]):
    """The workers of a pool, or all, with those that serve their own deployments; those not heard of for a day are forgotten.

    Raises `NotFound` for an unknown pool.
    """

    work_pool: str | None = None


# ---- What workers ask -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerHello:
    """Who asks for work."""

    name: str
    work_pool: str
    host: str
    pid: int
    version: str
    queues: Sequence[str] = ()
    """All of the pool's if none is named."""
    limit: int | None = None
    lease_seconds: float = CLAIM_SECONDS
    """How long its claims hold without being renewed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedRun:
    """A run that is this worker's to start."""

    run: FlowRun
    request: RunRequest
    job_template: Mapping[str, Any]
    """The pool's, as it is now."""
    token: str | None = None
    """What the run's process shows a server; none where there is no server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRuns(Request[Sequence[ClaimedRun]]):
    """Take over what waits, most pressing first, at most `count`; also tells that the worker lives.

    Waits up to `wait_seconds` for something to come (a server waits without a thread; embedded, the caller asks again).
    Raises `NotFound` for an unknown pool or queue, naming near ones.
    """

    worker: WorkerHello
    count: int = 1
    wait_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimMarks:
    """What became of claims."""

    cancelled: Sequence[RunId]
    """To be stopped: somebody asked for it."""
    lost: Sequence[RunId]
    """No longer this worker's: stop what was started, and say nothing of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewClaims(Request[ClaimMarks]):
    """Renew the leases of claims (run, claim number), and say that the worker lives; or, `leaving`, that it goes.

    Raises `NotFound` for an unknown pool.
    """

    worker: WorkerHello
    claims: Sequence[tuple[str, int]] = ()
    leaving: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteInfrastructure(Request[bool]):
    """Say what was started for a claim; False if the claim is somebody else's by now."""

    flow_run_id: RunId
    claim: int
    infrastructure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndClaim(Request[FlowRun]):
    """What was started for a claim has ended, or could not start. Says nothing of a run that is somebody else's by now.

    `state` is where the run goes if it has not ended by itself: Failed (the code cannot be loaded), Crashed (the process died:
    then the deployment's `on_crash` holds), or Scheduled to have it waiting again (a worker that drains). Raises `NotFound`.
    """

    flow_run_id: RunId
    claim: int
    state: RunState | None = None
    infrastructure: str | None = None
    """What was started; said here if it did not last long enough to be noted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndClaims(Request[int]):
    """The same of several claims at once, as workers tell it; answers of how many it was theirs to tell."""

    ends: Sequence[EndClaim]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReapClaims(Request[int]):
    """Let runs wait again whose claim's lease ended before a process took them, and mark runs that are late; in all workspaces."""
