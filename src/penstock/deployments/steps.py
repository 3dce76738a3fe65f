"""Build, push and pull steps: what a project has done before its deployments are saved, and before a run's code is there.

A step maps its name to its options. Names of Prefect's steps are known. What a step answers is there for the steps after it
as `{{ id.key }}`, if it was given an `id`.
"""

import inspect
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from penstock.deployments import images
from penstock.deployments.errors import CodeUnavailable, StepFailed
from penstock.deployments.placeholders import KEEP, fill
from penstock.deployments.storage.git import GitRepository, mask
from penstock.deployments.storage.places import CodeStorage, Resolved

OUTPUT_LINE_MAX = 500
_SHARED_OPTIONS = ("id", "requires")

Resolve = Callable[[Any], Any]
Outputs = dict[str, Mapping[str, Any]]


@dataclass(slots=True)
class Place:
    """Where the steps have come to: the folder that the next one works in, and the version of the code in it."""

    folder: Path
    cache: Path
    """A folder of Penstock's own for what is fetched."""
    code_version: str | None = None
    tell: Callable[[str], None] = lambda line: None
    """Where what steps say goes."""
    outputs: Outputs = field(default_factory=dict)

    def arrive(self, resolved: Resolved) -> Mapping[str, Any]:
        """Go on in a folder that was fetched."""
        self.folder, self.code_version = resolved.folder, resolved.code_version
        return {"directory": str(resolved.folder), "commit_sha": resolved.code_version}


def check_steps(steps: Sequence[Mapping[str, Any]]) -> None:
    """Raise `StepFailed` for a step that nobody knows, or that does not take what it is given."""
    for step in steps:
        name, options = _split(step)
        action = _find(name)
        try:
            inspect.signature(action).bind(None, **_own(options))
        except TypeError as error:
            known = [key for key in inspect.signature(action).parameters if key != "place"]
            raise StepFailed(name, f"{error}. It takes {', '.join(known)}.") from None


def run_steps(steps: Sequence[Mapping[str, Any]], place: Place, resolve: Resolve = lambda document: document) -> Place:
    """Run steps one after another. Raises `StepFailed` or `CodeUnavailable` at the first that cannot be done."""
    check_steps(steps)
    for step in steps:
        name, options = _split(step)
        filled = resolve(fill(options, partial(look_up, place.outputs)))
        answer = _find(name)(place, **_own(filled))
        if isinstance(filled.get("id"), str):
            place.outputs[filled["id"]] = answer
    return place


def look_up(outputs: Outputs, placeholder: str) -> Any:
    """What an earlier step answered; other placeholders are left to others. Raises `StepFailed` for what it did not say."""
    step, dot, key = placeholder.partition(".")
    if not dot or step not in outputs:
        return KEEP
    if key not in outputs[step]:
        raise StepFailed(step, f"it answers no `{key}`, only {', '.join(outputs[step]) or 'nothing'}.")
    return outputs[step][key]


# ---- The steps ----


def set_working_directory(place: Place, directory: str) -> Mapping[str, Any]:
    """Go on in another folder."""
    folder = place.folder / Path(directory).expanduser()
    if not folder.is_dir():
        raise CodeUnavailable(f"The working directory {folder} is not there.")
    place.folder, place.code_version = folder, None
    return {"directory": str(folder)}


def git_clone(
    place: Place,
    repository: str,
    branch: str | None = None,
    tag: str | None = None,
    commit: str | None = None,
    commit_sha: str | None = None,
    reference: str | None = None,
    include_submodules: bool = False,
    access_token: Any = None,
    credentials: Any = None,
) -> Mapping[str, Any]:
    """Fetch a git repository, and go on in it."""
    fetched = GitRepository(
        repository,
        branch=branch,
        tag=tag,
        commit=commit or commit_sha,
        reference=reference,
        credentials=credentials if credentials is not None else access_token,
        include_submodules=include_submodules,
    )
    return place.arrive(fetched.pull(place.cache))


def pull_with_block(place: Place, block_type_slug: str, block_document_name: str) -> Mapping[str, Any]:
    """Fetch what a saved block says, such as a GitHub block, and go on in it."""
    from penstock.sdk.blocks import Block  # lazy: pydantic, 80 ms

    name = f"{block_type_slug}/{block_document_name}"
    storage = Block.load(name)
    if not isinstance(storage, CodeStorage):
        raise StepFailed("pull_with_block", f"block `{name}` is no place of code.")
    return place.arrive(storage.pull(place.cache))


def run_shell_script(
    place: Place,
    script: str,
    directory: str | None = None,
    env: Mapping[str, str] = MappingProxyType({}),
    stream_output: bool = True,
    expand_env_vars: bool = False,
) -> Mapping[str, Any]:
    """Run a script line by line; the first line that fails ends it."""
    said: list[str] = []
    folder = place.folder if directory is None else place.folder / Path(directory).expanduser()
    for line in script.splitlines():
        if not line.strip() or line.strip().startswith("#"):
            continue
        command = os.path.expandvars(line) if expand_env_vars else line
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise StepFailed("run_shell_script", f"`{line.strip()}` cannot be read: {error}.") from None
        told = place.tell if stream_output else _silent
        said.append(run_command("run_shell_script", words, folder, env=env, tell=told))
    return {"stdout": "\n".join(said).strip(), "stderr": ""}


def pip_install_requirements(
    place: Place,
    requirements_file: str = "requirements.txt",
    directory: str | None = None,
    stream_output: bool = True,
) -> Mapping[str, Any]:
    """Install what a file of requirements names, for the Python that the run uses."""
    folder = place.folder if directory is None else place.folder / Path(directory).expanduser()
    if not (folder / requirements_file).is_file():
        raise StepFailed("pip_install_requirements", f"there is no file {folder / requirements_file}.")
    words = [sys.executable, "-m", "pip", "install", "--quiet", "-r", requirements_file]
    told = place.tell if stream_output else _silent
    return {"stdout": run_command("pip_install_requirements", words, folder, tell=told), "stderr": ""}


def build_docker_image(
    place: Place,
    image_name: str,
    tag: str | None = None,
    dockerfile: str = "Dockerfile",
    additional_tags: Sequence[str] = (),
    platform: str | None = None,
    buildargs: Mapping[str, str] = MappingProxyType({}),
    push: bool = False,
) -> Mapping[str, Any]:
    """Build an image of the folder by the `docker` command; `dockerfile: auto` makes one that has the code in /opt/penstock."""
    name, said = images.split_name(image_name)
    tag = tag or said or images.tag_of_now()
    with images.dockerfile_of(place.folder, dockerfile) as path:
        words = ["docker", "build", "--file", str(path), "--tag", f"{name}:{tag}"]
        for other in additional_tags:
            words += ["--tag", f"{name}:{other}"]
        for key, value in buildargs.items():
            words += ["--build-arg", f"{key}={value}"]
        if platform:
            words += ["--platform", platform]
        run_command("build_docker_image", [*words, "."], place.folder, tell=place.tell)
    answer = {"image_name": name, "tag": tag, "image": f"{name}:{tag}", "additional_tags": list(additional_tags)}
    if push:
        push_docker_image(place, image_name=name, tag=tag, additional_tags=additional_tags)
    return answer


def push_docker_image(
    place: Place, image_name: str, tag: str | None = None, additional_tags: Sequence[str] = ()
) -> Mapping[str, Any]:
    """Push an image by the `docker` command, which knows how to log in."""
    for each in dict.fromkeys([tag or "latest", *additional_tags]):
        run_command("push_docker_image", ["docker", "push", f"{image_name}:{each}"], place.folder, tell=place.tell)
    return {"image_name": image_name, "tag": tag, "image": f"{image_name}:{tag}"}


_STEPS: Mapping[str, Callable[..., Mapping[str, Any]]] = MappingProxyType(
    {
        step.__name__: step
        for step in (
            set_working_directory,
            git_clone,
            pull_with_block,
            run_shell_script,
            pip_install_requirements,
            build_docker_image,
            push_docker_image,
        )
    }
)
_HOMES = re.compile(
    r"(?:penstock\.deployments\.steps"
    r"|prefect\.deployments\.steps(?:\.(?:core|pull|utility))?"
    r"|prefect\.projects\.steps(?:\.pull)?"
    r"|prefect_docker\.(?:deployments|projects)\.steps)\.(\w+)"
)
"""Where Prefect's files say that the steps are."""


def run_command(
    step: str,
    words: Sequence[str],
    folder: Path,
    *,
    env: Mapping[str, str] = MappingProxyType({}),
    tell: Callable[[str], None] = lambda line: None,
) -> str:
    """Run a command and answer what it printed. Raises `StepFailed` with its last line."""
    if not folder.is_dir():
        raise StepFailed(step, f"the folder {folder} is not there.")
    lines: list[str] = []
    try:
        with subprocess.Popen(
            words,
            cwd=folder,
            env={**os.environ, **{key: str(value) for key, value in env.items()}},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line.rstrip("\n"))
                tell(lines[-1])
    except OSError as error:
        raise StepFailed(step, f"`{words[0]}` cannot be run: {error.strerror or error}.") from error
    if process.returncode != 0:
        last = next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")
        command = mask(shlex.join(words))[:OUTPUT_LINE_MAX]
        raise StepFailed(step, f"`{command}` exited with {process.returncode}: {mask(last)[:OUTPUT_LINE_MAX]}")
    return "\n".join(lines)


def _silent(line: str) -> None:
    pass


def _split(step: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    if len(step) != 1:
        raise StepFailed(", ".join(map(str, step)) or "(empty)", "a step maps one name to its options.")
    ((name, options),) = step.items()
    if not isinstance(options, Mapping | None):
        raise StepFailed(str(name), f"its options must be a mapping, got {options!r:.100}.")
    return str(name), options or {}


def _own(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key not in _SHARED_OPTIONS}


def _find(name: str) -> Callable[..., Mapping[str, Any]]:
    whole = _HOMES.fullmatch(name)
    own = whole[1] if whole else name
    if own not in _STEPS:
        near = get_close_matches(own, _STEPS, n=1)
        hint = f"Did you mean `{near[0]}`?" if near else f"There are {', '.join(_STEPS)}."
        raise StepFailed(name, f"no step has that name. {hint}")
    return _STEPS[own]


__all__ = [
    "Place",
    "build_docker_image",
    "check_steps",
    "git_clone",
    "pull_with_block",
    "pip_install_requirements",
    "push_docker_image",
    "run_shell_script",
    "run_steps",
    "set_working_directory",
]
