"""The reference of the command line as Markdown, from the commands themselves.

`python -m penstock.cli.reference > docs/reference/cli.md` renews the page; a test keeps them alike.
"""

import inspect
import sys
from collections.abc import Iterator

import click

from penstock.cli.commands import Command
from penstock.cli.exits import MEANINGS
from penstock.cli.main import PROGRAM, root

INTRODUCTION = """\
# The command line

Made by `python -m penstock.cli.reference`; every command's `--help` says the same.

Data goes to standard output, everything else to standard error, so that output can be piped. Every command that reads takes
`--json`. Colour is used on terminals only, and not under `NO_COLOR` or `--no-color`. What runs recorded (names, logs,
messages) is always shown as text: control characters in it are written out (`\\x1b`).

**RUN** is a flow run's id, the beginning of one, or the run's name. If several runs fit, the command lists them and ends.
**WHEN** is a span before now (`90s`, `30m`, `2h`, `7d`, `1h30m`), `today`, `yesterday`, or a date with or without a time
(`2024-05-01`, `2024-05-01T10:00+02:00`; without an offset, local time).

Commands that remove something say what and how much, and ask; where nobody can answer they need `--yes`.

## JSON

The shapes are stable: keys may be added, none changes its meaning or goes. `flow-run inspect --json` follows
[`flow-run.schema.json`](../../src/penstock/cli/schemas/flow-run.schema.json), all others
[`cli.schema.json`](../../src/penstock/cli/schemas/cli.schema.json) (`#/$defs/<command>`). Lists are arrays; `flow-run logs` and
`flow-run watch` print one object a line. Ids are UUIDs, times ISO 8601 in UTC with microseconds, durations seconds.
"""


def lines() -> Iterator[str]:
    """The page, line by line."""
    yield from INTRODUCTION.splitlines()
    yield from ("", "## Exit codes", "", "| code | meaning |", "| --- | --- |")
    yield from (f"| {int(code)} | {meaning} |" for code, meaning in MEANINGS.items())
    yield from (
        "",
        "## Options of all commands",
        "",
        "They stand before the command: `penstock --profile test flow ls`.",
        "",
    )
    yield from _options(root)
    yield from _members(root, (PROGRAM,))


def _members(group: click.Group, path: tuple[str, ...]) -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield from ("", f"{'#' * (len(path) + 1)} {' '.join((*path, name))}", "")
        yield from _help(command)
        if isinstance(command, click.Group):
            yield from _members(command, (*path, name))
        else:
            yield from _usage(command, (*path, name))


def _help(command: click.Command) -> Iterator[str]:
    yield from inspect.cleandoc(command.help or "").splitlines()


def _usage(command: click.Command, path: tuple[str, ...]) -> Iterator[str]:
    pieces = command.collect_usage_pieces(click.Context(command))
    yield from ("", f"`{' '.join([*path, *pieces])}`")
    options = list(_options(command))
    yield from ("", *options) if options else ()
    if isinstance(command, Command):
        yield from ("", "```console", *(f"$ {example}" for example in command.examples), "```")


def _options(command: click.Command) -> Iterator[str]:
    context = click.Context(command)
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context) if isinstance(parameter, click.Option) else None
        if record is not None and "--help" not in parameter.opts:
            yield f"- `{record[0]}` – {record[1]}"


def main() -> None:
    """Print the page."""
    sys.stdout.write("\n".join(lines()) + "\n")


if __name__ == "__main__":
    main()
