"""Schedules as values: what users write, what rows and the wire hold, and what makes one invalid.

When they fire is in `ticks.py`. Times are microseconds UTC.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from penstock.core.errors import ScheduleInvalid
from penstock.core.recurrences import Recurrence, recurrence_of
from penstock.core.templates import check_templates
from penstock.core.wallclock import EPOCH_UTC, MOMENT_MAX, MOMENT_MIN, SECOND, find_zone, one_moment

Kind = Literal["cron", "interval", "rrule"]
Catchup = Literal["skip", "latest", "all"]
Overlap = Literal["allow", "skip", "queue", "cancel_running"]

INTERVAL_MIN, INTERVAL_MAX = SECOND, 100 * 366 * 86_400 * SECOND
JITTER_MAX = 7 * 86_400 * SECOND
CATCHUP_MAX = 10_000
SLUG = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?")

_RULES: Mapping[str, str] = {"cron": "cron", "interval": "interval_us", "rrule": "rrule"}
"""The field that holds the rule of each kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a deployment runs by itself, and with what. `Cron`, `Interval` and `RRule` make checked ones."""

    kind: Kind
    slug: str
    cron: str | None = None
    day_or: bool = True
    """Of a cron that restricts both the day of month and the day of week: whether one of them is enough."""
    interval_us: int | None = None
    anchor_us: int | None = None
    """A moment at which an interval fires; by default midnight of Monday, 1 January 2001, in the zone."""
    rrule: str | None = None
    timezone: str = "UTC"
    parameters: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """On top of the deployment's own; texts may hold templates (`templates.py`)."""
    active: bool = True
    catchup: Catchup = "latest"
    catchup_limit: int = 100
    jitter_us: int = 0
    overlap: Overlap = "allow"
    start_us: int | None = None
    """The first moment at which it may fire."""
    end_us: int | None = None
    """The last moment at which it may fire."""

    @property
    def recurrence(self) -> Recurrence:
        """When it fires, without its bounds. Raises `ScheduleInvalid`."""
        return recurrence_of(
            kind=self.kind,
            cron=self.cron,
            day_or=self.day_or,
            interval_us=self.interval_us,
            anchor_us=self.anchor_us,
            rrule=self.rrule,
            timezone=self.timezone,
        )

    @property
    def rule(self) -> str:
        """What it says, for people: the expression, the rule's text, or the interval."""
        if self.kind == "interval":
            return f"every {timedelta(microseconds=self.interval_us or 0)}"
        return (self.cron if self.kind == "cron" else self.rrule) or ""


def Cron(cron: str, timezone: str = "UTC", day_or: bool = True, **options: Any) -> Schedule:
    """Fire by a cron expression of five fields. `options` are those of `schedule_options`. Raises `ScheduleInvalid`.

    >>> Cron("0 5 1 * *", timezone="Europe/Berlin").cron
    '0 5 1 * *'
    """
    return _made(Schedule(kind="cron", slug="cron", cron=cron, day_or=day_or, timezone=timezone), options)


def Interval(
    interval: timedelta | float,
    anchor: datetime | None = None,
    timezone: str = "UTC",
    *,
    anchor_date: datetime | None = None,
    **options: Any,
) -> Schedule:
    """Fire every so often (a timedelta, or seconds), so that one time is `anchor`; `anchor_date` is Prefect's word for it.

    Whole days keep the time of day in the zone; shorter intervals keep to elapsed time. Raises `ScheduleInvalid`.

    >>> Interval(timedelta(minutes=15)).interval_us
    900000000
    """
    made = Schedule(
        kind="interval",
        slug="interval",
        interval_us=_microseconds("interval", interval),
        anchor_us=_moment("anchor", anchor if anchor is not None else anchor_date, timezone),
        timezone=timezone,
    )
    return _made(made, options)


def RRule(rrule: str, timezone: str = "UTC", **options: Any) -> Schedule:
    """Fire by a recurrence rule of iCalendar. Raises `ScheduleInvalid`.

    >>> RRule("FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=17", timezone="Europe/Berlin").kind
    'rrule'
    """
    return _made(Schedule(kind="rrule", slug="rrule", rrule=rrule, timezone=timezone), options)


def schedule_options(
    *,
    timezone: str,
    slug: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    active: bool = True,
    catchup: Catchup = "latest",
    catchup_limit: int = 100,
    jitter: timedelta | float = 0,
    overlap: Overlap = "allow",
    start: datetime | None = None,
    end: datetime | None = None,
) -> dict[str, Any]:
    """The options that all kinds of schedules share, as fields. Datetimes without a zone are in the schedule's."""
    return {
        **({} if slug is None else {"slug": slug}),
        "parameters": dict(parameters or {}),
        "active": active,
        "catchup": catchup,
        "catchup_limit": catchup_limit,
        "jitter_us": _microseconds("jitter", jitter),
        "overlap": overlap,
        "start_us": _moment("start", start, timezone),
        "end_us": _moment("end", end, timezone),
    }


def with_distinct_slugs(schedules: Iterable[Schedule]) -> tuple[Schedule, ...]:
    """A deployment's schedules, those that were given no slug of their own numbered: `cron`, `cron-2`, ...

    Raises `ScheduleInvalid` if a slug that was given is there twice.
    """
    taken: dict[str, Schedule] = {}
    for schedule in schedules:
        slug, number = schedule.slug, 1
        while slug in taken:
            if schedule.slug != schedule.kind:
                raise ScheduleInvalid("slug", slug, "is used twice; each schedule of a deployment needs its own")
            number += 1
            slug = f"{schedule.slug}-{number}"
        taken[slug] = replace(schedule, slug=slug)
    return tuple(taken.values())


def check(schedule: Schedule) -> None:
    """Raise `ScheduleInvalid` (or `TemplateInvalid`) if a schedule can never do what it says."""
    try:
        _check_fields(schedule)
        _check_fires(schedule)
    except ScheduleInvalid as error:
        named = ScheduleInvalid(error.field, error.value, error.problem, schedule=schedule.slug)
        raise named from error.__cause__
    check_templates(schedule.parameters)


def to_json(schedule: Schedule) -> dict[str, Any]:
    """A schedule as JSON, for rows and the wire."""
    shape = {each.name: getattr(schedule, each.name) for each in fields(Schedule)}
    return {**shape, "parameters": dict(schedule.parameters)}


def from_json(shape: Mapping[str, Any]) -> Schedule:
    """Read a schedule back; fields left out have their defaults. Raises `ScheduleInvalid` for unknown or broken ones."""
    known = {each.name for each in fields(Schedule)}
    unknown = sorted(str(key) for key in set(shape) - known)
    if unknown:
        raise ScheduleInvalid(unknown[0], None, f"is no part of a schedule; there are {', '.join(sorted(known))}")
    for needed in ("kind", "slug"):
        if needed not in shape:
            raise ScheduleInvalid(needed, None, "is missing")
    schedule = Schedule(**shape)
    _check_fields(schedule)
    return schedule


def _made(schedule: Schedule, options: Mapping[str, Any]) -> Schedule:
    made = replace(schedule, **schedule_options(timezone=schedule.timezone, **options))
    check(made)
    return made


def _check_fields(schedule: Schedule) -> None:
    for name, expectation, fits in _EXPECTATIONS:
        value = getattr(schedule, name)
        if not fits(value):
            raise ScheduleInvalid(name, repr(value) if value is None else value, f"must be {expectation}")
    find_zone(schedule.timezone)
    for kind, name in _RULES.items():
        if (getattr(schedule, name) is None) == (kind == schedule.kind):
            problem = "is missing" if kind == schedule.kind else f"has no place in a schedule of kind `{schedule.kind}`"
            raise ScheduleInvalid(name, getattr(schedule, name), problem)
    if schedule.start_us is not None and schedule.end_us is not None and schedule.end_us < schedule.start_us:
        raise ScheduleInvalid("end", _as_text(schedule.end_us), f"is before its start, {_as_text(schedule.start_us)}")


def _check_fires(schedule: Schedule) -> None:
    opening = MOMENT_MIN if schedule.start_us is None else schedule.start_us - 1
    first = next(schedule.recurrence.after(opening), None)
    name = _RULES[schedule.kind]
    if first is None:
        since = "" if schedule.start_us is None else f" after its start, {_as_text(schedule.start_us)}"
        raise ScheduleInvalid(name, getattr(schedule, name), f"never fires{since}")
    if schedule.end_us is not None and first > schedule.end_us:
        raise ScheduleInvalid(
            name,
            getattr(schedule, name),
            f"never fires: its first time, {_as_text(first)}, is after its end, {_as_text(schedule.end_us)}",
        )


def _is_integer(low: int, high: int, *, optional: bool = False) -> Callable[[object], bool]:
    def fits(value: object) -> bool:
        if value is None:
            return optional
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

    return fits


def _is_one_of(words: object) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and value in get_args(words)


def _is_text(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_boolean(value: object) -> bool:
    return isinstance(value, bool)


_A_MOMENT = _is_integer(MOMENT_MIN, MOMENT_MAX, optional=True)
_EXPECTATIONS: tuple[tuple[str, str, Callable[[object], bool]], ...] = (
    ("kind", f"one of {', '.join(get_args(Kind))}", _is_one_of(Kind)),
    (
        "slug",
        "1 to 64 lower-case letters, digits, `-` and `_`, as in `every-night`",
        lambda value: isinstance(value, str) and SLUG.fullmatch(value) is not None,
    ),
    ("cron", "text", _is_text),
    ("rrule", "text", _is_text),
    ("day_or", "true or false", _is_boolean),
    (
        "interval_us",
        "at least 1 second and at most 100 years, in microseconds",
        _is_integer(INTERVAL_MIN, INTERVAL_MAX, optional=True),
    ),
    ("timezone", "the name of an IANA zone", lambda value: isinstance(value, str)),
    ("parameters", "a mapping of names to values", lambda value: isinstance(value, Mapping)),
    ("active", "true or false", _is_boolean),
    ("catchup", f"one of {', '.join(get_args(Catchup))}", _is_one_of(Catchup)),
    ("catchup_limit", f"a number from 1 to {CATCHUP_MAX:,}", _is_integer(1, CATCHUP_MAX)),
    ("jitter_us", "from 0 to 7 days, in microseconds", _is_integer(0, JITTER_MAX)),
    ("overlap", f"one of {', '.join(get_args(Overlap))}", _is_one_of(Overlap)),
    ("anchor_us", "a time from 1900 to 9989", _A_MOMENT),
    ("start_us", "a time from 1900 to 9989", _A_MOMENT),
    ("end_us", "a time from 1900 to 9989", _A_MOMENT),
)
"""What each field must be; checked in this order."""


def _microseconds(name: str, span: timedelta | float) -> int:
    if isinstance(span, bool) or not isinstance(span, timedelta | int | float):
        raise ScheduleInvalid(name, span, "must be a timedelta or a number of seconds")
    try:
        return (span if isinstance(span, timedelta) else timedelta(seconds=span)) // timedelta(microseconds=1)
    except (OverflowError, ValueError):
        raise ScheduleInvalid(name, span, "is no length of time that can be waited for") from None


def _moment(name: str, given: datetime | None, timezone: str) -> int | None:
    if given is None:
        return None
    if not isinstance(given, datetime):
        raise ScheduleInvalid(name, given, "must be a datetime")
    if given.tzinfo is None:
        return one_moment(given, find_zone(timezone))
    return (given - EPOCH_UTC) // timedelta(microseconds=1)


def _as_text(at: int) -> str:
    return (EPOCH_UTC + timedelta(microseconds=at)).isoformat()
