"""What a deployment's runs are made from: the deployment, its current version, its pool and queue; and their parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, select

from penstock.core.errors import NotFound, ParameterInvalid, RequestInvalid
from penstock.core.ids import parse_id
from penstock.core.json_schemas import find_problems
from penstock.scheduling import DeploymentSpec
from penstock.store.near import near_names
from penstock.store.tables import flow
from penstock.store.values import clean, decode_json, encode_json
from penstock.store.work_tables import deployment, deployment_version, work_pool, work_queue
from penstock.wire import decoder, encoder

QUEUE_DEFAULT = "default"
NAMES_LOOKED_AT_MAX = 1_000
SPECS_KEPT = 2_000

d, v, p, q = deployment.c, deployment_version.c, work_pool.c, work_queue.c
default_queue = work_queue.alias("default_queue")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A deployment with its current version."""

    workspace_id: int
    seq: int
    id: str
    name: str
    flow_seq: int
    flow_name: str
    version: int
    spec: DeploymentSpec
    pool_seq: int | None
    queue_seq: int | None
    paused: bool

    @property
    def key(self) -> str:
        """As people name it."""
        return f"{self.flow_name}/{self.name}"

    @property
    def resource(self) -> str:
        """As events name it."""
        return f"deployment.{self.id}"


def select_targets() -> Select[Any]:
    """Deployments with the current version, pool and queue of each."""
    return (
        select(
            d.workspace_id, d.seq, d.id, d.name, d.flow_seq, flow.c.name.label("flow_name"), d.version, v.spec,
            d.pool_seq, func.coalesce(q.seq, default_queue.c.seq).label("queue_seq"), d.paused,
        )
        .join(flow, flow.c.seq == d.flow_seq)
        .join(deployment_version, and_(v.deployment_seq == d.seq, v.number == d.version))
        .outerjoin(work_queue, and_(q.pool_seq == d.pool_seq, q.name == v.work_queue))
        .outerjoin(default_queue, and_(default_queue.c.pool_seq == d.pool_seq, default_queue.c.name == QUEUE_DEFAULT))
    )  # fmt: skip


def to_target(row: Row[Any]) -> Target:
    """Make a target of its row."""
    return Target(**{**row._mapping, "spec": read_spec(row.spec)})


def find_target(connection: Connection, workspace_id: int, key: str, *, lock: bool = False) -> Target:
    """A deployment by its id or `flow/name`. Raises `NotFound`.

    With `lock` others who lock it wait: a deployment's versions, schedules and keys of requests change one by one.
    """
    return read_target(connection, find_deployment(connection, workspace_id, key, lock=lock))


def read_target(connection: Connection, seq: int) -> Target:
    """A deployment that is there."""
    return to_target(connection.execute(select_targets().where(d.seq == seq)).one())


def find_deployment(connection: Connection, workspace_id: int, key: str, *, lock: bool = False) -> int:
    """The number of a deployment, by its id or `flow/name`. Raises `NotFound`."""
    statement = select(d.seq).where(d.workspace_id == workspace_id, _is_named(connection, workspace_id, key))
    found: int | None = connection.execute(statement.with_for_update() if lock else statement).scalar()
    if found is None:
        known = connection.execute(
            select(flow.c.name, d.name.label("own"))
            .join(flow, flow.c.seq == d.flow_seq)
            .where(d.workspace_id == workspace_id)
            .limit(NAMES_LOOKED_AT_MAX)
        )
        near = near_names(key, [f"{row.name}/{row.own}" for row in known])
        raise NotFound("deployment", key, near=near, listing="penstock deployment ls")
    return found


def _is_named(connection: Connection, workspace_id: int, key: str) -> ColumnElement[bool]:
    flow_name, slash, name = key.rpartition("/")
    if slash:
        mine = and_(flow.c.workspace_id == workspace_id, flow.c.name == flow_name)
        flow_seq = connection.execute(select(flow.c.seq).where(mine)).scalar()
        return and_(d.flow_seq == (flow_seq or 0), d.name == name)
    try:
        return d.id == parse_id(key)
    except ValueError:
        return d.seq == 0


def find_pool(connection: Connection, workspace_id: int, name: str) -> int:
    """The number of a work pool. Raises `NotFound`."""
    seq = connection.execute(select(p.seq).where(p.workspace_id == workspace_id, p.name == name)).scalar()
    if seq is None:
        names = connection.execute(select(p.name).where(p.workspace_id == workspace_id)).scalars()
        raise NotFound("work pool", name, near=near_names(name, names), listing="penstock work-pool ls")
    return int(seq)


def find_queue(connection: Connection, pool_seq: int, name: str, *, pool: str | None) -> int:
    """The number of a queue of a pool. Raises `NotFound`."""
    seq = connection.execute(select(q.seq).where(q.pool_seq == pool_seq, q.name == name)).scalar()
    if seq is None:
        names = connection.execute(select(q.name).where(q.pool_seq == pool_seq)).scalars()
        listing = f"penstock work-pool inspect {pool}"
        raise NotFound(f"work queue of `{pool}`", name, near=near_names(name, names), listing=listing)
    return int(seq)


def write_spec(spec: DeploymentSpec) -> str:
    """Write down what a version says, equal specs equally."""
    return encode_json(clean(encoder(DeploymentSpec)(spec))) or "{}"


@lru_cache(maxsize=SPECS_KEPT)
def read_spec(text: str) -> DeploymentSpec:
    """Read what a version says."""
    spec: DeploymentSpec = decoder(DeploymentSpec)(decode_json(text))
    return spec


def check_parameters(target: Target, parameters: Mapping[str, Any]) -> None:
    """Raises `ParameterInvalid`, naming each parameter that does not fit the version's schema."""
    schema = target.spec.parameter_schema
    if schema is None or not target.spec.enforce_parameter_schema:
        return
    problems = find_problems(schema, dict(parameters))
    if problems:
        raise ParameterInvalid(target.flow_name, problems)


def check_job_variables(connection: Connection, pool_seq: int | None, variables: Mapping[str, Any]) -> None:
    """Raises `RequestInvalid` for job variables that the pool's template does not know, or that do not fit it.

    Templates in them are filled in later.
    """
    if not variables or pool_seq is None:
        return
    row = connection.execute(select(p.name, p.base_job_template).where(p.seq == pool_seq)).one_or_none()
    schema = (decode_json(row.base_job_template) or {}).get("variables") if row is not None else None
    if row is None or not schema:
        return
    known: Sequence[str] = list(schema.get("properties", {}))
    for name in variables:
        if name not in known:
            near = near_names(name, known)
            hint = f"Did you mean {' or '.join(f'`{one}`' for one in near)}?" if near else f"It has {', '.join(known)}."
            raise RequestInvalid(f"Work pool `{row.name}` has no job variable `{name}`. {hint}")
    plain = {name: value for name, value in variables.items() if "{{" not in str(value)}
    problems = find_problems(schema, plain, partial=True)
    if problems:
        said = "; ".join(f"`{name}` {expectation}, got {value!r:.200}" for name, expectation, value in problems)
        raise RequestInvalid(f"Job variables do not fit work pool `{row.name}`: {said}.")


def check_given(flow_name: str, spec: DeploymentSpec, parameters: Mapping[str, Any]) -> None:
    """Check some of the parameters, those that are not filled in later. Raises `ParameterInvalid`."""
    if spec.parameter_schema is None or not spec.enforce_parameter_schema:
        return
    plain = {name: value for name, value in parameters.items() if "{{" not in str(value)}
    problems = find_problems(spec.parameter_schema, plain, partial=True)
    if problems:
        raise ParameterInvalid(flow_name, problems)
