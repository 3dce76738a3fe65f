"""What a person sees of runs on the terminal: one line an event, on standard error.

A flood of task runs is summed up: after a burst, at most some lines a second are shown and the rest is counted, so
that ten thousand quick tasks cost no time and hide nothing that matters (warnings and errors are always shown).
"""

import sys
import time
from collections.abc import Callable
from threading import Lock
from typing import TextIO

from penstock.core.sizes import LOG_MESSAGE_CHARACTERS_MAX

LEVEL_NAMES = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}
LEVELS = {name: level for level, name in LEVEL_NAMES.items()}
_COLORS = {10: "2", 20: "36", 30: "33", 40: "31", 50: "1;31"}

BURST_LINES = 60
LINES_PER_SECOND = 20.0


class Console:
    """Writes log lines the way the field knows them: `HH:MM:SS.mmm | INFO    | Flow run 'adj-animal' - text`."""

    def __init__(
        self,
        *,
        level: int = 20,
        shown: bool = True,
        color: bool = True,
        stream: Callable[[], TextIO] = lambda: sys.stderr,
    ):
        self.level = level
        self.shown = shown
        self._color = color
        self._stream = stream
        self._lock = Lock()
        self._tokens = float(BURST_LINES)
        self._refilled = time.monotonic()
        self._hidden = 0

    def line(self, level: int, who: str, message: str, *, at_us: int | None = None) -> None:
        """Show a line, if its level is to be shown."""
        if not self.shown or level < self.level:
            return
        self._tell_hidden()
        self._write(level, who, message, at_us)

    def flood_line(self, level: int, who: str, message: str) -> None:
        """Show a line of which there may be very many; counted in place of shown once there are too many."""
        if not self.shown or level < self.level:
            return
        if self._hidden and self._tokens < 1.0 and time.monotonic() - self._refilled < 1.0 / LINES_PER_SECOND:
            self._hidden += 1
            return
        now = time.monotonic()
        with self._lock:
            self._tokens = min(BURST_LINES, self._tokens + (now - self._refilled) * LINES_PER_SECOND)
            self._refilled = now
            if self._tokens < 1.0:
                self._hidden += 1
                return
            self._tokens -= 1.0
        self._tell_hidden()
        self._write(level, who, message, None)

    def _tell_hidden(self) -> None:
        if self._hidden:
            hidden, self._hidden = self._hidden, 0
            self._write(20, "", f"... and {hidden:,} more task runs", None)

    def _write(self, level: int, who: str, message: str, at_us: int | None) -> None:
        seconds = time.time() if at_us is None else at_us / 1e6
        clock = time.strftime("%H:%M:%S", time.localtime(seconds)) + f".{int(seconds * 1000) % 1000:03d}"
        stream = self._stream()
        name = f"{LEVEL_NAMES.get(level, str(level)):<8}"
        if self._color and _is_terminal(stream):
            name = f"\x1b[{_COLORS.get(level // 10 * 10, '0')}m{name}\x1b[0m"
        text = printable(message)
        line = f"{clock} | {name}| {printable(who)} - {text}\n" if who else f"{clock} | {name}| {text}\n"
        try:
            try:
                stream.write(line)
            except UnicodeEncodeError:
                stream.write(line.encode("ascii", "backslashreplace").decode())
            stream.flush()
        except (OSError, ValueError):  # a closed terminal must not end a run
            pass


def printable(text: str) -> str:
    """Text without what a terminal would obey: control characters are written out, line breaks kept.

    >>> printable("a\\x1b[31mb")
    'a\\\\x1b[31mb'
    """
    if text.isprintable():
        return text[:LOG_MESSAGE_CHARACTERS_MAX]
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in text[:LOG_MESSAGE_CHARACTERS_MAX])


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:
        return False
