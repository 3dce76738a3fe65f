"""`penstock task-run`: runs of tasks."""

import click

from penstock.cli.commands import Group, json_option
from penstock.cli.inspection import show_task_runs, took
from penstock.cli.listing import Extent, Listed, all_option, limit_option, say_if_cut
from penstock.cli.lookup import get_flow_run, get_task_run
from penstock.cli.session import Session, pass_session
from penstock.cli.shapes import task_run_shape
from penstock.cli.states import near_states, parse_states, state_cell
from penstock.cli.tables import Cell, Column
from penstock.cli.text import as_local_time, did_you_mean
from penstock.core.ids import as_uuid_text
from penstock.core.states import STATES, StateType
from penstock.ports import GetFlowRun, ListTaskRuns, TaskRun


@click.group(cls=Group)
def task_run() -> None:
    """Runs of tasks."""


@task_run.command(
    "ls",
    examples=[
        "penstock task-run ls --run brave-otter",
        "penstock task-run ls --state failed --task fetch --limit 50",
    ],
)
@click.option("--run", metavar="RUN", help="Of this flow run, oldest first; of all, newest first, if not given.")
@click.option("--state", "states", multiple=True, metavar="STATE", help="In this state, by type or name. Repeatable.")
@click.option("--task", "tasks", multiple=True, metavar="NAME", help="Of this task. Repeatable.")
@limit_option
@all_option
@json_option
@pass_session
def list_task_runs(
    session: Session,
    run: str | None,
    states: tuple[str, ...],
    tasks: tuple[str, ...],
    limit: int,
    everything: bool,
    as_json: bool,
) -> None:
    """List task runs."""
    types, names = _types_and_names(states)
    flow_run_id = None if run is None else get_flow_run(session, run).id
    listed: Listed[TaskRun] = Listed(
        session,
        Extent.of(limit, everything),
        lambda cursor, size: ListTaskRuns(
            flow_run_id=flow_run_id, state_types=types, task_names=tasks, cursor=cursor, limit=size
        ),
        keep=lambda item: not names or item.state.name in names,
    )
    if as_json:
        session.terminal.json_list(map(task_run_shape, listed))
    else:
        task_runs = list(listed)
        if task_runs:
            show_task_runs(session.terminal, task_runs, flow_runs=None if run else _names_of_runs(session, task_runs))
        else:
            session.terminal.say("No task run is like that.")
    say_if_cut(session, listed)


def _names_of_runs(session: Session, task_runs: list[TaskRun]) -> dict[str, str]:
    ids = dict.fromkeys(task_run.flow_run_id for task_run in task_runs)
    return {id_: session.ask(GetFlowRun(id=id_)).name for id_ in ids}


def _types_and_names(states: tuple[str, ...]) -> tuple[list[StateType], list[str]]:
    """The store chooses by type; names of the table narrow that down here."""
    types, names = parse_states(states)
    for name in names:
        if name not in STATES:
            near = did_you_mean(near_states([name]))
            raise click.BadParameter(f"`{name}` is no state.{near}", param_hint="--state")
    return types or list({STATES[name].type for name in names}), names


@task_run.command(
    "inspect",
    examples=["penstock task-run inspect brave-otter/fetch-0", "penstock task-run inspect 018f3a2b-7711 --json"],
)
@click.argument("run")
@json_option
@pass_session
def inspect_task_run(session: Session, run: str, as_json: bool) -> None:
    """Show all that is known of a task run.

    Its tries, what it waited for, where its result is. RUN is an id, the beginning of one, or a flow run and the task run's name,
    `brave-otter/fetch-0`; `penstock task-run ls` shows them.
    """
    found = get_task_run(session, run)
    if as_json:
        session.terminal.json(task_run_shape(found))
        return
    session.terminal.pairs(_head(session, found))
    if found.attempts:
        session.terminal.data()
        session.terminal.table(
            [
                Column("Try", right=True),
                Column("State"),
                Column("Started"),
                Column("Took", right=True),
                Column("Message", give=True),
            ],
            (
                (
                    str(attempt.number),
                    attempt.state_name,
                    as_local_time(attempt.started_at),
                    took(attempt.started_at, attempt.ended_at),
                    attempt.message or "",
                )
                for attempt in found.attempts
            ),
            title="Tries",
        )


def _head(session: Session, run: TaskRun) -> list[tuple[str, str | Cell]]:
    flow_run = session.ask(GetFlowRun(id=run.flow_run_id))
    rows: list[tuple[str, str | Cell | None]] = [
        ("Task run", run.name),
        ("ID", as_uuid_text(run.id)),
        ("Task", f"{run.task_name} ({run.task_key})"),
        ("Flow run", f"{flow_run.name} ({as_uuid_text(flow_run.id)})"),
        ("State", state_cell(run.state)),
        ("Reason", run.state.reason and str(run.state.reason)),
        ("Message", run.state.message),
        ("Started", as_local_time(run.started_at) if run.started_at else None),
        ("Took", took(run.started_at, run.ended_at) if run.ended_at else None),
        ("Epoch", str(run.epoch)),
        ("Tags", ", ".join(run.tags)),
        ("Waited for", "\n".join(as_uuid_text(id_) for id_ in run.upstream)),
        ("Called by", as_uuid_text(run.parent_id) if run.parent_id else None),
        ("Result", run.result),
        ("Cache key", run.cache_key),
    ]
    return [(name, value) for name, value in rows if value]
