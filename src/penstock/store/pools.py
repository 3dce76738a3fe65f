"""Work pools, their queues, and the workers that were heard of."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    or_,
    select,
    update,
)

from penstock.core.errors import Conflict, NotFound, RequestInvalid
from penstock.core.job_templates import DEFAULTS, check_template
from penstock.ports import Page
from penstock.store.database import Store, Transaction
from penstock.store.events import Told, add_events
from penstock.store.near import near_names
from penstock.store.pages import clamp, decode_cursor, make_page
from penstock.store.tables import flow_run
from penstock.store.targets import find_pool, find_queue
from penstock.store.upserts import insert_if_new
from penstock.store.values import clean, clean_text, decode_json, encode_json
from penstock.store.work_tables import deployment, run_request, work_pool, work_queue, worker
from penstock.work import (
    CLAIM_SECONDS,
    POOL_TYPES,
    QUEUE_DEFAULT,
    DeleteWorkPool,
    DeleteWorkQueue,
    GetWorkPool,
    ListWorkers,
    ListWorkPools,
    SaveWorkPool,
    SaveWorkQueue,
    Worker,
    WorkerHello,
    WorkPool,
    WorkQueue,
)

NAME_CHARACTERS_MAX = 200
PRIORITY_MAX = 1_000
LIMIT_MAX = 1_000_000
ONLINE_US = int(CLAIM_SECONDS * 1_000_000)
"""Not heard of for so long, a worker counts as gone."""
FORGOTTEN_US = 86_400_000_000

IS_WAITING = run_request.c.status == literal_column("'waiting'")
IS_CLAIMED = run_request.c.status == literal_column("'claimed'")
"""As the partial indexes have it: SQLite sees no value behind a parameter."""

p, q, w, a, r = work_pool.c, work_queue.c, worker.c, run_request.c, flow_run.c


# ---- Pools ------------------------------------------------------------------------------------------------------


def save_pool(store: Store, request: SaveWorkPool, workspace: str, *, actor: str) -> WorkPool:
    """Answer `SaveWorkPool`."""
    _check_name(request.name, "work pool")
    with store.write() as transaction:
        connection, now = transaction.connection, transaction.now_us()
        workspace_id = store.make_workspace(transaction, workspace)
        mine = and_(p.workspace_id == workspace_id, p.name == request.name)
        known = connection.execute(select(work_pool).where(mine).with_for_update()).one_or_none()
        if known is None:
            _add_pool(transaction, request, workspace_id, now=now)
        elif not request.overwrite:
            raise Conflict(f"Work pool `{request.name}` exists already. Change it with `penstock work-pool update`.")
        else:
            _change_pool(transaction, request, known, now=now)
        what = "created" if known is None else "updated"
        add_events(transaction, [_told(workspace_id, request.name, what, now=now, actor=actor)])
        return _read_pool(connection, workspace_id, request.name, now)


def _add_pool(transaction: Transaction, request: SaveWorkPool, workspace_id: int, *, now: int) -> None:
    type_ = request.type or POOL_TYPES[0]
    template = DEFAULTS.get(type_) if request.base_job_template is None else request.base_job_template
    if template is None:
        _check_type(type_)
        template = {"job_configuration": {}, "variables": {"type": "object", "properties": {}}}
    values = {
        "workspace_id": workspace_id,
        "name": request.name,
        "type": _check_type(type_),
        "description": None if request.description is None else clean_text(request.description),
        "base_job_template": encode_json(_check_template(request.name, template)),
        "concurrency_limit": _limit(request.concurrency_limit),
        "paused": bool(request.paused),
        "created_at": now,
        "updated_at": now,
        "changed": transaction.changed,
    }
    seq = insert_if_new(transaction.connection, work_pool, values)
    if seq is None:
        raise Conflict(f"Work pool `{request.name}` exists already. Change it with `penstock work-pool update`.")
    insert_if_new(transaction.connection, work_queue, _new_queue(seq, QUEUE_DEFAULT))


def _change_pool(transaction: Transaction, request: SaveWorkPool, known: Row[Any], *, now: int) -> None:
    if request.type is not None and request.type != known.type:
        raise Conflict(f"Work pool `{known.name}` is of type {known.type}. Make another pool for {request.type}.")
    values: dict[str, Any] = {"updated_at": now, "changed": transaction.changed}
    if request.description is not None:
        values["description"] = clean_text(request.description)
    if request.base_job_template is not None:
        values["base_job_template"] = encode_json(_check_template(known.name, request.base_job_template))
    if request.concurrency_limit is not None:
        values["concurrency_limit"] = _limit(request.concurrency_limit)
    if request.paused is not None:
        values["paused"] = request.paused
    transaction.connection.execute(update(work_pool).where(p.seq == known.seq).values(values))


def get_pool(store: Store, request: GetWorkPool, workspace: str) -> WorkPool:
    """Answer `GetWorkPool`."""
    with store.read() as connection:
        return _read_pool(connection, store.workspace_id(connection, workspace), request.name, store.now_us(connection))


def list_pools(store: Store, request: ListWorkPools, workspace: str) -> Page[WorkPool]:
    """Answer `ListWorkPools`."""
    limit = clamp(request.limit)
    with store.read() as connection:
        conditions = [p.workspace_id == store.workspace_id(connection, workspace)]
        if request.cursor is not None:
            conditions.append(p.name > decode_cursor(request.cursor, str)[0])
        rows = connection.execute(select(work_pool).where(*conditions).order_by(p.name).limit(limit + 1)).all()
        made = _to_pools(connection, rows[:limit], store.now_us(connection))
    return make_page(rows, limit, item=lambda row: made[row.seq], keys=lambda row: (row.name,))


def delete_pool(store: Store, request: DeleteWorkPool, workspace: str, *, actor: str) -> None:
    """Answer `DeleteWorkPool`."""
    with store.write() as transaction:
        connection, workspace_id = transaction.connection, store.make_workspace(transaction, workspace)
        seq = find_pool(connection, workspace_id, request.name)
        connection.execute(select(p.seq).where(p.seq == seq).with_for_update())
        users = connection.execute(
            select(func.count()).select_from(deployment).where(deployment.c.pool_seq == seq)
        ).scalar_one()
        if users and not request.force:
            raise Conflict(
                f"{users:,} deployments use work pool `{request.name}`. Deploy them to another pool first, or delete it with "
                "force: their runs then wait for a pool that is not there."
            )
        for table, column in ((work_queue, q.pool_seq), (worker, w.pool_seq), (work_pool, p.seq)):
            connection.execute(delete(table).where(column == seq))
        gone = _told(workspace_id, request.name, "deleted", now=transaction.now_us(), actor=actor)
        add_events(transaction, [gone])


def _told(workspace_id: int, name: str, what: str, *, now: int, actor: str, **payload: str) -> Told:
    return Told(
        workspace_id=workspace_id,
        at=now,
        kind=f"work-pool.{what}",
        resource=f"work-pool.{name}",
        actor=actor,
        payload={"name": name, **payload},
    )


# ---- Queues -----------------------------------------------------------------------------------------------------


def save_queue(store: Store, request: SaveWorkQueue, workspace: str, *, actor: str) -> WorkQueue:
    """Answer `SaveWorkQueue`."""
    _check_name(request.name, "work queue")
    if request.priority is not None and not 1 <= request.priority <= PRIORITY_MAX:
        raise RequestInvalid(f"The priority of a queue is 1 (served first) to {PRIORITY_MAX:,}.")
    with store.write() as transaction:
        connection, now = transaction.connection, transaction.now_us()
        workspace_id = store.make_workspace(transaction, workspace)
        pool_seq = find_pool(connection, workspace_id, request.work_pool)
        insert_if_new(connection, work_queue, _new_queue(pool_seq, request.name))
        values: dict[str, Any] = {}
        if request.priority is not None:
            values["priority"] = request.priority
        if request.concurrency_limit is not None:
            values["concurrency_limit"] = _limit(request.concurrency_limit)
        if request.paused is not None:
            values["paused"] = request.paused
        mine = and_(q.pool_seq == pool_seq, q.name == request.name)
        if values:
            connection.execute(update(work_queue).where(mine).values(values))
        connection.execute(
            update(work_pool).where(p.seq == pool_seq).values(updated_at=now, changed=transaction.changed)
        )
        told = _told(workspace_id, request.work_pool, "updated", now=now, actor=actor, queue=request.name)
        add_events(transaction, [told])
        queues = _read_pool(connection, workspace_id, request.work_pool, now).queues
        return next(queue for queue in queues if queue.name == request.name)


def delete_queue(store: Store, request: DeleteWorkQueue, workspace: str, *, actor: str) -> None:
    """Answer `DeleteWorkQueue`."""
    if request.name == QUEUE_DEFAULT:
        raise Conflict(f"Every work pool has a queue `{QUEUE_DEFAULT}`. Delete the pool, or pause the queue.")
    with store.write() as transaction:
        connection, workspace_id = transaction.connection, store.make_workspace(transaction, workspace)
        pool_seq = find_pool(connection, workspace_id, request.work_pool)
        queue_seq = find_queue(connection, pool_seq, request.name, pool=request.work_pool)
        default = find_queue(connection, pool_seq, QUEUE_DEFAULT, pool=request.work_pool)
        connection.execute(select(p.seq).where(p.seq == pool_seq).with_for_update())
        connection.execute(
            update(run_request)
            .where(a.pool_seq == pool_seq, a.queue_seq == queue_seq, a.status != "done")
            .values(queue_seq=default)
        )
        connection.execute(delete(work_queue).where(q.seq == queue_seq))
        now = transaction.now_us()
        told = _told(workspace_id, request.work_pool, "updated", now=now, actor=actor, queue=request.name)
        add_events(transaction, [told])


def _new_queue(pool_seq: int, name: str) -> dict[str, Any]:
    return {"pool_seq": pool_seq, "name": name, "priority": 1, "concurrency_limit": None, "paused": False}


# ---- Workers ----------------------------------------------------------------------------------------------------


def list_workers(store: Store, request: ListWorkers, workspace: str) -> Sequence[Worker]:
    """Answer `ListWorkers`."""
    with store.read() as connection:
        workspace_id, now = store.workspace_id(connection, workspace), store.now_us(connection)
        mine = or_(p.workspace_id == workspace_id, w.pool_seq == number_of_served(workspace_id))
        if request.work_pool is not None:
            mine = p.seq == find_pool(connection, workspace_id, request.work_pool)
        rows = connection.execute(
            select(worker, p.name.label("pool_name"))
            .outerjoin(work_pool, p.seq == w.pool_seq)
            .where(mine, w.seen_at > now - FORGOTTEN_US)
            .order_by(func.coalesce(p.name, ""), w.name)
        ).all()
        running = (
            select(a.worker_seq, func.count())
            .join(flow_run, r.seq == a.flow_run_seq)
            .where(IS_CLAIMED, r.ended_at.is_(None))
            .group_by(a.worker_seq)
        )
        held = {seq: number for seq, number in connection.execute(running)}  # noqa: C416 - rows are no pairs to `dict`
    return [_to_worker(row, held.get(row.seq, 0), now) for row in rows]


def number_of_served(workspace_id: int) -> int:
    """What stands in the place of a pool's number for the workers of a workspace that serve their own deployments."""
    return -workspace_id


def is_online(now: int) -> ColumnElement[bool]:
    """The condition that a worker is there: it was heard of, and has not said that it goes."""
    return and_(w.seen_at > now - ONLINE_US, w.left_at.is_(None))


# Workers say all day that they are there: these statements are put together once.
_by_name = and_(w.pool_seq == bindparam("of_pool"), w.name == bindparam("of_name"))
_same = and_(w.pid == bindparam("of_pid"), w.host == bindparam("of_host"))
_there = select(w.seq).where(_by_name, _same, w.seen_at > bindparam("since"), w.left_at.is_(None))
_heard_again = (
    update(worker)
    .where(_by_name)
    .values(started_at=case((_same, w.started_at), else_=bindparam("now", type_=w.started_at.type)))
    .returning(w.seq)
)
_seen_at = select(w.seen_at).where(_by_name, w.pid == bindparam("of_pid"))


def note_worker(transaction: Transaction, hello: WorkerHello, pool_seq: int, *, leaving: bool = False) -> int:
    """Write down that a worker was heard of, or that it goes; answer its number."""
    now = transaction.now_us()
    values: dict[str, Any] = {
        "host": clean_text(hello.host),
        "pid": hello.pid,
        "version": clean_text(hello.version),
        "queues": encode_json(list(hello.queues)) if hello.queues else None,
        "run_limit": None if hello.limit is None or hello.limit > LIMIT_MAX else hello.limit,
        "seen_at": now,
        "left_at": now if leaving else None,
    }
    name = clean_text(hello.name)[:NAME_CHARACTERS_MAX]
    who = {"of_pool": pool_seq, "of_name": name, "of_pid": hello.pid, "of_host": values["host"]}
    if leaving or transaction.connection.execute(_there, {**who, "since": now - ONLINE_US}).scalar() is None:
        _tell_of_worker(transaction, name, pool_seq, "left" if leaving else "online", now=now)
    again = {**values, **who, "now": now}
    seq = transaction.connection.execute(_heard_again, again).scalar()
    if seq is None:
        new = {"pool_seq": pool_seq, "name": name, "started_at": now, **values}
        seq = insert_if_new(transaction.connection, worker, new)
    return int(seq or transaction.connection.execute(_heard_again, again).scalar_one())


def _tell_of_worker(transaction: Transaction, name: str, pool_seq: int, what: str, *, now: int) -> None:
    pool = transaction.connection.execute(select(p.workspace_id, p.name).where(p.seq == pool_seq)).one_or_none()
    told = Told(
        workspace_id=-pool_seq if pool is None else pool.workspace_id,  # see `number_of_served`
        at=now,
        kind=f"worker.{what}",
        resource=f"worker.{name}",
        related=() if pool is None else [f"work-pool.{pool.name}"],
        actor=name,
        payload={"name": name, "work_pool": None if pool is None else pool.name},
    )
    add_events(transaction, [told])


def when_seen(connection: Connection, hello: WorkerHello, pool_seq: int) -> int | None:
    """When a worker was heard of last."""
    name = clean_text(hello.name)[:NAME_CHARACTERS_MAX]
    known = {"of_pool": pool_seq, "of_name": name, "of_pid": hello.pid}
    seen: int | None = connection.execute(_seen_at, known).scalar()
    return seen


def forget_workers(transaction: Transaction) -> int:
    """Remove the workers that were not heard of for a day."""
    return transaction.connection.execute(
        delete(worker).where(w.seen_at < transaction.now_us() - FORGOTTEN_US)
    ).rowcount


# ---- Reading ----------------------------------------------------------------------------------------------------


def _read_pool(connection: Connection, workspace_id: int, name: str, now: int) -> WorkPool:
    row = connection.execute(select(work_pool).where(p.seq == find_pool(connection, workspace_id, name))).one()
    return _to_pools(connection, [row], now)[row.seq]


def _to_pools(connection: Connection, rows: Sequence[Row[Any]], now: int) -> Mapping[int, WorkPool]:
    seqs = [row.seq for row in rows]
    heard = select(w.pool_seq, func.count()).where(w.pool_seq.in_(seqs), is_online(now)).group_by(w.pool_seq)
    online = {seq: number for seq, number in connection.execute(heard)}  # noqa: C416 - as above
    queues = _read_queues(connection, seqs)
    return {
        row.seq: WorkPool(
            name=row.name,
            type=row.type,
            description=row.description,
            base_job_template=decode_json(row.base_job_template) or {},
            concurrency_limit=row.concurrency_limit,
            paused=row.paused,
            queues=queues[row.seq],
            workers_online=online.get(row.seq, 0),
            waiting=sum(queue.waiting for queue in queues[row.seq]),
            running=sum(queue.running for queue in queues[row.seq]),
            created_at=row.created_at,
            updated_at=row.updated_at,
            changed=row.changed,
        )
        for row in rows
    }


def _read_queues(connection: Connection, pool_seqs: Sequence[int]) -> Mapping[int, Sequence[WorkQueue]]:
    waiting = _count_by_queue(connection, IS_WAITING, a.pool_seq.in_(pool_seqs))
    late = _count_by_queue(connection, IS_WAITING, a.pool_seq.in_(pool_seqs), r.state_name == "Late")
    running = _count_by_queue(connection, IS_CLAIMED, a.pool_seq.in_(pool_seqs), r.ended_at.is_(None))
    found: dict[int, list[WorkQueue]] = {seq: [] for seq in pool_seqs}
    rows = connection.execute(select(work_queue).where(q.pool_seq.in_(pool_seqs)).order_by(q.priority, q.name))
    for row in rows:
        found[row.pool_seq].append(
            WorkQueue(
                name=row.name,
                priority=row.priority,
                concurrency_limit=row.concurrency_limit,
                paused=row.paused,
                waiting=waiting.get(row.seq, 0),
                running=running.get(row.seq, 0),
                late=late.get(row.seq, 0),
            )
        )
    return found


def _count_by_queue(connection: Connection, *conditions: ColumnElement[bool]) -> dict[int, int]:
    statement = (
        select(a.queue_seq, func.count())
        .join(flow_run, r.seq == a.flow_run_seq)
        .where(*conditions)
        .group_by(a.queue_seq)
    )
    return {seq: number for seq, number in connection.execute(statement)}  # noqa: C416 - as above


def _to_worker(row: Row[Any], running: int, now: int) -> Worker:
    return Worker(
        name=row.name,
        work_pool=row.pool_name or "",
        host=row.host,
        pid=row.pid,
        version=row.version,
        queues=tuple(decode_json(row.queues) or ()),
        limit=row.run_limit,
        running=running,
        started_at=row.started_at,
        seen_at=row.seen_at,
        online=row.seen_at > now - ONLINE_US and row.left_at is None,
        left_at=row.left_at,
    )


# ---- Checking ---------------------------------------------------------------------------------------------------


def _check_name(name: str, what: str) -> None:
    if not name.strip() or len(name) > NAME_CHARACTERS_MAX or name != clean_text(name) or not name.isprintable():
        raise RequestInvalid(
            f"The name of a {what} has 1 to {NAME_CHARACTERS_MAX} printable characters, not {name!r:.300}."
        )
    if "/" in name:
        raise RequestInvalid(f"The name of a {what} has no slash: {name!r:.300}.")


def _check_type(type_: str) -> str:
    if type_ not in POOL_TYPES:
        near = near_names(type_, POOL_TYPES)
        hint = f" Did you mean `{near[0]}`?" if near else ""
        raise RequestInvalid(f"No work pool is of type `{type_:.100}`: there are {', '.join(POOL_TYPES)}.{hint}")
    return type_


def _check_template(pool: str, template: Mapping[str, Any]) -> Any:
    problem = check_template(template)
    if problem is not None:
        raise RequestInvalid(f"The base job template of work pool `{pool}` is not valid: {problem}.")
    return clean(template)


def _limit(limit: int | None) -> int | None:
    return None if limit is None or limit <= 0 else min(limit, LIMIT_MAX)


def unknown_queues(connection: Connection, pool_seq: int, names: Iterable[str], *, pool: str) -> NotFound | None:
    """The error for the first name that no queue of the pool has."""
    known = list(connection.execute(select(q.name).where(q.pool_seq == pool_seq)).scalars())
    for name in names:
        if name not in known:
            listing = f"penstock work-pool inspect {pool}"
            return NotFound(f"work queue of `{pool}`", name, near=near_names(name, known), listing=listing)
    return None
