"""What admission rests on, read from the store: who waits, who runs, what is limited and what rests.

Of each deployment and queue only the first few that wait are looked at, so that ten thousand of one do not hide the others.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, func, or_, select

from penstock.core.admission import AdmissionFacts, Candidate, Crowd, Line
from penstock.core.errors import NotFound
from penstock.store.database import Store
from penstock.store.near import near_names
from penstock.store.pools import IS_CLAIMED, IS_WAITING, number_of_served, unknown_queues
from penstock.store.tables import flow, flow_run
from penstock.store.targets import find_deployment, read_spec
from penstock.store.work_tables import deployment, deployment_version, run_request, work_pool, work_queue
from penstock.work import QUEUE_DEFAULT, WorkerHello

CANDIDATES_MIN = 5
"""Of one deployment and queue, even if a single run is asked for: the first may have to wait for another."""
CANDIDATES_MAX = 200

a, r, p, q, d, v = (
    run_request.c,
    flow_run.c,
    work_pool.c,
    work_queue.c,
    deployment.c,
    deployment_version.c,
)
_earlier = flow_run.alias("earlier")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a worker takes runs from: a pool, or the deployments that it serves itself."""

    seq: int
    name: str
    served: tuple[int, ...] = ()
    """Deployments whose runs are in no pool."""

    @property
    def known(self) -> dict[str, Any]:
        """What stands for it in the statements below."""
        return {"served": self.served} if self.served else {"pool": self.seq}


# Statements are put together once: to build one costs SQLAlchemy more than SQLite needs for what it says.

IN_POOL = a.pool_seq == bindparam("pool")
IS_SERVED = and_(a.pool_seq.is_(None), a.deployment_seq.in_(bindparam("served", expanding=True)))


def _by_source(make: Callable[[Any], Select[Any]]) -> tuple[Select[Any], Select[Any]]:
    """A statement for pools, and the same for what is served."""
    return make(IN_POOL), make(IS_SERVED)


def _waiting(mine: Any, *, also: bool) -> Select[Any]:
    place = (
        func.row_number()
        .over(
            partition_by=(a.queue_seq, a.deployment_seq, a.backfill_seq.is_(None)),
            order_by=(a.due_at, a.flow_run_seq),
        )
        .label("place")
    )
    due = select(a.flow_run_seq, place).where(IS_WAITING, mine, a.due_at <= bindparam("now")).subquery()
    which: Any = a.flow_run_seq.in_(select(due.c.flow_run_seq).where(due.c.place <= bindparam("first")))
    if also:
        which = or_(which, a.flow_run_seq == bindparam("also"))
    return (
        select(
            a.flow_run_seq, a.queue_seq, a.deployment_seq, a.due_at, a.backfill_seq, a.refused,
            _earlier.c.seq.label("after_open"),
        )
        .join(flow_run, r.seq == a.flow_run_seq)
        .outerjoin(_earlier, and_(_earlier.c.seq == a.after_seq, _earlier.c.ended_at.is_(None)))
        .where(which, r.ended_at.is_(None), IS_WAITING)
    )  # fmt: skip


_first_due = _by_source(lambda mine: select(func.min(a.due_at)).where(IS_WAITING, mine))
_waits = _by_source(lambda mine: _waiting(mine, also=False))
_waits_also = _by_source(lambda mine: _waiting(mine, also=True))
_pool_by_name = select(p.seq).where(p.workspace_id == bindparam("workspace"), p.name == bindparam("pool"))
_pool_by_name_locked = _pool_by_name.with_for_update()
_pool = select(p.name, p.concurrency_limit, p.paused).where(p.seq == bindparam("pool"))
_queues = select(q.seq, q.name, q.priority, q.concurrency_limit, q.paused).where(q.pool_seq == bindparam("pool"))
_deployments_locked = (
    select(d.seq).where(d.seq.in_(bindparam("deployments", expanding=True))).order_by(d.seq).with_for_update()
)
_deployments = (
    select(d.seq, d.name, flow.c.name.label("flow_name"), v.spec)
    .join(flow, flow.c.seq == d.flow_seq)
    .join(deployment_version, and_(v.deployment_seq == d.seq, v.number == d.version))
    .where(d.seq.in_(bindparam("deployments", expanding=True)))
)
_holders = (
    select(a.pool_seq, a.queue_seq, a.deployment_seq, func.count().label("number"))
    .join(flow_run, r.seq == a.flow_run_seq)
    .where(IS_CLAIMED, r.ended_at.is_(None))
    .group_by(a.pool_seq, a.queue_seq, a.deployment_seq)
)


def find_source(connection: Connection, workspace_id: int, hello: WorkerHello, *, lock: bool = False) -> Source:
    """What a worker asks for; with `lock` others who ask for the same wait. Raises `NotFound`, naming near names."""
    if not hello.work_pool:
        served = tuple(sorted(find_deployment(connection, workspace_id, key) for key in hello.queues))
        if lock and served:
            connection.execute(_deployments_locked, {"deployments": served}).all()
        return Source(number_of_served(workspace_id), "", served or (-1,))
    named = {"workspace": workspace_id, "pool": hello.work_pool}
    seq = connection.execute(_pool_by_name_locked if lock else _pool_by_name, named).scalar()
    if seq is None:
        names = connection.execute(select(p.name).where(p.workspace_id == workspace_id)).scalars()
        near = near_names(hello.work_pool, names)
        raise NotFound("work pool", hello.work_pool, near=near, listing="penstock work-pool ls")
    unknown = unknown_queues(connection, seq, hello.queues, pool=hello.work_pool) if hello.queues else None
    if unknown is not None:
        raise unknown
    return Source(seq, hello.work_pool)


def next_due(connection: Connection, source: Source) -> int | None:
    """When the first of those that wait is due; none if nobody waits."""
    found: int | None = connection.execute(_first_due[bool(source.served)], source.known).scalar()
    return found


@dataclass(frozen=True, slots=True)
class Waiting:
    """A candidate's row."""

    seq: int
    refused: str | None
    candidate: Candidate


def read_facts(
    store: Store,
    connection: Connection,
    source: Source,
    *,
    queues: Sequence[str] = (),
    room: int | None = None,
    lock: bool = False,
    also: int | None = None,
) -> tuple[AdmissionFacts, Mapping[int, Waiting]]:
    """The facts of now. `also` is a run to be looked at whatever its place; with `lock` the limits of deployments hold
    against claims in other pools too."""
    now = store.now_us(connection)
    lines, default = _read_lines(connection, source, queues)
    found = _read_waiting(connection, source, now, room=room, also=also)
    waiting = {}
    for row in found:
        queue = row.deployment_seq if source.served else row.queue_seq if row.queue_seq in lines else default
        candidate = Candidate(
            row.flow_run_seq,
            queue if queue is not None else -1,
            row.deployment_seq,
            row.due_at,
            fresh=row.backfill_seq is None,
            follows=row.after_open is not None,
        )
        waiting[row.flow_run_seq] = Waiting(row.flow_run_seq, row.refused, candidate)
    deployments = {row.deployment_seq for row in found if row.deployment_seq is not None}
    if lock and deployments and not source.served:
        connection.execute(_deployments_locked, {"deployments": list(deployments)}).all()
    pool, lines, crowds = _count(connection, source, lines, _read_crowds(connection, deployments))
    served = lines if not queues or source.served else {key: line for key, line in lines.items() if line.name in queues}
    candidates = [one.candidate for one in waiting.values()]
    return AdmissionFacts(now, pool, served, crowds, candidates, room), waiting


def _read_waiting(
    connection: Connection, source: Source, now: int, *, room: int | None, also: int | None
) -> Sequence[Any]:
    first = max(CANDIDATES_MIN, min(room or CANDIDATES_MIN, CANDIDATES_MAX))
    asked = {**source.known, "now": now, "first": first}
    if also is None:
        return connection.execute(_waits[bool(source.served)], asked).all()
    return connection.execute(_waits_also[bool(source.served)], asked | {"also": also}).all()


def _read_lines(connection: Connection, source: Source, queues: Sequence[str]) -> tuple[dict[int, Line], int | None]:
    if source.served:
        return {seq: Line("served") for seq in source.served}, None
    rows = connection.execute(_queues, source.known).all()
    lines = {
        row.seq: Line(row.name, limit=row.concurrency_limit, paused=row.paused, priority=row.priority) for row in rows
    }
    return lines, next((row.seq for row in rows if row.name == QUEUE_DEFAULT), None)


def _read_crowds(connection: Connection, deployments: set[int]) -> dict[int, Crowd]:
    if not deployments:
        return {}
    rows = connection.execute(_deployments, {"deployments": list(deployments)})
    crowds = {}
    for row in rows:
        spec = read_spec(row.spec)
        name = f"{row.flow_name}/{row.name}"
        crowds[row.seq] = Crowd(name, limit=spec.concurrency_limit, cancel_new=spec.collision == "cancel_new")
    return crowds


def _count(
    connection: Connection, source: Source, lines: dict[int, Line], crowds: dict[int, Crowd]
) -> tuple[Line, dict[int, Line], dict[int, Crowd]]:
    """Who holds a slot: those that are claimed and have not ended."""
    rows = connection.execute(_holders).all()
    in_pool = 0
    for row in rows:
        if row.deployment_seq in crowds:
            crowd = crowds[row.deployment_seq]
            crowds[row.deployment_seq] = replace(crowd, running=crowd.running + row.number)
        if not source.served and row.pool_seq == source.seq:
            in_pool += row.number
            if row.queue_seq in lines:
                line = lines[row.queue_seq]
                lines[row.queue_seq] = replace(line, running=line.running + row.number)
    return _read_pool(connection, source, in_pool), lines, crowds


def _read_pool(connection: Connection, source: Source, running: int) -> Line:
    if source.served:
        return Line("served", running=running)
    row = connection.execute(_pool, source.known).one()
    return Line(row.name, running=running, limit=row.concurrency_limit, paused=row.paused)
