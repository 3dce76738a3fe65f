"""What version of its code a folder holds: its git commit, or a digest of its Python files."""

import os
import subprocess
from collections.abc import Iterator
from hashlib import blake2b
from itertools import islice
from pathlib import Path

FILES_MAX = 5_000
FOLDERS_MAX = 5_000
GIT_SECONDS_MAX = 30
_SKIPPED = frozenset(
    {
        "__pycache__",
        "node_modules",
        "site-packages",
        "venv",
        "env",
        "build",
        "dist",
    }
)
"""Folders that hold no code of the project's own; those that begin with a dot are not looked into either."""


def version_of_folder(folder: Path) -> str | None:
    """The version of a folder's code; none if it holds too many Python files to say.

    In a git checkout the commit, with `-dirty-` and a digest of the Python files if anything in the folder was changed
    since; elsewhere the digest alone.
    """
    commit, changed = _look_at_git(folder)
    if commit is not None and not changed:
        return commit
    digest = digest_of_folder(folder)
    return digest if commit is None or digest is None else f"{commit}-dirty-{digest}"


def digest_of_folder(folder: Path) -> str | None:
    """A digest of the Python files in a folder, of their paths and what they say; none if there are too many."""
    paths = list(islice(_walk(folder), FILES_MAX + 1))
    if len(paths) > FILES_MAX:
        return None
    digest = blake2b(digest_size=8)
    for path in sorted(paths):
        try:
            content = (folder / path).read_bytes()
        except OSError:
            continue  # gone since, or not ours to read: it is no part of what can run
        digest.update(f"{path}\0{len(content)}\0".encode("utf-8", "surrogateescape") + content)
    return digest.hexdigest()


def list_python_files(folder: Path) -> list[str]:
    """The Python files in a folder as paths within it, sorted; not all of them if there are too many."""
    return sorted(path for path in islice(_walk(folder), FILES_MAX) if path)


def _walk(folder: Path) -> Iterator[str]:
    """The paths of Python files within a folder; too many, as well, if there are too many folders to look into."""
    for count, (place, folders, files) in enumerate(os.walk(folder)):
        if count > FOLDERS_MAX:
            yield from [""] * (FILES_MAX + 1)
        folders[:] = [name for name in folders if _is_looked_into(os.path.join(place, name), name)]
        inner = os.path.relpath(place, folder)
        yield from (os.path.normpath(os.path.join(inner, name)) for name in files if name.endswith(".py"))


def _is_looked_into(path: str, name: str) -> bool:
    is_environment = os.path.isfile(os.path.join(path, "pyvenv.cfg"))
    return name not in _SKIPPED and not name.startswith(".") and not is_environment


def _look_at_git(folder: Path) -> tuple[str | None, bool]:
    """The commit that is checked out, and whether the folder differs from it; none where there is no git or no commit."""
    command = ["git", "-C", str(folder), "status", "--porcelain=v2", "--branch", "--untracked-files=all", "--", "."]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            timeout=GIT_SECONDS_MAX,
            check=False,
            env={**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None, False
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    commit = next((line.rpartition(" ")[2] for line in lines if line.startswith("# branch.oid ")), "")
    if done.returncode != 0 or not commit or commit == "(initial)":
        return None, False
    return commit, any(not line.startswith("#") for line in lines)
