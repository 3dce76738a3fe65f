"""Bringing flow runs from state to state: the facts a rule needs, and the guarded write of its verdict.

The rules themselves are in `core/states.py`; `orchestrator/` puts the three together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, and_, func, not_, select, update

from penstock.core.ids import RunId
from penstock.core.states import FINAL_TYPES, Reason, RunFacts, RunState, StateType, is_final
from penstock.ports import (
    BeginFlowRun,
    Cancellations,
    FindCancellations,
    FindOpenRuns,
    OpenRuns,
    RunTaken,
    TakeFlowRun,
    WriterHello,
)
from penstock.store.database import Store, Transaction
from penstock.store.flow_runs import read_flow_run
from penstock.store.states import Moved, add_moves
from penstock.store.tables import COUNT_COLUMNS, flow, flow_run, task_run, writer
from penstock.store.upserts import insert_if_new
from penstock.store.values import clean_state, clean_text, encode_json, make_state, reason_text

TASKS_NONE = "{}"
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


def gather(store: Store, run_id: str, workspace: str) -> Gathered | None:
    """Read the facts of a run; none if there is no such run."""
    with store.read() as connection:
        return _gather(store, connection, store.workspace_id(connection, workspace), run_id)


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
    state = clean_state(state)
    with store.write() as transaction:
        if not _write_state(transaction, gathered, state, **values):
            return False
        add_moves(
            transaction,
            [_moved(store.make_workspace(transaction, workspace), gathered, state, values.get("epoch"), actor)],
        )
        if settle is not None:
            settle_tasks(transaction, gathered.seq, at=state.at, message=settle)
        return True


def begin_flow_run(store: Store, request: BeginFlowRun, workspace: str, *, actor: str) -> RunTaken:
    """Create a run, or answer the one that is there."""
    with store.write() as transaction:
        workspace_id = store.make_workspace(transaction, workspace)
        if _gather(store, transaction.connection, workspace_id, request.id) is None:
            _create(transaction, request, workspace_id, actor)
        return RunTaken(run=read_flow_run(transaction.connection, workspace_id, request.id))


def take_flow_run(
    store: Store, request: TakeFlowRun, gathered: Gathered, state: RunState, workspace: str, *, actor: str
) -> bool:
    """Give a run to a writer in its next epoch; False if it changed since it was gathered."""
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
        if not _write_state(transaction, gathered, state, **values):
            return False
        add_moves(transaction, [_moved(workspace_id, gathered, state, epoch, actor)])
        settle_tasks(
            transaction,
            gathered.seq,
            at=state.at,
            message="The process that ran it is gone; another one took the run over.",
        )
        return True


def find_open_runs(store: Store, request: FindOpenRuns, workspace: str) -> OpenRuns:
    """Answer `FindOpenRuns`. A suspended run has been let go of on purpose: it is nobody's."""
    with store.read() as connection:
        mine = and_(
            writer.c.workspace_id == store.workspace_id(connection, workspace), writer.c.id == request.writer_id
        )
        known = connection.execute(select(writer.c.seq, writer.c.mark).where(mine)).one_or_none()
        if known is None:
            return OpenRuns(runs=(), mark=0)
        runs = connection.execute(select(r.id, r.epoch).where(_held_by(known.seq)).order_by(r.seq)).all()
    return OpenRuns(runs=[(RunId(run.id), run.epoch) for run in runs], mark=known.mark)


def mark_crashed(store: Store, writer_id: str, message: str, workspace: str, *, actor: str) -> Sequence[RunId]:
    """Presume a dead writer's unfinished runs CRASHED, with the task runs that they left unfinished."""
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
        state = RunState.of("Crashed", at=transaction.now_us(), reason=Reason.PROCESS_DIED, message=message)
        held = (
            connection.execute(select(r.id).where(_held_by(writer_seq)).order_by(r.seq).with_for_update())
            .scalars()
            .all()
        )
        for run_id in held:
            gathered = _gather(store, connection, workspace_id, run_id)
            if gathered is not None and _write_state(transaction, gathered, state):
                add_moves(transaction, [_moved(workspace_id, gathered, state, None, actor)])
                settle_tasks(transaction, gathered.seq, at=state.at, message=message)
                crashed.append(RunId(run_id))
    return crashed


class CancellationWatch:
    """Answers `FindCancellations`, which running processes ask twice a second: the query runs only if somebody wrote."""

    def __init__(self, store: Store):
        self._store = store
        self._seen: tuple[int, tuple[str, ...], str] | None = None
        self._answer = Cancellations(run_ids=())

    def find(self, request: FindCancellations, workspace: str) -> Cancellations:
        """Which of these runs has somebody asked to cancel?"""
        token = self._store.database.change_token()
        asked = None if token is None else (token, tuple(request.run_ids), workspace)
        seen, answer = self._seen, self._answer
        if asked is not None and asked == seen:
            return answer
        with self._store.read() as connection:
            mine = r.workspace_id == self._store.workspace_id(connection, workspace)
            requested = r.cancel_requested_at.is_not(None)
            found = connection.execute(select(r.id).where(mine, r.id.in_(request.run_ids), requested)).scalars().all()
        answer = Cancellations(run_ids=[RunId(run_id) for run_id in found])
        self._seen, self._answer = None, answer
        self._seen = asked
        return answer


def add_writer(transaction: Transaction, workspace_id: int, hello: WriterHello, *, at: int) -> int:
    """Make a writer known, or known better; answer its number."""
    values = {"host": clean_text(hello.host), "boot_id": hello.boot_id, "pid": hello.pid, "seen_at": at}
    mine = and_(writer.c.workspace_id == workspace_id, writer.c.id == hello.writer_id)
    known = transaction.connection.execute(update(writer).where(mine).values(values).returning(writer.c.seq)).scalar()
    if known is None:
        new = {"workspace_id": workspace_id, "id": hello.writer_id, "mark": 0, "tasks": TASKS_NONE, **values}
        known = insert_if_new(transaction.connection, writer, new)
    return int(known or transaction.connection.execute(select(writer.c.seq).where(mine)).scalar_one())


def find_flow(transaction: Transaction, workspace_id: int, name: str, *, at: int) -> int:
    """The number of a flow, which is made known if it is new."""
    mine = and_(flow.c.workspace_id == workspace_id, flow.c.name == name)
    known = transaction.connection.execute(select(flow.c.seq).where(mine)).scalar()
    if known is None:
        known = insert_if_new(
            transaction.connection, flow, {"workspace_id": workspace_id, "name": name, "created_at": at}
        )
    return int(known or transaction.connection.execute(select(flow.c.seq).where(mine)).scalar_one())


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
        "ended_at": at,
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


def _gather(store: Store, connection: Connection, workspace_id: int, run_id: str) -> Gathered | None:
    row = connection.execute(
        select(
            r.seq, r.name, r.state_type, r.state_name, r.state_at, r.state_reason, r.state_message, r.epoch, r.version,
            r.cancel_requested_at, r.writer_seq, r.started_at, flow.c.name.label("flow_name"),
        )
        .join(flow, flow.c.seq == r.flow_seq)
        .where(r.workspace_id == workspace_id, r.id == run_id)
    ).one_or_none()  # fmt: skip
    if row is None:
        return None
    state = make_state(row.state_type, row.state_name, row.state_at, row.state_reason, row.state_message)
    facts = RunFacts(state, row.epoch, row.version, cancel_requested=row.cancel_requested_at is not None)
    return Gathered(
        facts, store.now_us(connection), row.seq, run_id, row.name, row.flow_name, row.writer_seq, row.started_at
    )


def _write_state(transaction: Transaction, gathered: Gathered, state: RunState, **values: Any) -> bool:
    values = {
        "state_type": state.type.value,
        "state_name": state.name,
        "state_at": state.at,
        "state_reason": reason_text(state),
        "state_message": state.message,
        "version": gathered.facts.version + 1,
        "changed": transaction.changed,
        **values,
    }
    if state.type is StateType.RUNNING and gathered.started_at is None:
        values |= {"started_at": state.at, "start_at": state.at}
    if is_final(state.type, state.name):
        values |= {"ended_at": state.at}
    guard = and_(r.seq == gathered.seq, r.version == gathered.facts.version)
    return transaction.connection.execute(update(flow_run).where(guard).values(values)).rowcount == 1


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


def _create(transaction: Transaction, request: BeginFlowRun, workspace_id: int, actor: str) -> None:
    request = _cleaned(request)
    at = transaction.now_us() if request.at is None else request.at
    state = clean_state(request.state or RunState.of("Running", at=at))
    row = {
        "workspace_id": workspace_id,
        "id": request.id,
        "flow_seq": find_flow(transaction, workspace_id, request.flow_name, at=at),
        "name": request.name,
        "state_type": state.type.value,
        "state_name": state.name,
        "state_at": state.at,
        "state_reason": reason_text(state),
        "state_message": state.message,
        "epoch": 1,
        "version": 1,
        "writer_seq": add_writer(transaction, workspace_id, request.writer, at=at),
        "created_at": at,
        "start_at": at,
        "started_at": at if state.type is StateType.RUNNING else None,
        "taken_at": at,
        "ended_at": state.at if state.is_final else None,
        "changed": transaction.changed,
        "flow_version": request.flow_version,
        "code_version": request.code_version,
        "entrypoint": request.entrypoint,
        "tags": encode_json(list(request.tags)) if request.tags else None,
        "parameters": encode_json(request.parameters),
    }
    seq = insert_if_new(transaction.connection, flow_run, row)
    if seq is None:  # the same request, asked twice at once
        return
    add_moves(
        transaction,
        [
            Moved(
                workspace_id=workspace_id,
                run_seq=seq,
                run_id=request.id,
                run_name=request.name,
                flow_name=request.flow_name,
                epoch=1,
                version=1,
                state=state,
                actor=actor,
            )
        ],
    )


def _cleaned(request: BeginFlowRun) -> BeginFlowRun:
    texts: dict[str, Any] = {
        name: clean_text(value)
        for name in ("flow_name", "name", "flow_version", "code_version", "entrypoint")
        if (value := getattr(request, name))
    }
    return replace(request, **texts)


def _held_by(writer_seq: int) -> Any:
    return and_(r.writer_seq == writer_seq, r.ended_at.is_(None), r.state_name != "Suspended")
