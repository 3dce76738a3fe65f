"""Moments to come, as people write them: `2026-05-01T10:00`, `18:30`, `tomorrow 9am`, `monday 07:15`, `in 2h`. Pure."""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from penstock.deployments.spans import parse_span

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TIMES = {"noon": time(12), "midday": time(12), "midnight": time(0)}
_CLOCK = re.compile(r"(\d{1,2})(?::(\d{2})(?::(\d{2}))?)?\s*(am|pm)?", re.IGNORECASE)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EXPECTED = (
    "write a date with or without a time (`2026-05-01T10:00`, with an offset if it is not your zone), a time (`18:30`, `9am`), a day "
    "and a time (`tomorrow 9am`, `monday 07:15`), or a span (`in 2h`)"
)


def parse_moment_ahead(text: str, *, now: int, zone: tzinfo | None = None) -> int:
    """Read a moment as microseconds UTC; without an offset it is in `zone`, by default the reader's.

    A time alone is its next occurrence, a weekday the next one, a day alone its midnight. Raises `ValueError`.

    >>> parse_moment_ahead("in 1h30m", now=0), parse_moment_ahead("1970-01-02", now=0, zone=UTC)
    (5400000000, 86400000000)
    >>> parse_moment_ahead("9am", now=10 * 3_600_000_000, zone=UTC) // 3_600_000_000
    33
    """
    wanted = " ".join(text.strip().lower().replace(",", " ").replace(" at ", " ").split())
    span = wanted.removeprefix("in ").removesuffix(" from now")
    if span != wanted:
        return now + _as_microseconds(span, text)
    if wanted == "now":
        return now
    moment = _parse_iso(text.strip())
    here = (_EPOCH + timedelta(microseconds=now)).astimezone(zone)
    if moment is None:
        moment = _parse_words(wanted, here)
    if moment is None:
        raise ValueError(f"`{text}` is no moment: {EXPECTED}")
    if moment.tzinfo is None:
        moment = moment.astimezone() if zone is None else moment.replace(tzinfo=zone)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _as_microseconds(span: str, text: str) -> int:
    try:
        return parse_span(span) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        raise ValueError(f"`{text}` is no moment: {EXPECTED}") from None


def _parse_iso(text: str) -> datetime | None:
    if not re.match(r"\d{4}-?\d{2}", text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _parse_words(wanted: str, here: datetime) -> datetime | None:
    words = wanted.split()
    day: date | None = None
    rest = []
    for word in words:
        found = _parse_day(word, here.date())
        if found is not None and day is None:
            day = found
        elif word != "next":
            rest.append(word)
    clock = _parse_clock(" ".join(rest)) if rest else time(0)
    if clock is None or (day is None and not rest):
        return None
    if day is not None:
        return datetime.combine(day, clock)
    today = datetime.combine(here.date(), clock)
    return today if today > here.replace(tzinfo=None) else today + timedelta(days=1)


def _parse_day(word: str, today: date) -> date | None:
    if word in ("today", "tomorrow"):
        return today + timedelta(days=int(word == "tomorrow"))
    names = [name for name in WEEKDAYS if len(word) >= 3 and name.startswith(word)]
    if len(names) == 1:
        ahead = (WEEKDAYS.index(names[0]) - today.weekday()) % 7
        return today + timedelta(days=ahead or 7)
    try:
        return date.fromisoformat(word) if "-" in word else None
    except ValueError:
        return None


def _parse_clock(text: str) -> time | None:
    if text in _TIMES:
        return _TIMES[text]
    found = _CLOCK.fullmatch(text)
    if found is None or (found[2] is None and found[4] is None):
        return None
    hour, minute, second = int(found[1]), int(found[2] or 0), int(found[3] or 0)
    if found[4]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found[4].lower() == "pm" else 0)
    return time(hour, minute, second) if hour < 24 and minute < 60 and second < 60 else None
