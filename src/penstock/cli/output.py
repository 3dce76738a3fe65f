"""The terminal as commands see it: data to stdout, talk to stderr, tables, JSON, questions.

Nothing that was recorded (names, logs, messages) reaches a terminal as anything but text: every way out of here
makes it harmless. Colour is used on terminals only, and not under NO_COLOR.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TextIO

import click

from penstock.cli.exits import ExitCode
from penstock.cli.text import as_json, harmless, harmless_line

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

PLAIN_WIDTH = 10_000
"""Columns of a table that nobody looks at on a terminal: nothing is cut, programs read it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A value in a table, in a colour of the terminal's sixteen."""

    text: str
    colour: str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. The widest columns with `give` are cut first where the terminal is narrow."""

    title: str
    right: bool = False
    give: bool = False


class NeedsConfirmation(click.UsageError):
    """A destructive command was called where nobody can be asked."""


class Terminal:
    """Standard output and standard error, and what each can show."""

    def __init__(self, out: TextIO, err: TextIO, *, environ: Mapping[str, str], width: int | None = None):
        self.out, self.err = out, err
        allowed = not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
        self.out_colour = allowed and out.isatty()
        self.err_colour = allowed and err.isatty()
        self._width = width

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
    def ascii_only(self) -> bool:
        """Whether stdout lacks most of Unicode."""
        return not (getattr(self.out, "encoding", None) or "ascii").lower().replace("_", "-").startswith("utf")

    def without_colour(self) -> None:
        """Use no colour from here on."""
        self.out_colour = self.err_colour = False

    def data(self, text: str = "", *, colour: str | None = None, bold: bool = False) -> None:
        """Write a line to stdout."""
        self.out.write(self._painted(harmless(text), colour, bold=bold, on=self.out_colour) + "\n")

    def data_bytes(self, content: bytes) -> None:
        """Write bytes to stdout."""
        self.out.flush()
        self.out.buffer.write(content)
        self.out.buffer.flush()

    def say(self, text: str = "", *, colour: str | None = None) -> None:
        """Write a line to stderr."""
        self.err.write(self._painted(harmless(text), colour, bold=False, on=self.err_colour) + "\n")
        self.err.flush()

    def fail(self, text: str) -> None:
        """Write why something could not be done."""
        head = self._painted("Error:", "red", bold=True, on=self.err_colour)
        self.err.write(f"{head} {harmless(text)}\n")
        self.err.flush()

    def status(self, text: str) -> None:
        """Show a passing line on stderr, over the one before; nothing where stderr is no terminal."""
        if self.err.isatty():
            self.err.write(
                "\r\x1b[K" + self._painted(harmless_line(text), "bright_black", bold=False, on=self.err_colour)
            )
            self.err.flush()

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
        self, columns: Sequence[Column], rows: Iterable[Sequence[str | Cell]], *, title: str | None = None
    ) -> None:
        """Write a table to stdout: aligned, headings in bold, cut to the terminal's width if it is one."""
        from rich import box  # lazy: rich, 45 ms
        from rich.table import Table

        ruled = self.out.isatty() and not self.ascii_only
        table = Table(
            box=box.SIMPLE_HEAD if ruled else None,
            show_edge=False,
            pad_edge=False,
            header_style="bold",
            padding=(0, 2, 0, 0),
        )
        for column in columns:
            table.add_column(
                column.title,
                justify="right" if column.right else "left",
                no_wrap=True,
                overflow="ellipsis",
                min_width=None if column.give else len(column.title),
            )
        for row in rows:
            table.add_row(*map(self._cell, row))
        if title:
            self.data(title, bold=True)
        self.render(table)

    def pairs(self, rows: Iterable[tuple[str, str | Cell]]) -> None:
        """Write names and values to stdout, one pair a line."""
        shown = [(name, value if isinstance(value, Cell) else Cell(value)) for name, value in rows]
        width = max((len(name) for name, _ in shown), default=0)
        for name, cell in shown:
            label = self._painted(name.ljust(width), "bright_black", bold=False, on=self.out_colour)
            lines = harmless(cell.text).split("\n")
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
            raise NeedsConfirmation(f"{harmless(what)} Nobody can be asked here: add --yes to do it.")
        self.err.write(f"{harmless(what)}\n")
        if not click.confirm("Go on?", err=True):
            self.say("Nothing was done.")
            raise click.exceptions.Exit(ExitCode.FAILED)

    def _cell(self, value: str | Cell) -> Any:
        from rich.text import Text  # lazy: rich, 45 ms

        cell = value if isinstance(value, Cell) else Cell(value)
        return Text(harmless_line(cell.text), style=cell.colour or "")

    def _console(self) -> "Console":
        from rich.console import Console  # lazy: rich, 45 ms

        colour: Literal["standard"] | None = "standard" if self.out_colour else None
        width = self._width or (None if self.out.isatty() else PLAIN_WIDTH)
        return Console(
            file=self.out,
            color_system=colour,
            no_color=not self.out_colour,
            width=width,
            highlight=False,
            markup=False,
            emoji=False,
        )

    @staticmethod
    def _painted(text: str, colour: str | None, *, bold: bool, on: bool) -> str:
        return click.style(text, fg=colour, bold=bold or None) if on and text and (colour or bold) else text
