"""Between moments (microseconds UTC) and what the clocks on the wall show in a zone.

Where clocks go forward, some wall times never come; where they go back, some come twice. Wall times are datetimes
without a zone. Nothing here knows what the time is now.
"""

from datetime import UTC, datetime, timedelta, tzinfo
from difflib import get_close_matches
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from penstock.core.errors import ScheduleInvalid

MICROSECOND = timedelta(microseconds=1)
SECOND, DAY = 1_000_000, 86_400_000_000
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  without a zone, as all wall times here
EPOCH_UTC = EPOCH.replace(tzinfo=UTC)
MOMENT_MIN = (EPOCH.replace(year=1900) - EPOCH) // MICROSECOND
MOMENT_MAX = (EPOCH.replace(year=9990) - EPOCH) // MICROSECOND
"""Beyond these nothing is computed: a year later, Python's calendar ends."""
NEAR_MAX = 3


@lru_cache(maxsize=1_024)
def find_zone(name: str) -> tzinfo:
    """The zone of an IANA name. Raises `ScheduleInvalid`, with near names."""
    if name == "UTC":
        return UTC  # known even where no time zones are installed
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError, TypeError):
        raise ScheduleInvalid("timezone", name, _near_zones(name)) from None


def as_wall(at: int, zone: tzinfo) -> datetime:
    """What clocks show at a moment; `fold` is 1 if they have shown it before.

    >>> as_wall(0, find_zone("Asia/Kolkata")).isoformat()
    '1970-01-01T05:30:00'
    """
    return (EPOCH_UTC + timedelta(microseconds=at)).astimezone(zone).replace(tzinfo=None)


def offset_at(at: int, zone: tzinfo) -> int:
    """How far clocks are ahead of UTC at a moment, in microseconds."""
    return (as_wall(at, zone) - EPOCH) // MICROSECOND - at


def all_moments(wall: datetime, zone: tzinfo) -> tuple[int, ...]:
    """The moments at which clocks show `wall`: none, one or two, in order."""
    first, second = _offsets(wall, zone)
    at = (wall - EPOCH) // MICROSECOND
    if first == second:
        return (at - first,)
    return () if first < second else (at - first, at - second)


def one_moment(wall: datetime, zone: tzinfo) -> int:
    """The moment that `wall` stands for: the first of two; if it never comes, the moment when the clocks jump over it."""
    first, second = _offsets(wall, zone)
    at = (wall - EPOCH) // MICROSECOND
    return at - first if first >= second else _find_jump(at - second, at - first, zone)


def repeated_around(at: int, zone: tzinfo) -> timedelta:
    """How much of the day around a moment clocks show twice; zero on all but a day or two of a year."""
    return max(offset_at(at - DAY, zone) - offset_at(at + DAY, zone), 0) * MICROSECOND


def _offsets(wall: datetime, zone: tzinfo) -> tuple[int, int]:
    """Offsets before and after the change of clocks that `wall` falls into; equal if it falls into none."""
    first = wall.replace(tzinfo=zone, fold=0).utcoffset()
    second = wall.replace(tzinfo=zone, fold=1).utcoffset()
    assert first is not None
    assert second is not None
    return first // MICROSECOND, second // MICROSECOND


def _find_jump(before: int, after: int, zone: tzinfo) -> int:
    """The first moment with the offset that holds at `after`, by halving; changes of clocks fall on whole seconds."""
    low, high, offset = before // SECOND, after // SECOND, offset_at(after, zone)
    while high - low > 1:
        middle = (low + high) // 2
        if offset_at(middle * SECOND, zone) == offset:
            high = middle
        else:
            low = middle
    return high * SECOND


def _near_zones(name: object) -> str:
    known = available_timezones()
    if not known:
        return "cannot be looked up: no time zones are installed here; `pip install tzdata` brings them"
    by_folded = {zone.casefold(): zone for zone in known}
    by_folded.update({zone.rpartition("/")[2].casefold(): zone for zone in sorted(known)})
    wanted = str(name).casefold().replace(" ", "_")
    near = list(dict.fromkeys(by_folded[folded] for folded in get_close_matches(wanted, by_folded, n=NEAR_MAX)))
    if near:
        return f"is no time zone; did you mean {' or '.join(f'`{zone}`' for zone in near)}?".rstrip("?")
    return "is no time zone; write the name of an IANA zone, as in `Europe/Berlin` or `UTC`"
