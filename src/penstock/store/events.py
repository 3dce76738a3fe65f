"""Events that the store itself has to tell: of deployments, schedules and runs that are asked for."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock.core.ids import time_ordered_id
from penstock.store.database import Transaction
from penstock.store.fact_rows import encode_payload
from penstock.store.states import EVENT_SCHEMA_VERSION, insert_events
from penstock.store.values import clean_text, encode_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Something happened to something. Kinds and resources are without the `penstock.` that all of ours begin with."""

    workspace_id: int
    at: int
    kind: str
    resource: str
    related: Sequence[str] = ()
    actor: str | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)
    run_seq: int | None = None


def add_events(transaction: Transaction, told: Sequence[Told]) -> None:
    """Write events in order."""
    if told:
        insert_events.run(transaction.connection, [_row(transaction, one) for one in told])


def _row(transaction: Transaction, told: Told) -> tuple[object, ...]:
    identifier = time_ordered_id(max(told.at, 0), os.urandom(10))
    return (
        transaction.next_position(),
        told.workspace_id,
        bytes.fromhex(identifier) if transaction.connection.dialect.name == "sqlite" else identifier,
        told.at,
        f"penstock.{told.kind}",
        clean_text(f"penstock.{told.resource}"),
        encode_json([f"penstock.{one}" for one in told.related]) if told.related else None,
        told.actor,
        None,
        EVENT_SCHEMA_VERSION,
        encode_payload(dict(told.payload)),
        told.run_seq,
    )
