"""Deployments on the terminal: which one is meant, how it is shown, and the JSON that `--json` prints."""

from collections.abc import Iterable, Mapping
from typing import Any

from penstock.cli.output import Terminal
from penstock.cli.session import Session
from penstock.cli.shapes import flow_run_shape
from penstock.cli.states import state_cell
from penstock.cli.tables import Cell, Column
from penstock.cli.text import as_iso, as_local_time, find_near
from penstock.core.errors import Ambiguous, NotFound
from penstock.core.ids import as_uuid_text
from penstock.core.schedules import from_json
from penstock.ports import PAGE_SIZE_MAX
from penstock.scheduling import (
    Deployment,
    DeploymentSpec,
    DeploymentVersion,
    GetDeployment,
    ListDeployments,
    ScheduleRow,
)

Shape = dict[str, Any]
CODE_SHOWN = 12


def get_deployment(session: Session, text: str) -> Deployment:
    """The deployment that is meant: by its id, `flow/name`, or a name that only one has.

    Raises `NotFound` with near names, or `Ambiguous` with the candidates.
    """
    try:
        return session.ask(GetDeployment(key=text))
    except NotFound as error:
        known = session.ask(ListDeployments(limit=PAGE_SIZE_MAX)).items
        named = [item for item in known if item.name == text]
        if len(named) == 1:
            return named[0]
        if named:
            lines = "\n".join(f"  {key_of(item)}" for item in named)
            raise Ambiguous(f"Several deployments are called `{text}`; say of which flow:\n{lines}") from error
        near = find_near(text, [*map(key_of, known), *(item.name for item in known)])
        raise NotFound("deployment", text, near=near, listing="penstock deployment ls") from error


def key_of(deployment: Deployment) -> str:
    """As people name it: `flow/name`."""
    return f"{deployment.flow_name}/{deployment.name}"


def deployment_shape(item: Deployment) -> Shape:
    """A deployment, as lists show it and `deployment inspect` does."""
    return {
        "id": as_uuid_text(item.id),
        "name": item.name,
        "flow": item.flow_name,
        "version": item.version,
        "paused": item.paused,
        "created_at": as_iso(item.created_at),
        "updated_at": as_iso(item.updated_at),
        "schedules": [schedule_shape(each) for each in item.schedules],
        "spec": spec_shape(item.spec),
        "last_run": None if item.last_run is None else flow_run_shape(item.last_run),
    }


def spec_shape(spec: DeploymentSpec) -> Shape:
    """What a version says."""
    return {
        "entrypoint": spec.entrypoint,
        "path": spec.path,
        "pull_steps": [dict(step) for step in spec.pull_steps],
        "code_version": spec.code_version,
        "version_name": spec.version_name,
        "parameters": dict(spec.parameters),
        "parameter_schema": None if spec.parameter_schema is None else dict(spec.parameter_schema),
        "enforce_parameter_schema": spec.enforce_parameter_schema,
        "work_pool": spec.work_pool,
        "work_queue": spec.work_queue,
        "job_variables": dict(spec.job_variables),
        "tags": list(spec.tags),
        "description": spec.description,
        "concurrency_limit": spec.concurrency_limit,
        "collision": spec.collision,
        "on_crash": spec.on_crash,
        "on_crash_limit": spec.on_crash_limit,
        "deadline_seconds": spec.deadline_seconds,
    }


def schedule_shape(row: ScheduleRow) -> Shape:
    """A schedule of a deployment."""
    return {
        "slug": row.slug,
        "rule": from_json(row.definition).rule,
        "active": row.active,
        "next_at": as_iso(row.next_at),
        "last_at": as_iso(row.last_at),
        "definition": dict(row.definition),
    }


def version_shape(item: DeploymentVersion) -> Shape:
    """A version of a deployment."""
    return {
        "number": item.number,
        "current": item.current,
        "created_at": as_iso(item.created_at),
        "actor": item.actor,
        "spec": spec_shape(item.spec),
    }


def show_list(terminal: Terminal, items: Iterable[Deployment]) -> None:
    """Deployments as a table."""
    columns = [
        Column("Deployment", give=True), Column("Version", right=True), Column("Work pool"), Column("Schedules", give=True),
        Column("Next run"), Column("Last run"),
    ]  # fmt: skip
    terminal.table(columns, map(_row, items), empty="There are no deployments. Make one with `penstock deploy`.")


def show_one(terminal: Terminal, item: Deployment) -> None:
    """A deployment as pairs."""
    spec = item.spec
    limit = None
    if spec.concurrency_limit is not None:
        then = "wait" if spec.collision == "enqueue" else "are cancelled"
        limit = f"{spec.concurrency_limit:,} at once; more {then}"
    pairs: list[tuple[str, str | Cell | None]] = [
        ("Deployment", key_of(item)),
        ("Id", as_uuid_text(item.id)),
        ("Version", f"{item.version}{f' ({spec.version_name})' if spec.version_name else ''}"),
        ("Paused", "yes" if item.paused else None),
        ("Description", spec.description),
        ("Work pool", _place(spec)),
        ("Entrypoint", spec.entrypoint),
        ("Folder", spec.path),
        ("Pull steps", "\n".join(_step(step) for step in spec.pull_steps) or None),
        ("Code", spec.code_version),
        ("Parameters", "\n".join(f"{name} = {value!r}" for name, value in spec.parameters.items()) or None),
        ("Job variables", "\n".join(f"{name} = {value!r}" for name, value in spec.job_variables.items()) or None),
        ("Tags", ", ".join(spec.tags) or None),
        ("Limit", limit),
        ("On crash", None if spec.on_crash == "none" else f"{spec.on_crash}, at most {spec.on_crash_limit} times"),
        ("Deadline", None if spec.deadline_seconds is None else f"{spec.deadline_seconds:g} s"),
        ("Last run", None if item.last_run is None else f"{item.last_run.name} ({item.last_run.state.name})"),
        ("Updated", as_local_time(item.updated_at)),
    ]
    terminal.pairs((name, value) for name, value in pairs if value is not None)
    if item.schedules:
        terminal.data()
        show_schedules(terminal, item.schedules)


def show_schedules(terminal: Terminal, rows: Iterable[ScheduleRow]) -> None:
    """Schedules as a table."""
    columns = [
        Column("Schedule"),
        Column("Rule", give=True),
        Column("Zone"),
        Column("Active"),
        Column("Next"),
        Column("Last"),
    ]

    def cells(row: ScheduleRow) -> tuple[str | Cell, ...]:
        schedule = from_json(row.definition)
        active = Cell("yes", "green") if row.active else Cell("no", "yellow")
        times = as_local_time(row.next_at), as_local_time(row.last_at)
        return row.slug, schedule.rule, schedule.timezone, active, *times

    terminal.table(columns, map(cells, rows), empty="It has no schedules.")


def _row(item: Deployment) -> tuple[str | Cell, ...]:
    rules = ", ".join(from_json(row.definition).rule + ("" if row.active else " (off)") for row in item.schedules)
    coming = [row.next_at for row in item.schedules if row.active and row.next_at is not None]
    upcoming = Cell("paused", "yellow") if item.paused else as_local_time(min(coming, default=None))
    last = "–" if item.last_run is None else state_cell(item.last_run.state)
    return key_of(item), str(item.version), _place(item.spec), rules or "–", upcoming, last


def _place(spec: DeploymentSpec) -> str:
    if spec.work_pool is None:
        return "served"
    return spec.work_pool if spec.work_queue is None else f"{spec.work_pool} / {spec.work_queue}"


def _step(step: Mapping[str, Any]) -> str:
    ((name, options),) = step.items()
    return f"{name}: {', '.join(f'{key}={value}' for key, value in (options or {}).items())}"
