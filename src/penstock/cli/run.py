"""`penstock run`: run a flow here and now."""

import click

from penstock.cli.commands import Command
from penstock.cli.exits import ExitCode
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


@click.command(
    cls=Command,
    examples=[
        "penstock run pipeline.py",
        "penstock run pipeline.py:web_to_lake -p year=2020 -p months=[4,5] -p color=green",
        "penstock run pipelines.taxi:web_to_lake --params '{\"year\": 2020}' --name first-try --tag trial",
    ],
)
@click.argument("target", metavar="PATH[:FLOW]")
@parameter_option
@parameters_option
@click.option("--name", metavar="TEXT", help="Name the run.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Tag the run. Repeatable.")
@pass_session
def run(
    session: Session,
    target: str,
    assignments: tuple[str, ...],
    params: str | None,
    name: str | None,
    tags: tuple[str, ...],
) -> ExitCode:
    """Run a flow from a file or module.

    The run is recorded, with no server. PATH is `folder/file.py` or `package.module`; FLOW may be left
    out if there is only one, or one that is named like the file. What the flow returns is shown if it is
    short. Ctrl-C records the run as CANCELLED.
    """
    import penstock  # lazy: the engine, 40 ms

    parameters = parse_parameters(assignments, params)
    add_working_folder()
    found = importing(session, lambda: find_flow(target))
    if found is None:
        return ExitCode.FAILED
    flow = found if name is None else found.with_options(flow_run_name=name.replace("{", "{{").replace("}", "}}"))
    parameters = fit_texts(flow, parameters, assignments)
    with penstock.tags(*tags):
        return execute(session, lambda: flow(**parameters, return_state=True))
