"""The three ways to commit to a Delta table, and the widening of its columns; each is one atomic step.

A commit carries its signature (run, write key, code version) and its write key as a Delta transaction, by which a write
that is done again after a crash finds itself. All raise `Conflict` if another writer got in first.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from penstock.engine.context import find_place
from penstock.lake.conforming import ConformedRows
from penstock.lake.errors import DatasetNameInvalid, LakeError, SchemaConflict
from penstock.lake.history import list_commits
from penstock.lake.incoming import column_fits
from penstock.lake.locations import Target, nearest_dataset
from penstock.lake.options import Options
from penstock.lake.predicates import to_sql
from penstock.lake.runs import say
from penstock.lake.schemas import Plan, schema_digest
from penstock.lake.tables import CONFIGURATION, count_rows, find_table, storage_options, translated
from penstock.lake.versions import Signature

TRANSACTION_PREFIX = "penstock:"


@dataclass(frozen=True, slots=True)
class Commit:
    """What was committed: the table at that version, what it says of itself, and what it replaced, if that is known."""

    table: DeltaTable
    signature: Signature
    rows_replaced: int | None = None


def commit_first(target: Target, rows: ConformedRows, options: Options) -> Commit:
    """Create the dataset as version 0."""
    outer = nearest_dataset(target.location)
    if outer is not None:
        raise DatasetNameInvalid(f"{target.label} cannot lie in {target.location}: {outer} is a dataset itself.")
    if not set(rows.schema.names) - set(options.partition_by):
        raise LakeError(f"{target.label} cannot be partitioned by its only columns: {', '.join(options.partition_by)}.")
    signature = _sign(rows, options)
    with translated(target, rows.failures):
        write_deltalake(
            target.location,
            rows.reader(),
            mode="error",
            partition_by=list(options.partition_by) or None,
            configuration=CONFIGURATION,
            storage_options=storage_options(target),
            # Tried again, a creation that lost its race would become version 1 of a dataset that it never looked at.
            commit_properties=_properties(signature, after=-1, retries=0),
        )
    table = find_table(target)
    assert table is not None  # it was written
    table.load_as_version(0)
    return Commit(table, signature)


def commit_next(target: Target, table: DeltaTable, rows: ConformedRows, options: Options) -> Commit:
    """Append to the dataset, or overwrite all or some of its rows."""
    base = table.version()
    rows_before = count_rows(table)[0] if options.mode == "overwrite" else 0
    where = options.replace_where
    if isinstance(where, Mapping) and any(column in rows.plan.added for column in where):
        where = None  # no row of before has that column, so that none is replaced
    appends = options.mode == "append" or (options.replace_where is not None and where is None)
    # Any: the overloads of write_deltalake know no options by name.
    how: dict[str, Any] = {"mode": "append" if appends else "overwrite"}
    if rows.plan.added:
        how["schema_mode"] = "merge"
    if where is not None:
        how["predicate"] = to_sql(where)
    if options.schema_mode == "replace":
        how |= {"schema_mode": "overwrite", "partition_by": list(options.partition_by) or None}
    signature = _sign(rows, options)
    with translated(target, rows.failures):
        write_deltalake(table, rows.reader(), commit_properties=_properties(signature, after=base), **how)
    if options.mode != "overwrite" or table.version() != base + 1:
        return Commit(table, signature)
    return Commit(table, signature, rows_replaced=rows_before + rows.count - count_rows(table)[0])


def commit_merge(target: Target, table: DeltaTable, rows: ConformedRows, options: Options) -> Commit:
    """Update the rows whose keys are the same, and add the rest."""
    signature = _sign(rows, options)
    with translated(target, rows.failures):
        merge = table.merge(
            rows.reader(),
            predicate=" AND ".join(f'target."{key}" = source."{key}"' for key in options.keys),
            source_alias="source",
            target_alias="target",
            merge_schema=bool(rows.plan.added),
            commit_properties=_properties(signature, after=table.version()),
        )
        merge.when_matched_update_all().when_not_matched_insert_all().execute()
    return Commit(table, signature)


def commit_widened(target: Target, table: DeltaTable, plan: Plan) -> None:
    """Rewrite the dataset with wider columns, which changes no value. Raises `SchemaConflict` if it would."""
    stored = StoredRows(table)
    wide: dict[str, pa.DataType] = {}
    for name, old, new in plan.widened:
        if not column_fits(stored, name, new):
            hint = "The dataset's own values would not stay exact in a wider column."
            raise SchemaConflict(target.label, name, has=str(old), got=str(new), hint=hint)
        wide[name] = new
    schema = pa.schema([column.with_type(wide.get(column.name, column.type)) for column in stored.schema])
    rows = ConformedRows(stored, Plan(target=schema, sources=tuple(schema.names), widened=plan.widened))
    signature = replace(_sign(rows, Options(mode="overwrite")), operation="widen")
    with translated(target, rows.failures):
        write_deltalake(
            table,
            rows.reader(),
            mode="overwrite",
            schema_mode="overwrite",
            partition_by=table.metadata().partition_columns or None,
            # No commit may come between: it would bring files with the narrow column.
            commit_properties=_properties(signature, after=table.version(), retries=0),
        )
    changes = "; ".join(rows.plan.changes)
    say(f"{target.label}: {changes}; {rows.count:,} rows were rewritten as version {table.version()}.")


class StoredRows:
    """The rows that a dataset holds."""

    def __init__(self, table: DeltaTable):
        self._stored = table.to_pyarrow_dataset()
        self.schema, self.count = self._stored.schema, self._stored.count_rows()

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield all rows, or some of their columns."""
        yield from self._stored.to_batches(columns=None if columns is None else list(columns))


def _sign(rows: ConformedRows, options: Options) -> Signature:
    place = find_place()
    return Signature(
        operation=options.mode,
        rows=rows.count,
        schema_digest=schema_digest(rows.schema),
        schema_changes=rows.plan.changes,
        write_key=options.write_key,
        flow_run_id=place.flow_run_id if place else None,
        task_run_id=place.task_run_id if place else None,
        epoch=place.epoch if place else None,
        code_version=place.code_version if place else None,
    )


def _properties(signature: Signature, *, after: int, retries: int | None = None) -> CommitProperties:
    """What Delta keeps with a commit. The transaction's number is the lowest version that the commit can become."""
    key = signature.write_key
    return CommitProperties(
        custom_metadata=signature.as_metadata(),
        max_commit_retries=retries,
        app_transactions=[Transaction(TRANSACTION_PREFIX + key, after + 1)] if key else None,
    )


def find_committed(target: Target, table: DeltaTable, key: str) -> dict[str, Any] | None:
    """Return the commit that a write key became, if it did. Raises `LakeError` if only that much is known."""
    lowest = table.transaction_version(TRANSACTION_PREFIX + key)
    if lowest is None:
        return None
    for commit in list_commits(target, table, table.version() - lowest + 1):
        if Signature.key_of(commit) == key:
            return commit
    raise LakeError(f"{table.table_uri} has a write of key {key}, but its history does not say as which version.")
