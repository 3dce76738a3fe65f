"""What is sent to runs that go on, by people and by other runs; they look for it when they like."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select

from penstock.core.errors import Conflict, NotFound, RequestInvalid
from penstock.core.ids import RunId
from penstock.scheduling import ListRunMessages, RunMessage, SendToRun
from penstock.store.database import Store
from penstock.store.pages import clamp
from penstock.store.tables import flow_run
from penstock.store.upserts import insert_if_new
from penstock.store.values import clean, clean_text, decode_json, encode_json
from penstock.store.work_tables import run_message

KEY_CHARACTERS_MAX = 200
VALUE_CHARACTERS_MAX = 64 * 1024
MESSAGES_MAX = 10_000
"""To one run."""

m, r = run_message.c, flow_run.c


def send_to_run(store: Store, request: SendToRun, workspace: str, *, actor: str) -> RunMessage:
    """Answer `SendToRun`."""
    value = encode_json({"value": clean(request.value)}) or "{}"
    _check(request, value)
    with store.write() as transaction:
        connection = transaction.connection
        workspace_id = store.make_workspace(transaction, workspace)
        run = _find_run(connection, workspace_id, request.flow_run_id, lock=True)
        mine = (m.flow_run_seq == run.seq, m.id == request.id)
        known = connection.execute(select(run_message).where(*mine)).one_or_none()
        if known is not None:
            return _to_message(known)
        if run.ended_at is not None:
            raise Conflict(
                f"Flow run `{run.name}` has ended ({run.state_name}): nobody would receive what is sent to it."
            )
        number = select(func.count()).select_from(run_message).where(m.flow_run_seq == run.seq)
        if connection.execute(number).scalar_one() >= MESSAGES_MAX:
            raise RequestInvalid(f"Flow run `{run.name}` was sent {MESSAGES_MAX:,} values already, and takes no more.")
        values = {
            "flow_run_seq": run.seq,
            "id": request.id,
            "key": clean_text(request.key),
            "value": value,
            "sender": request.sender,
            "sent_at": transaction.now_us(),
            "sent_by": actor,
        }
        insert_if_new(connection, run_message, values)
        return _to_message(connection.execute(select(run_message).where(*mine)).one())


def list_messages(store: Store, request: ListRunMessages, workspace: str) -> Sequence[RunMessage]:
    """Answer `ListRunMessages`."""
    with store.read() as connection:
        run = _find_run(connection, store.workspace_id(connection, workspace), request.flow_run_id)
        wanted = (m.flow_run_seq == run.seq, m.key == clean_text(request.key), m.seq > request.after)
        rows = connection.execute(select(run_message).where(*wanted).order_by(m.seq).limit(clamp(request.limit))).all()
    return [_to_message(row) for row in rows]


def _check(request: SendToRun, value: str) -> None:
    if not 0 < len(request.key) <= KEY_CHARACTERS_MAX:
        raise RequestInvalid(f"The key of what is sent to a run has 1 to {KEY_CHARACTERS_MAX} characters.")
    if len(value) > VALUE_CHARACTERS_MAX:
        raise RequestInvalid(
            f"What is sent to a run has {len(value):,} characters as JSON; {VALUE_CHARACTERS_MAX:,} are allowed. Send where it "
            "lies instead."
        )


def _find_run(connection: Connection, workspace_id: int, run_id: str, *, lock: bool = False) -> Any:
    """The run's row. With `lock` one sends after the other: who has seen a number has seen all that are lower."""
    found = select(r.seq, r.name, r.state_name, r.ended_at).where(r.workspace_id == workspace_id, r.id == run_id)
    row = connection.execute(found.with_for_update() if lock else found).one_or_none()
    if row is None:
        raise NotFound("flow run", run_id, listing="penstock flow-run ls")
    return row


def _to_message(row: Row[Any]) -> RunMessage:
    return RunMessage(
        number=row.seq,
        key=row.key,
        value=decode_json(row.value).get("value"),
        sender=None if row.sender is None else RunId(row.sender),
        sent_at=row.sent_at,
        sent_by=row.sent_by,
    )
