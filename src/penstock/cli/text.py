"""How values are written for people, and read from them: harmless text, times, durations, sizes. Pure."""

import json
import math
import re
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

SUGGESTIONS_MAX = 3

# Control characters (C0 but newline and tab, DEL, C1), overrides of the writing direction, lone surrogates: all that
# could move a terminal's cursor, recolour it, retitle it, or show a name as another one.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_BREAKS = re.compile("[\n\t]")
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(s|sec|m|min|h|d|w)", re.IGNORECASE)
_SECONDS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def harmless(text: str) -> str:
    """Show what could command a terminal as text; line breaks and tabs stay.

    >>> harmless("a" + chr(27) + "[2Jb" + chr(0x202E))
    'a\\\\x1b[2Jb\\\\u202e'
    """
    return _UNSAFE.sub(_escape, text)


def harmless_line(text: str) -> str:
    r"""As `harmless`, on one line.

    >>> print(harmless_line("a\nb"))
    a\nb
    """
    return _BREAKS.sub(lambda found: "\\n" if found[0] == "\n" else "\\t", harmless(text))


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def as_json(value: Any, *, indent: int | None = 2, ascii_only: bool = False) -> str:
    r"""Write JSON that is harmless on a terminal and equal when read back.

    >>> print(as_json({"a": chr(0x9B)}, indent=None))
    {"a": "\u009b"}
    """
    try:
        text = json.dumps(value, indent=indent, ensure_ascii=ascii_only, allow_nan=False)
    except ValueError:  # NaN and infinities, which JSON has no word for
        text = json.dumps(_finite(value), indent=indent, ensure_ascii=ascii_only)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def as_iso(at: int | None) -> str | None:
    """Write microseconds UTC as ISO 8601, always with six decimals.

    >>> as_iso(1_700_000_000_000_000)
    '2023-11-14T22:13:20.000000Z'
    """
    if at is None:
        return None
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def as_local_time(at: int | None) -> str:
    """Write microseconds UTC as date and time where the reader is; a dash for none."""
    return "–" if at is None else _local(at).strftime("%Y-%m-%d %H:%M:%S")


def as_moment(at: int | None) -> str:
    """Write when something was in few characters: the time of day, of another day its date with hour and minute."""
    if at is None:
        return "–"
    moment = _local(at)
    is_today = moment.date() == datetime.now(moment.tzinfo).date()
    return moment.strftime("%H:%M:%S" if is_today else "%m-%d %H:%M")


def as_clock(at: int | None) -> str:
    """Write the time of day with milliseconds, for what lies close together; a dash for none."""
    return "–" if at is None else _local(at).strftime("%H:%M:%S.%f")[:-3]


def _local(at: int) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)).astimezone()


def as_duration(microseconds: int | None) -> str:
    """Write a span of time with the two units that matter.

    >>> as_duration(12_000), as_duration(3_210_000), as_duration(125_000_000), as_duration(90_000_000_000)
    ('12 ms', '3.2 s', '2 min 05 s', '1 d 1 h')
    """
    if microseconds is None:
        return "–"
    microseconds = max(microseconds, 0)
    seconds = microseconds / 1_000_000
    if seconds < 1:
        return f"{microseconds / 1_000:.1f} ms" if seconds < 0.01 else f"{int(seconds * 1_000)} ms"
    if seconds < 60:
        return f"{int(seconds * 10) / 10:.1f} s"
    whole = int(seconds)
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 86_400:
        return f"{whole // 3_600} h {whole % 3_600 // 60:02} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3_600} h"


def as_size(count: int) -> str:
    """Write a number of bytes.

    >>> as_size(900), as_size(1_536_000)
    ('900 bytes', '1.5 MB')
    """
    if count < 1_000:
        return f"{count} bytes"
    size = float(count)
    for unit in ("kB", "MB", "GB"):
        size /= 1_000
        if size < 1_000:
            return f"{size:.1f} {unit}"
    return f"{size / 1_000:.1f} TB"


def as_count(number: int, noun: str) -> str:
    """Write how many there are of something.

    >>> as_count(1, "flow run"), as_count(1_200, "flow run")
    ('1 flow run', '1,200 flow runs')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def parse_moment(text: str, *, now: int) -> int:
    """Read a moment as microseconds UTC: a span before `now`, a date, or a date and time (local unless it says).

    >>> parse_moment("1h30m", now=10_000_000_000), parse_moment("1970-01-01T00:01Z", now=0)
    (4600000000, 60000000)
    """
    wanted = text.strip()
    try:
        return now - parse_span(wanted)
    except ValueError:  # no span, then
        pass
    today = _local(now).replace(hour=0, minute=0, second=0, microsecond=0)
    if wanted.lower() in ("today", "yesterday"):
        moment = today if wanted.lower() == "today" else today - timedelta(days=1)
    else:
        try:
            moment = datetime.fromisoformat(wanted)
        except ValueError:
            raise ValueError(
                f"`{text}` is neither a span (`90s`, `30m`, `2h`, `7d`, `1h30m`), nor `today` or `yesterday`, "
                "nor a date (`2024-05-01`, `2024-05-01T10:00+02:00`)"
            ) from None
    return int(moment.timestamp() * 1_000_000)


def parse_span(text: str) -> int:
    """Read a span of time as microseconds. Raises `ValueError`.

    >>> parse_span("15m"), parse_span("1h30m")
    (900000000, 5400000000)
    """
    spans = _SPAN.findall(text)
    if not spans or _SPAN.sub("", text).strip():
        raise ValueError(f"`{text}` is no span of time; write `90s`, `15m`, `2h`, `7d` or `1h30m`")
    return sum(int(float(number) * _SECONDS[unit.lower()] * 1_000_000) for number, unit in spans)


def parse_value(text: str) -> Any:
    """Read a value from a command line: JSON where it is JSON, else the text itself.

    >>> parse_value("[1, 2]"), parse_value("green"), parse_value('"2"')
    ([1, 2], 'green', '2')
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return text


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def find_near(wanted: str, names: "Iterable[str]") -> list[str]:
    """Names that somebody who wrote `wanted` may have meant, the nearest first.

    >>> find_near("Ingst", ["ingest", "other"])
    ['ingest']
    """
    by_folded = {name.casefold(): name for name in names}
    near = get_close_matches(wanted.casefold(), by_folded, n=SUGGESTIONS_MAX)
    return [by_folded[name] for name in near]


def did_you_mean(near: "Iterable[str]") -> str:
    """The hint that ends an error about an unknown name; empty without one."""
    names = [f"`{name}`" for name in near]
    return f" Did you mean {' or '.join(names)}?" if names else ""
