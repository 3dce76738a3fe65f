"""A flow run's moves as they are written: the history, and the event that tells of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from penstock.core.ids import time_ordered_id
from penstock.core.states import RunState
from penstock.store.bulk import BulkInsert
from penstock.store.database import Transaction
from penstock.store.tables import event, flow_run_state
from penstock.store.values import encode_json, reason_text

EVENT_SCHEMA_VERSION = 1

insert_states = BulkInsert(flow_run_state, ("flow_run_seq", "epoch", "at", "type", "name", "reason", "message"))
insert_events = BulkInsert(
    event,
    (
        "seq",
        "workspace_id",
        "id",
        "at",
        "kind",
        "resource",
        "related",
        "actor",
        "cause",
        "schema_version",
        "payload",
        "flow_run_seq",
    ),
    "ON CONFLICT (workspace_id, id) DO NOTHING",
)


@dataclass(frozen=True, slots=True)
class Moved:
    """A run came to a state; `version` is none for what is kept as history only."""

    workspace_id: int
    run_seq: int
    run_id: str
    run_name: str
    flow_name: str
    epoch: int
    version: int | None
    state: RunState
    actor: str | None = None


def add_moves(transaction: Transaction, moves: Sequence[Moved]) -> None:
    """Write moves into the history, and an event for each that changed its run."""
    if not moves:
        return
    insert_states.run(transaction.connection, [_history_row(move) for move in moves])
    insert_events.run(
        transaction.connection, [_event_row(transaction, move) for move in moves if move.version is not None]
    )


def _history_row(move: Moved) -> tuple[object, ...]:
    state = move.state
    return (move.run_seq, move.epoch, state.at, state.type.value, state.name, reason_text(state), state.message)


def _event_row(transaction: Transaction, move: Moved) -> tuple[object, ...]:
    state = move.state
    digest = blake2b(f"{move.run_id}/{move.epoch}/{move.version}/{state.name}".encode(), digest_size=10).digest()
    identifier = time_ordered_id(max(state.at, 0), digest)
    payload = {
        "flow": move.flow_name,
        "name": move.run_name,
        "epoch": move.epoch,
        "state_type": state.type.value,
        "state_name": state.name,
        "reason": reason_text(state),
        "message": state.message,
    }
    return (
        transaction.next_position(),
        move.workspace_id,
        bytes.fromhex(identifier) if transaction.connection.dialect.name == "sqlite" else identifier,
        state.at,
        f"penstock.flow-run.{state.name}",
        f"penstock.flow-run.{move.run_id}",
        encode_json([f"penstock.flow.{move.flow_name}"]),
        move.actor,
        None,
        EVENT_SCHEMA_VERSION,
        encode_json(payload),
        move.run_seq,
    )
