"""Logs, artifacts, dataset uses and events as they are written.

What belongs to a run that was deleted is passed over.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from penstock.core.records import ArtifactSeen, DatasetSeen, EventSeen, LogSeen
from penstock.core.sizes import EVENT_PAYLOAD_BYTES_MAX
from penstock.store.bulk import BulkInsert
from penstock.store.database import Transaction
from penstock.store.states import EVENT_SCHEMA_VERSION, insert_events
from penstock.store.tables import artifact, dataset_use, log
from penstock.store.values import clean_text, encode_json

insert_logs = BulkInsert(log, ("seq", "flow_run_seq", "task_run_id", "epoch", "at", "level", "logger", "message"))
_of_artifact = ("workspace_id", "id", "flow_run_seq", "task_run_id", "created_at")
_said_again = ("key", "description", "type", "data", "updated_at", "changed")  # the first two only if said at all
insert_artifacts = BulkInsert(
    artifact,
    (*_of_artifact, *_said_again),
    f"ON CONFLICT (workspace_id, id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _said_again[2:])}, "
    "key = COALESCE(excluded.key, artifact.key), description = COALESCE(excluded.description, artifact.description) "
    "WHERE excluded.updated_at >= artifact.updated_at",
    rows_max=50,  # a megabyte each, at most
)
_said_of_use = DatasetSeen._fields[2:-1]
insert_dataset_uses = BulkInsert(dataset_use, ("workspace_id", "flow_run_seq", "task_run_id", *_said_of_use, "details"))


def write_logs(transaction: Transaction, records: Sequence[LogSeen], runs: Mapping[str, int]) -> None:
    """Write log lines in the order in which they were recorded."""
    ident = _ident(transaction.connection)
    insert_logs.run(
        transaction.connection,
        [
            (
                transaction.next_position(),
                runs[run_id],
                ident(task_run_id),
                epoch,
                at,
                level,
                logger,
                clean_text(message),
            )
            for run_id, task_run_id, epoch, at, level, logger, message in records
            if run_id in runs
        ],
    )


def write_artifacts(
    transaction: Transaction, records: Collection[tuple[int, ArtifactSeen]], runs: Mapping[str, int], workspace_id: int
) -> None:
    """Write the last of what was said of each artifact; the pairs hold when it was first said."""
    if not records:
        return
    ident = _ident(transaction.connection)
    insert_artifacts.run(
        transaction.connection,
        [
            (
                workspace_id,
                ident(record.artifact_id),
                _run(record.flow_run_id, runs),
                ident(record.task_run_id),
                created_at,
                None if record.key is None else clean_text(record.key),
                None if record.description is None else clean_text(record.description),
                record.type,
                encode_json(record.data),
                record.at,
                transaction.changed,
            )
            for created_at, record in records
            if _is_known(record.flow_run_id, runs)
        ],
    )


def write_dataset_uses(
    transaction: Transaction, records: Iterable[DatasetSeen], runs: Mapping[str, int], workspace_id: int
) -> None:
    """Write what was read and written."""
    ident = _ident(transaction.connection)
    insert_dataset_uses.run(
        transaction.connection,
        [
            (
                workspace_id,
                _run(record.flow_run_id, runs),
                ident(record.task_run_id),
                *record[2:-1],
                encode_json(record.details),
            )
            for record in records
            if _is_known(record.flow_run_id, runs)
        ],
    )


def write_events(
    transaction: Transaction, records: Iterable[EventSeen], runs: Mapping[str, int], workspace_id: int
) -> None:
    """Write events in order; one that is there already is passed over."""
    ident = _ident(transaction.connection)
    insert_events.run(
        transaction.connection,
        [
            (
                transaction.next_position(),
                workspace_id,
                ident(record.event_id),
                record.at,
                record.kind,
                record.resource,
                encode_json(list(record.related)) if record.related else None,
                record.actor,
                record.cause,
                EVENT_SCHEMA_VERSION,
                encode_payload(record.payload),
                _run(record.flow_run_id, runs),
            )
            for record in records
            if _is_known(record.flow_run_id, runs)
        ],
    )


def encode_payload(payload: Any) -> str | None:
    """Write a payload; one that is too large is replaced by its size."""
    text = encode_json(payload)
    if text is not None and len(text) > EVENT_PAYLOAD_BYTES_MAX:
        return encode_json({"$penstock": {"omitted_characters": len(text)}})
    return text


def _run(run_id: str | None, runs: Mapping[str, int]) -> int | None:
    return None if run_id is None else runs[run_id]


def _is_known(run_id: str | None, runs: Mapping[str, int]) -> bool:
    return run_id is None or run_id in runs


def _ident(connection: Connection) -> Any:
    if connection.dialect.name == "sqlite":
        return lambda identifier: None if identifier is None else bytes.fromhex(identifier)
    return lambda identifier: identifier
