"""`penstock deploy`: make deployments of what `penstock.yaml` says, or of one flow as the options say."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.commands import Command, json_option
from penstock.cli.deploy_options import change_entry, deploy_options
from penstock.cli.deployment_views import deployment_shape, key_of
from penstock.cli.exits import ExitCode
from penstock.cli.running import show_user_error
from penstock.cli.session import Session, pass_session
from penstock.cli.text import as_local_time
from penstock.core.errors import NotFound, PenstockError
from penstock.ports import PAGE_SIZE_MAX
from penstock.scheduling import Deployment, GetDeployment
from penstock.work import ListWorkPools

if TYPE_CHECKING:
    from penstock.deployments.project import Entry, Project
    from penstock.deployments.releasing import Release


@click.command(
    cls=Command,
    examples=[
        "penstock deploy --all",
        "penstock deploy -n monthly --cron '0 5 1 * *' --timezone Europe/Berlin",
        "penstock deploy flows/taxi.py:parent -n monthly --pool local -p color=green --save",
    ],
)
@click.argument("entrypoint", required=False, metavar="[PATH:FLOW]")
@click.option(
    "--name",
    "-n",
    "names",
    multiple=True,
    metavar="NAME",
    help="What it is called; without PATH, one of the file's. Repeatable.",
)
@click.option("--all", "everything", is_flag=True, help="All deployments of the file.")
@click.option(
    "--file",
    "-f",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The project file, if not `penstock.yaml` here.",
)
@deploy_options
@click.option("--save", is_flag=True, help="Write it into `penstock.yaml` too.")
@click.option("--no-build", is_flag=True, help="Leave the build and push steps out.")
@json_option
@pass_session
def deploy(
    session: Session,
    entrypoint: str | None,
    names: tuple[str, ...],
    everything: bool,
    file: Path | None,
    save: bool,
    no_build: bool,
    as_json: bool,
    **said: Any,
) -> ExitCode:
    """Deploy flows, from `penstock.yaml` or as options say.

    On a terminal what is missing is asked for. Deploying what is deployed already makes no new version.
    """
    from penstock.deployments.project import find_project_file  # lazy: schedules, 30 ms

    path = file or find_project_file(Path.cwd())
    project = None if path is None else read(path)
    folder = Path.cwd() if project is None else project.folder.absolute()
    entries = _choose(session, project, entrypoint, names, everything=everything)
    if entries is None:
        return _ask_for_all(session, folder, path, said)
    if len(entries) > 1 and any(said[name] for name in said if name not in ("work_pool", "work_queue", "variables")):
        raise click.UsageError("Options that change a deployment go with one: say which with -n.")
    return release(
        session,
        folder,
        [change_entry(entry, said) for entry in entries],
        before=entries,
        save_to=(path or folder / "penstock.yaml") if save else None,
        build=not no_build,
        as_json=as_json,
    )


def release(
    session: Session,
    folder: Path,
    entries: "Sequence[Entry]",
    *,
    before: "Sequence[Entry] | None" = None,
    save_to: Path | None = None,
    build: bool = True,
    as_json: bool = False,
) -> ExitCode:
    """Deploy these; says what became of each. `before` is what the project file says of them."""
    from penstock.deployments.releasing import Release  # lazy: pydantic, 80 ms

    entries = [entry if entry.work_pool else replace(entry, work_pool=_only_pool(session, entry)) for entry in entries]
    made = Release(folder, entries, tell=session.terminal.say)
    if not check(session, made):
        return ExitCode.FAILED
    if build:
        made.build()
    shapes = []
    for place, each in enumerate(made.deployments()):
        known = _find(session, each.key)
        saved = session.ask(each.request())
        shapes.append(deployment_shape(saved))
        _tell(session, saved, known)
        if save_to is not None:
            from penstock.deployments.writing import write_deployment  # lazy: yaml, 15 ms

            write_deployment(save_to, each, asked=entries[place], before=before[place] if before else None)
            session.terminal.say(f"Wrote it into {save_to.name}.")
    if as_json:
        session.terminal.json(shapes)
    return ExitCode.OK


def check(session: Session, made: "Release") -> bool:
    """Load the flows; what a user's file raises is shown as theirs."""
    try:
        made.check()
    except (PenstockError, click.ClickException):
        raise
    except Exception as error:
        show_user_error(session, error)
        session.terminal.fail("The flow could not be loaded; nothing was deployed.")
        return False
    return True


def read(path: Path) -> "Project":
    from penstock.deployments.project import read_project  # lazy: schedules, 30 ms
    from penstock.deployments.resolving import resolve_public  # lazy: the wiring, 40 ms

    return read_project(path, resolve_public)


def _choose(
    session: Session, project: "Project | None", entrypoint: str | None, names: Sequence[str], *, everything: bool
) -> "list[Entry] | None":
    """The deployments that are meant; none if nothing says, and somebody can be asked."""
    from penstock.deployments.project import Entry  # lazy: schedules, 30 ms

    known = [] if project is None else list(project.deployments)
    if entrypoint is not None:
        if len(names) > 1 or everything:
            raise click.UsageError("A PATH is deployed under one name: say one -n.")
        name = names[0] if names else "default"
        there = next((entry for entry in known if entry.name == name and entry.entrypoint == entrypoint), None)
        entry = Entry(name=name, entrypoint=entrypoint)
        if project is not None:
            entry = replace(entry, build=project.build, push=project.push, pull=project.pull)
        return [there or entry]
    if names:
        if project is None:
            raise click.UsageError(
                "There is no penstock.yaml here: say PATH:FLOW too, or make one with `penstock init`."
            )
        return [project.get_entry(name) for name in names]
    if everything or (len(known) == 1 and not session.terminal.is_interactive):
        if project is None:
            raise click.UsageError("There is no penstock.yaml here: make one with `penstock init`.")
        if not known:
            raise click.UsageError(
                f"{project.path.name} names no deployments yet: add one to its `deployments`, or deploy PATH:FLOW with --save."
            )
        return known
    if not session.terminal.is_interactive:
        listed = ", ".join(entry.name for entry in known) or "none"
        raise click.UsageError(f"Say what to deploy: PATH:FLOW, -n NAME or --all (deployments of the file: {listed}).")
    if known:
        from penstock.cli.deploy_wizard import choose_entries  # lazy: for terminals only

        return choose_entries(session, known)
    return None


def _ask_for_all(session: Session, folder: Path, path: Path | None, said: dict[str, Any]) -> ExitCode:
    from penstock.cli.deploy_wizard import ask  # lazy: for terminals only

    asked = ask(session, folder)
    if asked is None:
        return ExitCode.FAILED
    entry, save = asked
    target = (path or folder / "penstock.yaml") if save else None
    return release(session, folder, [change_entry(entry, said)], save_to=target)


def _only_pool(session: Session, entry: "Entry") -> str:
    """The pool of a deployment that names none: asked for on a terminal. Raises `click.UsageError`."""
    if session.terminal.is_interactive:
        from penstock.cli.deploy_wizard import ask_pool  # lazy: for terminals only

        return ask_pool(session)
    pools = session.ask(ListWorkPools(limit=PAGE_SIZE_MAX)).items
    listed = (
        f"one of {', '.join(pool.name for pool in pools)}" if pools else "make one with `penstock work-pool create`"
    )
    raise click.UsageError(f"Deployment `{entry.name}` names no work pool: say --pool ({listed}).")


def _find(session: Session, key: str) -> Deployment | None:
    try:
        return session.ask(GetDeployment(key=key))
    except NotFound:
        return None


def _tell(session: Session, saved: Deployment, before: Deployment | None) -> None:
    if before is None:
        what = "is deployed"
    elif before.version == saved.version:
        what = f"is as it was (version {saved.version})"
    else:
        what = f"is deployed anew (version {saved.version})"
    coming = [row.next_at for row in saved.schedules if row.active and row.next_at is not None]
    when = f", next run at {as_local_time(min(coming))}" if coming and not saved.paused else ""
    session.terminal.say(f"`{key_of(saved)}` {what}{when}.", colour="green")
    session.terminal.say(f"  Run it now with: penstock deployment run {key_of(saved)}", colour="bright_black")
    session.terminal.say(
        f"  Its runs need a worker: penstock worker start -p {saved.spec.work_pool}", colour="bright_black"
    )
