"""`penstock resume`, `penstock flow-run retry` and `rerun`: running again what is recorded, here or by a worker."""

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.asked_for import find_request
from penstock.cli.commands import Command
from penstock.cli.exits import ExitCode
from penstock.cli.logs import LogChoice, LogTail, LogWriter, read_lines
from penstock.cli.lookup import get_flow_run
from penstock.cli.running import (
    add_working_folder,
    execute,
    find_flow,
    fit_texts,
    fit_to_schema,
    importing,
    parameter_option,
    parameters_option,
    parse_parameters,
)
from penstock.cli.session import Session, pass_session
from penstock.cli.watching import Watch, exit_code_of
from penstock.core.errors import RunNotResumable
from penstock.core.states import StateType
from penstock.ports import FlowRun, ListStates
from penstock.scheduling import AnswerRun, ListRunInputs, RequestRun, RequeueRun, RunRequest

if TYPE_CHECKING:
    from penstock import Flow

entrypoint_option = click.option(
    "--entrypoint", metavar="PATH:FLOW", help="Where the flow is now, if its file moved since the run began; with it, run here."
)  # fmt: skip
here_option = click.option("--here", is_flag=True, help="Run it in this process, though it is a deployment's.")
watch_option = click.option(
    "--watch", is_flag=True, help="Follow a run that a worker is to run; the exit code says how it ended."
)
code_option = click.option(
    "--allow-code-change",
    is_flag=True,
    help="Although the code changed: changed tasks, and what depends on them, run again. Workers always do so.",
)


@click.command(cls=Command, examples=["penstock resume brave-otter", "penstock resume 018f3a2b-77 --allow-code-change"])
@click.argument("run")
@code_option
@entrypoint_option
@here_option
@watch_option
@pass_session
def resume(
    session: Session, run: str, allow_code_change: bool, entrypoint: str | None, here: bool, watch: bool
) -> ExitCode:
    """Go on with a run from what it completed.

    For runs that failed, crashed, were cancelled, or are paused: what is recorded as complete is not done again.
    A deployment's run is given to a worker, any other runs here. RUN is an id, the beginning of one, or the run's name.
    """
    found = get_flow_run(session, run)
    asked = None if here or entrypoint else find_request(session, found)
    if found.state.type is StateType.PAUSED:
        watched = _begin_watching(session, found, watch=watch)
        went_on = _let_go_on(session, found)
        if went_on.state.name != "Suspended":
            return _follow(session, went_on, watched)
    elif asked is not None and asked.deployment_id is not None:
        return _requeue(session, found, resume=True, watch=watch)
    return _run_here(session, found, entrypoint, allow_code_change=allow_code_change)


@click.command(
    "retry",
    cls=Command,
    examples=["penstock flow-run retry brave-otter --watch", "penstock flow-run retry brave-otter --anew"],
)
@click.argument("run")
@click.option("--anew", is_flag=True, help="Do all of it again, also what was completed; of a deployment's run only.")
@code_option
@entrypoint_option
@here_option
@watch_option
@pass_session
def retry(
    session: Session,
    run: str,
    anew: bool,
    allow_code_change: bool,
    entrypoint: str | None,
    here: bool,
    watch: bool,
) -> ExitCode:
    """Try a run that ended again, keeping what it completed.

    It stays the same run. A deployment's run is given to a worker, any other runs here. RUN is an id, the beginning of one, or the run's name.
    """
    found = get_flow_run(session, run)
    asked = None if here or entrypoint else find_request(session, found)
    if asked is not None and asked.deployment_id is not None:
        return _requeue(session, found, resume=not anew, watch=watch)
    if anew:
        rerun_hint = f"penstock flow-run rerun {shlex.quote(found.name)}"
        raise click.UsageError(
            f"Run `{found.name}` runs here, and keeps what it completed. Start a new run: {rerun_hint}"
        )
    return _run_here(session, found, entrypoint, allow_code_change=allow_code_change)


@click.command(
    cls=Command, examples=["penstock flow-run rerun brave-otter", "penstock flow-run rerun brave-otter -p year=2021"]
)
@click.argument("run")
@parameter_option
@parameters_option
@entrypoint_option
@here_option
@watch_option
@pass_session
def rerun(
    session: Session,
    run: str,
    assignments: tuple[str, ...],
    params: str | None,
    entrypoint: str | None,
    here: bool,
    watch: bool,
) -> ExitCode:
    """Start a new run, as an earlier one did.

    With the parameters and tags of that run, or some of them changed. A deployment's run is asked for anew, of its current
    version; any other runs here. RUN is an id, the beginning of one, or the run's name.
    """
    changed = parse_parameters(assignments, params)
    found = get_flow_run(session, run)
    asked = None if here or entrypoint else find_request(session, found)
    if asked is not None and asked.deployment_id is not None:
        return _request_again(session, found, asked, changed, assignments, watch=watch)
    import penstock  # lazy: the engine, 40 ms
    from penstock.sdk.parameters import restore  # lazy: the engine, 40 ms

    flow = _load(session, found, entrypoint)
    if flow is None:
        return ExitCode.FAILED
    recorded = restore(found.parameters or {}, session.results.get)
    parameters = {**recorded, **fit_texts(flow, changed, assignments)}
    with penstock.tags(*found.tags):
        return execute(session, lambda: flow(**parameters, return_state=True))


# ---- By a worker ------------------------------------------------------------------------------------------------


def _requeue(session: Session, run: FlowRun, *, resume: bool, watch: bool) -> ExitCode:
    watched = _begin_watching(session, run, watch=watch)
    queued = session.ask(RequeueRun(flow_run_id=run.id, resume=resume))
    kept = "what it completed is kept" if resume else "all of it is done again"
    session.terminal.say(f"Flow run `{queued.name}` waits for a worker again; {kept}.")
    return _follow(session, queued, watched)


def _request_again(
    session: Session,
    run: FlowRun,
    asked: RunRequest,
    changed: dict[str, Any],
    assignments: tuple[str, ...],
    *,
    watch: bool,
) -> ExitCode:
    assert asked.deployment_id is not None
    schema: Callable[[], Any] = lambda: asked.spec.parameter_schema or {}  # noqa: E731
    parameters = {**(run.parameters or {}), **fit_to_schema(schema, changed, assignments)}
    made = session.ask(
        RequestRun(
            deployment=asked.deployment_id,
            parameters=parameters,
            tags=run.tags,
            job_variables=asked.job_variables,
            work_queue=asked.work_queue,
        )
    )
    session.terminal.say(f"Flow run `{made.name}` of `{made.flow_name}/{asked.deployment_name}` is {made.state.name}.")
    return _follow(session, made, _begin_watching(session, made, watch=watch))


def _let_go_on(session: Session, run: FlowRun) -> FlowRun:
    """Answer a run that asks for nothing but to go on. Raises `click.UsageError` for one that asks for more."""
    open_ = [each for each in session.ask(ListRunInputs(flow_run_id=run.id)) if each.answered_at is None]
    if any(each.answer_schema is not None for each in open_):
        raise click.UsageError(
            f"Run `{run.name}` waits for an answer. Give it with: penstock flow-run answer {shlex.quote(run.name)}"
        )
    if not open_:
        return run
    went_on = session.ask(AnswerRun(flow_run_id=run.id))
    session.terminal.say(f"Flow run `{went_on.name}` is {went_on.state.name}.")
    return went_on


def _begin_watching(session: Session, run: FlowRun, *, watch: bool) -> Watch | None:
    """What will follow the run if that is wanted; what is recorded by now is passed over."""
    if not watch:
        return None
    choice = LogChoice(flow_run_id=run.id)
    last = next(iter(read_lines(session, choice, head=None, tail=1)), None)
    states = 0 if run.started_at is None else len(session.ask(ListStates(flow_run_id=run.id)))
    tail = LogTail(choice, 0 if last is None else last.seq)
    return Watch(session, run, tail, LogWriter(session, as_json=False), states_seen=states)


def _follow(session: Session, run: FlowRun, watched: Watch | None) -> ExitCode:
    if watched is not None:
        return exit_code_of(watched.follow())
    session.terminal.say(f"Follow it with: penstock flow-run watch {shlex.quote(run.name)}", colour="bright_black")
    return ExitCode.OK


# ---- In this process --------------------------------------------------------------------------------------------


def _run_here(session: Session, run: FlowRun, entrypoint: str | None, *, allow_code_change: bool) -> ExitCode:
    flow = _load(session, run, entrypoint)
    if flow is None:
        return ExitCode.FAILED
    return execute(session, lambda: flow.resume(run.id, allow_code_change=allow_code_change, return_state=True))


def _load(session: Session, run: FlowRun, entrypoint: str | None) -> "Flow[Any, Any] | None":
    """The flow of a run. Raises `RunNotResumable` if nobody knows where it is."""
    place = entrypoint or run.entrypoint
    if place is None:
        raise RunNotResumable(
            f"Run `{run.name}` does not say where its flow `{run.flow_name}` is (it ran in a notebook, a "
            "shell or inside another function). Say it: --entrypoint path/to/file.py:function"
        )
    add_working_folder()
    return importing(session, lambda: find_flow(place))
