"""When a schedule fires, as moments: wall times of a cron or RRULE set against the changes of clocks, and intervals.

The rules where clocks change, for all that goes by the wall clock (crons but for hourly ones, RRULEs, intervals of
whole days): a time that never comes fires once, when the clocks jump over it; a time that comes twice fires the first
time. A cron that names all hours fires at each moment when clocks show its minute, hidden and repeated hours or not.
Intervals of hours, minutes and seconds keep to elapsed time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Protocol

from penstock.core.crons import parse_cron
from penstock.core.rrules import BEGIN_DEFAULT, parse_rrule
from penstock.core.wallclock import (
    DAY,
    MOMENT_MAX,
    MOMENT_MIN,
    all_moments,
    as_wall,
    find_zone,
    one_moment,
    repeated_around,
)


class Recurrence(Protocol):
    """Moments that recur."""

    def after(self, at: int) -> Iterator[int]:
        """Moments after `at`, ascending, none twice."""

    def before(self, at: int) -> int | None:
        """The last moment before `at`."""


class Walls(Protocol):
    """Wall times that recur."""

    def after(self, wall: datetime) -> Iterator[datetime]:
        """Those after `wall`, ascending."""

    def before(self, wall: datetime) -> Iterator[datetime]:
        """Those before `wall`, descending."""


@lru_cache(maxsize=16_384)
def recurrence_of(
    *,
    kind: str,
    cron: str | None,
    day_or: bool,
    interval_us: int | None,
    anchor_us: int | None,
    rrule: str | None,
    timezone: str,
) -> Recurrence:
    """What a schedule's fields say. Raises `ScheduleInvalid`."""
    zone = find_zone(timezone)
    if kind == "cron":
        assert cron is not None
        walls = parse_cron(cron, day_or)
        return EachShown(walls, zone) if walls.every_hour else OnceEach(walls, zone)
    if kind == "rrule":
        assert rrule is not None
        return OnceEach(parse_rrule(rrule, timezone), zone)
    assert interval_us is not None
    anchor = one_moment(BEGIN_DEFAULT, zone) if anchor_us is None else anchor_us
    if interval_us % DAY == 0:
        return OnceEach(EveryDays(as_wall(anchor, zone), timedelta(microseconds=interval_us)), zone)
    return Elapsed(anchor, interval_us)


@dataclass(frozen=True, slots=True)
class Elapsed:
    """Moments a fixed time apart, before the anchor as well."""

    anchor: int
    interval: int

    def after(self, at: int) -> Iterator[int]:
        """Moments after `at`."""
        moment = at + self.interval - (at - self.anchor) % self.interval
        while moment < MOMENT_MAX:
            yield moment
            moment += self.interval

    def before(self, at: int) -> int | None:
        """The last moment before `at`."""
        return at - 1 - (at - 1 - self.anchor) % self.interval


@dataclass(frozen=True, slots=True)
class EveryDays:
    """The same wall time every so many days, before the anchor as well."""

    anchor: datetime
    days: timedelta

    def after(self, wall: datetime) -> Iterator[datetime]:
        """Those after `wall`."""
        steps = (wall - self.anchor) // self.days + 1
        while True:
            try:
                yield self.anchor + steps * self.days
            except OverflowError:  # the end of Python's calendar
                return
            steps += 1

    def before(self, wall: datetime) -> Iterator[datetime]:
        """Those before `wall`."""
        steps = -((self.anchor - wall) // self.days) - 1
        while True:
            try:
                yield self.anchor + steps * self.days
            except OverflowError:
                return
            steps -= 1


@dataclass(frozen=True, slots=True)
class OnceEach:
    """Each wall time fires exactly once. Moments ascend as wall times do, so equal ones are neighbours."""

    walls: Walls
    zone: tzinfo

    def after(self, at: int) -> Iterator[int]:
        """Moments after `at`."""
        at = max(at, MOMENT_MIN)
        if at >= MOMENT_MAX:
            return
        for wall in self.walls.after(as_wall(at, self.zone)):
            moment = one_moment(wall, self.zone) if wall.year < 9_999 else MOMENT_MAX
            if moment >= MOMENT_MAX:
                return
            if moment > at:
                yield moment
                at = moment

    def before(self, at: int) -> int | None:
        """The last moment before `at`."""
        if not MOMENT_MIN <= at <= MOMENT_MAX:
            return None
        for wall in self.walls.before(as_wall(at, self.zone) + repeated_around(at, self.zone)):
            if wall.year < 1_900:
                return None
            moment = one_moment(wall, self.zone)
            if moment < at:
                return moment
        return None


@dataclass(frozen=True, slots=True)
class EachShown:
    """Every moment at which clocks show one of the wall times: none where they are jumped over, two where repeated."""

    walls: Walls
    zone: tzinfo

    def after(self, at: int) -> Iterator[int]:
        """Moments after `at`. The second ones of repeated wall times wait until the first ones are through."""
        at = max(at, MOMENT_MIN)
        if at >= MOMENT_MAX:
            return
        second: list[int] = []
        for wall in self.walls.after(as_wall(at, self.zone) - repeated_around(at, self.zone)):
            if wall.year >= 9_990:
                break
            moments = all_moments(wall, self.zone)
            if len(moments) < 2:
                yield from (moment for moment in second if moment > at)
                second.clear()
            else:
                second.append(moments[1])
            if moments and moments[0] > at:
                yield moments[0]
        yield from (moment for moment in second if moment > at)

    def before(self, at: int) -> int | None:
        """The last moment before `at`. Among repeated wall times it may belong to an earlier one's second coming."""
        if not MOMENT_MIN <= at <= MOMENT_MAX:
            return None
        latest: int | None = None
        for wall in self.walls.before(as_wall(at, self.zone) + repeated_around(at, self.zone)):
            if wall.year < 1_900:
                return latest
            moments = all_moments(wall, self.zone)
            known = [moment for moment in moments if moment < at]
            latest = max(known + ([] if latest is None else [latest]), default=None)
            if latest is not None and len(moments) < 2:
                return latest
        return latest
