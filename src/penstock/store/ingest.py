"""Taking in a batch of a writer's records, in one transaction: all of it, or nothing, and nothing twice.

The writer's mark says up to where its records are in; it moves in the same transaction. Task records are snapshots: of
those of one task run only the last is written. What flow runs do is followed in `flow_records.py`, record by record.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, select, update

from penstock.core.errors import JournalCorrupt, JournalError
from penstock.core.records import (
    ArtifactSeen,
    DatasetSeen,
    EventSeen,
    FlowSeen,
    LogSeen,
    Record,
    StateSeen,
    Superseded,
    TaskDefined,
    TaskSeen,
    WriterClosed,
)
from penstock.ports import Acknowledged, Ingest
from penstock.store.database import Store, TextRefused, Transaction
from penstock.store.fact_rows import write_artifacts, write_dataset_uses, write_events, write_logs
from penstock.store.flow_records import FlowRuns
from penstock.store.limit_names import limits_snapshot
from penstock.store.tables import writer
from penstock.store.task_definitions import Definitions
from penstock.store.task_rows import Counts, write_task_runs
from penstock.store.upserts import insert_if_new
from penstock.store.values import clean
from penstock.store.writers import TASKS_NONE

Numbered = tuple[int, Record]


@dataclass(slots=True)
class Batch:
    """Records, sorted by what is done with them."""

    tasks: dict[str, TaskSeen] = field(default_factory=dict)
    flows: list[FlowSeen | StateSeen] = field(default_factory=list)
    definitions: dict[str, TaskDefined] = field(default_factory=dict)
    logs: list[LogSeen] = field(default_factory=list)
    artifacts: dict[str, tuple[int, ArtifactSeen]] = field(default_factory=dict)
    """When it was first said, and what was said last."""
    events: list[EventSeen] = field(default_factory=list)
    datasets: list[DatasetSeen] = field(default_factory=list)
    closed_at: int | None = None

    def run_ids(self) -> set[str]:
        """The flow runs that the records speak of."""
        ids: set[str | None] = {record.flow_run_id for record in self.tasks.values()}
        for records in (
            self.flows,
            self.logs,
            self.events,
            self.datasets,
            [record for _, record in self.artifacts.values()],
        ):
            ids.update(record.flow_run_id for record in records)
        ids.update(record.parent_run_id for record in self.flows if type(record) is FlowSeen)
        return {identifier for identifier in ids if identifier is not None}


def ingest(store: Store, request: Ingest, workspace: str) -> Acknowledged:
    """Answer `Ingest`. Raises `JournalError` on a gap, `JournalCorrupt` on records that no writer wrote."""
    try:
        return _ingest_any_text(store, request, workspace)
    except (ValueError, TypeError, KeyError, TextRefused) as error:
        said = f"The records of writer {request.writer_id} cannot be taken in ({error}); none of the batch was."
        raise JournalCorrupt(said) from error


def _ingest_any_text(store: Store, request: Ingest, workspace: str) -> Acknowledged:
    """Text that no database takes is rare: to look for it beforehand would cost every batch."""
    try:
        return _ingest(store, request.writer_id, request.records, workspace)
    except (UnicodeEncodeError, TextRefused):
        cleaned = [(sequence, clean(record)) for sequence, record in request.records]
        return _ingest(store, request.writer_id, cleaned, workspace)


def _ingest(store: Store, writer_id: str, records: Sequence[Numbered], workspace: str) -> Acknowledged:
    with store.write() as transaction:
        workspace_id = store.make_workspace(transaction, workspace)
        known = _lock_writer(transaction, workspace_id, writer_id)
        fresh = _after_mark(records, known.mark, writer_id)
        if not fresh:
            limits = limits_snapshot(transaction.connection, workspace_id)
            return Acknowledged(sequence=known.mark, limits=limits)
        definitions = Definitions(transaction, workspace_id, known.tasks)
        closed_at = known.closed_at
        for batch in _batches(fresh, definitions):
            _write(transaction, batch, definitions, workspace_id=workspace_id, writer_seq=known.seq)
            closed_at = batch.closed_at or closed_at
        mark = fresh[-1][0]
        values = {
            "of_seq": known.seq,
            "mark": mark,
            "tasks": definitions.as_json(),
            "seen_at": store.now_us(transaction.connection),
            "closed_at": closed_at,
        }
        if known.lease_until is not None:
            values["lease_until"] = values["seen_at"] + known.lease_until - known.seen_at
        transaction.connection.execute(_seen, values)
        limits = limits_snapshot(transaction.connection, workspace_id)
    return Acknowledged(sequence=mark, limits=limits)


_known = (
    select(writer.c.seq, writer.c.mark, writer.c.tasks, writer.c.closed_at, writer.c.lease_until, writer.c.seen_at)
    .where(writer.c.workspace_id == bindparam("workspace"), writer.c.id == bindparam("writer"))
    .with_for_update()
)
_seen = update(writer).where(writer.c.seq == bindparam("of_seq"))


def _lock_writer(transaction: Transaction, workspace_id: int, writer_id: str) -> Any:
    mine = {"workspace": workspace_id, "writer": writer_id}
    known = transaction.connection.execute(_known, mine).one_or_none()
    if known is None:
        new = {"workspace_id": workspace_id, "id": writer_id, "mark": 0, "tasks": TASKS_NONE, "seen_at": 0}
        insert_if_new(transaction.connection, writer, new)
        known = transaction.connection.execute(_known, mine).one()
    return known


def _after_mark(records: Sequence[Numbered], mark: int, writer_id: str) -> Sequence[Numbered]:
    fresh = records if records and records[0][0] > mark else [pair for pair in records if pair[0] > mark]
    for expected, (sequence, _) in enumerate(fresh, start=mark + 1):
        if sequence != expected:
            raise JournalError(
                f"Records {expected} to {sequence - 1} of writer {writer_id} are missing; what was taken in before is not affected."
            )
    return fresh


def _batches(records: Sequence[Numbered], definitions: Definitions) -> Iterator[Batch]:
    """Sort records. A task that is defined anew ends a batch, so that each record finds the definition of its time."""
    batch = Batch()
    tasks = batch.tasks
    for _, record in records:
        if type(record) is TaskSeen:
            before = tasks.get(record[2])
            if before is None or record[1] >= before[1]:
                tasks[record[2]] = record
        elif type(record) is Superseded:
            continue
        elif type(record) is TaskDefined and definitions.would_change(record, batch.definitions):
            yield batch
            batch = Batch(definitions={record.task_id: record})
            tasks = batch.tasks
        else:
            _sort_in(batch, record)
    yield batch


def _sort_in(batch: Batch, record: Record) -> None:
    match record:
        case LogSeen():
            batch.logs.append(record)
        case FlowSeen() | StateSeen():
            batch.flows.append(record)
        case TaskDefined():
            batch.definitions[record.task_id] = record
        case ArtifactSeen():
            first_at, last = batch.artifacts.get(record.artifact_id, (record.at, record))
            if record.at >= last.at:  # as the statement has it that writes them
                key, description = record.key or last.key, record.description or last.description
                last = record._replace(key=key, description=description)
            batch.artifacts[record.artifact_id] = (first_at, last)
        case EventSeen():
            batch.events.append(record)
        case DatasetSeen():
            batch.datasets.append(record)
        case WriterClosed():
            batch.closed_at = record.at


def _write(
    transaction: Transaction, batch: Batch, definitions: Definitions, *, workspace_id: int, writer_seq: int
) -> None:
    definitions.add(batch.definitions.values())
    runs = FlowRuns(transaction, batch.run_ids(), workspace_id=workspace_id, writer_seq=writer_seq)
    runs.follow(batch.flows)
    known = runs.numbers
    # Records of a run that is not there any more were deleted with it.
    tasks = [record for record in batch.tasks.values() if record[0] in known]
    counts: Counts = {}
    if tasks:
        definitions.require(record[3] for record in tasks)
        counts = write_task_runs(transaction, tasks, runs=known, tasks=definitions.numbers)
    runs.write(counts)
    write_logs(transaction, batch.logs, known)
    write_artifacts(transaction, batch.artifacts.values(), known, workspace_id)
    write_dataset_uses(transaction, batch.datasets, known, workspace_id)
    write_events(transaction, batch.events, known, workspace_id)
