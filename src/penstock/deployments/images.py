"""Images that hold a project's code: their names, and the Dockerfile of a project that has none."""

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path

from penstock.deployments.errors import StepFailed

BASE_IMAGE = "penstock"
"""As `deploy/Dockerfile` makes it; the tag is the version that is installed here."""
CODE_FOLDER = "/opt/penstock"
AUTO = "auto"


def split_name(image: str) -> tuple[str, str | None]:
    """An image's name and tag.

    >>> split_name("example.org:5000/taxi:1.2"), split_name("taxi")
    (('example.org:5000/taxi', '1.2'), ('taxi', None))
    """
    head, slash, last = image.rpartition("/")
    name, _, tag = last.partition(":")
    whole = f"{head}{slash}{name}"
    if not name or not re.fullmatch(r"[a-z0-9][\w.:/-]*", whole) or (tag and not re.fullmatch(r"\w[\w.-]{0,127}", tag)):
        raise StepFailed("build_docker_image", f"{image!r:.200} is no name of an image.")
    return whole, tag or None


def tag_of_now() -> str:
    """A tag that no earlier image has."""
    return time.strftime("%Y-%m-%d-%H-%M-%S", time.gmtime())


@contextlib.contextmanager
def dockerfile_of(folder: Path, dockerfile: str) -> Iterator[Path]:
    """The Dockerfile to build by. `auto` writes one while the image is built. Raises `StepFailed`."""
    if dockerfile != AUTO:
        path = folder / dockerfile
        if not path.is_file():
            raise StepFailed(
                "build_docker_image", f"there is no {path}; `dockerfile: auto` makes one that holds the folder's code."
            )
        yield path
        return
    path = folder / "Dockerfile"
    if path.exists():
        raise StepFailed("build_docker_image", f"`dockerfile: auto` would overwrite {path}; name it, or remove it.")
    path.write_text(write_dockerfile(folder))
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def write_dockerfile(folder: Path) -> str:
    """A Dockerfile that puts a folder's code on top of Penstock's image."""
    lines = [f"FROM {BASE_IMAGE}:{installed_version()}"]
    target = code_folder(folder)
    if (folder / "requirements.txt").is_file():
        # What is installed in Penstock's image belongs to root, who installs this too.
        lines += [f"COPY requirements.txt {target}/requirements.txt", "USER root"]
        lines += [f"RUN python -m pip install -q --no-cache-dir -r {target}/requirements.txt", "USER penstock"]
    lines += [f"COPY . {target}/", f"WORKDIR {target}"]
    return "\n".join(lines) + "\n"


def installed_version() -> str:
    """The version of Penstock that is installed here."""
    from importlib.metadata import version  # lazy: 10 ms

    return version("penstock")


def code_folder(folder: Path) -> str:
    """Where the code of a folder lies in an image that was made of it."""
    return f"{CODE_FOLDER}/{re.sub(r'[^A-Za-z0-9._-]+', '-', folder.absolute().name) or 'code'}"
