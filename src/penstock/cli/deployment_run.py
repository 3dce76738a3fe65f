"""`penstock deployment run`: ask for a run, now or later, and follow it if wished."""

import click

from penstock.cli.commands import Command, json_option
from penstock.cli.deployment_views import get_deployment, key_of
from penstock.cli.exits import ExitCode
from penstock.cli.logs import LogChoice, LogTail, LogWriter
from penstock.cli.moments import parse_moment_ahead
from penstock.cli.running import fit_to_schema, parameter_option, parameters_option, parse_parameters, split_assignments
from penstock.cli.session import Session, pass_session
from penstock.cli.shapes import flow_run_shape
from penstock.cli.text import as_local_time, parse_value
from penstock.cli.watching import Watch, exit_code_of
from penstock.scheduling import RequestRun


@click.command(
    "run",
    cls=Command,
    examples=[
        "penstock deployment run parent/monthly -p color=green -p months=[4,5] --watch",
        "penstock deployment run parent/monthly --params '{\"year\": 2020}' --at 'tomorrow 9am'",
        "penstock deployment run parent/monthly --in 10m --idempotency-key 2020-04",
    ],
)
@click.argument("deployment")
@parameter_option
@parameters_option
@click.option(
    "--at", metavar="MOMENT", help="Not before then: `2026-05-01T10:00`, `18:30`, `tomorrow 9am`, `monday 07:15`."
)
@click.option("--in", "after", metavar="SPAN", help="Not before so long has passed: `90s`, `10m`, `1h30m`, `2d`.")
@click.option("--name", metavar="TEXT", help="Name the run.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Tag the run. Repeatable.")
@click.option(
    "--job-variable", "-jv", "variables", multiple=True, metavar="KEY=VALUE", help="A variable of the pool's job template. Repeatable."
)  # fmt: skip
@click.option("--queue", "work_queue", metavar="NAME", help="Wait in this queue of the pool.")
@click.option("--idempotency-key", metavar="TEXT", help="Asked again with the same key, the same run is answered.")
@click.option(
    "--watch", is_flag=True, help="Follow it until it ends; the exit code says how. Ctrl-C stops the watching only."
)
@json_option
@pass_session
def run(
    session: Session,
    deployment: str,
    assignments: tuple[str, ...],
    params: str | None,
    at: str | None,
    after: str | None,
    name: str | None,
    tags: tuple[str, ...],
    variables: tuple[str, ...],
    work_queue: str | None,
    idempotency_key: str | None,
    watch: bool,
    as_json: bool,
) -> ExitCode:
    """Ask for a run of a deployment.

    A worker of its pool runs it. Times without an offset are in your zone. DEPLOYMENT is `flow/name`, an id, or a name that
    only one deployment has.
    """
    from penstock.deployments.requests import check_request  # lazy: jsonschema, 60 ms

    due = _due(session, at, after)
    parameters = parse_parameters(assignments, params)
    found = get_deployment(session, deployment)
    parameters = fit_to_schema(lambda: found.spec.parameter_schema or {}, parameters, assignments)
    check_request(found, parameters)
    request = RequestRun(
        deployment=found.id,
        parameters=parameters,
        at=due,
        idempotency_key=idempotency_key,
        name=name,
        tags=tags,
        job_variables={key: parse_value(text) for key, text in split_assignments(variables).items()},
        work_queue=work_queue,
    )
    made = session.ask(request)
    when = "" if due is None else f", for {as_local_time(due)}"
    session.terminal.say(f"Flow run `{made.name}` of `{key_of(found)}` is {made.state.name}{when}.")
    if watch:
        tail = LogTail(LogChoice(flow_run_id=made.id))
        return exit_code_of(Watch(session, made, tail, LogWriter(session, as_json)).follow())
    if as_json:
        session.terminal.json(flow_run_shape(made))
    else:
        session.terminal.say(f"Follow it with: penstock flow-run watch {made.name}", colour="bright_black")
    return ExitCode.OK


def _due(session: Session, at: str | None, after: str | None) -> int | None:
    if at is not None and after is not None:
        raise click.UsageError("Say one of --at and --in.")
    text, option = (at, "--at") if at is not None else (None if after is None else f"in {after}", "--in")
    if text is None:
        return None
    try:
        return parse_moment_ahead(text, now=session.now())
    except ValueError as error:
        raise click.BadParameter(f"{error}.", param_hint=option) from error
