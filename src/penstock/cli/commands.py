"""What a command and a group of commands are here: help with examples, lazy loading, near names for unknown ones."""

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click
from click.shell_completion import CompletionItem

from penstock.cli.exits import MEANINGS
from penstock.cli.text import did_you_mean, find_near
from penstock.loading import collecting_later

HELP_WIDTH_MAX = 110


class Command(click.Command):
    """A command; `examples` are whole command lines, shown at the end of its help and in the reference."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **options: Any):
        super().__init__(*args, **options)
        self.examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """End the help with the examples."""
        write_lines(formatter, "Examples", self.examples)

    def get_help(self, ctx: click.Context) -> str:
        """Write the help in the width of the terminal, headings in bold."""
        return _help(self, ctx)


class Group(click.Group):
    """A group of commands in one module; those `elsewhere` (`module:attribute` by name) are imported when they are asked
    for, so that the others start sooner."""

    command_class = Command

    def __init__(self, *args: Any, elsewhere: Mapping[str, str] = MappingProxyType({}), **options: Any):
        super().__init__(*args, **options)
        self.no_args_is_help = True
        self.elsewhere = elsewhere

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they were declared."""
        return [*self.commands, *self.elsewhere]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command, or import it."""
        target = self.elsewhere.get(cmd_name)
        return super().get_command(ctx, cmd_name) if target is None else load_command(target)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is meant, or say which one may have been."""
        if not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            near = did_you_mean(find_near(args[0], self.list_commands(ctx)))
            ctx.fail(f"`{ctx.command_path}` has no command `{args[0]}`.{near}")
        return super().resolve_command(ctx, args)

    def get_help(self, ctx: click.Context) -> str:
        """Write the help in the width of the terminal, headings in bold."""
        return _help(self, ctx)


@dataclass(frozen=True, slots=True)
class Lazy:
    """A command that is imported when it is called: `module:attribute`, and the line that the overview shows."""

    target: str
    section: str
    help: str

    def load(self) -> click.Command:
        """Import the command."""
        return load_command(self.target)


class Overview(Group):
    """The root: its commands are known by a table, so that `--help` imports none of them."""

    def __init__(self, *args: Any, table: Mapping[str, Lazy], **options: Any):
        super().__init__(*args, **options)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        lazy = self.table.get(cmd_name)
        return None if lazy is None else lazy.load()

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete command names by the table, importing nothing."""
        named = [CompletionItem(n, help=lazy.help) for n, lazy in self.table.items() if n.startswith(incomplete)]
        return named + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by section."""
        sections = dict.fromkeys(lazy.section for lazy in self.table.values())
        width = max(map(len, self.table))
        for section in sections:
            with formatter.section(section):
                rows = [(name.ljust(width), lazy.help) for name, lazy in self.table.items() if lazy.section == section]
                formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """End the help with the exit codes."""
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(int(code)).ljust(3), meaning) for code, meaning in MEANINGS.items()])


def load_command(target: str) -> click.Command:
    """Import a command by `module:attribute`."""
    module, _, attribute = target.partition(":")
    with collecting_later():
        command: click.Command = getattr(importlib.import_module(module), attribute)
    return command


def write_lines(formatter: click.HelpFormatter, title: str, lines: Iterable[str]) -> None:
    """Write a section of lines that are never wrapped, so that they can be copied."""
    lines = list(lines)
    if lines:
        with formatter.section(title):
            for line in lines:
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


def _help(command: click.Command, ctx: click.Context) -> str:
    ctx.max_content_width = HELP_WIDTH_MAX
    formatter = _Formatter(width=ctx.terminal_width, max_width=HELP_WIDTH_MAX)
    command.format_help(ctx, formatter)
    return formatter.getvalue().rstrip("\n")


class _Formatter(click.HelpFormatter):
    def write_heading(self, heading: str) -> None:
        self.write(f"{'':>{self.current_indent}}{click.style(heading + ':', bold=True)}\n")

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, click.style("Usage:", bold=True) + " " if prefix is None else prefix)


def shared_options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Put several option decorators on a command, the first on top."""

    def decorate(function: Any) -> Any:  # Any: click's decorators take functions and commands alike
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs, of a stable shape.")
output_option = click.option(
    "--output", "-o", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Write it to a file."
)
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask; needed where no terminal can answer.")
