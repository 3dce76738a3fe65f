"""The terminal as commands see it: data to stdout, talk to stderr, tables, JSON, questions.

Nothing that was recorded (names, logs, messages) reaches a terminal as anything but text: every way out of here
makes it harmless. Colour is used on terminals only, and not under NO_COLOR.
"""

import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

import click

from penstock.cli.exits import ExitCode
from penstock.cli.tables import Cell, Column, draw_table
from penstock.cli.text import as_json, as_size, harmless, harmless_line

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

PLAINER = str.maketrans({"–": "-", "…": "...", "·": "|", "×": "x"})
"""What the command line itself writes, for encodings that lack it."""
PLAIN_WIDTH = 100_000
"""Columns where nobody looks at a terminal: nothing is cut, programs read it."""


class NeedsConfirmation(click.ClickException):
    """A destructive command was called where nobody can be asked."""

    exit_code = ExitCode.USAGE


class Terminal:
    """Standard output and standard error, and what each can show."""

    def __init__(self, out: TextIO, err: TextIO, *, environ: Mapping[str, str], width: int | None = None):
        self.out, self.err = out, err
        allowed = not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
        self.out_colour = allowed and out.isatty()
        self.err_colour = allowed and err.isatty()
        self._width = width
        self._can_erase = environ.get("TERM") not in (None, "dumb")
        self._status_shown = False

    @classmethod
    def of_process(cls, environ: Mapping[str, str]) -> "Terminal":
        """The terminal of this process, made safe for text that its encoding does not have."""
        for stream in (sys.stdout, sys.stderr):
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:
                reconfigure(errors="backslashreplace")
        return cls(sys.stdout, sys.stderr, environ=environ)

    @property
    def is_interactive(self) -> bool:
        """Whether somebody can be asked."""
        return sys.stdin is not None and sys.stdin.isatty() and self.err.isatty()

    @property
    def width(self) -> int:
        """Columns of the terminal; where stdout is none, as good as no limit."""
        if self._width is not None:
            return self._width
        return shutil.get_terminal_size().columns if self.out.isatty() else PLAIN_WIDTH

    @property
    def ascii_only(self) -> bool:
        """Whether stdout lacks most of Unicode."""
        return not (getattr(self.out, "encoding", None) or "ascii").lower().replace("_", "-").startswith("utf")

    def without_colour(self) -> None:
        """Use no colour from here on."""
        self.out_colour = self.err_colour = False

    def data(self, text: str = "", *, colour: str | None = None, bold: bool = False) -> None:
        """Write a line to stdout."""
        self.out.write(self._painted(self._clean(text), colour, bold=bold, on=self.out_colour) + "\n")

    def data_bytes(self, content: bytes) -> None:
        """Write bytes to stdout."""
        self.out.flush()
        self.out.buffer.write(content)
        self.out.buffer.flush()

    def say(self, text: str = "", *, colour: str | None = None) -> None:
        """Write a line to stderr."""
        self.err.write(self._painted(self._clean(text), colour, bold=False, on=self.err_colour) + "\n")
        self.err.flush()

    def fail(self, text: str) -> None:
        """Write why something could not be done."""
        head = self._painted("Error:", "red", bold=True, on=self.err_colour)
        self.err.write(f"{head} {self._clean(text)}\n")
        self.err.flush()

    def status(self, text: str) -> None:
        """Show a passing line on stderr, over the one before, empty to take it away; on terminals only."""
        if self.err.isatty() and self._can_erase and (text or self._status_shown):
            shown = self._clean_line(text)[: max(self.width - 1, 1)]
            painted = self._painted(shown, "bright_black", bold=False, on=self.err_colour)
            self.err.write("\r\x1b[K" + painted)
            self.err.flush()
            self._status_shown = bool(text)

    def json(self, value: Any) -> None:
        """Write a value as indented JSON to stdout."""
        self.out.write(as_json(value, ascii_only=self.ascii_only) + "\n")

    def json_line(self, value: Any) -> None:
        """Write a value as one line of JSON to stdout."""
        self.out.write(as_json(value, indent=None, ascii_only=self.ascii_only) + "\n")

    def json_list(self, values: Iterable[Any]) -> None:
        """Write a JSON array to stdout, one element a line, as they come: long lists need no memory."""
        separator = "[\n"
        for value in values:
            self.out.write(separator + as_json(value, indent=None, ascii_only=self.ascii_only))
            separator = ",\n"
        self.out.write("[]\n" if separator == "[\n" else "\n]\n")

    def table(
        self,
        columns: Sequence[Column],
        rows: Iterable[Sequence[str | Cell]],
        *,
        title: str | None = None,
        empty: str | None = None,
    ) -> None:
        """Write a table to stdout: aligned, headings in bold, cut to the terminal's width if it is one.

        Without rows, `empty` is said in its place.
        """
        listed = list(rows)
        if not listed and empty is not None:
            self.say(empty)
            return
        if title:
            self.data(title, bold=True)
        rule = "─" if self.out.isatty() and not self.ascii_only else None
        for line in draw_table(
            columns, listed, width=self.width, paint=self._paint_data, clean=self._clean_line, rule=rule
        ):
            self.out.write(line + "\n")

    def pairs(self, rows: Iterable[tuple[str, str | Cell]]) -> None:
        """Write names and values to stdout, one pair a line."""
        shown = [(name, value if isinstance(value, Cell) else Cell(value)) for name, value in rows]
        width = max((len(name) for name, _ in shown), default=0)
        for name, cell in shown:
            label = self._painted(name.ljust(width), "bright_black", bold=False, on=self.out_colour)
            lines = self._clean(cell.text).split("\n")
            self.out.write(f"{label}  {self._painted(lines[0], cell.colour, bold=False, on=self.out_colour)}\n")
            for line in lines[1:]:
                self.out.write(f"{'':{width}}  {self._painted(line, cell.colour, bold=False, on=self.out_colour)}\n")

    def render(self, renderable: "RenderableType") -> None:
        """Write anything that rich can draw to stdout. The caller has made its text harmless."""
        console = self._console()
        with console.capture() as capture:
            console.print(renderable)
        for line in capture.get().splitlines():
            self.out.write(line.rstrip() + "\n")

    def confirm(self, what: str, *, yes: bool) -> None:
        """Ask before something that cannot be undone. Raises `click.exceptions.Exit` if the answer is no."""
        if yes:
            return
        if not self.is_interactive:
            raise NeedsConfirmation(f"{self._clean(what)} Nobody can be asked here: add --yes to do it.")
        self.err.write(f"{self._clean(what)}\n")
        if not click.confirm("Go on?", err=True):
            self.say("Nothing was done.")
            raise click.exceptions.Exit(ExitCode.FAILED)

    def _clean(self, text: str) -> str:
        """A text that commands no terminal, in characters that this one has."""
        shown = harmless(text)
        if not self.ascii_only:
            return shown
        encoding = getattr(self.out, "encoding", None) or "ascii"
        return shown.translate(PLAINER).encode(encoding, "backslashreplace").decode(encoding)

    def _clean_line(self, text: str) -> str:
        return self._clean(harmless_line(text))

    def _paint_data(self, text: str, colour: str | None, bold: bool) -> str:
        return self._painted(text, colour, bold=bold, on=self.out_colour)

    def _console(self) -> "Console":
        from rich.console import Console  # lazy: rich, 45 ms

        colour: Literal["standard"] | None = "standard" if self.out_colour else None
        return Console(file=self.out, color_system=colour, no_color=not self.out_colour, width=self.width)

    @staticmethod
    def _painted(text: str, colour: str | None, *, bold: bool, on: bool) -> str:
        return click.style(text, fg=colour, bold=bold or None) if on and text and (colour or bold) else text


def write_output(terminal: Terminal, content: bytes, path: Path) -> None:
    """Write a file that the user asked for. Raises `click.FileError`."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise click.FileError(str(path), str(error.strerror)) from error
    terminal.say(f"Wrote {path} ({as_size(len(content))}).")
