"""What a person sees on the terminal: lines that say what they should, a flood summed up, and nothing obeyed."""

import io
import re
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.sizes import LOG_MESSAGE_CHARACTERS_MAX
from penstock.engine.console import BURST_LINES, Console, printable

INFO, WARNING, ERROR = 20, 30, 40


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Broken(io.StringIO):
    """A terminal that went away."""

    def __init__(self, error: Exception):
        super().__init__()
        self.error = error

    def write(self, _: str) -> int:
        raise self.error


def console_on(stream: Any, **options: Any) -> Console:
    return Console(stream=lambda: stream, **options)


def shown(stream: io.StringIO) -> list[str]:
    return stream.getvalue().splitlines()


def test_a_line_says_when_how_grave_who_and_what() -> None:
    stream = io.StringIO()
    console_on(stream).line(WARNING, "Flow run 'adj-animal'", "something", at_us=1_700_000_000_123_456)
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.123 \| WARNING \| Flow run 'adj-animal' - something\n", stream.getvalue())


def test_lines_below_the_level_are_not_shown() -> None:
    stream = io.StringIO()
    console = console_on(stream, level=WARNING)
    console.line(INFO, "who", "quiet")
    console.flood_line(INFO, "who", "quiet")
    console.line(WARNING, "who", "loud")
    assert 1 == len(shown(stream))


def test_a_console_that_is_not_shown_writes_nothing() -> None:
    stream = io.StringIO()
    console = console_on(stream, shown=False)
    console.line(ERROR, "who", "what")
    console.flood_line(ERROR, "who", "what")
    assert "" == stream.getvalue()


@pytest.mark.parametrize(
    ("stream", "color", "colored"), [(Terminal(), True, True), (Terminal(), False, False), (io.StringIO(), True, False)]
)
def test_only_a_terminal_gets_colour(stream: io.StringIO, color: bool, colored: bool) -> None:
    console_on(stream, color=color).line(INFO, "who", "what")
    assert colored == ("\x1b[" in stream.getvalue())


@given(st.text())
def test_nothing_that_a_terminal_would_obey_gets_through(text: str) -> None:
    assert all(c.isprintable() or c in "\n\t" for c in printable(text))


@given(st.text(st.characters(categories=["L", "N", "P", "Zs"])))
def test_ordinary_text_is_shown_as_it_is(text: str) -> None:
    expected = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    assert expected == printable(text)


def test_a_name_is_obeyed_no_more_than_a_message() -> None:
    stream = io.StringIO()
    console_on(stream).line(INFO, "Flow run '\x1b[2J'", "what")
    assert "\x1b" not in stream.getvalue()


def test_a_line_is_cut_where_the_log_cuts_it() -> None:
    assert LOG_MESSAGE_CHARACTERS_MAX == len(printable("x" * 100_000))


@pytest.mark.parametrize("text", ["é", "\U0001f600", "\ud800", "\x1b[2J", "a\nb"])
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_line_is_never_lost_to_what_the_terminal_cannot_write(text: str, encoding: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    console_on(stream).line(INFO, "who", f"before {text} after")
    written = raw.getvalue().decode(encoding)
    assert "before" in written
    assert "after" in written
    assert "\x1b" not in written


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError("gone"), ValueError("I/O operation on closed file")])
def test_a_terminal_that_went_away_ends_no_run(error: Exception) -> None:
    console = console_on(Broken(error))
    console.line(INFO, "who", "what")
    console.flood_line(INFO, "who", "what")


def test_a_closed_terminal_ends_no_run() -> None:
    stream = io.StringIO()
    stream.close()
    console_on(stream).line(INFO, "who", "what")


# ---- Floods ----


def test_a_few_lines_are_all_shown() -> None:
    stream = io.StringIO()
    console = console_on(stream)
    for n in range(BURST_LINES):
        console.flood_line(INFO, "who", str(n))
    assert BURST_LINES == len(shown(stream))


def total(lines: list[str]) -> int:
    """Lines of runs that are shown or counted."""
    hidden = [re.search(r"and ([\d,]+) more task runs", line) for line in lines]
    return sum(1 if match is None else int(match[1].replace(",", "")) for match in hidden)


def test_of_a_flood_every_line_is_shown_or_counted() -> None:
    stream = io.StringIO()
    console = console_on(stream)
    for n in range(20_000):
        console.flood_line(INFO, "who", str(n))
    console.line(INFO, "who", "the end")
    assert 20_001 == total(shown(stream))
    assert len(shown(stream)) < 10_000


def test_of_a_flood_from_many_threads_every_line_is_shown_or_counted() -> None:
    stream = io.StringIO()
    console = console_on(stream)
    threads = [
        threading.Thread(target=lambda: [console.flood_line(INFO, "who", str(n)) for n in range(5_000)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    console.line(INFO, "who", "the end")
    assert 20_001 == total(shown(stream))


def test_what_matters_is_shown_within_a_flood_after_what_was_left_out() -> None:
    stream = io.StringIO()
    console = console_on(stream)
    for n in range(10_000):
        console.flood_line(INFO, "who", str(n))
    console.line(ERROR, "who", "this matters")
    assert "this matters" in shown(stream)[-1]
    assert "more task runs" in shown(stream)[-2]
