"""Task runs as they are written: the hot path of ingest, many rows at a time.

The counts of a run's task runs by state are kept by what a batch changes. What the batch finds is counted by one
statement; what it leaves is known from its records, because a record is refused only when an older epoch speaks.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text

from penstock.core.errors import JournalCorrupt
from penstock.core.records import TaskSeen
from penstock.store.bulk import BulkInsert
from penstock.store.database import Transaction
from penstock.store.tables import COUNT_COLUMNS, ID_BYTES, task_run
from penstock.store.values import clean_text, encode_json, pack_ids

Counts = dict[int, Counter[str]]
"""Change of a run's counts, by the run's number and state type."""

COLUMNS = (
    "id", "flow_run_seq", "task_seq", "epoch", "parent_id", "ordinal", "name", "tags", "upstream",
    "created_at", "state_type", "state_name", "reason", "message", "attempt", "started_at", "ended_at", "result", "cache_key",
    "attempts", "changed",
)  # fmt: skip
_overwritten = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS if name not in ("id", "flow_run_seq"))

insert_tasks = BulkInsert(
    task_run,
    COLUMNS,
    f"ON CONFLICT (id) DO UPDATE SET {_overwritten} WHERE excluded.epoch >= task_run.epoch AND excluded.flow_run_seq = task_run.flow_run_seq",
)

# `packed` holds the batch's ids end to end: one parameter, and one statement that counts without a row for each.
FOUND_SQLITE = text(
    f"""
    WITH RECURSIVE place(at) AS (SELECT 1 UNION ALL SELECT at + {ID_BYTES} FROM place WHERE at + {ID_BYTES} < length(:packed))
    SELECT t.flow_run_seq, t.state_type, count(*), max(t.epoch)
    FROM place CROSS JOIN task_run t ON t.id = substr(:packed, place.at, {ID_BYTES})
    GROUP BY t.flow_run_seq, t.state_type
    """
)
FOUND_POSTGRES = text(
    "SELECT t.flow_run_seq, t.state_type, count(*), max(t.epoch) FROM task_run t WHERE t.id = ANY(CAST(:ids AS uuid[])) GROUP BY 1, 2"
)
EXACT = "SELECT id, flow_run_seq, state_type, epoch FROM task_run WHERE id IN ({})"
EXACT_IDS_MAX = 500


def write_task_runs(
    transaction: Transaction, records: Sequence[TaskSeen], *, runs: Mapping[str, int], tasks: Mapping[str, int]
) -> Counts:
    """Write the last snapshot of each task run; answer how its runs' counts change.

    `runs` and `tasks` give the numbers of flow runs and task definitions. Raises `JournalCorrupt`.
    """
    if not records:
        return {}
    connection = transaction.connection
    changes = _count_changes(connection, records, runs)
    ident = bytes.fromhex if connection.dialect.name == "sqlite" else _as_is
    insert_tasks.run(connection, _rows(records, runs, tasks, ident, transaction.changed))
    return changes


def _rows(
    records: Sequence[TaskSeen],
    runs: Mapping[str, int],
    tasks: Mapping[str, int],
    ident: Callable[[str], Any],
    changed: int,
) -> list[tuple[Any, ...]]:
    return [
        (
            ident(record[2]),
            runs[record[0]],
            tasks[record[3]],
            record[1],
            None if record[4] is None else ident(record[4]),
            record[5],
            None if record[6] is None else clean_text(record[6]),
            encode_json(record[7]) if record[7] else None,
            pack_ids(record[8]) if record[8] else None,
            *record[9:13],  # created_at to reason
            None if record[13] is None else clean_text(record[13]),
            *record[14:19],  # attempt to cache_key
            encode_json(record[19]) if record[19] else None,
            changed,
        )
        for record in records
    ]


def _count_changes(connection: Connection, records: Sequence[TaskSeen], runs: Mapping[str, int]) -> Counts:
    left: Counts = {}
    for (run_id, state_type), number in Counter((record[0], record[10]) for record in records).items():
        if state_type not in COUNT_COLUMNS:
            raise JournalCorrupt(
                f"A task run is said to be in state `{state_type}`, which no version of the journal knows."
            )
        left.setdefault(runs[run_id], Counter())[state_type] += number
    found = _found(connection, [record[2] for record in records])
    if not found:
        return left
    oldest = min(record[1] for record in records)
    if any(epoch > oldest or run_seq not in left for run_seq, _, _, epoch in found):
        return _count_exactly(connection, records, runs)
    for run_seq, state_type, number, _ in found:
        left[run_seq][state_type] -= number
    return left


def _found(connection: Connection, ids: Sequence[str]) -> Sequence[Any]:
    if connection.dialect.name == "sqlite":
        return connection.execute(FOUND_SQLITE, {"packed": pack_ids(ids)}).all()
    return connection.execute(FOUND_POSTGRES, {"ids": list(ids)}).all()


def _count_exactly(connection: Connection, records: Sequence[TaskSeen], runs: Mapping[str, int]) -> Counts:
    """Row by row: where records of an older epoch, or of another run, will be refused."""
    changes: Counts = {}
    found: dict[str, Any] = {}
    sqlite = connection.dialect.name == "sqlite"
    ids = [record.task_run_id for record in records]
    for start in range(0, len(ids), EXACT_IDS_MAX):
        part = [bytes.fromhex(i) if sqlite else i for i in ids[start : start + EXACT_IDS_MAX]]
        marks = ", ".join(["?" if sqlite else "%s"] * len(part))
        for identifier, *row in connection.exec_driver_sql(EXACT.format(marks), tuple(part)):
            found[identifier.hex() if sqlite else identifier.hex] = row
    for record in records:
        run_seq = runs[record.flow_run_id]
        before = found.get(record.task_run_id)
        if before is not None:
            if before[0] != run_seq or before[2] > record.epoch:
                continue
            changes.setdefault(run_seq, Counter())[before[1]] -= 1
        changes.setdefault(run_seq, Counter())[record.state_type] += 1
    return changes


def _as_is(identifier: str) -> str:
    return identifier
