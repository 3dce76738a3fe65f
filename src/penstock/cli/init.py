"""`penstock init`: begin a project."""

import subprocess
from pathlib import Path

import click

from penstock.cli.commands import Command
from penstock.cli.session import Session, pass_session

RECIPES = ("local", "git", "docker")


@click.command(
    cls=Command,
    examples=["penstock init", "penstock init --recipe git", "penstock init --recipe docker --image example.org/taxi"],
)
@click.option(
    "--recipe",
    type=click.Choice(RECIPES),
    default="local",
    show_default=True,
    help="How the code comes to where a run is.",
)
@click.option(
    "--image", metavar="NAME", help="Of recipe docker: the image that is built; the folder's name if left out."
)
@pass_session
def init(session: Session, recipe: str, image: str | None) -> None:
    """Write a `penstock.yaml` to begin with.

    `local`: workers use this folder. `git`: they fetch the repository that is checked out here. `docker`: an image is built that
    holds the code.
    """
    from penstock.deployments.images import code_folder  # lazy: 10 ms
    from penstock.deployments.project import FILE_NAMES, find_project_file  # lazy: schedules, 30 ms
    from penstock.deployments.writing import new_project  # lazy: yaml, 15 ms

    folder = Path.cwd()
    known = find_project_file(folder)
    if known is not None:
        raise click.UsageError(f"There is a {known.name} here already; it is left as it is.")
    repository = _git(folder, "remote", "get-url", "origin") or "https://example.org/you/your-flows.git"
    branch = _git(folder, "rev-parse", "--abbrev-ref", "HEAD") or "main"
    text = new_project(
        folder,
        recipe,
        repository=repository,
        branch=branch,
        image=image or folder.name.lower(),
        code=code_folder(folder),
    )
    path = folder / FILE_NAMES[0]
    path.write_text(text)
    session.terminal.say(f"Wrote {path.name}. Deploy with `penstock deploy`.")


def _git(folder: Path, *arguments: str) -> str | None:
    """What git answers about the folder, without passwords; none where it has nothing to say."""
    from penstock.deployments.storage.git import mask  # lazy: for this alone

    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return mask(done.stdout.strip()).replace("***@", "") or None
