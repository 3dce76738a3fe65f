"""`penstock resume` and `penstock flow-run rerun`: running again what is recorded."""

from typing import TYPE_CHECKING, Any

import click

from penstock.cli.commands import Command
from penstock.cli.exits import ExitCode
from penstock.cli.lookup import get_flow_run
from penstock.cli.running import (
    add_working_folder,
    execute,
    find_flow,
    fit_texts,
    importing,
    parameter_option,
    parameters_option,
    parse_parameters,
)
from penstock.cli.session import Session, pass_session
from penstock.core.errors import RunNotResumable
from penstock.ports import FlowRun

if TYPE_CHECKING:
    from penstock import Flow

entrypoint_option = click.option(
    "--entrypoint", metavar="PATH:FLOW", help="Where the flow is now, if its file moved since the run began."
)


@click.command(cls=Command, examples=["penstock resume brave-otter", "penstock resume 018f3a2b-77 --allow-code-change"])
@click.argument("run")
@click.option(
    "--allow-code-change",
    is_flag=True,
    help="Although the code changed: changed tasks, and what depends on them, run again.",
)
@entrypoint_option
@pass_session
def resume(session: Session, run: str, allow_code_change: bool, entrypoint: str | None) -> ExitCode:
    """Go on with a run from what it completed.

    For runs that failed, crashed or were cancelled: what is recorded as complete is not done again.
    RUN is an id, the beginning of one, or the run's name.
    """
    found = get_flow_run(session, run)
    flow = _load(session, found, entrypoint)
    if flow is None:
        return ExitCode.FAILED
    return execute(session, lambda: flow.resume(found.id, allow_code_change=allow_code_change, return_state=True))


@click.command(
    cls=Command, examples=["penstock flow-run rerun brave-otter", "penstock flow-run rerun brave-otter -p year=2021"]
)
@click.argument("run")
@parameter_option
@parameters_option
@entrypoint_option
@pass_session
def rerun(
    session: Session, run: str, assignments: tuple[str, ...], params: str | None, entrypoint: str | None
) -> ExitCode:
    """Run a flow anew, as an earlier run of it did.

    With the parameters and tags of that run, or some of them changed.
    RUN is an id, the beginning of one, or the run's name.
    """
    import penstock  # lazy: the engine, 40 ms
    from penstock.sdk.parameters import restore  # lazy: the engine, 40 ms

    changed = parse_parameters(assignments, params)
    found = get_flow_run(session, run)
    flow = _load(session, found, entrypoint)
    if flow is None:
        return ExitCode.FAILED
    recorded = restore(found.parameters or {}, session.results.get)
    parameters = {**recorded, **fit_texts(flow, changed, assignments)}
    with penstock.tags(*found.tags):
        return execute(session, lambda: flow(**parameters, return_state=True))


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
