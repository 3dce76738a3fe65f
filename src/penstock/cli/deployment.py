"""`penstock deployment`: flows that run by themselves or when asked for."""

import click

from penstock.cli.commands import Group, json_option, yes_option
from penstock.cli.deployment_build import apply, build
from penstock.cli.deployment_run import run
from penstock.cli.deployment_schedule import schedule
from penstock.cli.deployment_views import (
    deployment_shape,
    get_deployment,
    key_of,
    show_list,
    show_one,
    version_shape,
)
from penstock.cli.listing import Extent, Listed, all_option, limit_option, say_if_cut
from penstock.cli.session import Session, pass_session
from penstock.cli.tables import Column
from penstock.cli.text import as_count, as_local_time
from penstock.scheduling import (
    DeleteDeployment,
    Deployment,
    DeploymentVersion,
    ListDeployments,
    ListDeploymentVersions,
    PauseDeployment,
    UseDeploymentVersion,
)

CODE_SHOWN = 12


@click.group(cls=Group)
def deployment() -> None:
    """Flows that run by themselves or when asked for.

    DEPLOYMENT is `flow/name`, an id, or a name that only one deployment has.
    """


@deployment.command("ls", examples=["penstock deployment ls", "penstock deployment ls --pool local --json"])
@click.option("--flow", "flow_name", metavar="NAME", help="Of this flow.")
@click.option("--pool", "work_pool", metavar="NAME", help="That run in this work pool.")
@click.option("--tag", metavar="TAG", help="With this tag.")
@click.option("--name", "name_contains", metavar="TEXT", help="With this in its name.")
@limit_option
@all_option
@json_option
@pass_session
def list_deployments(
    session: Session,
    flow_name: str | None,
    work_pool: str | None,
    tag: str | None,
    name_contains: str | None,
    limit: int,
    everything: bool,
    as_json: bool,
) -> None:
    """List deployments by flow and name."""
    listed: Listed[Deployment] = Listed(
        session,
        Extent.of(limit, everything),
        lambda cursor, size: ListDeployments(
            flow_name=flow_name,
            work_pool=work_pool,
            tag=tag,
            name_contains=name_contains,
            cursor=cursor,
            limit=size,
        ),
    )
    if as_json:
        session.terminal.json_list(map(deployment_shape, listed))
    else:
        show_list(session.terminal, listed)
    say_if_cut(session, listed)


@deployment.command(
    "inspect", examples=["penstock deployment inspect parent/monthly", "penstock deployment inspect monthly --json"]
)
@click.argument("deployment")
@json_option
@pass_session
def inspect_deployment(session: Session, deployment: str, as_json: bool) -> None:
    """Show all that is known of a deployment."""
    found = get_deployment(session, deployment)
    if as_json:
        session.terminal.json(deployment_shape(found))
    else:
        show_one(session.terminal, found)


deployment.add_command(run)


@deployment.command("pause", examples=["penstock deployment pause parent/monthly"])
@click.argument("deployments", metavar="DEPLOYMENT...", nargs=-1, required=True)
@pass_session
def pause(session: Session, deployments: tuple[str, ...]) -> None:
    """Let schedules rest. Runs that go on do so; what is missed is skipped."""
    _set_paused(session, deployments, paused=True)


@deployment.command("resume", examples=["penstock deployment resume parent/monthly"])
@click.argument("deployments", metavar="DEPLOYMENT...", nargs=-1, required=True)
@pass_session
def resume(session: Session, deployments: tuple[str, ...]) -> None:
    """Let schedules go on."""
    _set_paused(session, deployments, paused=False)


@deployment.command("delete", examples=["penstock deployment delete parent/monthly --yes"])
@click.argument("deployments", metavar="DEPLOYMENT...", nargs=-1, required=True)
@yes_option
@pass_session
def delete(session: Session, deployments: tuple[str, ...], yes: bool) -> None:
    """Forget deployments and their schedules. Runs stay; those that wait are cancelled."""
    found = [get_deployment(session, text) for text in dict.fromkeys(deployments)]
    schedules = as_count(sum(len(item.schedules) for item in found), "schedule")
    session.terminal.confirm(
        f"This forgets {', '.join(f'`{key_of(item)}`' for item in found)} with {schedules}, and cancels the runs that wait.",
        yes=yes,
    )
    for item in found:
        session.ask(DeleteDeployment(key=item.id))
        session.terminal.say(f"Forgot deployment `{key_of(item)}`.")


@deployment.command(
    "versions",
    examples=["penstock deployment versions parent/monthly", "penstock deployment versions monthly --json"],
)
@click.argument("deployment")
@limit_option
@all_option
@json_option
@pass_session
def versions(session: Session, deployment: str, limit: int, everything: bool, as_json: bool) -> None:
    """List what each deploy said, the newest first."""
    found = get_deployment(session, deployment)
    listed: Listed[DeploymentVersion] = Listed(
        session,
        Extent.of(limit, everything),
        lambda cursor, size: ListDeploymentVersions(key=found.id, cursor=cursor, limit=size),
    )
    if as_json:
        session.terminal.json_list(map(version_shape, listed))
    else:
        columns = [Column("Version", right=True), Column("Name"), Column("Code"), Column("Made"), Column("By")]
        session.terminal.table([*columns, Column("In use")], map(_version_row, listed))
    say_if_cut(session, listed)


@deployment.command("rollback", examples=["penstock deployment rollback parent/monthly --to 3"])
@click.argument("deployment")
@click.option("--to", "number", type=click.IntRange(1), help="The version; the one before the current if left out.")
@pass_session
def rollback(session: Session, deployment: str, number: int | None) -> None:
    """Use an earlier version, or a later one again. Runs that were asked for keep theirs."""
    found = get_deployment(session, deployment)
    if number is None and found.version == 1:
        raise click.UsageError(f"`{key_of(found)}` uses its first version: there is none before it. Say --to.")
    used = session.ask(UseDeploymentVersion(key=found.id, number=number or found.version - 1))
    session.terminal.say(f"`{key_of(used)}` uses version {used.version}. Runs asked for from now on do.")


deployment.add_command(schedule)
deployment.add_command(build)
deployment.add_command(apply)


def _set_paused(session: Session, deployments: tuple[str, ...], *, paused: bool) -> None:
    for found in [get_deployment(session, text) for text in dict.fromkeys(deployments)]:
        session.ask(PauseDeployment(key=found.id, paused=paused))
        session.terminal.say(f"Deployment `{key_of(found)}` {'rests' if paused else 'goes on'}.")


def _version_row(item: DeploymentVersion) -> tuple[str, ...]:
    code = item.spec.code_version or "–"
    shown = f"{code[:CODE_SHOWN]}-dirty" if "-dirty-" in code else code[:CODE_SHOWN]
    used = "yes" if item.current else ""
    return str(item.number), item.spec.version_name or "–", shown, as_local_time(item.created_at), item.actor, used
