"""Writing `penstock.yaml`: a new file from a recipe, and deployments put into one that is there, which else stays as it is."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from penstock.core.schedules import Schedule
from penstock.core.wallclock import SECOND
from penstock.deployments.deployment import Deployment
from penstock.deployments.errors import ProjectInvalid
from penstock.deployments.images import installed_version
from penstock.deployments.project import Entry
from penstock.deployments.yaml_files import YamlFile, read_yaml

RECIPES = ("local", "git", "docker")

_HEAD = """\
# What this project deploys: `penstock deploy --all`. Reference: docs/concepts/deployments.md
name: {name}
penstock-version: {version}
"""
_LOCAL = """
# How the code comes to where a run is. Without steps, workers use the folder that you deploy from.
pull: []
"""
_GIT = """
# How the code comes to where a run is.
pull:
  - git_clone:
      repository: {repository}
      branch: {branch}
      # credentials: "{{{{ penstock.blocks.secret.git-token }}}}"
"""
_DOCKER = """
# Done by `penstock deploy`, before the deployments are saved.
build:
  - build_docker_image:
      id: built
      image_name: {image}
      dockerfile: auto
# push:
#   - push_docker_image:
#       image_name: "{{{{ built.image_name }}}}"
#       tag: "{{{{ built.tag }}}}"

# How the code comes to where a run is: it lies in the image.
pull:
  - set_working_directory:
      directory: {folder}

definitions:
  docker: &docker
    name: docker
    job_variables:
      image: "{{{{ built.image }}}}"
"""
_LOCAL_POOL = """\
#   work_pool:
#     name: local
"""
_DOCKER_POOL = """\
#   work_pool: *docker
"""
_TAIL = """
deployments: []
# - name: monthly
#   entrypoint: flows.py:parent
#   parameters: {color: green}
#   schedules:
#     - cron: "0 5 1 * *"
#       timezone: Europe/Berlin
"""


Place = tuple[str, ...]
_PLACES: Mapping[str, Place] = {
    **{name: (name,) for name in ("version", "description", "tags", "parameters", "enforce_parameter_schema")},
    **{name: (name,) for name in ("schedules", "concurrency_limit", "on_crash", "on_crash_limit", "paused")},
    "collision": ("concurrency_limit",),
    "deadline_seconds": ("deadline",),
    "work_pool": ("work_pool", "name"),
    "work_queue": ("work_pool", "work_queue_name"),
    "job_variables": ("work_pool", "job_variables"),
}
"""Where in an entry of the file that stands which `Entry` has under these names."""


def new_project(folder: Path, recipe: str, *, repository: str, branch: str, image: str, code: str) -> str:
    """The text of a new project file."""
    middle = {"local": _LOCAL, "git": _GIT, "docker": _DOCKER}[recipe]
    filled = middle.format(repository=repository, branch=branch, image=image, folder=code)
    head = _HEAD.format(name=_quoted(folder.absolute().name or "project"), version=installed_version())
    return head + filled + _TAIL + (_DOCKER_POOL if recipe == "docker" else _LOCAL_POOL)


def write_deployment(
    path: Path, deployment: Deployment, *, asked: Entry | None = None, before: Entry | None = None
) -> None:
    """Put a deployment into a project file, in the place of the one with the same name and flow if there is one.

    All else stays as it is, comments too. `asked` is the entry that the deployment was made of, whose templates stay
    templates; `before`, what the file said of it: then only what differs between the two is changed there, and its steps
    stay. Raises `ProjectInvalid` for a file that is no project.
    """
    entry = as_entry(deployment)
    if asked is not None and asked.job_variables:
        entry.setdefault("work_pool", {})["job_variables"] = dict(asked.job_variables)
    if not path.exists() or not path.read_text().strip():
        path.write_text(f"deployments:\n{_indented(entry)}")
        return
    changed = None if asked is None or before is None else _changed_places(before, asked)
    path.write_text(_put(read_yaml(path), path.read_text(), entry, changed))


def as_entry(deployment: Deployment) -> dict[str, Any]:
    """A deployment as `penstock.yaml` says it, without what is said by default."""
    spec = deployment.spec
    limit: Any = spec.concurrency_limit
    if limit is not None and spec.collision != "enqueue":
        limit = {"limit": limit, "collision": spec.collision}
    pool = {"name": spec.work_pool, "work_queue_name": spec.work_queue, "job_variables": dict(spec.job_variables)}
    flow = deployment.flow
    own_tags = set(spec.tags) - (flow.options.tags if flow is not None else set())
    own_description = flow.description if flow is not None else None
    entry = {
        "name": deployment.name,
        "flow_name": deployment.flow_name,
        "entrypoint": spec.entrypoint,
        "version": spec.version_name,
        "description": spec.description if spec.description != own_description else None,
        "tags": sorted(own_tags),
        "parameters": dict(spec.parameters),
        "enforce_parameter_schema": None if spec.enforce_parameter_schema else False,
        "schedules": [schedule_entry(each) for each in deployment.schedules or ()],
        "work_pool": {key: value for key, value in pool.items() if value not in (None, {})},
        "concurrency_limit": limit,
        "on_crash": None if spec.on_crash == "none" else spec.on_crash,
        "on_crash_limit": None if spec.on_crash == "none" or spec.on_crash_limit == 3 else spec.on_crash_limit,
        "deadline": spec.deadline_seconds,
        "paused": deployment.paused,
        "pull": [dict(step) for step in spec.pull_steps],
    }
    taken_away = deployment.schedules is not None and not deployment.schedules
    return {
        key: value for key, value in entry.items() if value not in (None, [], {}) or (key == "schedules" and taken_away)
    }


def schedule_entry(schedule: Schedule) -> dict[str, Any]:
    """A schedule as `penstock.yaml` says it."""
    entry: dict[str, Any] = {
        "cron": schedule.cron,
        "interval": None if schedule.interval_us is None else schedule.interval_us / SECOND,
        "rrule": schedule.rrule,
        "anchor": _iso(schedule.anchor_us),
        "timezone": schedule.timezone,
        "slug": None if schedule.slug == schedule.kind else schedule.slug,
        "parameters": dict(schedule.parameters) or None,
        "active": None if schedule.active else False,
        "catchup": None if schedule.catchup == "latest" else schedule.catchup,
        "catchup_limit": None if schedule.catchup_limit == 100 else schedule.catchup_limit,
        "jitter": schedule.jitter_us / SECOND or None,
        "overlap": None if schedule.overlap == "allow" else schedule.overlap,
        "start": _iso(schedule.start_us),
        "end": _iso(schedule.end_us),
        "day_or": None if schedule.day_or else False,
    }
    return {key: _whole(value) for key, value in entry.items() if value is not None}


def _changed_places(before: Entry, after: Entry) -> Sequence[Place]:
    places: list[Place] = []
    for name, place in _PLACES.items():
        old, new = getattr(before, name), getattr(after, name)
        if isinstance(new, Mapping):
            places += [(*place, key) for key, value in new.items() if key not in old or old[key] != value]
        elif new != old:
            places.append(place)
    return places


def _merged(said: Mapping[str, Any], entry: Mapping[str, Any], changed: Sequence[Place]) -> dict[str, Any]:
    """What the file says, with what changed as `entry` has it."""
    merged = deepcopy(dict(said))
    for *above, last in changed:
        target, source = merged, entry
        for key in above:
            target[key] = target.get(key) or {}
            target, source = target[key], source.get(key, {})
        if last in source:
            target[last] = source[last]
        else:
            target.pop(last, None)
    if ("schedules",) in changed:
        merged.pop("schedule", None)
    return merged


def _put(file: YamlFile, text: str, entry: dict[str, Any], changed: Sequence[Place] | None) -> str:
    if not isinstance(file.value, Mapping):
        raise ProjectInvalid(file.path, "this is no project file")
    if entry.get("pull") == file.value.get("pull"):
        entry.pop("pull", None)  # which it has from the file as a whole
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    listed = file.value.get("deployments")
    at = file.lines.get(("deployments",))
    if at is None:
        return "".join(lines) + f"\ndeployments:\n{_indented(entry)}"
    if not listed:  # `deployments: []`, or nothing after the colon
        return "".join([*lines[: at - 1], "deployments:\n", _indented(entry), *lines[at:]])
    place = next((n for n, said in enumerate(listed) if _is_same(said, entry)), None)
    first = file.lines["deployments", 0]
    indent = len(lines[first - 1]) - len(lines[first - 1].lstrip(" "))
    if not lines[first - 1].lstrip(" ").startswith("-"):
        raise ProjectInvalid(
            file.path, "its deployments are written on one line: put each on lines of its own", line=at
        )
    if place is None:
        end = _last_line(file, ("deployments",), lines)
        return "".join([*lines[:end], _indented(entry, indent), *lines[end:]])
    if changed is not None:
        entry = _merged(listed[place], entry, changed)
        if entry == listed[place]:
            return text
    begin, end = file.lines["deployments", place] - 1, _last_line(file, ("deployments", place), lines)
    return "".join([*lines[:begin], _indented(entry, indent), *lines[end:]])


def _last_line(file: YamlFile, keys: tuple[str | int, ...], lines: list[str]) -> int:
    """The last line of something; the blank lines and comments that follow it belong to what comes next."""
    end = file.ends[keys]
    while end > 0 and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1
    return end


def _is_same(said: Any, entry: Mapping[str, Any]) -> bool:
    if not isinstance(said, Mapping) or said.get("name") != entry["name"]:
        return False
    flow = said.get("flow_name")
    if flow is not None:
        return bool(flow == entry.get("flow_name"))
    return said.get("entrypoint") in (None, entry.get("entrypoint"))


def _indented(entry: Mapping[str, Any], indent: int = 2) -> str:
    import yaml  # lazy: 15 ms

    text = yaml.safe_dump([dict(entry)], sort_keys=False, allow_unicode=True, default_flow_style=False, width=110)
    return "".join(f"{' ' * indent}{line}\n" for line in text.splitlines())


def _quoted(text: str) -> str:
    import yaml  # lazy: 15 ms

    dumped: str = yaml.safe_dump(text, allow_unicode=True, width=1_000)
    return dumped.splitlines()[0]


def _iso(at: int | None) -> str | None:
    return None if at is None else (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)).isoformat()


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
