"""`penstock flow-run`: runs of flows."""

from collections.abc import Iterator

import click

from penstock.cli import inspection
from penstock.cli.commands import Group, json_option, yes_option
from penstock.cli.exits import ExitCode
from penstock.cli.inspection import shown_ids, time_cell, took
from penstock.cli.listing import Extent, Listed, all_option, limit_option, say_if_cut
from penstock.cli.logs import LEVELS, LogChoice, LogTail, LogWriter, choose_task_runs, read_lines
from penstock.cli.lookup import get_flow_run, near_flow_names
from penstock.cli.session import Session, pass_session
from penstock.cli.shapes import flow_run_shape
from penstock.cli.states import near_states, parse_states, state_cell
from penstock.cli.tables import Column
from penstock.cli.text import as_count, did_you_mean, parse_moment
from penstock.cli.watching import Watch, exit_code_of
from penstock.core.ids import RunId, as_uuid_text
from penstock.ports import PAGE_SIZE_MAX, CancelFlowRun, DeleteFlowRun, FlowRun, ListFlowRuns, RunFilter

ELSEWHERE = {
    **{name: f"penstock.cli.answers:{name}" for name in ("why", "inputs", "answer", "pause")},
    **{name: f"penstock.cli.resume:{name}" for name in ("resume", "retry", "rerun")},
}


@click.group(cls=Group, elsewhere=ELSEWHERE)
def flow_run() -> None:
    """Runs of flows: list, inspect, follow, cancel, run again."""


@flow_run.command(
    "ls",
    examples=[
        "penstock flow-run ls",
        "penstock flow-run ls --state failed --state crashed --since 2d",
        "penstock flow-run ls --flow web-to-lake --tag nightly --all --json",
    ],
)
@click.option("--state", "states", multiple=True, metavar="STATE", help="In this state, by type or name. Repeatable.")
@click.option("--flow", "flows", multiple=True, metavar="NAME", help="Of this flow. Repeatable.")
@click.option("--name", metavar="TEXT", help="Whose name has this in it.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="With this tag. Repeatable: with all of them.")
@click.option("--since", metavar="WHEN", help="Started since: `2h`, `7d`, `today`, `2024-05-01`, `2024-05-01T10:00`.")
@click.option("--until", metavar="WHEN", help="Started before; as --since.")
@click.option("--where", metavar="SEARCH", help="A search: `state:failed flow:web-* param.year=2020 started>-2h text`.")
@click.option("--parent", metavar="RUN", help="Subflow runs of this run.")
@click.option("--top-level", is_flag=True, help="No subflow runs.")
@limit_option
@all_option
@json_option
@pass_session
def list_flow_runs(
    session: Session,
    states: tuple[str, ...],
    flows: tuple[str, ...],
    name: str | None,
    tags: tuple[str, ...],
    since: str | None,
    until: str | None,
    where: str | None,
    parent: str | None,
    top_level: bool,
    limit: int,
    everything: bool,
    as_json: bool,
) -> None:
    """List flow runs, newest first. Every filter that is given must hold."""
    types, names = parse_states(states)
    wanted = RunFilter(
        state_types=types,
        state_names=names,
        flow_names=flows,
        name_contains=name,
        tags=tags,
        since=_moment(session, "--since", since),
        until=_moment(session, "--until", until),
        parent_run_id=None if parent is None else get_flow_run(session, parent).id,
        top_level=top_level,
        where=where,
    )
    listed: Listed[FlowRun] = Listed(
        session,
        Extent.of(limit, everything),
        lambda cursor, size: ListFlowRuns(filter=wanted, cursor=cursor, limit=size),
    )
    if as_json:
        session.terminal.json_list(map(flow_run_shape, listed))
    else:
        runs = list(listed)
        _show_runs(session, runs)
        if not runs:
            _say_nothing_found(session, states, flows)
    say_if_cut(session, listed)


def _moment(session: Session, option: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_moment(text, now=session.now())
    except ValueError as error:
        raise click.BadParameter(f"{error}.", param_hint=option) from error


def _show_runs(session: Session, runs: list[FlowRun]) -> None:
    if not runs:
        return
    ids = shown_ids(session.terminal, [run.id for run in runs])
    session.terminal.table(
        [
            Column("ID"),
            Column("Flow run", give=True),
            Column("Flow", give=True),
            Column("State"),
            Column("Started"),
            Column("Took", right=True),
            Column("Tasks", right=True),
        ],
        (
            (
                ids[run.id],
                run.name,
                run.flow_name,
                state_cell(run.state),
                time_cell(run.started_at or run.expected_start_at),
                took(run.started_at, run.ended_at, run.state),
                f"{sum(run.task_counts.values()):,}",
            )
            for run in runs
        ),
    )


def _say_nothing_found(session: Session, states: tuple[str, ...], flows: tuple[str, ...]) -> None:
    near = near_states(states) + [name for flow in flows for name in near_flow_names(session, flow) if name != flow]
    session.terminal.say(f"No flow run is like that.{did_you_mean(near)}")


@flow_run.command(
    "inspect", examples=["penstock flow-run inspect brave-otter", "penstock flow-run inspect 018f3a2b-77 --json"]
)
@click.argument("run")
@json_option
@pass_session
def inspect_flow_run(session: Session, run: str, as_json: bool) -> None:
    """Show all that is known of a run.

    States, parameters, task runs, subflow runs, artifacts, datasets. RUN is an id, the beginning of one, or the
    run's name. The JSON follows `flow-run.schema.json`.
    """
    found = inspection.gather(session, get_flow_run(session, run), all_task_runs=as_json)
    if as_json:
        session.terminal.json(found.as_shape())
    else:
        inspection.show(session.terminal, found)


@flow_run.command(
    "logs",
    examples=[
        "penstock flow-run logs brave-otter --tail 20",
        "penstock flow-run logs brave-otter --level warning --task fetch",
        "penstock flow-run logs brave-otter --follow --tail 10 --json",
    ],
)
@click.argument("run")
@click.option("--follow", "-f", is_flag=True, help="Go on until the run ends. Ctrl-C stops the following only.")
@click.option("--level", type=click.Choice(list(LEVELS), case_sensitive=False), help="This level and above.")
@click.option("--task", metavar="TASK", help="Of this task, or task run (by name or id).")
@click.option("--head", type=click.IntRange(1), metavar="N", help="The first N lines.")
@click.option("--tail", type=click.IntRange(1), metavar="N", help="The last N lines.")
@json_option
@pass_session
def show_logs(
    session: Session,
    run: str,
    follow: bool,
    level: str | None,
    task: str | None,
    head: int | None,
    tail: int | None,
    as_json: bool,
) -> None:
    """Print what a run and its subflows logged. With --json, one object a line.

    RUN is an id, the beginning of one, or the run's name.
    """
    if head is not None and (follow or tail is not None):
        raise click.UsageError("--head excludes --follow and --tail.")
    found = get_flow_run(session, run)
    choice = LogChoice(
        flow_run_id=found.id,
        level_min=LEVELS[level.upper()] if level else 0,
        task_run_ids=None if task is None else choose_task_runs(session, found, task),
    )
    writer = LogWriter(session, as_json)
    seen = 0
    for line in read_lines(session, choice, head=head, tail=tail) if tail or not follow else ():
        writer.write(line)
        seen = line.seq
    if follow:
        Watch(session, found, LogTail(choice, seen), writer, states=False).follow()


@flow_run.command(
    "watch", examples=["penstock flow-run watch brave-otter", "penstock flow-run watch brave-otter --json"]
)
@click.argument("run")
@click.option("--logs/--no-logs", default=True, help="Show log lines too (the default).")
@json_option
@pass_session
def watch_flow_run(session: Session, run: str, logs: bool, as_json: bool) -> ExitCode:
    """Follow a run until it ends, its logs and states as they come.

    Ctrl-C stops the watching, not the run.
    The exit code tells how the run ended: 0 COMPLETED, 1 FAILED or CRASHED, 3 CANCELLED. With --json, one
    object a line, of kind `log` or `state`. RUN is an id, the beginning of one, or the run's name.
    """
    found = get_flow_run(session, run)
    tail = LogTail(LogChoice(flow_run_id=found.id)) if logs else None
    return exit_code_of(Watch(session, found, tail, LogWriter(session, as_json)).follow())


@flow_run.command("cancel", examples=["penstock flow-run cancel brave-otter"])
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("--message", metavar="TEXT", help="Why; it is shown with the state.")
@pass_session
def cancel_flow_runs(session: Session, runs: tuple[str, ...], message: str | None) -> ExitCode:
    """Cancel runs. A run whose process lives is asked to stop; any other is cancelled at once.

    RUN is an id, the beginning of one, or the run's name.
    """
    from penstock.sdk import wiring  # lazy: engine and store, 100 ms and more

    code = ExitCode.OK
    for found in [get_flow_run(session, run) for run in runs]:
        request = CancelFlowRun(id=found.id, holder_alive=wiring.holder_alive(found), message=message)
        outcome = session.ask(request)
        if outcome.accepted:
            session.terminal.say(f"Flow run `{found.name}` is {outcome.state.name}.")
        else:
            session.terminal.fail(f"Flow run `{found.name}` was not cancelled: {outcome.why}.")
            code = ExitCode.FAILED
    return code


@flow_run.command(
    "delete", examples=["penstock flow-run delete brave-otter", "penstock flow-run delete 018f3a2b-77 --yes"]
)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Also runs that have not ended.")
@yes_option
@pass_session
def delete_flow_runs(session: Session, runs: tuple[str, ...], force: bool, yes: bool) -> None:
    """Remove runs with all that hangs on them.

    Subflow runs, task runs, logs, artifacts and kept results go with them.
    RUN is an id, the beginning of one, or the run's name.
    """
    found = list({run.id: run for run in (get_flow_run(session, text) for text in runs)}.values())
    families = {run.id: [run, *_subflow_runs(session, run)] for run in found}
    session.terminal.confirm(_say_what_goes(found, families), yes=yes)
    removed = 0
    for run in found:
        removed += session.ask(DeleteFlowRun(id=run.id, force=force))
        for member in families[run.id]:
            session.results.remove_run(member.id)
    session.terminal.say(f"Deleted {as_count(removed, 'flow run')}.")


def _subflow_runs(session: Session, run: FlowRun) -> Iterator[FlowRun]:
    wanted = RunFilter(parent_run_id=run.id)
    children = session.pages(lambda cursor: ListFlowRuns(filter=wanted, cursor=cursor, limit=PAGE_SIZE_MAX))
    for child in list(children):
        yield child
        yield from _subflow_runs(session, child)


def _say_what_goes(found: list[FlowRun], families: dict[RunId, list[FlowRun]]) -> str:
    members = [member for family in families.values() for member in family]
    named = ", ".join(f"`{run.name}` ({run.flow_name}, {run.state.name}, {as_uuid_text(run.id)})" for run in found)
    tasks = sum(sum(run.task_counts.values()) for run in members)
    return (
        f"This deletes {as_count(len(found), 'flow run')}: {named}; "
        f"with {as_count(len(members) - len(found), 'subflow run')} and {as_count(tasks, 'task run')}, "
        "and their logs, artifacts and results. It cannot be undone."
    )
