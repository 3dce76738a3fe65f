"""Spans of time and schedules as people write them in a file or on a command line."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from penstock.core.errors import ScheduleInvalid
from penstock.core.schedules import Cron, Interval, RRule, Schedule

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(seconds?|secs?|s|minutes?|mins?|m|hours?|h|days?|d|weeks?|w)", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_OPTIONS = ("slug", "parameters", "active", "catchup", "catchup_limit", "overlap")
_MOMENTS = ("start", "end")
_RULES = ("cron", "interval", "rrule")
KNOWN = (*_RULES, "day_or", "anchor", "anchor_date", "timezone", "jitter", *_OPTIONS, *_MOMENTS)


def parse_span(text: str | float) -> timedelta:
    """Read a span: a number of seconds, or `90s`, `15m`, `1h30m`, `2 days`. Raises `ValueError`.

    >>> parse_span("1h30m"), parse_span(90)
    (datetime.timedelta(seconds=5400), datetime.timedelta(seconds=90))
    """
    if isinstance(text, int | float) and not isinstance(text, bool):
        return timedelta(seconds=text)
    wanted = str(text).strip()
    if re.fullmatch(r"\d+(\.\d+)?", wanted):
        return timedelta(seconds=float(wanted))
    found = _SPAN.findall(wanted)
    if not found or _SPAN.sub("", wanted).strip(" ,"):
        raise ValueError(f"`{text}` is no span of time: write seconds, or `90s`, `15m`, `1h30m`, `2d`")
    return timedelta(seconds=sum(float(number) * _SECONDS[unit[0].lower()] for number, unit in found))


def parse_schedule(said: Mapping[str, Any]) -> Schedule:
    """A schedule from the keys that `penstock.yaml` has for it; None says nothing. Raises `ScheduleInvalid`.

    >>> parse_schedule({"cron": "0 5 1 * *", "timezone": "Europe/Berlin"}).rule
    '0 5 1 * *'
    """
    said = {key: value for key, value in said.items() if value is not None}
    for key in said:
        if key not in KNOWN:
            near = get_close_matches(str(key), KNOWN, n=1)
            hint = f"; did you mean `{near[0]}`?" if near else f"; there are {', '.join(KNOWN)}"
            raise ScheduleInvalid(str(key), None, f"is no part of a schedule{hint}")
    rules = [rule for rule in _RULES if rule in said]
    if len(rules) != 1:
        problem = "is there besides another rule" if rules else "is missing, and so are `interval` and `rrule`"
        raise ScheduleInvalid(rules[-1] if rules else "cron", None, f"{problem}: a schedule has one of them")
    rule, timezone = rules[0], said.get("timezone", "UTC")
    options: dict[str, Any] = {key: said[key] for key in _OPTIONS if key in said}
    options |= {key: _moment(key, said[key]) for key in _MOMENTS if key in said}
    if "jitter" in said:
        options["jitter"] = _span("jitter", said["jitter"])
    for key, owner in (("day_or", "cron"), ("anchor", "interval"), ("anchor_date", "interval")):
        if key in said and rule != owner:
            raise ScheduleInvalid(key, said[key], f"has no place beside `{rule}`")
    if not isinstance(timezone, str):
        raise ScheduleInvalid("timezone", timezone, "must be the name of an IANA zone")
    if rule == "cron":
        return Cron(_text("cron", said["cron"]), timezone=timezone, day_or=said.get("day_or", True), **options)
    if rule == "rrule":
        return RRule(_text("rrule", said["rrule"]), timezone=timezone, **options)
    anchor = said.get("anchor", said.get("anchor_date"))
    begin = None if anchor is None else _moment("anchor", anchor)
    return Interval(_span("interval", said["interval"]), begin, timezone=timezone, **options)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ScheduleInvalid(name, value, "must be text")
    return value


def _span(name: str, value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    try:
        return parse_span(value)
    except (ValueError, OverflowError) as error:
        raise ScheduleInvalid(name, value, str(error)) from None


def _moment(name: str, value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        raise ScheduleInvalid(
            name, value, "must be a date, with or without a time, such as `2024-05-01T10:00`"
        ) from None
