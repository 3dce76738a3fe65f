"""Recurrence rules of iCalendar (RFC 5545): which wall times they name. `dateutil` does the reckoning.

A text may hold one rule, or lines: DTSTART, RRULE (several), RDATE, EXDATE. All times in it are wall times of
the schedule's zone; times in UTC (`...Z`) are translated. Without DTSTART rules begin on Monday, 1 January 2001, 00:00.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from penstock.core.errors import ScheduleInvalid
from penstock.core.wallclock import EPOCH, MICROSECOND, as_wall, find_zone

if TYPE_CHECKING:
    from dateutil.rrule import rrule

RRULE_LENGTH_MAX = 4_000
COUNT_MAX = 10_000
BEGIN_DEFAULT = EPOCH.replace(year=2001)
LOOK_BACK_GROWTH = 8
WINDOW_DEFAULT = timedelta(days=62)

STEPS: Mapping[str, timedelta | int] = {
    "SECONDLY": timedelta(seconds=1),
    "MINUTELY": timedelta(minutes=1),
    "HOURLY": timedelta(hours=1),
    "DAILY": timedelta(days=1),
    "WEEKLY": timedelta(weeks=1),
    "MONTHLY": 1,
    "YEARLY": 12,
}
"""The time between two candidates of a rule; an integer counts months."""
LAST_DAY_OF_ALL_MONTHS = 28
DAY_FILTERS = ("BYMONTH", "BYMONTHDAY", "BYDAY", "BYYEARDAY", "BYWEEKNO", "BYEASTER")

_IN_UTC = re.compile(r"\b(\d{8}T\d{6})Z\b")
_LINE = re.compile(r"(RRULE|RDATE|EXDATE|DTSTART)((?:;[^:]*)?):(.+)", re.IGNORECASE)
_DATE_FORMATS = ("%Y%m%dT%H%M%S", "%Y%m%dT%H%M", "%Y%m%d")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Where it may, it begins anew close to the time that is asked about: its past need not be counted."""

    rule: "rrule"
    begin: datetime
    step: timedelta | int | None
    """The time between two of its candidates (an integer: months); none if it must be counted from its beginning."""

    def beginning_before(self, wall: datetime) -> "rrule":
        """The rule as it goes on around `wall`; what it names less than two steps before and later is right."""
        if self.step is None:
            return self.rule
        if isinstance(self.step, timedelta):
            steps = (wall - self.begin) // self.step - 2
            return self.rule if steps <= 0 else self.rule.replace(dtstart=self.begin + steps * self.step)
        months = (wall.year - self.begin.year) * 12 + wall.month - self.begin.month
        months = (months // self.step - 2) * self.step
        return self.rule if months <= 0 else self.rule.replace(dtstart=_months_after(self.begin, months))


@dataclass(frozen=True, slots=True)
class RRuleWalls:
    """The wall times of a text of rules."""

    rules: tuple[Rule, ...]
    rdates: tuple[datetime, ...]
    exdates: tuple[datetime, ...]

    def after(self, wall: datetime) -> Iterator[datetime]:
        """Those after `wall`, ascending."""
        from dateutil.rrule import rruleset  # lazy: dateutil, 25 ms

        found = rruleset()
        for rule in self.rules:
            found.rrule(rule.beginning_before(wall))
        for date in self.rdates:
            found.rdate(date)
        for date in self.exdates:
            found.exdate(date)
        try:
            yield from (each for each in found if each > wall)
        except ValueError:  # dateutil has found out that interval and filters never meet
            return

    def before(self, wall: datetime) -> Iterator[datetime]:
        """Those before `wall`, descending."""
        while True:
            latest = self._latest_before(wall)
            if latest is None:
                return
            yield latest
            wall = latest

    def _latest_before(self, wall: datetime) -> datetime | None:
        """Look into a window that grows until something is in it: no rule tells how far back its last time lies."""
        begin = min([rule.begin for rule in self.rules] + list(self.rdates))
        window = min((rule.step for rule in self.rules if isinstance(rule.step, timedelta)), default=WINDOW_DEFAULT)
        while True:
            opening = max(wall - window, begin - timedelta(seconds=1))
            latest = None
            for each in self.after(opening):
                if each >= wall:
                    break
                latest = each
            if latest is not None or opening < begin:
                return latest
            window *= LOOK_BACK_GROWTH


@lru_cache(maxsize=4_096)
def parse_rrule(text: str, timezone: str) -> RRuleWalls:
    """Read a text of rules. Raises `ScheduleInvalid`."""
    if not isinstance(text, str) or not text.strip():
        raise ScheduleInvalid(
            "rrule", text, 'must be text, as in "FREQ=WEEKLY;BYDAY=MO;BYHOUR=5;BYMINUTE=0;BYSECOND=0"'
        )
    if len(text) > RRULE_LENGTH_MAX:
        raise ScheduleInvalid("rrule", text, f"is longer than {RRULE_LENGTH_MAX} characters")
    lines = list(_lines(_in_wall_time(text, timezone)))
    begin = _begin(lines, text, timezone)
    rules = tuple(_rule(value, begin, text) for key, _, value in lines if key == "RRULE")
    dates = {
        name: tuple(sorted(date for key, _, value in lines if key == name for date in _dates(value, text)))
        for name in ("RDATE", "EXDATE")
    }
    if not rules and not dates["RDATE"]:
        raise ScheduleInvalid("rrule", text, "holds no RRULE and no RDATE")
    return RRuleWalls(rules, dates["RDATE"], dates["EXDATE"])


def _in_wall_time(text: str, timezone: str) -> str:
    zone = find_zone(timezone)

    def translate(found: re.Match[str]) -> str:
        try:
            utc = _as_date(found[1], _DATE_FORMATS[0])
        except ValueError:
            raise ScheduleInvalid("rrule", text, f"holds `{found[0]}`, which is no time") from None
        return as_wall((utc - EPOCH) // MICROSECOND, zone).strftime(_DATE_FORMATS[0])

    return _IN_UTC.sub(translate, text.upper())


def _lines(text: str) -> Iterator[tuple[str, str, str]]:
    """Name, parameters and value of each line; long lines may be folded as the RFC says."""
    for line in re.sub(r"\r?\n[ \t]", "", text).split("\n"):
        stripped = line.strip()
        found = _LINE.fullmatch(stripped)
        if found:
            yield found[1], found[2], found[3]
        elif stripped.startswith("FREQ=") or (stripped and "=" in stripped and ":" not in stripped):
            yield "RRULE", "", stripped
        elif stripped:
            raise ScheduleInvalid("rrule", stripped, "is no line of DTSTART, RRULE, RDATE or EXDATE")


def _begin(lines: list[tuple[str, str, str]], text: str, timezone: str) -> datetime | None:
    for _, parameters, _ in lines:
        zone = re.search(r"TZID=([^;]*)", parameters)
        if zone and zone[1] != timezone.upper():
            raise ScheduleInvalid(
                "rrule",
                text,
                f"names the zone {zone[1].title()}, and the schedule's is {timezone}: set `timezone` to it",
            )
    begins = [date for key, _, value in lines if key == "DTSTART" for date in _dates(value, text)]
    if len(begins) > 1:
        raise ScheduleInvalid("rrule", text, "has more than one DTSTART")
    return begins[0] if begins else None


def _dates(value: str, text: str) -> Iterator[datetime]:
    for one in value.split(","):
        for form in _DATE_FORMATS:
            try:
                yield _as_date(one.strip(), form)
                break
            except ValueError:
                continue
        else:
            raise ScheduleInvalid("rrule", text, f"holds `{one}`, which is no time; write 20240131T050000")


def _as_date(text: str, form: str) -> datetime:
    return datetime.strptime(text, form)  # noqa: DTZ007  a wall time


def _rule(value: str, begin: datetime | None, text: str) -> Rule:
    from dateutil.rrule import rrule, rrulestr  # lazy: dateutil, 25 ms

    parts = dict(_part(part, text) for part in value.split(";") if part)
    frequency = parts.get("FREQ", "")
    if frequency not in STEPS:
        raise ScheduleInvalid("rrule", text, f"needs FREQ, one of {', '.join(STEPS)}")
    _check_extent(parts, text, begin_given=begin is not None)
    begin = begin or BEGIN_DEFAULT
    try:
        made = rrulestr(";".join(f"{key}={said}" for key, said in parts.items()), dtstart=begin)
    except (ValueError, TypeError, AttributeError, IndexError, OverflowError) as error:
        raise ScheduleInvalid("rrule", text, f"cannot be read: {error}") from error
    assert isinstance(made, rrule)
    step = STEPS[frequency] * int(parts.get("INTERVAL", "1"))
    counted = "COUNT" in parts or (isinstance(step, int) and begin.day > LAST_DAY_OF_ALL_MONTHS)
    return Rule(made, begin, None if counted else step)


def _months_after(begin: datetime, months: int) -> datetime:
    whole = begin.year * 12 + begin.month - 1 + months
    return begin.replace(year=whole // 12, month=whole % 12 + 1)


def _part(part: str, text: str) -> tuple[str, str]:
    key, equals, value = part.partition("=")
    if not equals or not value:
        raise ScheduleInvalid("rrule", text, f"holds `{part}`, which is not of the form NAME=VALUE")
    return ("BYDAY" if key.strip() == "BYWEEKDAY" else key.strip()), value.strip()


def _check_extent(parts: Mapping[str, str], text: str, *, begin_given: bool) -> None:
    """Refuse what nobody could wait for."""
    for key in ("COUNT", "INTERVAL"):
        said = parts.get(key, "1")
        if not said.isascii() or not said.isdigit() or not 1 <= int(said) <= COUNT_MAX:
            raise ScheduleInvalid("rrule", text, f"has {key}={said}, which must be a number from 1 to {COUNT_MAX:,}")
    if "COUNT" in parts and not begin_given:
        raise ScheduleInvalid("rrule", text, "counts with COUNT, but says not from when: add a DTSTART line")
    filters = {key: said for key, said in parts.items() if key in DAY_FILTERS}
    if filters and parts["FREQ"] == "SECONDLY":
        raise ScheduleInvalid(
            "rrule", text, "picks days for FREQ=SECONDLY, which is too much to count; use FREQ=MINUTELY"
        )
    if "BYSETPOS" in parts and parts["FREQ"] not in ("WEEKLY", "MONTHLY", "YEARLY"):
        raise ScheduleInvalid("rrule", text, "picks by BYSETPOS, which needs FREQ=WEEKLY, MONTHLY or YEARLY")
    if filters and not _some_day_matches(filters):
        raise ScheduleInvalid("rrule", text, f"never fires: no day has {', '.join(filters)} as it says")


def _some_day_matches(filters: Mapping[str, str]) -> bool:
    """Whether any day passes all filters; asked of a yearly rule, which looks at whole years at once."""
    from dateutil.rrule import rrulestr  # lazy: dateutil, 25 ms

    plain = ";".join(
        f"{key}={re.sub(r'[+-]?[0-9]+', '', said) if key == 'BYDAY' else said}" for key, said in filters.items()
    )
    try:
        return next(iter(rrulestr(f"FREQ=YEARLY;{plain}", dtstart=BEGIN_DEFAULT)), None) is not None
    except (ValueError, TypeError, AttributeError, IndexError):
        return True  # broken in another way, which the rule itself will say
