"""Why a run is where it is: the same decision that admits runs, asked about one, and said in sentences."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from penstock.core.admission import Hold, admit, say_duration
from penstock.core.states import StateType
from penstock.ports import FlowRun
from penstock.scheduling import ExplainRun, Explanation
from penstock.store.database import Store
from penstock.store.flow_runs import read_flow_run
from penstock.store.pools import is_online, number_of_served
from penstock.store.requests import CLAIMED, SUSPENDED, WAITING
from penstock.store.tables import flow_run
from penstock.store.values import decode_json
from penstock.store.work_facts import Source, read_facts
from penstock.store.work_tables import deployment, run_input, run_request, work_pool, work_queue, worker

a, r, w, p, q, i, d = run_request.c, flow_run.c, worker.c, work_pool.c, work_queue.c, run_input.c, deployment.c


def explain_run(store: Store, request: ExplainRun, workspace: str) -> Sequence[Explanation]:
    """Answer `ExplainRun`."""
    with store.read() as connection:
        workspace_id = store.workspace_id(connection, workspace)
        run = read_flow_run(connection, workspace_id, request.flow_run_id)
        row = connection.execute(
            select(run_request, p.name.label("pool"), q.name.label("queue"), w.name.label("worker"), w.seen_at, w.host)
            .join(flow_run, r.seq == a.flow_run_seq)
            .outerjoin(work_pool, p.seq == a.pool_seq)
            .outerjoin(work_queue, q.seq == a.queue_seq)
            .outerjoin(worker, w.seq == a.worker_seq)
            .where(r.workspace_id == workspace_id, r.id == request.flow_run_id)
        ).one_or_none()
        now = store.now_us(connection)
        if run.state.is_final:
            return [_ended(run)]
        if run.state.type is StateType.PAUSED or (row is not None and row.status == SUSPENDED):
            return [_suspended(connection, run, workspace_id, now)]
        if row is None or row.status not in (WAITING, CLAIMED):
            return [_going_on(run, now)]
        if row.status == CLAIMED:
            return [_claimed(run, row, now)]
        return _waiting(store, connection, run, row, workspace_id, now)


def _ended(run: FlowRun) -> Explanation:
    told = f": {run.state.message}" if run.state.message else ""
    return Explanation(code="ended", message=f"It is {run.state.name}{told}", since=run.ended_at)


def _going_on(run: FlowRun, now: int) -> Explanation:
    where = f" in process {run.pid} on {run.host}" if run.pid is not None else ""
    return Explanation(code="running", message=f"It is {run.state.name}{where}.", since=run.state.at)


def _suspended(connection: Connection, run: FlowRun, workspace_id: int, now: int) -> Explanation:
    asked = connection.execute(
        select(i.key, i.expires_at)
        .join(flow_run, r.seq == i.flow_run_seq)
        .where(r.workspace_id == workspace_id, r.id == run.id, i.answered_at.is_(None))
        .order_by(i.seq.desc())
        .limit(1)
    ).one_or_none()
    if asked is None:  # it was answered, and is of no deployment: no worker comes for it
        return Explanation(
            code="answered",
            message=f"It was answered. Go on with it: `penstock resume {run.name}`.",
            since=run.state.at,
        )
    what = f" to `{asked.key}`"
    until = ""
    if asked.expires_at is not None:
        until = f" It fails in {say_duration(max(0, asked.expires_at - now) / 1_000_000)} without one."
    message = f"It waits for an answer{what}: `penstock flow-run answer {run.name}`.{until}"
    return Explanation(code="waiting_for_input", message=message, since=run.state.at)


def _claimed(run: FlowRun, row: Row[Any], now: int) -> Explanation:
    on = f" on {row.host}" if row.host else ""
    who = f"worker `{row.worker}`{on}" if row.worker else "a worker"
    where = f" as {row.infrastructure}" if row.infrastructure else ""
    if row.lease_until is None:
        process = f" (process {run.pid} on {run.host})" if run.pid is not None else ""
        message = f"It runs{where}, started by {who}{process}."
        return Explanation(code="running", message=message, since=run.started_at)
    left = (row.lease_until - now) / 1_000_000
    if left < 0:
        message = f"{_said(who)} claimed it and was not heard of for {say_duration(-left)} past its lease: it will wait again."
    else:
        message = (
            f"{_said(who)} has claimed it and is starting it{where}; the claim holds for {say_duration(left)} unless it is "
            "renewed."
        )
    return Explanation(code="claimed", message=message, since=run.state.at)


def _waiting(
    store: Store, connection: Connection, run: FlowRun, row: Row[Any], workspace_id: int, now: int
) -> Sequence[Explanation]:
    if row.pool_seq is not None and row.pool is None:
        message = "Its work pool was deleted. Deploy to another one, and ask for a new run."
        return [Explanation(code="no_pool", message=message)]
    served = row.pool_seq is None
    crew = number_of_served(workspace_id) if served else row.pool_seq
    source = Source(crew, "", (row.deployment_seq or -1,)) if served else Source(crew, row.pool)
    facts, waiting = read_facts(store, connection, source, also=row.flow_run_seq)
    found: list[Explanation] = []
    candidate = waiting.get(row.flow_run_seq)
    if candidate is not None:
        made = admit(facts)
        refusal = made.refused.get(row.flow_run_seq)
        if refusal is not None:
            since = row.refused_at if row.refused == str(refusal.hold) else None
            found.append(Explanation(code=refusal.hold.value, message=_said(refusal.message) + ".", since=since))
        if row.flow_run_seq in made.cancelled:
            message = "It is beyond its deployment's limit, and is cancelled as soon as a worker asks for work."
            found.append(Explanation(code=Hold.DEPLOYMENT_LIMIT.value, message=message))
    absent = _nobody_serves(connection, run, row, crew, now) if served else _no_worker(connection, row, now)
    if absent is not None:
        # Nothing else matters before there is a worker, except that its time has not come.
        found.insert(1 if found and found[0].code == Hold.NOT_DUE else 0, absent)
    if not found:
        where = "its serving process" if served else f"a worker of work pool `{row.pool}`"
        message = f"It may begin as soon as {where} has room for it."
        found.append(Explanation(code="next", message=message, since=row.due_at))
    return found


def _no_worker(connection: Connection, row: Row[Any], now: int) -> Explanation | None:
    workers = connection.execute(
        select(w.name, w.queues, w.seen_at, w.left_at, is_online(now).label("online")).where(w.pool_seq == row.pool_seq)
    ).all()
    serving = [one for one in workers if not one.queues or row.queue in (decode_json(one.queues) or ())]
    if any(one.online for one in serving):
        return None
    start = f"Start one: `penstock worker start -p {row.pool}`."
    if not serving:
        which = f" that serves queue `{row.queue}`" if workers and row.queue else ""
        message = f"No worker of work pool `{row.pool}`{which} was ever heard of. {start}"
        return Explanation(code="no_worker", message=message)
    last = max(serving, key=lambda one: one.seen_at)
    gone = say_duration((now - last.seen_at) / 1_000_000)
    message = f"No worker of work pool `{row.pool}` was heard of for {gone} (the last was `{last.name}`). {start}"
    if last.left_at is not None:
        message = f"The last worker of work pool `{row.pool}`, `{last.name}`, was stopped {gone} ago. {start}"
    return Explanation(code="no_worker", message=message, since=last.seen_at)


def _nobody_serves(connection: Connection, run: FlowRun, row: Row[Any], crew: int, now: int) -> Explanation | None:
    """The same for a deployment in no pool, which its own program runs."""
    name = connection.execute(select(d.name).where(d.seq == row.deployment_seq)).scalar()
    if name is None:
        return Explanation(code="no_worker", message="Its deployment was deleted, and nobody runs it.")
    key = f"{run.flow_name}/{name}"
    serving = connection.execute(select(w.queues).where(w.pool_seq == crew, is_online(now))).scalars()
    if any(key in (decode_json(queues) or ()) for queues in serving):
        return None
    message = f"Nobody serves `{key}` now. Start the program that calls `serve`."
    return Explanation(code="no_worker", message=message)


def _said(text: str) -> str:
    return text[:1].upper() + text[1:]
