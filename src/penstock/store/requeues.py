"""Having runs wait for a worker again: on request, when a claim's lease ended, and saying which ones are late."""

from sqlalchemy import and_, or_, select, update

from penstock.core.errors import NotFound, RunNotResumable
from penstock.core.states import Reason, RunState, StateType
from penstock.ports import FlowRun
from penstock.scheduling import RequeueRun
from penstock.store import moves
from penstock.store.database import Store, Transaction
from penstock.store.flow_runs import read_flow_run
from penstock.store.pools import IS_CLAIMED, IS_WAITING, forget_workers
from penstock.store.requests import CLAIMED, DONE, WAITING
from penstock.store.run_inputs import expire_inputs
from penstock.store.tables import flow_run
from penstock.store.work_tables import run_request
from penstock.work import ReapClaims

LATE_US = 15_000_000
"""So long after its time a run that still waits is late."""
RUNS_PER_PASS = 500

a, r = run_request.c, flow_run.c


def requeue_run(store: Store, request: RequeueRun, workspace: str, *, actor: str) -> FlowRun:
    """Answer `RequeueRun`."""
    with store.write() as transaction:
        connection = transaction.connection
        workspace_id = store.make_workspace(transaction, workspace)
        gathered = moves.gather_in(store, connection, workspace_id, request.flow_run_id)
        if gathered is None:
            raise NotFound("flow run", request.flow_run_id, listing="penstock flow-run ls")
        row = connection.execute(
            select(a.status, a.pool_seq, a.deployment_seq).where(a.flow_run_seq == gathered.seq)
        ).one_or_none()
        refused = f"Flow run `{gathered.name}` cannot be given to a worker: "
        state = gathered.facts.state
        if row is None or row.deployment_seq is None:
            hint = f"Run it where its code is: `penstock resume {gathered.name}`."
            raise RunNotResumable(f"{refused}it is of no deployment. {hint}")
        if row.status == WAITING:
            raise RunNotResumable(f"{refused}it waits for one already. See `penstock flow-run why {gathered.name}`.")
        if state.type is StateType.COMPLETED:
            raise RunNotResumable(f"{refused}it is {state.name} already. Ask for a new run of the deployment.")
        if not state.is_final and state.name != "Suspended":
            raise RunNotResumable(f"{refused}it is {state.name}. Cancel it first.")
        name, reason = ("Resuming", Reason.RESUMED) if request.resume else ("AwaitingRetry", Reason.RETRYING)
        moves.put_back(
            transaction,
            workspace_id,
            gathered.id,
            RunState.of(name, at=gathered.now, reason=reason, message=request.message),
            actor,
        )
        again = {
            "status": WAITING,
            "due_at": gathered.now,
            "crashes": 0,
            "anew": not request.resume,
            "lease_until": None,
            "worker_seq": None,
            "infrastructure": None,
            "refused": None,
        }
        connection.execute(update(run_request).where(a.flow_run_seq == gathered.seq).values(again))
        return read_flow_run(connection, workspace_id, request.flow_run_id)


def reap_claims(store: Store, request: ReapClaims, *, actor: str) -> int:
    """Answer `ReapClaims`: looked at first, so that nothing is written where nothing is to be done."""
    with store.read() as connection:
        now = store.now_us(connection)
        ended = connection.execute(
            select(a.flow_run_seq)
            .join(flow_run, r.seq == a.flow_run_seq)
            .where(IS_CLAIMED, or_(a.lease_until < now, r.ended_at.is_not(None)))
            .limit(RUNS_PER_PASS)
        ).scalars().all()  # fmt: skip
        late = connection.execute(
            select(a.flow_run_seq)
            .join(flow_run, r.seq == a.flow_run_seq)
            .where(
                IS_WAITING,
                a.due_at < now - LATE_US,
                or_(r.ended_at.is_not(None), and_(r.state_name == "Scheduled", r.ended_at.is_(None))),
            )
            .limit(RUNS_PER_PASS)
        ).scalars().all()  # fmt: skip
    with store.write() as transaction:
        done = sum(_settle(store, transaction, seq, actor=actor) for seq in ended)
        done += sum(_mark_late(store, transaction, seq, actor=actor) for seq in late)
        done += expire_inputs(store, transaction, actor=actor)
        forget_workers(transaction)
    return done


def _settle(store: Store, transaction: Transaction, seq: int, *, actor: str) -> int:
    """Have a run wait again whose claim nobody made use of; a claim whose run has ended is done."""
    connection, now = transaction.connection, transaction.now_us()
    row = connection.execute(
        select(r.id, r.workspace_id, r.ended_at, a.status, a.lease_until)
        .join(run_request, a.flow_run_seq == r.seq)
        .where(r.seq == seq)
        .with_for_update(of=run_request)
    ).one_or_none()
    if row is None or row.status != CLAIMED:
        return 0
    mine = update(run_request).where(a.flow_run_seq == seq)
    if row.ended_at is not None:
        connection.execute(mine.values(status=DONE, lease_until=None))
        return 1
    if row.lease_until is None or row.lease_until >= now:
        return 0
    gathered = moves.gather_in(store, connection, row.workspace_id, row.id)
    if gathered is None:
        return 0
    if gathered.facts.cancel_requested:
        state = RunState.of("Cancelled", at=now, reason=Reason.CANCEL_REQUESTED)
        moves.write_move(transaction, row.workspace_id, gathered, state, actor=actor)
        connection.execute(mine.values(status=DONE, lease_until=None))
        return 1
    message = "Its worker was not heard of any more before the run began."
    state = RunState.of("Scheduled", at=now, reason=Reason.LEASE_EXPIRED, message=message)
    moves.write_move(transaction, row.workspace_id, gathered, state, actor=actor)
    connection.execute(mine.values(status=WAITING, lease_until=None, worker_seq=None, infrastructure=None))
    return 1


def _mark_late(store: Store, transaction: Transaction, seq: int, *, actor: str) -> int:
    connection = transaction.connection
    row = connection.execute(
        select(r.id, r.workspace_id, a.status)
        .join(run_request, a.flow_run_seq == r.seq)
        .where(r.seq == seq)
        .with_for_update(of=run_request)
    ).one_or_none()
    gathered = None if row is None else moves.gather_in(store, connection, row.workspace_id, row.id)
    if row is None or gathered is None or row.status != WAITING:
        return 0
    if gathered.facts.state.is_final:  # a process that was only cut off said how it ended
        connection.execute(update(run_request).where(a.flow_run_seq == seq).values(status=DONE))
        return 1
    if gathered.facts.state.name != "Scheduled":
        return 0
    state = RunState.of("Late", at=transaction.now_us(), message=gathered.facts.state.message)
    return int(moves.write_move(transaction, row.workspace_id, gathered, state, actor=actor))
