"""The ticks of a schedule: when it fires, which period each tick stands for, and which missed ones still run.

Pure: `now` is handed in. A tick is at one moment only, however often it is computed and in which order.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice, takewhile

from penstock.core.schedules import Schedule
from penstock.core.wallclock import SECOND

GRACE = 60 * SECOND
"""A tick that is no later than this is on time, and not missed."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A time at which a schedule fires, and the period since the time before; the run starts when the period ends."""

    at: int
    period_start: int
    period_end: int


def ticks(schedule: Schedule, after: int) -> Iterator[Tick]:
    """Ticks strictly after `after`, ascending, from the schedule's start to its end.

    The first period begins where the schedule would have fired before, even if that is before its start. A rule that
    begins with its first tick (RRULE's DTSTART) has a first period as long as its second.

    >>> from penstock.core.schedules import Interval
    >>> next(ticks(Interval(60), after=0))
    Tick(at=60000000, period_start=0, period_end=60000000)
    """
    previous: int | None = None
    for at in _moments(schedule, after):
        if previous is None:
            previous = _previous(schedule, at)
        yield Tick(at, period_start=previous, period_end=at)
        previous = at


def next_tick(schedule: Schedule, after: int) -> Tick | None:
    """The first tick after `after`, if there is one."""
    return next(ticks(schedule, after), None)


def due(schedule: Schedule, last: int, now: int) -> list[Tick]:
    """The ticks after `last` and up to `now` that are to run, oldest first.

    If none is late by more than `GRACE` nothing was missed, and all run. Else it is as `catchup` says: `skip`, the newest
    if it is on time; `latest`, the newest; `all`, up to `catchup_limit`, the oldest ones. None if `now` is not after
    `last`: clocks that step back repeat nothing.
    """
    if not schedule.active or now <= last:
        return []
    first = next_tick(schedule, last)
    if first is None or first.at > now:
        return []
    missed = takewhile(lambda tick: tick.at <= now, ticks(schedule, last))
    if first.at >= now - GRACE:
        return list(missed)
    if schedule.catchup == "all":
        return list(islice(missed, schedule.catchup_limit))
    newest = _newest(schedule, now)
    return [newest] if schedule.catchup == "latest" or newest.at >= now - GRACE else []


def jittered(tick: Tick, schedule: Schedule, key: str) -> int:
    """When the run of a tick is to start: up to `jitter_us` later, always the same for the same key."""
    if schedule.jitter_us <= 0:
        return tick.at
    drawn = int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big")
    return tick.at + drawn % schedule.jitter_us


def _moments(schedule: Schedule, after: int) -> Iterator[int]:
    if schedule.start_us is not None:
        after = max(after, schedule.start_us - 1)
    moments = schedule.recurrence.after(after)
    end = schedule.end_us
    return moments if end is None else takewhile(lambda at: at <= end, moments)


def _previous(schedule: Schedule, at: int) -> int:
    """When the schedule fired, or would have fired, before its tick `at`."""
    before = schedule.recurrence.before(at)
    if before is not None:
        return before
    following = next(schedule.recurrence.after(at), at)
    return 2 * at - following


def _newest(schedule: Schedule, now: int) -> Tick:
    """The last tick up to `now`; there is one."""
    upto = now if schedule.end_us is None else min(now, schedule.end_us)
    at = schedule.recurrence.before(upto + 1)
    assert at is not None
    return Tick(at, period_start=_previous(schedule, at), period_end=at)
