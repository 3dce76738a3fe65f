"""How a dataset is read: one version of it, some of its columns, some of its rows."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable

from penstock.lake.errors import DatasetMissing, LakeError
from penstock.lake.history import list_commits, load_version
from penstock.lake.locations import Target, is_remote, list_names
from penstock.lake.predicates import check_where, sql_connection, sql_error, to_expression
from penstock.lake.runs import current_settings, record_use
from penstock.lake.schemas import schema_digest
from penstock.lake.tables import arrow_schema, find_table
from penstock.lake.versions import Version, version_from_commit

Filter = str | Mapping[str, Any] | pc.Expression


def get_table(target: Target, *, version: int | None = None, as_of: datetime | date | str | None = None) -> DeltaTable:
    """Open a version of a dataset. Raises `DatasetMissing` or `VersionMissing`."""
    table = find_table(target)
    if table is None:
        lake = current_settings().effective_lake_path
        known = [] if is_remote(target.location) else list(list_names(lake))
        raise DatasetMissing(target.name, location=target.public_location, near=get_close_matches(target.name, known))
    return load_version(table, target, version=version, as_of=as_of)


def read(target: Target, table: DeltaTable, *, columns: Sequence[str] | None, filter: Filter | None) -> pa.Table:
    """Read rows into memory."""
    rows = scan(target, table, columns=columns, filter=filter).read_all()
    _record(target, table, rows=rows.num_rows)
    return rows


def stream(
    target: Target, table: DeltaTable, *, columns: Sequence[str] | None, filter: Filter | None
) -> pa.RecordBatchReader:
    """Read rows batch by batch."""
    _record(target, table, rows=None)
    return scan(target, table, columns=columns, filter=filter)


def scan(
    target: Target, table: DeltaTable, *, columns: Sequence[str] | None, filter: Filter | None
) -> pa.RecordBatchReader:
    """Start to read; nothing is recorded."""
    stored = table.to_pyarrow_dataset()
    names = stored.schema.names
    if columns is not None and (unknown := [column for column in columns if column not in names]):
        near = get_close_matches(unknown[0], names)
        hint = f"Did you mean `{near[0]}`?" if near else f"It has {', '.join(names)}."
        raise LakeError(f"{target.label} has no column `{unknown[0]}`. {hint}")
    wanted = None if columns is None else list(columns)
    if isinstance(filter, str):
        return _scan_sql(target, stored, wanted, filter)
    if isinstance(filter, Mapping):
        check_where(target.label, filter, names, what="filter")
        filter = to_expression(filter, stored.schema)
    return stored.scanner(columns=wanted, filter=filter).to_reader()


def columns_of(table: DeltaTable) -> pa.Schema:
    """The columns of an open version."""
    return arrow_schema(table)


def history(target: Target, table: DeltaTable, limit: int | None) -> list[Version]:
    """Describe the commits, newest first."""
    location = target.public_location
    return [version_from_commit(target.name, location, commit) for commit in list_commits(target, table, limit)]


def _scan_sql(target: Target, stored: ds.Dataset, columns: list[str] | None, condition: str) -> pa.RecordBatchReader:
    import duckdb  # lazy: duckdb, 60 ms

    names = ", ".join('"' + name.replace('"', '""') + '"' for name in columns or stored.schema.names)
    with sql_connection() as connection:
        connection.register("dataset", stored)
        try:
            rows = connection.sql(f"SELECT {names} FROM dataset WHERE ({condition})").to_arrow_table()
        except duckdb.Error as error:
            raise LakeError(f"{target.label}: filter cannot be understood: {sql_error(error)}") from error
    kept = pa.schema([stored.schema.field(name) for name in rows.column_names])
    return pa.table(rows).cast(kept).to_reader()


def _record(target: Target, table: DeltaTable, *, rows: int | None) -> None:
    record_use(
        "read",
        dataset=target.name,
        location=target.public_location,
        version=table.version(),
        rows=rows,
        schema_digest=schema_digest(arrow_schema(table)),
    )
