"""A run's code, where the run is: its pull steps done, its file found. Loads no heavy library.

Whatever is missing is said exactly: the folder, the file, the repository. Whether the file has the flow, its import tells.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.deployments.errors import CodeUnavailable
from penstock.deployments.folders import version_of_folder
from penstock.deployments.placeholders import find_placeholders, is_about
from penstock.deployments.steps import Place, run_steps
from penstock.scheduling import DeploymentSpec
from penstock.settings import load_settings

CACHE_FOLDER = "code"
"""In the home folder: what was fetched, kept for the runs that follow."""

Resolve = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Code that can be loaded: `load_flow(prepared.entrypoint)` with `prepared.folder` as the working folder."""

    folder: Path
    entrypoint: str
    """`/whole/path/file.py:function`, or `module:function` that is importable from the folder."""
    code_version: str | None


def prepare(
    spec: DeploymentSpec,
    *,
    cache: Path | None = None,
    resolve: Resolve | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> Prepared:
    """Bring a version's code here.

    `cache` is where repositories are kept (in the home folder by default), `resolve` fills in the names of blocks and
    variables (by default as this process's settings say), `tell` hears what the steps print. Raises `CodeUnavailable`,
    `StepFailed`.
    """
    if spec.entrypoint is None:
        raise CodeUnavailable("This deployment has no entrypoint: only the process that serves it can run it.")
    begun = Path(spec.path).expanduser() if spec.path else Path.cwd()
    if spec.path and not spec.pull_steps and not begun.is_dir():
        raise CodeUnavailable(
            f"The folder {begun} of the deployment is not on this machine. Deploy with pull steps that fetch its code "
            "(`git_clone`), or run the worker where the folder is."
        )
    place = Place(
        folder=begun if begun.is_dir() else Path.cwd(), cache=cache or load_settings().home / CACHE_FOLDER, tell=tell
    )
    if spec.pull_steps:
        run_steps(spec.pull_steps, place, resolve or resolver_for(spec.pull_steps))
    folder = place.folder.absolute()
    return Prepared(
        folder=folder,
        entrypoint=find_entrypoint(folder, spec.entrypoint),
        code_version=place.code_version or version_of_folder(folder),
    )


def find_entrypoint(folder: Path, entrypoint: str) -> str:
    """An entrypoint with its file's whole path. Raises `CodeUnavailable` if the file is not there."""
    target, colon, name = entrypoint.rpartition(":")
    if not colon:
        target, name = entrypoint, ""
    if not is_file_target(target):
        return entrypoint
    path = (folder / target).resolve()
    if not path.is_file():
        raise CodeUnavailable(f"There is no file {target} in {folder}: the entrypoint `{entrypoint}` leads nowhere.")
    return f"{path}:{name}" if name else str(path)


def is_file_target(target: str) -> bool:
    """Whether the part of an entrypoint before the colon is a path, not a module's name."""
    return target.endswith(".py") or bool(re.search(r"[/\\]", target))


def resolver_for(steps: Sequence[Any]) -> Resolve:
    """What fills in the names of blocks and variables; the orchestrator is opened only if some are there."""
    if not any(_is_ours(name) for name in find_placeholders(list(steps))):
        return lambda document: document
    from penstock.deployments.resolving import resolve_all  # lazy: the wiring, 40 ms

    return resolve_all


def _is_ours(placeholder: str) -> bool:
    return placeholder.startswith("$") or is_about(placeholder, "blocks") or is_about(placeholder, "variables")
