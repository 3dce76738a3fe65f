"""Creating top-level flow runs.

Every process does this, many of them only once: what a first statement costs (SQLAlchemy takes a millisecond or two to
put it together) weighs more here than what the database does. So the run is answered from what was written.
"""

from dataclasses import replace
from typing import Any

from sqlalchemy import bindparam, select

from penstock.core.states import RunState, StateType
from penstock.ports import BeginFlowRun, FlowRun, RunTaken
from penstock.store.database import Store, Transaction
from penstock.store.flow_runs import find_run, read_flow_run, to_flow_run, usual_duration
from penstock.store.limit_names import limits_snapshot
from penstock.store.states import Moved, add_moves
from penstock.store.tables import COUNT_COLUMNS, flow, flow_run
from penstock.store.upserts import insert_if_new
from penstock.store.values import clean, clean_state, clean_text, encode_json, reason_text
from penstock.store.writers import add_writer

_flow_by_name = select(flow.c.seq).where(
    flow.c.workspace_id == bindparam("workspace_id"), flow.c.name == bindparam("name")
)


def begin_flow_run(store: Store, request: BeginFlowRun, workspace: str, *, actor: str) -> RunTaken:
    """Create a run, or answer the one that is there."""
    with store.write() as transaction:
        connection = transaction.connection
        workspace_id = store.make_workspace(transaction, workspace)
        made = None
        if not find_run(connection, workspace_id, request.id):
            made = _create(transaction, request, workspace_id, workspace, actor=actor)
        run = made or read_flow_run(connection, workspace_id, request.id)
        return RunTaken(run=run, limits=limits_snapshot(connection, workspace_id))


def find_flow(transaction: Transaction, workspace_id: int, name: str, *, at: int) -> int:
    """The number of a flow, which is made known if it is new."""
    mine = {"workspace_id": workspace_id, "name": name}
    known = transaction.connection.execute(_flow_by_name, mine).scalar()
    if known is None:
        known = insert_if_new(transaction.connection, flow, {**mine, "created_at": at})
    return int(known or transaction.connection.execute(_flow_by_name, mine).scalar_one())


def _create(
    transaction: Transaction, request: BeginFlowRun, workspace_id: int, workspace: str, *, actor: str
) -> FlowRun | None:
    """Create the run; none if it is just being created by the same request, asked twice at once."""
    request = _cleaned(request)
    at = transaction.now_us() if request.at is None else request.at
    state = clean_state(request.state or RunState.of("Running", at=at))
    row: dict[str, Any] = {
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
    if seq is None:
        return None
    add_moves(transaction, [_first_move(request, state, workspace_id, seq, actor=actor)])
    return _as_read(transaction, row, request, workspace)


def _first_move(request: BeginFlowRun, state: RunState, workspace_id: int, seq: int, *, actor: str) -> Moved:
    return Moved(
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


def _as_read(transaction: Transaction, row: dict[str, Any], request: BeginFlowRun, workspace: str) -> FlowRun:
    """The run as reading it would show it; a test compares the two."""
    writer = request.writer
    unsaid = dict.fromkeys(flow_run.c.keys()) | dict.fromkeys(COUNT_COLUMNS.values(), 0)
    shown = {
        "flow_name": request.flow_name,
        "workspace_name": workspace,
        "writer_id": writer.writer_id,
        "host": clean_text(writer.host),
        "pid": writer.pid,
        "environment": encode_json(clean(dict(writer.environment))) if writer.environment else None,
    }
    usual = usual_duration(transaction.connection, row["flow_seq"]) if row["started_at"] is not None else None
    return to_flow_run({**unsaid, **row, **shown}, expected_end_at=None if usual is None else row["taken_at"] + usual)


def _cleaned(request: BeginFlowRun) -> BeginFlowRun:
    texts: dict[str, Any] = {
        name: clean_text(value)
        for name in ("flow_name", "name", "flow_version", "code_version", "entrypoint")
        if (value := getattr(request, name))
    }
    return replace(request, **texts)
