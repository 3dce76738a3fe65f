"""Bringing flow runs from state to state: the facts a rule needs, and the guarded write of its verdict.

The rules themselves are in `core/states.py`; `orchestrator/` puts the three together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, func, not_, select, update

from penstock.core.ids import RunId
from penstock.core.states import FINAL_TYPES, Reason, RunFacts, RunState, StateType, is_final
from penstock.ports import RunTaken, TakeFlowRun
from penstock.store.database import Store, Transaction
from penstock.store.flow_runs import read_flow_run
from penstock.store.limit_names import limits_snapshot
from penstock.store.states import Moved, add_moves
from penstock.store.tables import COUNT_COLUMNS, flow, flow_run, flow_run_state, task_run, writer
from penstock.store.values import clean_state, clean_text, make_state, reason_text
from penstock.store.writers import add_writer, held_by

FINAL_TYPE_NAMES = tuple(sorted(type_.value for type_ in FINAL_TYPES))

r = flow_run.c


@dataclass(frozen=True, slots=True)
class Gathered:
    """A run as a rule needs it, and what its writing needs besides."""

    facts: RunFacts
    now: int
    seq: int
    id: str
    name: str
    flow_name: str
    writer_seq: int | None
    started_at: int | None
    deployment: str | None = None
    """The deployment that it is a run of, by name."""


def gather(store: Store, run_id: str, workspace: str) -> Gathered | None:
    """Read the facts of a run; none if there is no such run."""
    with store.read() as connection:
        return gather_in(store, connection, store.workspace_id(connection, workspace), run_id)


def commit(
    store: Store,
    gathered: Gathered,
    state: RunState,
    workspace: str,
    *,
    actor: str,
    settle: str | None = None,
    **values: Any,
) -> bool:
    """Write a run's new state and other columns, unless it changed since it was gathered: then write nothing, answer False.

    `settle` is the message for task runs that no process works on any more.
    """
    with store.write() as transaction:
        workspace_id = store.make_workspace(transaction, workspace)
        written = write_move(transaction, workspace_id, gathered, state, actor=actor, settle=settle, **values)
        if written and state.is_final and gathered.deployment is not None:
            from penstock.store.claims import withdraw  # lazy: only for runs that were asked for

            withdraw(transaction, gathered.seq)
        return written


def write_move(
    transaction: Transaction,
    workspace_id: int,
    gathered: Gathered,
    state: RunState,
    *,
    actor: str,
    settle: str | None = None,
    **values: Any,
) -> bool:
    """The same, in a transaction that is open."""
    state = clean_state(state)
    if not _write_state(transaction, gathered, state, **values):
        return False
    add_moves(transaction, [_moved(workspace_id, gathered, state, values.get("epoch"), actor)])
    if settle is not None:
        settle_tasks(transaction, gathered.seq, at=state.at, message=settle)
    return True


def write_pending(
    transaction: Transaction, workspace_id: int, runs: Sequence[Gathered], message: str, *, actor: str
) -> None:
    """Bring runs that were gathered in this transaction to PENDING, all at once."""
    state = clean_state(RunState.of("Pending", at=transaction.now_us(), message=message))
    values = {**_state_columns(state), "version": r.version + 1, "changed": transaction.changed}
    connection = transaction.connection
    connection.execute(update(flow_run).where(r.seq.in_([run.seq for run in runs])).values(values))
    add_moves(transaction, [_moved(workspace_id, run, state, None, actor) for run in runs])


def explain_crash(transaction: Transaction, gathered: Gathered, message: str) -> None:
    """Say better why a run crashed whose process somebody else found dead first, who knew no more than that."""
    connection, message = transaction.connection, clean_text(message)
    connection.execute(
        update(flow_run).where(r.seq == gathered.seq).values(state_message=message, changed=transaction.changed)
    )
    last = select(func.max(flow_run_state.c.seq)).where(flow_run_state.c.flow_run_seq == gathered.seq).scalar_subquery()
    connection.execute(update(flow_run_state).where(flow_run_state.c.seq == last).values(message=message))


def put_back(transaction: Transaction, workspace_id: int, run_id: str, state: RunState, actor: str) -> None:
    """Bring a run that has ended, or is suspended, back to where it waits for a worker; its epoch begins with the process."""
    run = transaction.connection.execute(
        select(r.seq, r.name, r.epoch, r.version, flow.c.name.label("flow_name"))
        .join(flow, flow.c.seq == r.flow_seq)
        .where(r.workspace_id == workspace_id, r.id == run_id)
    ).one()
    state = clean_state(state)
    values = {
        **_state_columns(state),
        "version": run.version + 1,
        "changed": transaction.changed,
        "ended_at": None,
        "cancel_requested_at": None,
        "writer_seq": None,  # nobody's: that its last process is found dead says nothing of it any more
    }
    transaction.connection.execute(update(flow_run).where(r.seq == run.seq).values(values))
    moved = Moved(
        workspace_id=workspace_id,
        run_seq=run.seq,
        run_id=run_id,
        run_name=run.name,
        flow_name=run.flow_name,
        epoch=run.epoch,
        version=run.version + 1,
        state=state,
        actor=actor,
    )
    add_moves(transaction, [moved])


def take_flow_run(
    store: Store, request: TakeFlowRun, gathered: Gathered, state: RunState, workspace: str, *, actor: str
) -> RunTaken | None:
    """Give a run to a writer in its next epoch; none if it changed since it was gathered."""
    state = clean_state(state)
    with store.write() as transaction:
        workspace_id = store.make_workspace(transaction, workspace)
        epoch = gathered.facts.epoch + 1
        values: dict[str, Any] = {
            "epoch": epoch,
            "writer_seq": add_writer(transaction, workspace_id, request.writer, at=state.at),
            "taken_at": state.at,
            "ended_at": None,
            "cancel_requested_at": None,
            "result": None,
        }
        if request.code_version is not None:
            values["code_version"] = clean_text(request.code_version)
        if gathered.deployment is not None and not _take_request(transaction, request, gathered):
            return None
        if not _write_state(transaction, gathered, state, **values):
            return None
        add_moves(transaction, [_moved(workspace_id, gathered, state, epoch, actor)])
        if gathered.facts.epoch > 0:
            settle_tasks(
                transaction,
                gathered.seq,
                at=state.at,
                message="The process that ran it is gone; another one took the run over.",
            )
        run = read_flow_run(transaction.connection, workspace_id, request.id)
        return RunTaken(run=run, limits=limits_snapshot(transaction.connection, workspace_id))


def _take_request(transaction: Transaction, request: TakeFlowRun, gathered: Gathered) -> bool:
    """Settle what waits for a worker: the claim goes to who takes the run, which nobody else is to claim."""
    from penstock.store.claims import check_claim, take_claim, withdraw  # lazy: only for runs that were asked for

    if request.claim is None:
        withdraw(transaction, gathered.seq)
        return True
    check_claim(transaction.connection, gathered, request.claim)
    return take_claim(transaction, gathered.seq, request.claim)


def mark_crashed(
    store: Store,
    writer_id: str,
    message: str,
    workspace: str,
    *,
    actor: str,
    silent: bool = False,
    last_seen_at: int | None = None,
) -> Sequence[RunId]:
    """Presume a dead writer's unfinished runs CRASHED, with the task runs that they left unfinished, since it was last seen.

    Those that were to be cancelled are CANCELLED by its death; not if it was only `silent`, as it may still say otherwise.
    """
    message = clean_text(message)
    crashed = []
    with store.write() as transaction:
        connection = transaction.connection
        workspace_id = store.make_workspace(transaction, workspace)
        writer_seq = connection.execute(
            select(writer.c.seq).where(writer.c.workspace_id == workspace_id, writer.c.id == writer_id)
        ).scalar()
        if writer_seq is None:
            return ()
        now = transaction.now_us()
        reason = Reason.LEASE_EXPIRED if silent else Reason.PROCESS_DIED
        crash = RunState.of("Crashed", at=now, reason=reason, message=message)
        cancel = RunState.of("Cancelled", at=now, reason=Reason.CANCEL_REQUESTED, message=message)
        held = (
            connection.execute(select(r.id).where(held_by(writer_seq)).order_by(r.seq).with_for_update())
            .scalars()
            .all()
        )
        for run_id in held:
            gathered = gather_in(store, connection, workspace_id, run_id)
            if gathered is None:
                continue
            state = cancel if gathered.facts.cancel_requested and not silent else crash
            ended_at = min(now, max(now if last_seen_at is None else last_seen_at, gathered.started_at or 0))
            if _write_state(transaction, gathered, state, ended_at=ended_at):
                add_moves(transaction, [_moved(workspace_id, gathered, state, None, actor)])
                settle_tasks(transaction, gathered.seq, at=ended_at, message=message)
                crashed.append(RunId(run_id))
                if gathered.deployment is not None:
                    from penstock.store.crash_policies import after_crash  # lazy: only for runs that were asked for

                    after_crash(transaction, workspace_id, run_id, actor=actor)
    return crashed


def revive(store: Store, transaction: Transaction, workspace_id: int, writer_seq: int, run_ids: Sequence[str]) -> None:
    """A process was heard of again: of its runs, those that were presumed crashed for its silence run."""
    presumed = and_(
        r.workspace_id == workspace_id,
        r.id.in_(run_ids),
        r.writer_seq == writer_seq,
        r.state_type == StateType.CRASHED.value,
        r.state_reason == Reason.LEASE_EXPIRED.value,
    )
    for run_id in transaction.connection.execute(select(r.id).where(presumed).with_for_update()).scalars().all():
        gathered = gather_in(store, transaction.connection, workspace_id, run_id)
        if gathered is not None:
            state = RunState.of("Running", at=gathered.now, message="Its process was only cut off.")
            write_move(transaction, workspace_id, gathered, state, actor="", ended_at=None)
            if gathered.deployment is not None:
                from penstock.store.claims import hold_again  # lazy: only for runs that were asked for

                hold_again(transaction, gathered.seq)


def settle_tasks(transaction: Transaction, run_seq: int, *, at: int, message: str) -> None:
    """Presume the unfinished task runs of a run CRASHED, as their process is gone."""
    t = task_run.c
    unfinished = and_(
        t.flow_run_seq == run_seq,
        t.state_type != StateType.COMPLETED.value,  # as the index has it
        t.state_type.not_in(FINAL_TYPE_NAMES),
        not_(and_(t.state_type == StateType.PENDING.value, t.state_name == "NotReady")),
    )
    crashed = RunState.of("Crashed", at=at)
    values = {
        "state_type": crashed.type.value,
        "state_name": crashed.name,
        "reason": Reason.PROCESS_DIED.value,
        "message": message,
        "ended_at": case((t.started_at > at, t.started_at), else_=at),
        "changed": transaction.changed,
    }
    if transaction.connection.execute(update(task_run).where(unfinished).values(values)).rowcount:
        recount_tasks(transaction, run_seq)


def recount_tasks(transaction: Transaction, run_seq: int) -> None:
    """Count a run's task runs anew, after a change to many."""
    t = task_run.c
    counted = transaction.connection.execute(
        select(t.state_type, func.count()).where(t.flow_run_seq == run_seq).group_by(t.state_type)
    )
    counts = {state_type: number for state_type, number in counted}  # noqa: C416 - rows are no pairs to `dict`
    values = {column: counts.get(type_.value, 0) for type_, column in COUNT_COLUMNS.items()}
    transaction.connection.execute(
        update(flow_run).where(r.seq == run_seq).values(changed=transaction.changed, **values)
    )


_unless_changed = update(flow_run).where(r.seq == bindparam("of_seq"), r.version == bindparam("of_version"))
_facts = select(
    r.seq, r.id, r.name, r.state_type, r.state_name, r.state_at, r.state_reason, r.state_message, r.epoch, r.version,
    r.cancel_requested_at, r.writer_seq, r.started_at, r.deployment, flow.c.name.label("flow_name"),
).join(flow, flow.c.seq == r.flow_seq)  # fmt: skip
_facts_of_one = _facts.where(r.workspace_id == bindparam("workspace"), r.id == bindparam("run"))
_facts_of_several = (
    _facts.where(r.seq.in_(bindparam("seqs", expanding=True))).order_by(r.seq).with_for_update(of=flow_run)
)


def gather_in(store: Store, connection: Connection, workspace_id: int, run_id: str) -> Gathered | None:
    """The same, in a transaction that is open."""
    row = connection.execute(_facts_of_one, {"workspace": workspace_id, "run": run_id}).one_or_none()
    return None if row is None else _to_gathered(row, store.now_us(connection))


def gather_several(store: Store, connection: Connection, seqs: Sequence[int]) -> dict[int, Gathered]:
    """The facts of several runs, by their numbers. Nobody else moves them until the transaction ends."""
    rows = connection.execute(_facts_of_several, {"seqs": seqs}).all()
    now = store.now_us(connection)
    return {row.seq: _to_gathered(row, now) for row in rows}


def _to_gathered(row: Any, now: int) -> Gathered:
    state = make_state(row.state_type, row.state_name, row.state_at, row.state_reason, row.state_message)
    facts = RunFacts(state, row.epoch, row.version, cancel_requested=row.cancel_requested_at is not None)
    return Gathered(
        facts, now, row.seq, row.id, row.name, row.flow_name, row.writer_seq, row.started_at, row.deployment
    )


def _write_state(transaction: Transaction, gathered: Gathered, state: RunState, **values: Any) -> bool:
    values = {
        **_state_columns(state),
        "version": gathered.facts.version + 1,
        "changed": transaction.changed,
        **values,
    }
    if state.type is StateType.RUNNING and gathered.started_at is None:
        values |= {"started_at": state.at, "start_at": state.at}
    if is_final(state.type, state.name):
        values.setdefault("ended_at", state.at)
    values |= {"of_seq": gathered.seq, "of_version": gathered.facts.version}
    return transaction.connection.execute(_unless_changed, values).rowcount == 1


def _state_columns(state: RunState) -> dict[str, Any]:
    return {
        "state_type": state.type.value,
        "state_name": state.name,
        "state_at": state.at,
        "state_reason": reason_text(state),
        "state_message": state.message,
    }


def _moved(workspace_id: int, gathered: Gathered, state: RunState, epoch: int | None, actor: str) -> Moved:
    facts = gathered.facts
    return Moved(
        workspace_id=workspace_id,
        run_seq=gathered.seq,
        run_id=gathered.id,
        run_name=gathered.name,
        flow_name=gathered.flow_name,
        epoch=facts.epoch if epoch is None else epoch,
        version=facts.version + 1,
        state=state,
        actor=actor,
    )
