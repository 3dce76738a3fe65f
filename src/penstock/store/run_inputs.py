"""Runs that wait for somebody: what they ask, the answers, and how they go on."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, case, select, update

from penstock.core.errors import Conflict, NotFound, ParameterInvalid, RequestInvalid, TransitionRefused
from penstock.core.ids import RunId
from penstock.core.json_schemas import check_schema, find_problems
from penstock.core.states import Move, Reason, RunState, StateType, decide
from penstock.ports import FlowRun
from penstock.scheduling import AnswerRun, ListRunInputs, PauseRun, RunInput
from penstock.store import moves
from penstock.store.database import Store, Transaction
from penstock.store.flow_runs import read_flow_run
from penstock.store.moves import Gathered
from penstock.store.requests import SUSPENDED, WAITING
from penstock.store.tables import flow_run
from penstock.store.upserts import insert_if_new
from penstock.store.values import clean, clean_text, decode_json, encode_json
from penstock.store.work_tables import run_input, run_request

KEY_CHARACTERS_MAX = 200
MESSAGE_CHARACTERS_MAX = 4_000
TIMEOUT_SECONDS_MAX = 10 * 365 * 86_400.0
EXPIRED_PER_PASS = 200

i, r, a = run_input.c, flow_run.c, run_request.c


def pause_run(store: Store, request: PauseRun, workspace: str, *, actor: str) -> RunInput:
    """Answer `PauseRun`."""
    _check(request)
    with store.write() as transaction:
        connection = transaction.connection
        workspace_id = store.make_workspace(transaction, workspace)
        gathered = _gather(store, connection, workspace_id, request.flow_run_id)
        known = _find(connection, gathered.seq, request.key)
        if known is None:
            known = _ask(transaction, request, gathered)
        if known.answered_at is None:
            _rest(transaction, workspace_id, gathered, request, actor=actor)
        return _to_input(known, request.flow_run_id)


def list_inputs(store: Store, request: ListRunInputs, workspace: str) -> Sequence[RunInput]:
    """Answer `ListRunInputs`."""
    with store.read() as connection:
        workspace_id = store.workspace_id(connection, workspace)
        seq = connection.execute(
            select(r.seq).where(r.workspace_id == workspace_id, r.id == request.flow_run_id)
        ).scalar()
        if seq is None:
            raise NotFound("flow run", request.flow_run_id, listing="penstock flow-run ls")
        rows = connection.execute(select(run_input).where(i.flow_run_seq == seq).order_by(i.seq)).all()
    return [_to_input(row, request.flow_run_id) for row in rows]


def answer_run(store: Store, request: AnswerRun, workspace: str, *, actor: str) -> FlowRun:
    """Answer `AnswerRun`."""
    with store.write() as transaction:
        connection = transaction.connection
        workspace_id = store.make_workspace(transaction, workspace)
        gathered = _gather(store, connection, workspace_id, request.flow_run_id)
        asked = _asked(connection, gathered, request.key)
        schema = decode_json(asked.schema)
        if schema is not None and (problems := find_problems(schema, request.answer)):
            said = "; ".join(f"`{name}` {expectation}, got {value!r:.200}" for name, expectation, value in problems)
            refused = ParameterInvalid(gathered.flow_name, problems)
            refused.args = (f"The answer to `{asked.key}` of flow run `{gathered.name}` does not fit: {said}.",)
            raise refused
        given = {
            "answer": encode_json({"value": clean(request.answer)}),
            "answered_at": gathered.now,
            "answered_by": actor,
        }
        connection.execute(update(run_input).where(i.seq == asked.seq).values(given))
        go_on(transaction, workspace_id, gathered, actor=actor)
        return read_flow_run(connection, workspace_id, request.flow_run_id)


def go_on(transaction: Transaction, workspace_id: int, gathered: Gathered, *, actor: str) -> None:
    """Let a paused run's process go on, or have a suspended run wait for a process."""
    now = gathered.now
    if gathered.facts.state.name != "Suspended":
        state = RunState.of("Running", at=now, reason=Reason.RESUMED)
        moves.write_move(transaction, workspace_id, gathered, state, actor=actor)
        return
    later = case((a.due_at > now, a.due_at), else_=now)  # one that was held back before its time keeps it
    again = {"status": WAITING, "due_at": later, "anew": False, "lease_until": None, "worker_seq": None}
    waits = transaction.connection.execute(
        update(run_request).where(a.flow_run_seq == gathered.seq).values(again)
    ).rowcount
    if waits:
        state = RunState.of("Resuming", at=now, reason=Reason.RESUMED)
    else:  # nobody's deployment: nobody will come for it
        state = RunState.of("Suspended", at=now, message=f"Answered. Go on with it: penstock resume {gathered.name}")
    moves.write_move(transaction, workspace_id, gathered, state, actor=actor)


def expire_inputs(store: Store, transaction: Transaction, *, actor: str) -> int:
    """Fail the suspended runs that nobody answered in time; those that are paused do it themselves."""
    connection, now = transaction.connection, transaction.now_us()
    rows = connection.execute(
        select(r.id, r.workspace_id, i.key, i.asked_at)
        .join(run_input, i.flow_run_seq == r.seq)
        .where(
            r.state_type == StateType.PAUSED.value,
            r.state_name == "Suspended",
            i.answered_at.is_(None),
            i.expires_at < now,
        )
        .limit(EXPIRED_PER_PASS)
    ).all()
    expired = 0
    for row in rows:
        gathered = moves.gather_in(store, connection, row.workspace_id, row.id)
        if gathered is not None and not gathered.facts.state.is_final:
            waited = max(0, now - row.asked_at) // 1_000_000
            message = f"Nobody answered `{row.key}` within {waited:,} s."
            state = RunState.of("Failed", at=now, reason=Reason.TIMED_OUT, message=message)
            expired += moves.write_move(transaction, row.workspace_id, gathered, state, actor=actor)
            connection.execute(update(run_request).where(a.flow_run_seq == gathered.seq).values(status="done"))
    return expired


# ---- Asking -----------------------------------------------------------------------------------------------------


def _check(request: PauseRun) -> None:
    if not 0 < len(request.key) <= KEY_CHARACTERS_MAX:
        raise RequestInvalid(f"The key of what a run asks has 1 to {KEY_CHARACTERS_MAX} characters.")
    if request.timeout_seconds is not None and not 0 < request.timeout_seconds <= TIMEOUT_SECONDS_MAX:
        raise RequestInvalid(f"A run waits for more than 0 and at most {TIMEOUT_SECONDS_MAX:,.0f} seconds.")
    problem = None if request.answer_schema is None else check_schema(request.answer_schema)
    if problem is not None:
        raise RequestInvalid(f"What `{request.key}` asks for is no JSON Schema: {problem}.")


def _ask(transaction: Transaction, request: PauseRun, gathered: Gathered) -> Row[Any]:
    timeout = request.timeout_seconds
    values = {
        "flow_run_seq": gathered.seq,
        "key": clean_text(request.key),
        "schema": None if request.answer_schema is None else encode_json(clean(request.answer_schema)),
        "message": None if request.message is None else clean_text(request.message)[:MESSAGE_CHARACTERS_MAX],
        "asked_at": gathered.now,
        "expires_at": None if timeout is None else gathered.now + int(timeout * 1_000_000),
    }
    insert_if_new(transaction.connection, run_input, values)
    asked = _find(transaction.connection, gathered.seq, request.key)
    assert asked is not None
    return asked


def _rest(transaction: Transaction, workspace_id: int, gathered: Gathered, request: PauseRun, *, actor: str) -> None:
    name = "Suspended" if request.suspend else "Paused"
    message = None if request.message is None else clean_text(request.message)[:MESSAGE_CHARACTERS_MAX]
    state = RunState.of(name, at=gathered.now, reason=Reason.WAITING_FOR_INPUT, message=message)
    if gathered.facts.state.name == name and gathered.facts.epoch == request.epoch:
        return  # asked twice
    verdict = decide(gathered.facts, Move(state, request.epoch))
    if not verdict.accepted:
        raise TransitionRefused(f"Flow run `{gathered.name}` cannot be {name.lower()}: {verdict.why}.")
    moves.write_move(transaction, workspace_id, gathered, state, actor=actor)
    if request.suspend:
        transaction.connection.execute(
            update(run_request)
            .where(a.flow_run_seq == gathered.seq)
            .values(status=SUSPENDED, lease_until=None, worker_seq=None)
        )


def _asked(connection: Connection, gathered: Gathered, key: str | None) -> Row[Any]:
    rows = connection.execute(select(run_input).where(i.flow_run_seq == gathered.seq).order_by(i.seq)).all()
    if key is not None and all(row.key != key for row in rows):
        raise NotFound(f"question of flow run `{gathered.name}`", key, near=[row.key for row in rows[-3:]])
    open_ = [row for row in rows if row.answered_at is None and key in (None, row.key)]
    if not open_ or gathered.facts.state.type is not StateType.PAUSED:
        state = gathered.facts.state.name
        raise Conflict(f"Flow run `{gathered.name}` does not wait for an answer: it is {state}.")
    asked = open_[-1]
    if asked.expires_at is not None and asked.expires_at < gathered.now:
        raise Conflict(f"Flow run `{gathered.name}` does not wait for an answer to `{asked.key}` any more.")
    return asked


def _gather(store: Store, connection: Connection, workspace_id: int, run_id: str) -> Gathered:
    gathered = moves.gather_in(store, connection, workspace_id, run_id)
    if gathered is None:
        raise NotFound("flow run", run_id, listing="penstock flow-run ls")
    return gathered


def _find(connection: Connection, run_seq: int, key: str) -> Row[Any] | None:
    mine = (i.flow_run_seq == run_seq, i.key == clean_text(key))
    return connection.execute(select(run_input).where(*mine)).one_or_none()


def _to_input(row: Row[Any], run_id: str) -> RunInput:
    answer = decode_json(row.answer)
    return RunInput(
        flow_run_id=RunId(run_id),
        key=row.key,
        message=row.message,
        answer_schema=decode_json(row.schema),
        asked_at=row.asked_at,
        expires_at=row.expires_at,
        answer=None if answer is None else answer["value"],
        answered_at=row.answered_at,
        answered_by=row.answered_by,
    )
