"""`penstock.yaml`: what a project deploys, and how. Prefect's `prefect.yaml` of the same shape is read as well.

Reading says all that can be said without the flows themselves: an error names file, line and key.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from penstock.core.errors import ScheduleInvalid, TemplateInvalid
from penstock.core.schedules import Schedule, with_distinct_slugs
from penstock.deployments.errors import ProjectInvalid
from penstock.deployments.spans import parse_schedule, parse_span
from penstock.deployments.yaml_files import Keys, YamlFile, read_yaml

FILE_NAMES = ("penstock.yaml", "penstock.yml", "prefect.yaml")
DEPLOYMENTS_MAX = 10_000

Step = Mapping[str, Any]
Resolve = Callable[[Any], Any]

_PROJECT_KEYS = (
    "name", "penstock-version", "prefect-version", "definitions", "build", "push", "pull", "deployments",
)  # fmt: skip
_DEPLOYMENT_KEYS = (
    "name", "flow_name", "entrypoint", "version", "description", "tags", "parameters", "enforce_parameter_schema",
    "schedules", "schedule", "work_pool", "concurrency_limit", "on_crash", "on_crash_limit", "deadline", "paused",
    "build", "push", "pull",
)  # fmt: skip
_TO_COME = {"triggers": "automations", "sla": "service levels"}
_POOL_KEYS = ("name", "work_queue_name", "job_variables")
_LATER = ("pull", "schedule", "schedules")
"""Keys whose placeholders are not filled in when the file is read."""
COLLISIONS = ("enqueue", "cancel_new")
ON_CRASH = ("none", "resume", "retry")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One deployment of the file."""

    name: str
    entrypoint: str | None = None
    flow_name: str | None = None
    version: str | None = None
    description: str | None = None
    tags: Sequence[str] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    enforce_parameter_schema: bool = True
    schedules: Sequence[Schedule] | None = None
    """None says nothing of them."""
    work_pool: str | None = None
    work_queue: str | None = None
    job_variables: Mapping[str, Any] = field(default_factory=dict)
    concurrency_limit: int | None = None
    collision: str = "enqueue"
    on_crash: str = "none"
    on_crash_limit: int = 3
    deadline_seconds: float | None = None
    paused: bool | None = None
    build: Sequence[Step] = ()
    push: Sequence[Step] = ()
    pull: Sequence[Step] = ()
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project file."""

    file: YamlFile
    name: str | None = None
    deployments: Sequence[Entry] = ()
    build: Sequence[Step] = ()
    push: Sequence[Step] = ()
    pull: Sequence[Step] = ()

    @property
    def path(self) -> Path:
        """The file."""
        return self.file.path

    @property
    def folder(self) -> Path:
        """The folder that entrypoints are relative to."""
        return self.file.path.parent

    def get_entry(self, name: str) -> Entry:
        """The deployment of that name, or of `flow/name`. Raises `ProjectInvalid`, naming near ones."""
        flow, _, own = name.rpartition("/")
        for entry in self.deployments:
            if entry.name == name or (flow and entry.name == own and entry.flow_name in (None, flow)):
                return entry
        names = [entry.name for entry in self.deployments]
        near = get_close_matches(name, names, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(names) or 'none'}"
        raise ProjectInvalid(self.path, f"there is no deployment `{name}`; {hint}")


def find_project_file(folder: Path) -> Path | None:
    """The project file of a folder, if it has one."""
    return next((folder / name for name in FILE_NAMES if (folder / name).is_file()), None)


def read_project(path: Path, resolve: Resolve = lambda document: document) -> Project:
    """Read a project file. `resolve` fills in the placeholders of deployments. Raises `ProjectInvalid`."""
    file = read_yaml(path)
    reader = _Reader(file)
    value = {} if file.value is None else file.value
    known = reader.mapping((), value, _PROJECT_KEYS, what="a project", free=("x-", "."))
    build, push, pull = (reader.steps((key,), known.get(key)) for key in ("build", "push", "pull"))
    entries = []
    for place, said in enumerate(reader.items(("deployments",), known.get("deployments"))):
        entry = _read_entry(reader, ("deployments", place), said, resolve, (build, push, pull))
        if entry is not None:
            entries.append(entry)
    _check_names(reader, entries)
    return Project(
        file=file,
        name=reader.text(("name",), known.get("name")),
        deployments=entries,
        build=build,
        push=push,
        pull=pull,
    )


def _read_entry(
    reader: "_Reader", keys: Keys, said: Any, resolve: Resolve, steps: tuple[Sequence[Step], ...]
) -> Entry | None:
    known = reader.mapping(keys, said, _DEPLOYMENT_KEYS, what="a deployment", to_come=_TO_COME)
    if all(value is None or value == [] or value == {} for value in known.values()):
        return None  # the empty one that templates begin with
    known = {key: value if key in _LATER else resolve(value) for key, value in known.items()}
    name = reader.text((*keys, "name"), known.get("name"))
    if not name:
        raise reader.error((*keys, "name"), "is missing: a deployment needs a name")
    if "/" in name or "%" in name:
        raise reader.error((*keys, "name"), f"may not contain `/` or `%`, got {name!r}")
    pool = reader.mapping((*keys, "work_pool"), known.get("work_pool") or {}, _POOL_KEYS, what="a work pool here")
    limit, collision = _read_limit(reader, (*keys, "concurrency_limit"), known.get("concurrency_limit"))
    build, push, pull = (
        reader.steps((*keys, key), known[key]) if known.get(key) is not None else inherited
        for key, inherited in zip(("build", "push", "pull"), steps, strict=True)
    )
    return Entry(
        name=name,
        entrypoint=reader.text((*keys, "entrypoint"), known.get("entrypoint")),
        flow_name=reader.text((*keys, "flow_name"), known.get("flow_name")),
        version=reader.text((*keys, "version"), known.get("version"), numbers=True),
        description=reader.text((*keys, "description"), known.get("description")),
        tags=reader.texts((*keys, "tags"), known.get("tags")),
        parameters=reader.names((*keys, "parameters"), known.get("parameters")),
        enforce_parameter_schema=reader.flag(
            (*keys, "enforce_parameter_schema"), known.get("enforce_parameter_schema"), default=True
        ),
        schedules=_read_schedules(reader, keys, known),
        work_pool=reader.text((*keys, "work_pool", "name"), pool.get("name")),
        work_queue=reader.text((*keys, "work_pool", "work_queue_name"), pool.get("work_queue_name")),
        job_variables=reader.names((*keys, "work_pool", "job_variables"), pool.get("job_variables")),
        concurrency_limit=limit,
        collision=collision,
        on_crash=reader.choice((*keys, "on_crash"), known.get("on_crash"), ON_CRASH, default="none"),
        on_crash_limit=reader.count((*keys, "on_crash_limit"), known.get("on_crash_limit")) or 3,
        deadline_seconds=reader.span((*keys, "deadline"), known.get("deadline")),
        paused=None if known.get("paused") is None else reader.flag((*keys, "paused"), known["paused"], default=False),
        build=build,
        push=push,
        pull=pull,
        line=reader.file.line_of(keys),
    )


def _read_limit(reader: "_Reader", keys: Keys, said: Any) -> tuple[int | None, str]:
    """A number, or a number with what becomes of runs beyond it; Prefect's words for both are known."""
    if not isinstance(said, Mapping):
        return reader.count(keys, said), "enqueue"
    known = reader.mapping(keys, said, ("limit", "collision", "collision_strategy"), what="a concurrency limit")
    collision = known.get("collision", known.get("collision_strategy"))
    place = (*keys, "collision" if "collision" in known else "collision_strategy")
    collision = collision.lower() if isinstance(collision, str) else collision
    return reader.count((*keys, "limit"), known.get("limit")), reader.choice(
        place, collision, COLLISIONS, default="enqueue"
    )


def _read_schedules(reader: "_Reader", keys: Keys, known: Mapping[str, Any]) -> Sequence[Schedule] | None:
    one, several = known.get("schedule"), known.get("schedules")
    if one and several:
        raise reader.error((*keys, "schedule"), "is there besides `schedules`: say all in `schedules`")
    listed = [((*keys, "schedule"), one)] if one else []
    listed += [
        ((*keys, "schedules", place), said)
        for place, said in enumerate(reader.items((*keys, "schedules"), several, or_one=True))
    ]
    if not listed:
        return None if several is None and one is None and "schedule" not in known else ()
    found = [_read_schedule(reader, place, said) for place, said in listed]
    try:
        return with_distinct_slugs(found)
    except ScheduleInvalid as error:
        raise reader.error((*keys, "schedules"), f"cannot be: {_without_stop(error)}") from error


def _read_schedule(reader: "_Reader", keys: Keys, said: Any) -> Schedule:
    try:
        return parse_schedule(reader.names(keys, said))
    except ScheduleInvalid as error:
        place = (*keys, error.field) if error.field in said else keys
        value = "" if error.value is None else f" {error.value!r:.200}"
        raise reader.error(place, f"{value} {error.problem}".strip(), owner=error.field) from error
    except TemplateInvalid as error:
        raise reader.error((*keys, "parameters"), _without_stop(error)) from error


def _check_names(reader: "_Reader", entries: Iterable[Entry]) -> None:
    """Names are those of deployments of one flow; what the flow is may only be known by its file."""
    seen: dict[tuple[str | None, str | None, str], Entry] = {}
    for entry in entries:
        key = (entry.flow_name, entry.entrypoint, entry.name)
        if key in seen:
            where = f"deployments `{entry.name}`"
            raise ProjectInvalid(
                reader.file.path,
                f"{where} is there twice, first in line {seen[key].line}; each deployment of a flow needs a name of its own",
                line=entry.line,
            )
        seen[key] = entry


def _without_stop(error: Exception) -> str:
    return str(error).rstrip(".")


class _Reader:
    """Reads values of a file; whatever is wrong is an error that names the key and its line."""

    def __init__(self, file: YamlFile):
        self.file = file

    def error(self, keys: Keys, problem: str, *, owner: str = "") -> ProjectInvalid:
        where = owner if owner and (not keys or keys[-1] != owner) else _dotted(keys)
        return ProjectInvalid(self.file.path, problem, where=where, line=self.file.line_of(keys))

    def mapping(
        self,
        keys: Keys,
        value: Any,
        known: Sequence[str],
        *,
        what: str,
        to_come: Mapping[str, str] = {},
        free: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        """A mapping of these keys and no others."""
        found = self.names(keys, value)
        for key, said in found.items():
            if key in known or (free and key.startswith(free)):
                continue
            if key in to_come:
                if said:
                    raise self.error((*keys, key), f"is not known yet: {to_come[key]} come in a later release")
                continue
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(known)}"
            raise self.error((*keys, key), f"is no key of {what}; {hint}")
        return found

    def names(self, keys: Keys, value: Any) -> dict[str, Any]:
        """A mapping of any names."""
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise self.error(keys, f"must be a mapping of names to values, got {value!r:.100}")
        for key in value:
            if not isinstance(key, str):
                raise self.error(keys, f"has the key {key!r}, which is no text: put it in quotes")
        return dict(value)

    def items(self, keys: Keys, value: Any, *, or_one: bool = False) -> list[Any]:
        """A list; with `or_one`, a mapping is a list of one."""
        if value is None:
            return []
        if or_one and isinstance(value, Mapping):
            return [value]
        if not isinstance(value, list):
            raise self.error(keys, f"must be a list, got {value!r:.100}")
        if len(value) > DEPLOYMENTS_MAX:
            raise self.error(keys, f"has {len(value):,} items; {DEPLOYMENTS_MAX:,} are allowed")
        return value

    def steps(self, keys: Keys, value: Any) -> list[Step]:
        """Steps: each maps one step's name to its options."""
        found: list[Step] = []
        for place, said in enumerate(self.items(keys, value)):
            step = {said: {}} if isinstance(said, str) else self.names((*keys, place), said)
            if len(step) != 1:
                raise self.error((*keys, place), "must be the name of one step with its options below it")
            ((name, options),) = step.items()
            found.append({name: self.names((*keys, place, name), options)})
        return found

    def text(self, keys: Keys, value: Any, *, numbers: bool = False) -> str | None:
        """Text; with `numbers`, a number's as well."""
        if numbers and isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        if value is not None and not isinstance(value, str):
            raise self.error(keys, f"must be text, got {value!r:.100}: put it in quotes")
        return value or None

    def texts(self, keys: Keys, value: Any) -> list[str]:
        """A list of texts; one text is a list of one."""
        listed = [value] if isinstance(value, str) else self.items(keys, value)
        return [self.text((*keys, place), item, numbers=True) or "" for place, item in enumerate(listed)]

    def flag(self, keys: Keys, value: Any, *, default: bool) -> bool:
        """True or false."""
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.error(keys, f"must be true or false, got {value!r:.100}")
        return value

    def count(self, keys: Keys, value: Any) -> int | None:
        """A whole number of at least 1."""
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self.error(keys, f"must be a whole number of at least 1, got {value!r:.100}")
        return value

    def choice(self, keys: Keys, value: Any, choices: Sequence[str], *, default: str) -> str:
        """One of a few words."""
        if value is None:
            return default
        if value not in choices:
            raise self.error(keys, f"must be one of {', '.join(choices)}, got {value!r:.100}")
        return str(value)

    def span(self, keys: Keys, value: Any) -> float | None:
        """A span of time, in seconds."""
        if value is None:
            return None
        try:
            seconds = parse_span(value).total_seconds()
        except (ValueError, OverflowError) as error:
            raise self.error(keys, f"cannot be: {error}") from error
        if seconds <= 0:
            raise self.error(keys, "must be more than nothing")
        return seconds


def _dotted(keys: Keys) -> str:
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f"{'.' if text else ''}{key}"
    return text
