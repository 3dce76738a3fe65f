"""Claims: taking over what waits, keeping it, and saying how it ended.

    waiting --claim_runs--> claimed --the run's process takes it--> claimed, no lease --end_claim--> done
       ^-------- lease ended and nobody took it, worker drains, crash policy --------'

A claim's number tells it from those before and after. Its lease counts until a process took the run; then that process's own
lock or lease does. Slots are counted, never kept: see `work_facts.py`.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, or_, select, update

from penstock.core.admission import admit
from penstock.core.errors import RunNotResumable
from penstock.core.ids import RunId
from penstock.core.states import Reason, RunState, StateType
from penstock.ports import FlowRun
from penstock.store import crash_policies, moves
from penstock.store.database import Store, Transaction
from penstock.store.flow_runs import read_flow_run, select_flow_runs, to_flow_run
from penstock.store.moves import Gathered
from penstock.store.pools import IS_CLAIMED, IS_WAITING, note_worker, when_seen
from penstock.store.quiet import Quiet
from penstock.store.requests import CLAIMED, DONE, WAITING, read_requests
from penstock.store.tables import flow_run
from penstock.store.values import clean_text, decode_json
from penstock.store.work_facts import Source, Waiting, find_source, next_due, read_facts
from penstock.store.work_tables import run_request, work_pool, worker
from penstock.store.writers import lease_us
from penstock.work import (
    CLAIM_SECONDS,
    ClaimedRun,
    ClaimMarks,
    ClaimRuns,
    EndClaim,
    EndClaims,
    NoteInfrastructure,
    RenewClaims,
    WorkerHello,
)

SEEN_US = int(CLAIM_SECONDS * 1_000_000) // 3
"""So often it is written down that a worker lives which finds nothing to do."""
COUNT_MAX = 200
REFUSED_CHARACTERS_MAX = 500

a, r = run_request.c, flow_run.c


class ClaimWatch:
    """Answers `ClaimRuns`, which idle workers ask twenty times a second: the store is read only if somebody wrote since."""

    def __init__(self) -> None:
        self._quiet: dict[tuple[str, str, tuple[str, ...]], Quiet] = {}
        self._told: dict[tuple[str, str, int], int] = {}

    def claim(self, store: Store, request: ClaimRuns, workspace: str, *, actor: str) -> Sequence[ClaimedRun]:
        """Answer `ClaimRuns`, without waiting."""
        hello = request.worker
        token = store.database.change_token()
        now = store.now_us() if store.dialect == "sqlite" else None
        place, who = (workspace, hello.work_pool, tuple(hello.queues)), (hello.work_pool, hello.name, hello.pid)
        quiet = self._quiet.get(place)
        if now is not None and quiet is not None and quiet.holds(token, now) and now - self._told.get(who, 0) < SEEN_US:
            return ()
        due, claimed = claim_runs(store, request, workspace, actor=actor)
        if token is not None and now is not None:
            # Nothing was written between the two looks, so what was read holds as long as the token does.
            unchanged = store.database.change_token() == token and not claimed
            self._quiet.pop(place, None)
            if unchanged:
                self._quiet[place] = Quiet(token, due)
                self._told[who] = now
        return claimed


def claim_runs(
    store: Store, request: ClaimRuns, workspace: str, *, actor: str
) -> tuple[int | None, Sequence[ClaimedRun]]:
    """Claim what may begin; also answers when there is something to look at again, none if nothing waits."""
    room = max(0, min(request.count, COUNT_MAX))
    hello = request.worker
    with store.read() as connection:
        workspace_id = store.workspace_id(connection, workspace)
        source = find_source(connection, workspace_id, hello)
        now, due = store.now_us(connection), next_due(connection, source)
        seen = when_seen(connection, hello, source.seq)
        idle = due is None or due > now
        if not idle:
            facts, waiting = read_facts(store, connection, source, queues=_queues(hello), room=room)
            made = admit(facts)
            idle = not made.admitted and not made.cancelled and not _news(made.refused, waiting)
    if idle:
        if seen is None or now - seen > SEEN_US:
            with store.write() as transaction:
                note_worker(transaction, hello, source.seq)
        return due, ()
    with store.write() as transaction:
        return due, _claim(store, transaction, request, workspace, room=room, actor=actor)


def _claim(
    store: Store, transaction: Transaction, request: ClaimRuns, workspace: str, *, room: int, actor: str
) -> Sequence[ClaimedRun]:
    connection, hello = transaction.connection, request.worker
    workspace_id = store.make_workspace(transaction, workspace)
    source = find_source(connection, workspace_id, hello, lock=True)
    worker_seq = note_worker(transaction, hello, source.seq)
    facts, waiting = read_facts(store, connection, source, queues=_queues(hello), room=room, lock=True)
    made = admit(facts)
    claimed = _take_over(store, transaction, workspace_id, made.admitted, worker_seq, hello, now=facts.now, actor=actor)
    for seq, message in made.cancelled.items():
        state = RunState.of("Cancelled", at=facts.now, message=message)
        if _move(store, transaction, workspace_id, seq, state, actor=actor):
            connection.execute(update(run_request).where(a.flow_run_seq == seq).values(status=DONE))
    for seq, refused in _news(made.refused, waiting).items():
        connection.execute(
            update(run_request)
            .where(a.flow_run_seq == seq, IS_WAITING)
            .values(refused=refused[:REFUSED_CHARACTERS_MAX], refused_at=facts.now)
        )
    return _read_claimed(connection, source, workspace_id, claimed)


def _take_over(
    store: Store,
    transaction: Transaction,
    workspace_id: int,
    seqs: Sequence[int],
    worker_seq: int,
    hello: WorkerHello,
    *,
    now: int,
    actor: str,
) -> Sequence[int]:
    """Give runs to a worker, all by the same few statements; answers those that it got."""
    found = moves.gather_several(store, transaction.connection, seqs) if seqs else {}
    runs = [found[seq] for seq in seqs if seq in found and not found[seq].facts.state.is_final]
    if not runs:
        return ()
    moves.write_pending(transaction, workspace_id, runs, f"Claimed by worker {hello.name}.", actor=actor)
    values = {
        "status": CLAIMED,
        "claim": a.claim + 1,
        "worker_seq": worker_seq,
        "lease_until": now + lease_us(hello.lease_seconds),
        "infrastructure": None,
        "refused": None,
        "refused_at": None,
    }
    claimed = [run.seq for run in runs]
    transaction.connection.execute(update(run_request).where(a.flow_run_seq.in_(claimed)).values(values))
    return claimed


_several_runs = select_flow_runs().where(r.seq.in_(bindparam("seqs", expanding=True)))


def _read_claimed(
    connection: Connection, source: Source, workspace_id: int, seqs: Sequence[int]
) -> Sequence[ClaimedRun]:
    if not seqs:
        return ()
    template = connection.execute(select(work_pool.c.base_job_template).where(work_pool.c.seq == source.seq)).scalar()
    requests = {one.flow_run_id: one for one in read_requests(connection, a.flow_run_seq.in_(seqs))}
    rows = {row.seq: to_flow_run(row) for row in connection.execute(_several_runs, {"seqs": seqs})}
    return [
        ClaimedRun(run=rows[seq], request=requests[rows[seq].id], job_template=decode_json(template) or {})
        for seq in seqs
    ]


def _news(refused: Any, waiting: Any) -> dict[int, str]:
    """Reasons that differ from those written down."""
    known: dict[int, Waiting] = dict(waiting)
    return {seq: str(refusal.hold) for seq, refusal in refused.items() if known[seq].refused != str(refusal.hold)}


def _queues(hello: WorkerHello) -> Sequence[str]:
    return hello.queues if hello.work_pool else ()


# ---- Keeping and ending -----------------------------------------------------------------------------------------


def renew_claims(store: Store, request: RenewClaims, workspace: str) -> ClaimMarks:
    """Answer `RenewClaims`."""
    cancelled: list[RunId] = []
    lost: list[RunId] = []
    with store.write() as transaction:
        connection, now = transaction.connection, transaction.now_us()
        workspace_id = store.make_workspace(transaction, workspace)
        source = find_source(connection, workspace_id, request.worker)
        note_worker(transaction, request.worker, source.seq, leaving=request.leaving)
        known = _read_held(connection, workspace_id, [run_id for run_id, _ in request.claims])
        renewed = []
        for run_id, number in request.claims:
            row = known.get(run_id)
            if row is None or row.claim != number or row.status == WAITING:
                lost.append(RunId(run_id))
            elif row.cancel_requested_at is not None or row.state_type == StateType.CANCELLED.value:
                cancelled.append(RunId(run_id))
                renewed.append(row.flow_run_seq)
            else:
                renewed.append(row.flow_run_seq)
        if renewed:
            # A lease that is none any more was given up for the process's own.
            mine = and_(a.flow_run_seq.in_(renewed), IS_CLAIMED, a.lease_until.is_not(None))
            lease = lease_us(request.worker.lease_seconds)
            connection.execute(update(run_request).where(mine).values(lease_until=now + lease))
    return ClaimMarks(cancelled=cancelled, lost=lost)


def note_infrastructure(store: Store, request: NoteInfrastructure, workspace: str) -> bool:
    """Answer `NoteInfrastructure`."""
    with store.write() as transaction:
        workspace_id = store.workspace_id(transaction.connection, workspace)
        mine = select(r.seq).where(r.workspace_id == workspace_id, r.id == request.flow_run_id).scalar_subquery()
        noted = (
            update(run_request)
            .where(a.flow_run_seq == mine, a.claim == request.claim, IS_CLAIMED)
            .values(infrastructure=clean_text(request.infrastructure)[:REFUSED_CHARACTERS_MAX])
        )
        if transaction.connection.execute(noted).rowcount == 0:
            return False
        _tell_followers(transaction, flow_run.c.seq == mine)
        return True


def _tell_followers(transaction: Transaction, whose: ColumnElement[bool]) -> None:
    """Have whoever follows runs hear that what is known of them changed, though they did not move."""
    transaction.connection.execute(update(flow_run).where(whose).values(changed=transaction.changed))


def end_claim(store: Store, request: EndClaim, workspace: str, *, actor: str) -> FlowRun:
    """Answer `EndClaim`."""
    with store.write() as transaction:
        workspace_id = store.make_workspace(transaction, workspace)
        _end_several(store, transaction, workspace_id, [request], actor=actor)
        return read_flow_run(transaction.connection, workspace_id, request.flow_run_id)


def end_claims(store: Store, request: EndClaims, workspace: str, *, actor: str) -> int:
    """Answer `EndClaims`."""
    with store.write() as transaction:
        workspace_id = store.make_workspace(transaction, workspace)
        return _end_several(store, transaction, workspace_id, request.ends, actor=actor)


def _end_several(
    store: Store, transaction: Transaction, workspace_id: int, ends: Sequence[EndClaim], *, actor: str
) -> int:
    """End claims; requests to which the same happens are written by one statement."""
    connection = transaction.connection
    held = _read_held(connection, workspace_id, [end.flow_run_id for end in ends], lock=True)
    told = [(held[end.flow_run_id], end) for end in ends if _is_held(held.get(end.flow_run_id), end)]
    runs = moves.gather_several(store, connection, [row.flow_run_seq for row, _ in told])
    changes: dict[tuple[tuple[str, Any], ...], list[int]] = {}
    crashed: list[str] = []
    for row, end in told:
        run = runs[row.flow_run_seq]
        values: dict[str, Any] = {}
        if row.status == CLAIMED:
            values |= _end(transaction, workspace_id, row, run, end.state, crashed, actor=actor)
        else:
            _explain(transaction, run, end.state)
        if end.infrastructure is not None:
            values["infrastructure"] = clean_text(end.infrastructure)[:REFUSED_CHARACTERS_MAX]
        changes.setdefault(tuple(values.items()), []).append(run.seq)
    for change, seqs in changes.items():
        if change:
            connection.execute(update(run_request).where(a.flow_run_seq.in_(seqs)).values(dict(change)))
    if runs:
        _tell_followers(transaction, flow_run.c.seq.in_(list(runs)))
    for run_id in crashed:
        crash_policies.after_crash(transaction, workspace_id, run_id, actor=actor)
    return len(told)


def _is_held(row: Row[Any] | None, end: EndClaim) -> bool:
    return row is not None and row.claim == end.claim and row.status in (CLAIMED, DONE)


def _end(
    transaction: Transaction,
    workspace_id: int,
    held: Row[Any],
    gathered: Gathered,
    said: RunState | None,
    crashed: list[str],
    *,
    actor: str,
) -> dict[str, Any]:
    """Bring a run to where its claim's end leads; answers what becomes of its request, and adds it to the `crashed` ones."""
    state = gathered.facts.state
    done = {"status": DONE, "lease_until": None}
    if state.is_final and not (state.type is StateType.CRASHED and gathered.facts.cancel_requested and _is_crash(said)):
        _explain(transaction, gathered, said)
    elif gathered.facts.cancel_requested or state.type is StateType.CANCELLING:
        message = None if said is None else said.message
        ended = RunState.of("Cancelled", at=gathered.now, reason=Reason.CANCEL_REQUESTED, message=message)
        moves.write_move(transaction, workspace_id, gathered, ended, actor=actor, settle=message or "Cancelled.")
    elif said is None:  # its last word may be on its way: what is then still open is settled when the lease ends
        return {"status": CLAIMED, "lease_until": gathered.now if held.lease_until else None}
    elif said.type is StateType.SCHEDULED:
        again = RunState.of("Scheduled", at=gathered.now, message=said.message)
        moves.write_move(transaction, workspace_id, gathered, again, actor=actor)
        return {"status": WAITING, "lease_until": None, "worker_seq": None}
    else:
        ended = RunState(said.type, said.name, gathered.now, said.reason, said.message)
        moves.write_move(transaction, workspace_id, gathered, ended, actor=actor, settle=said.message or said.name)
        if _is_crash(said):
            crashed.append(gathered.id)
    return done


def _is_crash(said: RunState | None) -> bool:
    return said is not None and said.type is StateType.CRASHED


def _explain(transaction: Transaction, gathered: Gathered, said: RunState | None) -> None:
    """Who started a process knows best what killed it, though somebody else may have found it dead first."""
    if said is not None and _is_crash(said) and said.message and gathered.facts.state.reason == Reason.PROCESS_DIED:
        moves.explain_crash(transaction, gathered, said.message)


# ---- The run's own process --------------------------------------------------------------------------------------


_claim_of_run = (
    select(a.claim, a.status, worker.c.name)
    .outerjoin(worker, worker.c.seq == a.worker_seq)
    .where(a.flow_run_seq == bindparam("run"))
)
_give_lease_up = (
    update(run_request)
    .where(a.flow_run_seq == bindparam("run"), a.claim == bindparam("of_claim"), IS_CLAIMED)
    .values(lease_until=None)
)


def check_claim(connection: Connection, gathered: Gathered, claim: int) -> None:
    """Raises `RunNotResumable` if the run is not, or no longer, for the process that was started for this claim."""
    row = connection.execute(_claim_of_run, {"run": gathered.seq}).one_or_none()
    if row is None:
        raise RunNotResumable(f"Flow run `{gathered.name}` was asked for by nobody, and so has no claim.")
    refused = f"Flow run `{gathered.name}` cannot be taken with claim {claim}: "
    if row.claim != claim:
        raise RunNotResumable(f"{refused}worker {row.name or '?'} has claim {row.claim} by now.")
    state = gathered.facts.state
    if state.is_final or gathered.facts.cancel_requested:
        raise RunNotResumable(f"{refused}it is {state.name} already.")
    if row.status != CLAIMED:
        raise RunNotResumable(f"{refused}the claim's lease ended, and the run is {row.status}.")


def take_claim(transaction: Transaction, run_seq: int, claim: int) -> bool:
    """Give a claim's lease up for that of the process which takes the run; False if the claim does not hold."""
    return transaction.connection.execute(_give_lease_up, {"run": run_seq, "of_claim": claim}).rowcount == 1


def hold_again(transaction: Transaction, run_seq: int) -> None:
    """A run that was presumed crashed runs after all, and holds its slot."""
    over = and_(a.flow_run_seq == run_seq, a.status == DONE)
    transaction.connection.execute(update(run_request).where(over).values(status=CLAIMED))


def withdraw(transaction: Transaction, run_seq: int) -> None:
    """A run that waited for a worker is somebody's, or nobody's, by now."""
    waits = or_(IS_WAITING, a.status == "suspended")
    transaction.connection.execute(update(run_request).where(a.flow_run_seq == run_seq, waits).values(status=DONE))


# ---- Shared -----------------------------------------------------------------------------------------------------


def _move(store: Store, transaction: Transaction, workspace_id: int, seq: int, state: RunState, *, actor: str) -> bool:
    connection = transaction.connection
    run_id = connection.execute(select(r.id).where(r.seq == seq)).scalar_one()
    gathered = moves.gather_in(store, connection, workspace_id, run_id)
    if gathered is None or gathered.facts.state.is_final:
        return False
    return moves.write_move(transaction, workspace_id, gathered, state, actor=actor)


_held = (
    select(
        r.id, a.flow_run_seq, a.claim, a.status, a.lease_until, a.deployment_seq, r.cancel_requested_at, r.state_type
    )
    .join(flow_run, r.seq == a.flow_run_seq)
    .where(r.workspace_id == bindparam("workspace"), r.id.in_(bindparam("runs", expanding=True)))
    .order_by(a.flow_run_seq)
)
_held_locked = _held.with_for_update(of=run_request)


def _read_held(
    connection: Connection, workspace_id: int, run_ids: Sequence[str], *, lock: bool = False
) -> dict[str, Any]:
    known = {"workspace": workspace_id, "runs": run_ids}
    rows = connection.execute(_held_locked if lock else _held, known)
    return {row.id: row for row in rows.all()}
