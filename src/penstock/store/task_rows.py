"""Task runs as they are written: the hot path of ingest, many rows at a time, and column by column.

Columns that no record of a batch says anything in are left out of its statement: of the 8.5 µs that SQLite takes for a
row of all columns, a plain one needs 5.7. Turning columns about spares Python a loop over rows (0.5 µs a row).

The counts of a run's task runs by state are kept by what a batch changes. What the batch finds is counted by one
statement; what it leaves is known from its records, because a record is refused only when an older epoch speaks.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
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

Column = Sequence[Any]
AS_RECORDED = (
    "epoch", "ordinal", "created_at", "state_type", "state_name", "attempt",
    "reason", "started_at", "ended_at", "result", "cache_key",
)  # fmt: skip
IN_OTHER_WORDS: Mapping[str, Callable[[Any], Any]] = {
    "name": clean_text,
    "message": clean_text,
    "tags": encode_json,
    "attempts": encode_json,
    "upstream": pack_ids,
}
OVERWRITTEN = ("task_seq", "parent_id", *AS_RECORDED, *IN_OTHER_WORDS, "changed")

# `packed` holds the batch's ids end to end: one parameter, and one statement that counts without a row for each.
FOUND_SQLITE = text(
    f"""
    WITH RECURSIVE place(at) AS (
        SELECT 1 UNION ALL SELECT at + {ID_BYTES} FROM place WHERE at + {ID_BYTES} < length(:packed)
    )
    SELECT t.flow_run_seq, t.state_type, count(*), max(t.epoch)
    FROM place CROSS JOIN task_run t ON t.id = substr(:packed, place.at, {ID_BYTES})
    GROUP BY t.flow_run_seq, t.state_type
    """
)
FOUND_POSTGRES = text(
    "SELECT t.flow_run_seq, t.state_type, count(*), max(t.epoch) "
    "FROM task_run t WHERE t.id = ANY(CAST(:ids AS uuid[])) GROUP BY 1, 2"
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
    said: dict[str, Column] = dict(zip(TaskSeen._fields, zip(*records, strict=True), strict=True))
    run_seqs = list(map(runs.__getitem__, said["flow_run_id"]))
    changes = _count_changes(connection, records, said, run_seqs)
    columns = _columns(said, ident=bytes.fromhex if connection.dialect.name == "sqlite" else _as_is)
    columns["flow_run_seq"] = run_seqs
    columns["task_seq"] = list(map(tasks.__getitem__, said["task_id"]))
    columns["changed"] = [transaction.changed] * len(records)
    _insert(tuple(columns)).run(connection, list(zip(*columns.values(), strict=True)))
    return changes


@cache
def _insert(columns: tuple[str, ...]) -> BulkInsert:
    """The statement that writes these columns; what they leave out is nothing (null) from then on."""
    changes = ", ".join(f"{name} = excluded.{name}" for name in OVERWRITTEN)
    guard = "excluded.epoch >= task_run.epoch AND excluded.flow_run_seq = task_run.flow_run_seq"
    return BulkInsert(task_run, columns, f"ON CONFLICT (id) DO UPDATE SET {changes} WHERE {guard}")


def _columns(said: Mapping[str, Column], *, ident: Callable[[str], Any]) -> dict[str, Column]:
    """The columns that records say something in, in an order that is always the same."""
    columns: dict[str, Column] = {"id": list(map(ident, said["task_run_id"]))}
    if _is_said(said["parent_id"]):
        columns["parent_id"] = [None if value is None else ident(value) for value in said["parent_id"]]
    columns |= {name: said[name] for name in AS_RECORDED if _is_said(said[name])}
    for name, word in IN_OTHER_WORDS.items():
        if _is_said(said[name]):
            columns[name] = [word(value) if value else None for value in said[name]]
    return columns


def _is_said(column: Column) -> bool:
    return column.count(None) < len(column)


def _count_changes(
    connection: Connection, records: Sequence[TaskSeen], said: Mapping[str, Column], run_seqs: Sequence[int]
) -> Counts:
    left: Counts = {}
    for (run_seq, state_type), number in Counter(zip(run_seqs, said["state_type"], strict=True)).items():
        if state_type not in COUNT_COLUMNS:
            raise JournalCorrupt(f"A task run is said to be in state `{state_type}`, which no journal knows.")
        left.setdefault(run_seq, Counter())[state_type] += number
    found = _found(connection, said["task_run_id"])
    oldest = min(said["epoch"])
    if any(epoch > oldest or run_seq not in left for run_seq, _, _, epoch in found):
        return _count_exactly(connection, records, run_seqs)
    for run_seq, state_type, number, _ in found:
        left[run_seq][state_type] -= number
    return left


def _found(connection: Connection, ids: Sequence[str]) -> Sequence[Any]:
    """How many of these task runs are there, by run and state."""
    if connection.dialect.name == "sqlite":
        return connection.execute(FOUND_SQLITE, {"packed": pack_ids(ids)}).all()
    return connection.execute(FOUND_POSTGRES, {"ids": f"{{{','.join(ids)}}}"}).all()


def _count_exactly(connection: Connection, records: Sequence[TaskSeen], run_seqs: Sequence[int]) -> Counts:
    """Row by row: where records of an older epoch, or of another run, will be refused."""
    changes: Counts = {}
    before = _found_exactly(connection, [record.task_run_id for record in records])
    for record, run_seq in zip(records, run_seqs, strict=True):
        found = before.get(record.task_run_id)
        if found is not None:
            found_seq, state_type, epoch = found
            if found_seq != run_seq or epoch > record.epoch:
                continue
            changes.setdefault(run_seq, Counter())[state_type] -= 1
        changes.setdefault(run_seq, Counter())[record.state_type] += 1
    return changes


def _found_exactly(connection: Connection, ids: Sequence[str]) -> dict[str, Sequence[Any]]:
    found: dict[str, Sequence[Any]] = {}
    sqlite = connection.dialect.name == "sqlite"
    for start in range(0, len(ids), EXACT_IDS_MAX):
        part = [bytes.fromhex(i) if sqlite else i for i in ids[start : start + EXACT_IDS_MAX]]
        marks = ", ".join(["?" if sqlite else "%s"] * len(part))
        for identifier, *row in connection.exec_driver_sql(EXACT.format(marks), tuple(part)):
            found[identifier.hex() if sqlite else identifier.hex] = row
    return found


def _as_is(identifier: str) -> str:
    return identifier
