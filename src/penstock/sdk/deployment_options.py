"""What can be said of a deployment in code, by the names that `flow.to_deployment`, `.serve` and `.deploy` take."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, TypedDict


class DeploymentOptions(TypedDict, total=False):
    """Options of a deployment; those left out have their defaults."""

    cron: str | Sequence[str] | None
    """When it runs by itself, as cron expressions in UTC; `schedules` has all else that a schedule can be."""
    interval: timedelta | float | Sequence[timedelta | float] | None
    """Or every so often: a timedelta, or seconds."""
    rrule: str | Sequence[str] | None
    """Or by recurrence rules of iCalendar."""
    schedule: Any
    """One schedule: `Cron(...)`, `Interval(...)` or `RRule(...)` of `penstock.schedules`, or a mapping as in `penstock.yaml`."""
    schedules: Sequence[Any] | None
    """Several of them; `[]` takes all away. Without any of these, the schedules that are there stay."""
    timezone: str | None
    """The zone of `cron`, `interval` and `rrule`; UTC by default."""
    parameters: Mapping[str, Any] | None
    """Defaults on top of the function's own."""
    enforce_parameter_schema: bool
    """Whether runs with parameters that do not fit the signature are refused when they are asked for; they are by default."""
    tags: Sequence[str] | None
    """Tags of the runs, beside the flow's own."""
    description: str | None
    """What it is for; the flow's description by default."""
    version: str | None
    """What you call this version; the commit or digest of the code is kept anyway."""
    paused: bool | None
    """Whether its schedules rest."""
    work_pool_name: str | None
    """The pool whose workers run it."""
    work_queue_name: str | None
    """The pool's queue that its runs wait in."""
    job_variables: Mapping[str, Any] | None
    """Values for the variables of the pool's job template."""
    concurrency_limit: Any
    """How many runs at once: a number, or a mapping of `limit` and `collision` (`enqueue` or `cancel_new`)."""
    on_crash: str
    """What becomes of a run whose process died: `none`, `resume` (what completed is kept) or `retry` (all anew)."""
    on_crash_limit: int
    """So many times; 3 by default."""
    deadline: timedelta | float | str | None
    """A run that has not ended so long after its time is told of: a timedelta, seconds, or text such as `2h`."""
