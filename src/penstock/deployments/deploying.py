"""From a flow and options, or from a project file, to the deployment that is saved."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_type_hints

from penstock.core.errors import ParameterInvalid
from penstock.core.json_schemas import find_problems
from penstock.core.schedules import Schedule, with_distinct_slugs
from penstock.deployments.deployment import Deployment
from penstock.deployments.errors import NotDeployable
from penstock.deployments.folders import version_of_folder
from penstock.deployments.project import COLLISIONS, Entry
from penstock.deployments.spans import parse_schedule, parse_span
from penstock.deployments.storage.places import CodeStorage
from penstock.scheduling import DeploymentSpec
from penstock.sdk.deployment_options import DeploymentOptions
from penstock.sdk.flows import Flow
from penstock.sdk.parameters import as_json_value

AnyFlow = Flow[Any, Any]


def deployment_of(flow: AnyFlow, name: str | None, options: DeploymentOptions) -> Deployment:
    """A deployment of a flow. Raises `NotDeployable`, `ScheduleInvalid`, `ParameterInvalid`."""
    _check_known(options)
    parameters = as_json(flow, options.get("parameters") or {})
    limit, collision = _limit_of(options.get("concurrency_limit"))
    folder, entrypoint = find_code(flow)
    spec = DeploymentSpec(
        entrypoint=entrypoint,
        path=str(folder),
        code_version=version_of_folder(folder),
        parameters=parameters,
        parameter_schema=flow.parameters_schema(),
        enforce_parameter_schema=options.get("enforce_parameter_schema", True),
        work_pool=options.get("work_pool_name"),
        work_queue=options.get("work_queue_name"),
        job_variables=dict(options.get("job_variables") or {}),
        tags=sorted({*flow.options.tags, *(options.get("tags") or ())}),
        description=options.get("description") or flow.description,
        version_name=options.get("version") or flow.version,
        concurrency_limit=limit,
        collision=collision,
        on_crash=options.get("on_crash", "none"),
        on_crash_limit=options.get("on_crash_limit", 3),
        deadline_seconds=_seconds(options.get("deadline")),
    )
    if flow.source is not None:
        spec = fetched_by(spec, flow.source.storage, flow.source.entrypoint, code_version=flow.source.code_version)
    check_parameters(flow.name, spec, parameters)
    return Deployment(
        flow_name=flow.name,
        name=check_name(name or flow.name),
        spec=spec,
        schedules=schedules_of(options),
        paused=options.get("paused"),
        flow=flow,
    )


def deployment_of_entry(flow: AnyFlow, entry: Entry, folder: Path, *, job_variables: Mapping[str, Any]) -> Deployment:
    """What a project file says of a flow; `folder` is what its entrypoint is relative to. Raises `ParameterInvalid`."""
    if entry.flow_name not in (None, flow.name):
        raise NotDeployable(
            f"Deployment `{entry.name}` is of flow `{entry.flow_name}`, but {entry.entrypoint} is flow `{flow.name}`."
        )
    spec = DeploymentSpec(
        entrypoint=entry.entrypoint,
        path=str(folder),
        pull_steps=entry.pull,
        code_version=version_of_folder(folder),
        parameters=as_json(flow, entry.parameters),
        parameter_schema=flow.parameters_schema(),
        enforce_parameter_schema=entry.enforce_parameter_schema,
        work_pool=entry.work_pool,
        work_queue=entry.work_queue,
        job_variables=job_variables,
        tags=sorted({*flow.options.tags, *entry.tags}),
        description=entry.description or flow.description,
        version_name=entry.version or flow.version,
        concurrency_limit=entry.concurrency_limit,
        collision=entry.collision,
        on_crash=entry.on_crash,
        on_crash_limit=entry.on_crash_limit,
        deadline_seconds=entry.deadline_seconds,
    )
    check_parameters(flow.name, spec, spec.parameters)
    return Deployment(
        flow_name=flow.name,
        name=entry.name,
        spec=spec,
        schedules=entry.schedules,
        paused=entry.paused,
        flow=flow,
    )


def check_parameters(flow_name: str, spec: DeploymentSpec, parameters: Mapping[str, Any]) -> None:
    """Raise `ParameterInvalid` for values that no run would be given leave for; templates are filled in later."""
    if spec.parameter_schema is None or not spec.enforce_parameter_schema:
        return
    plain = {name: value for name, value in parameters.items() if "{{" not in str(value)}
    problems = find_problems(spec.parameter_schema, plain, partial=True)
    if problems:
        raise ParameterInvalid(flow_name, problems)


def as_json(flow: AnyFlow, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as JSON, which is what a deployment keeps. Raises `NotDeployable` for one that has no such form."""
    plain = {}
    for name, value in parameters.items():
        try:
            plain[name] = as_json_value(value)
        except TypeError as error:
            raise NotDeployable(
                f"Parameter `{name}` of flow `{flow.name}`: {error}, and a deployment keeps nothing else. Give what the value "
                "can be made of, such as its path or its name."
            ) from error
    return plain


def fetched_by(
    spec: DeploymentSpec, storage: CodeStorage, entrypoint: str, *, code_version: str | None
) -> DeploymentSpec:
    """The same with code that is fetched from where it is kept."""
    return replace(spec, path=None, entrypoint=entrypoint, pull_steps=[storage.as_step()], code_version=code_version)


def find_code(flow: AnyFlow) -> tuple[Path, str]:
    """The folder of a flow's code, and where in it the flow is. Raises `NotDeployable` for one that no file defines.

    The folder is the working folder if the file is within it, else the file's own.
    """
    entrypoint = flow.options.entrypoint
    if entrypoint is None:
        raise NotDeployable(
            f"Flow `{flow.name}` cannot be found by another process: a shell, a notebook or another function defines it. "
            "Define it at the top of a file."
        )
    file, _, qualname = entrypoint.rpartition(":")
    path, here = Path(file).resolve(), Path.cwd().resolve()
    folder = here if path.is_relative_to(here) and here not in (Path.home(), Path("/")) else path.parent
    return folder, f"{path.relative_to(folder).as_posix()}:{_name_in_module(flow, qualname)}"


def schedules_of(options: DeploymentOptions) -> Sequence[Schedule] | None:
    """The schedules that options name; none if they say nothing of them. Raises `ScheduleInvalid`."""
    found: list[Schedule] = []
    zone = options.get("timezone")
    said = False
    for rule in ("cron", "interval", "rrule"):
        value: Any = options.get(rule)
        if value is None:
            continue
        said = True
        rules = value if isinstance(value, list | tuple) else [value]
        found += [parse_schedule({rule: one, "timezone": zone}) for one in rules]
    if options.get("schedule") is not None:
        said = True
        found.append(as_schedule(options["schedule"]))
    several = options.get("schedules")
    if several is not None:
        said = True
        found += [as_schedule(each) for each in several]
    return with_distinct_slugs(found) if said else None


def as_schedule(given: Any) -> Schedule:
    """A schedule from what people give for one: a schedule, a mapping, a cron expression. Raises `ScheduleInvalid`."""
    if isinstance(given, Schedule):
        return given
    if isinstance(given, Mapping):
        return parse_schedule(given)
    if isinstance(given, str):
        return parse_schedule({"cron": given})
    if isinstance(given, timedelta):
        return parse_schedule({"interval": given})
    raise NotDeployable(
        f"A schedule is Cron(...), Interval(...) or RRule(...) of penstock.schedules, got {given!r:.100}."
    )


def check_name(name: str) -> str:
    """Check a deployment's name. Raises `NotDeployable`."""
    if not isinstance(name, str) or not name.strip() or "/" in name or "%" in name:
        raise NotDeployable(f"The name of a deployment is text without `/` and `%`, got {name!r:.100}.")
    return name


def _name_in_module(flow: AnyFlow, qualname: str) -> str:
    """The name that the flow has in its module: that of its function, unless it was assigned to another."""
    module = sys.modules.get(getattr(flow.fn, "__module__", ""))
    names = vars(module) if module is not None else {}
    own = names.get(qualname)
    if own is flow or (isinstance(own, Flow) and own.name == flow.name):
        return qualname
    for name, value in names.items():
        if value is flow:
            return name
    if isinstance(own, Flow):
        raise NotDeployable(
            f"Flow `{flow.name}` is flow `{own.name}` with other options, and has no name of its own in its file. "
            f"Assign it at the top of the file: `{flow.name.replace('-', '_')} = {qualname}.with_options(...)`."
        )
    return qualname


def _limit_of(given: Any) -> tuple[int | None, str]:
    if isinstance(given, Mapping):
        limit, collision = given.get("limit"), given.get("collision", given.get("collision_strategy", "enqueue"))
    elif given is None or isinstance(given, int):
        limit, collision = given, "enqueue"
    else:
        limit, collision = getattr(given, "limit", given), getattr(given, "collision_strategy", "enqueue")
    collision = str(getattr(collision, "value", collision)).lower()
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise NotDeployable(f"`concurrency_limit` must be a whole number of at least 1, got {limit!r:.100}.")
    if collision not in COLLISIONS:
        raise NotDeployable(
            f"The collision of `concurrency_limit` must be one of {', '.join(COLLISIONS)}, got {collision!r}."
        )
    return limit, collision


def _seconds(given: timedelta | float | str | None) -> float | None:
    if given is None:
        return None
    try:
        seconds = given.total_seconds() if isinstance(given, timedelta) else parse_span(given).total_seconds()
    except (ValueError, OverflowError) as error:
        raise NotDeployable(f"`deadline` cannot be: {error}.") from error
    if seconds <= 0:
        raise NotDeployable(f"`deadline` must be more than nothing, got {given!r}.")
    return seconds


def _check_known(options: Mapping[str, Any]) -> None:
    known = list(get_type_hints(DeploymentOptions))
    for name in options:
        if name == "triggers" and not options[name]:
            continue
        if name == "triggers":
            raise NotDeployable("`triggers` is not known yet: automations come in a later release.")
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f" Did you mean `{near[0]}`?" if near else f" There are {', '.join(known)}."
            raise NotDeployable(f"A deployment has no option `{name}`.{hint}")
