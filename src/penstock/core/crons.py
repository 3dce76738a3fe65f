"""Cron expressions: which wall times they name. What becomes of them where clocks change is in `recurrences.py`.

`cronsim` reads the fields and matches days (L, LW, `MON#2`, `MONL`); times within a day are few and simply listed.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from datetime import MAXYEAR, date, datetime, time, timedelta
from functools import lru_cache

from cronsim import CronSim, CronSimError

from penstock.core.errors import ScheduleInvalid
from penstock.core.wallclock import EPOCH

CRON_LENGTH_MAX = 400
SEARCH_DAYS_MAX = 366 * 50
"""29 February on a Monday can be 40 years away; what does not come within 50 years never comes."""
FIELDS = (
    ("minute", "0–59"),
    ("hour", "0–23"),
    ("day of month", "1–31, `L` or `LW`"),
    ("month", "1–12 or JAN–DEC"),
    ("day of week", "0–7 or SUN–SAT, `MON#2`, `FRIL`"),
)
NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}

_ANY_DAY = EPOCH
_ONE_DAY, _NEXT_MONTH = timedelta(days=1), timedelta(days=32)


@dataclass(frozen=True, slots=True)
class CronWalls:
    """The wall times of a cron expression."""

    minutes_of_day: tuple[int, ...]
    days: CronSim
    every_hour: bool
    """Whether the hour field names all hours: then each real hour counts, whatever the clocks do."""

    def after(self, wall: datetime) -> Iterator[datetime]:
        """Those after `wall`, ascending; they end if 50 years bring none."""
        begun = bisect_right(self.minutes_of_day, wall.hour * 60 + wall.minute)
        for day in self._matching_days(wall.date(), forward=True):
            for minute in self.minutes_of_day[begun if day == wall.date() else 0 :]:
                yield datetime.combine(day, time(minute // 60, minute % 60))

    def before(self, wall: datetime) -> Iterator[datetime]:
        """Those before `wall`, descending."""
        left = bisect_left(self.minutes_of_day, wall.hour * 60 + wall.minute + (wall.second + wall.microsecond > 0))
        for day in self._matching_days(wall.date(), forward=False):
            for minute in reversed(self.minutes_of_day[: left if day == wall.date() else None]):
                yield datetime.combine(day, time(minute // 60, minute % 60))

    def _matching_days(self, day: date, *, forward: bool) -> Iterator[date]:
        last = day
        while abs((day - last).days) <= SEARCH_DAYS_MAX and day.year < MAXYEAR:
            if day.month not in self.days.months:
                first = day.replace(day=1)
                day = (first + _NEXT_MONTH).replace(day=1) if forward else first - _ONE_DAY
                continue
            if self.days.match_day(day):
                yield day
                last = day
            day += _ONE_DAY if forward else -_ONE_DAY


@lru_cache(maxsize=16_384)
def parse_cron(cron: str, day_or: bool = True) -> CronWalls:
    """Read an expression of five fields, or a nickname like `@daily`. Raises `ScheduleInvalid`, naming the field.

    With `day_or` a day that matches either the day of month or the day of week will do, if both are restricted.
    """
    parts = _split(cron)
    parsed = _parse(" ".join(parts), cron, parts)
    if not day_or:
        parsed = copy(parsed)
        parsed.day_and = True
    return CronWalls(
        minutes_of_day=_minutes_of_day(tuple(sorted(parsed.minutes)), tuple(sorted(parsed.hours))),
        days=parsed,
        every_hour=len(parsed.hours) == 24,
    )


def _split(cron: str) -> list[str]:
    if not isinstance(cron, str):
        raise ScheduleInvalid("cron", cron, 'must be text, as in "5 4 * * *"')
    if len(cron) > CRON_LENGTH_MAX:
        raise ScheduleInvalid("cron", cron, f"is longer than {CRON_LENGTH_MAX} characters")
    stripped = cron.strip().lower()
    if stripped.startswith("@"):
        if stripped not in NICKNAMES:
            raise ScheduleInvalid("cron", cron, f"is no nickname; there are {', '.join(NICKNAMES)}")
        return NICKNAMES[stripped].split()
    parts = cron.split()
    if len(parts) != len(FIELDS):
        names = ", ".join(name for name, _ in FIELDS)
        hint = "; for seconds use an interval" if len(parts) == 6 else ""
        raise ScheduleInvalid("cron", cron, f"has {len(parts)} fields, not the five: {names}{hint}")
    return parts


def _parse(expression: str, cron: str, parts: list[str]) -> CronSim:
    try:
        return CronSim(expression, _ANY_DAY)
    except (CronSimError, AssertionError, TypeError, ValueError):
        raise ScheduleInvalid("cron", cron, _blame(parts)) from None


def _blame(parts: list[str]) -> str:
    """Say which field is wrong: each is tried alone."""
    for position, (part, (name, allowed)) in enumerate(zip(parts, FIELDS, strict=True)):
        alone = ["*"] * len(parts)
        alone[position] = part
        try:
            CronSim(" ".join(alone), _ANY_DAY)
        except (CronSimError, AssertionError, TypeError, ValueError):
            return f"cannot be read: the {name} `{part}` must be made of {allowed}, with `,` `-` `*` and `/`"
    return f"never fires: no such month has a day {parts[2]}"


@lru_cache(maxsize=1_024)
def _minutes_of_day(minutes: tuple[int, ...], hours: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(hour * 60 + minute for hour in hours for minute in minutes)
