"""What every command keeps to: help, examples, near names, exit codes, harmless output."""

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from penstock.cli.main import TABLE, root
from penstock.cli.reference import lines
from tests.cli.conftest import Cli

HEAVY = (
    "sqlalchemy",
    "pydantic",
    "rich",
    "httpx",
    "asyncio",
    "alembic",
    "pyarrow",
    "penstock.engine",
    "penstock.store",
)


def commands(group: click.Group = root, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def groups() -> Iterator[tuple[str, click.Command]]:
    for name in root.list_commands(click.Context(root)):
        command = root.get_command(click.Context(root), name)
        assert command is not None
        yield name, command


@pytest.mark.parametrize(("path", "command"), [pytest.param(p, c, id=" ".join(p)) for p, c in commands()])
def test_a_command_has_help_and_an_example_that_is_one_of_it(path: tuple[str, ...], command: click.Command) -> None:
    assert command.help
    examples = command.examples  # type: ignore[attr-defined]  # every command here is a `Command`
    assert examples
    for example in examples:
        words = shlex.split(example.replace('"$(', "").replace(')"', ""), comments=True)
        words = words[words.index("penstock") + 1 :]
        assert tuple(words[: len(path)]) == path or path == ("flow-run", "resume")


@pytest.mark.parametrize(("path", "command"), [pytest.param(p, c, id=" ".join(p)) for p, c in commands()])
def test_every_option_says_what_it_does(path: tuple[str, ...], command: click.Command) -> None:
    assert [] == [p.name for p in command.params if isinstance(p, click.Option) and not p.help]


def test_the_overview_says_of_each_command_what_its_help_begins_with() -> None:
    for name, command in groups():
        assert TABLE[name].help == (command.help or "").split("\n")[0]


def test_every_line_of_the_overview_fits_a_terminal_of_80_columns(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = cli.ok("--help").out.splitlines()
    for name, command in groups():
        assert [f"  {name:<{max(map(len, TABLE))}}  {(command.help or '').splitlines()[0]}"] == [
            line for line in shown if line.startswith(f"  {name} ")
        ]


def test_no_command_is_cut_short_in_an_overview(cli: Cli) -> None:
    for arguments in ((), *((name,) for name, command in groups() if isinstance(command, click.Group))):
        assert "..." not in cli.ok(*arguments, "--help").out.replace("[ARGS]...", "")


def test_every_read_takes_json() -> None:
    reads = {"ls", "inspect", "logs", "watch", "view", "validate", "info", "get", "show", "sql", "version"}
    without = [p for p, c in commands() if p[-1] in reads and not any("--json" in o.opts for o in c.params)]
    assert [] == without


def test_help_and_version_load_neither_engine_nor_database() -> None:
    for arguments in (["version"], ["--help"], ["flow-run", "--help"], ["config", "view", "--json"]):
        program = (
            "import sys\nfrom penstock.cli.main import invoke\n"
            f"invoke({arguments!r})\n"
            f"print(sorted(m for m in {HEAVY!r} if m in sys.modules), file=sys.stderr)"
        )
        source = str(Path(__file__).resolve().parents[2] / "src")
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, env={"PYTHONPATH": source}
        )
        assert "[]" == done.stderr.splitlines()[-1], (arguments, done.stderr)


def test_an_unknown_command_names_the_near_one(cli: Cli) -> None:
    outcome = cli("flow-rum", "ls")
    assert 2 == outcome.code
    assert "`flow-run`" in outcome.err
    assert "" == outcome.out


def test_an_unknown_subcommand_names_the_near_one(cli: Cli) -> None:
    assert "`inspect`" in cli("flow-run", "inspekt", "x").err


def test_a_group_without_command_shows_its_help(cli: Cli) -> None:
    assert "Usage: penstock flow-run" in cli("flow-run").err + cli("flow-run").out


def test_version_prints_the_version_alone(cli: Cli) -> None:
    from penstock import __version__

    assert f"{__version__}\n" == cli.ok("version").out == cli.ok("--version").out
    assert __version__ == cli.ok("version", "--json").json["penstock"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_prints_a_script(cli: Cli, shell: str) -> None:
    assert "_PENSTOCK_COMPLETE" in cli.ok("completion", shell).out


def test_the_shell_completes_command_names(cli: Cli) -> None:
    done = cli.process(
        environ={"_PENSTOCK_COMPLETE": "zsh_complete", "COMP_WORDS": "penstock flow-run w", "COMP_CWORD": "2"}
    )
    assert "watch" in done.out.split("\n")


def test_a_reader_that_goes_away_ends_the_command_quietly(cli: Cli) -> None:
    with cli.start("config", "view", "--json") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert "" == process.stderr.read()
        assert 141 == process.wait(60)


def test_the_reference_says_what_the_commands_say() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md"
    assert list(lines()) == page.read_text(encoding="utf-8").splitlines(), "renew it: python -m penstock.cli.reference"
