"""`penstock deployment build` and `apply`, as Prefect 2 had them: a file is written, perhaps edited, and then deployed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from penstock.cli.commands import Command
from penstock.cli.deploy_options import change_entry, deploy_options
from penstock.cli.exits import ExitCode
from penstock.cli.session import Session, pass_session


@click.command(
    "build",
    cls=Command,
    examples=[
        "penstock deployment build flows.py:parent -n monthly --cron '0 5 1 * *' -q default -o monthly.yaml",
        "penstock deployment build flows.py:parent -n monthly --param color=green --apply",
        "penstock deployment build flows.py:parent -n docker-flow -ib docker-container/zoom -sb github/zoom --apply",
    ],
)
@click.argument("entrypoint", metavar="PATH:FLOW")
@click.option("--name", "-n", required=True, metavar="NAME", help="What it is called.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file; `FLOW-deployment.yaml` if left out.",
)
@click.option("--apply", "-a", "apply_too", is_flag=True, help="Deploy it too.")
@click.option(
    "--infra-block", "-ib", "infrastructure", metavar="TYPE/NAME", help="The saved block that says what it runs on."
)
@click.option(
    "--storage-block",
    "-sb",
    "storage",
    metavar="TYPE/NAME[/FOLDER]",
    help="The saved block that says where its code is fetched from, and the folder in it.",
)
@deploy_options
@pass_session
def build(
    session: Session,
    entrypoint: str,
    name: str,
    output: Path | None,
    apply_too: bool,
    infrastructure: str | None,
    storage: str | None,
    **said: Any,
) -> ExitCode:
    """Write a deployment into a file, to be edited and applied.

    `penstock deploy` does it in one step. What an infrastructure block says is written into the file; a storage block is asked for
    by its name when a run fetches its code.
    """
    from penstock.cli.deploy import check  # lazy: shares the imports of `deploy`
    from penstock.deployments import earlier  # lazy: pydantic, 80 ms
    from penstock.deployments.project import Entry  # lazy: schedules, 30 ms
    from penstock.deployments.releasing import Release  # lazy: pydantic, 80 ms
    from penstock.deployments.writing import write_deployment  # lazy: yaml, 15 ms

    entry = change_entry(Entry(name=name, entrypoint=entrypoint), said)
    block = None if infrastructure is None else earlier.load_infrastructure(infrastructure)
    code, folder = (None, None) if storage is None else earlier.load_storage(storage)
    placed = earlier.place(block, code, path=folder, work_pool=entry.work_pool, job_variables=entry.job_variables)
    entry = replace(entry, work_pool=placed.work_pool, job_variables=placed.job_variables, pull=placed.pull)
    made = Release(Path.cwd(), [entry], tell=session.terminal.say)
    if not check(session, made):
        return ExitCode.FAILED
    (deployment,) = made.deployments()
    path = output or Path(f"{entrypoint.rpartition(':')[2] or name}-deployment.yaml")
    path.unlink(missing_ok=True)
    write_deployment(path, deployment)
    session.terminal.say(f"Wrote {path}. Deploy it with: penstock deployment apply {path}")
    return apply_files(session, (path,)) if apply_too else ExitCode.OK


@click.command("apply", cls=Command, examples=["penstock deployment apply monthly.yaml"])
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
@pass_session
def apply(session: Session, files: tuple[Path, ...]) -> ExitCode:
    """Deploy all that files say.

    They are what `penstock deployment build` writes.
    """
    return apply_files(session, files)


def apply_files(session: Session, files: tuple[Path, ...]) -> ExitCode:
    """Deploy all deployments of the files."""
    from penstock.cli.deploy import read, release  # lazy: shares the imports of `deploy`

    for path in files:
        project = read(path)
        code = release(session, Path.cwd(), project.deployments)
        if code is not ExitCode.OK:
            return code
    return ExitCode.OK
