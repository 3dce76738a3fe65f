"""The `penstock` command: the table of commands, and what becomes of their errors.

Commands are imported when they are called: `penstock version` and `--help` load neither the engine nor a database.
"""

import os
import sys
from collections.abc import Sequence
from types import MappingProxyType

import click

from penstock import __version__
from penstock.cli.commands import Lazy, Overview
from penstock.cli.exits import ExitCode
from penstock.cli.output import Terminal
from penstock.cli.session import Session
from penstock.core.errors import MissingExtra, PenstockError, SettingInvalid
from penstock.loading import leave_uncollected

PROGRAM = "penstock"
COMPLETION_VARIABLE = "_PENSTOCK_COMPLETE"
TRACEBACK_VARIABLE = "_PENSTOCK_TRACEBACK"

RUN, DEPLOY, LOOK, KEEP = "Run", "Deploy", "Look", "Set up"
TABLE = MappingProxyType(
    {
        "run": Lazy("penstock.cli.run:run", RUN, "Run a flow from a file or module."),
        "resume": Lazy("penstock.cli.resume:resume", RUN, "Go on with a run from what it completed."),
        "demo": Lazy("penstock.cli.demo:demo", RUN, "Real taxi data, from the web to a lake to a warehouse."),
        "init": Lazy("penstock.cli.init:init", DEPLOY, "Write a `penstock.yaml` to begin with."),
        "deploy": Lazy("penstock.cli.deploy:deploy", DEPLOY, "Deploy flows, from `penstock.yaml` or as options say."),
        "deployment": Lazy(
            "penstock.cli.deployment:deployment", DEPLOY, "Flows that run by themselves or when asked for."
        ),
        "work-pool": Lazy("penstock.cli.work_pool:work_pool", DEPLOY, "Where runs wait for workers."),
        "work-queue": Lazy(
            "penstock.cli.work_queue:work_queue", DEPLOY, "Lines in a work pool, with priorities and limits."
        ),
        "worker": Lazy("penstock.cli.worker:worker", DEPLOY, "Claim runs that wait in a work pool, and start them."),
        "agent": Lazy("penstock.cli.worker:agent", DEPLOY, "Workers, as Prefect 2 called them."),
        "backfill": Lazy("penstock.cli.backfill:backfill", DEPLOY, "Runs for periods of the past, a few at a time."),
        "flow": Lazy("penstock.cli.flow:flow", LOOK, "Flows that have run."),
        "flow-run": Lazy(
            "penstock.cli.flow_run:flow_run", LOOK, "Runs of flows: list, inspect, follow, cancel, run again."
        ),
        "task-run": Lazy("penstock.cli.task_run:task_run", LOOK, "Runs of tasks."),
        "artifact": Lazy("penstock.cli.artifact:artifact", LOOK, "What runs have to show: tables, texts, charts."),
        "result": Lazy("penstock.cli.result:result", LOOK, "Values that runs returned."),
        "schedule": Lazy("penstock.cli.schedule:schedule", LOOK, "When schedules fire."),
        "sql": Lazy("penstock.cli.sql:sql", LOOK, "Ask the history in SQL, read-only."),
        "variable": Lazy("penstock.cli.variable:variable", KEEP, "Named values that flows read."),
        "block": Lazy("penstock.cli.block:block", KEEP, "Saved configuration of outside systems, with secrets."),
        "notify": Lazy("penstock.cli.notify:notify", KEEP, "Who is told of runs that fail."),
        "concurrency-limit": Lazy(
            "penstock.cli.concurrency_limit:concurrency_limit", KEEP, "How much may happen at once, or in a time."
        ),
        "config": Lazy("penstock.cli.config:config", KEEP, "Settings: view, set, check."),
        "profile": Lazy("penstock.cli.profile:profile", KEEP, "Named groups of settings."),
        "database": Lazy("penstock.cli.database:database", KEEP, "The database that runs are recorded in."),
        "server": Lazy("penstock.cli.server:server", KEEP, "The server: the API, and the console in a browser."),
        "journal": Lazy("penstock.cli.journal:journal", KEEP, "What runs recorded and nobody has taken in yet."),
        "completion": Lazy("penstock.cli.completion:completion", KEEP, "Let the shell complete commands."),
        "version": Lazy("penstock.cli.version:version", KEEP, "Say which Penstock this is."),
    }
)


def _say_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        context.ensure_object(Session).terminal.data(__version__)
        context.exit()


@click.group(cls=Overview, table=TABLE, context_settings={"help_option_names": ["--help", "-h"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_say_version, help="The version.")
@click.option("--profile", metavar="NAME", help="Use this profile, for this command only.")
@click.option("--no-color", is_flag=True, help="Use no colour; so does NO_COLOR=1.")
@click.pass_context
def root(context: click.Context, profile: str | None, no_color: bool) -> None:
    """Penstock turns Python functions into data flows that can be run, observed and trusted.

    Data goes to standard output, everything else to standard error. `penstock COMMAND --help` tells more.
    """
    if profile:
        os.environ["PENSTOCK_PROFILE"] = profile
    session = context.ensure_object(Session)
    if no_color:
        session.terminal.without_colour()
    context.color = session.terminal.out_colour


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line of this process and exit."""
    code = int(invoke(arguments))
    leave_uncollected()
    sys.exit(code)


def invoke(arguments: Sequence[str] | None = None) -> ExitCode | int:
    """Run one command line and return its exit code; whatever went wrong has been said on standard error."""
    terminal = Terminal.of_process(os.environ)
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        code = _call(list(arguments), Session(terminal))
        terminal.out.flush()
        return code if isinstance(code, int) else ExitCode.OK
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except BrokenPipeError:
        _close_quietly()
        return ExitCode.READER_GONE
    except (click.Abort, KeyboardInterrupt):
        terminal.say("Stopped.")
        return ExitCode.INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (MissingExtra, SettingInvalid) as error:
        terminal.fail(str(error))
        return ExitCode.USAGE
    except PenstockError as error:
        terminal.fail(str(error))
        return ExitCode.FAILED
    except Exception as fault:  # the last resort: whatever nobody expected is a fault of Penstock
        if TRACEBACK_VARIABLE in os.environ:
            raise
        told = f"{type(fault).__name__}: {fault}"
        terminal.fail(f"Penstock met a fault of its own, {told}. {TRACEBACK_VARIABLE}=1 shows where.")
        return ExitCode.FAILED


def _call(arguments: list[str], session: Session) -> object:
    """Run a command, or answer the shell that asks what could complete it. `click.Group.main` would end the process
    with 1 where the output's reader went away."""
    if COMPLETION_VARIABLE in os.environ:
        from click.shell_completion import shell_complete  # lazy: asked for by shells only

        return shell_complete(root, {}, PROGRAM, COMPLETION_VARIABLE, os.environ[COMPLETION_VARIABLE])
    with root.make_context(PROGRAM, arguments, obj=session) as context:
        return root.invoke(context)


def _close_quietly() -> None:
    """Point stdout at nothing, so that the interpreter's last flush does not complain about the broken pipe."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())


if __name__ == "__main__":
    main()
