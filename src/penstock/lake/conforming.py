"""Data on its way in, as the dataset or table that takes it keeps it; and the checks before anything is written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from penstock.lake.errors import DataRefused
from penstock.lake.incoming import Rows
from penstock.lake.options import Options
from penstock.lake.predicates import check_inside, check_where
from penstock.lake.schemas import Plan


@dataclass(frozen=True, slots=True)
class ConformedRows:
    """The data as the dataset keeps it."""

    rows: Rows
    plan: Plan
    failures: list[Exception] = field(default_factory=list)
    """What went wrong while a stream was read; Delta only quotes it."""

    @property
    def schema(self) -> pa.Schema:
        """The dataset's schema after the write."""
        return self.plan.target

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self.rows.count

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield all rows, or some of their columns."""
        for batch in self.rows.batches():
            conformed = self.plan.conform(batch)
            yield conformed if columns is None else conformed.select(list(columns))

    def reader(self) -> pa.RecordBatchReader:
        """A new stream of all rows."""
        return pa.RecordBatchReader.from_batches(self.schema, self._noting_failures())

    def _noting_failures(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from self.batches()
        except Exception as error:
            self.failures.append(error)
            raise


def check_rows(label: str, rows: ConformedRows, options: Options) -> None:
    """Refuse rows that the dataset or table cannot take as the options want it."""
    for column in rows.schema:
        if not column.nullable and any(batch.column(0).null_count for batch in rows.batches([column.name])):
            raise DataRefused(label, f"its column `{column.name}` is never null, the data's has nulls.")
    if options.replace_where is not None:
        check_where(label, options.replace_where, rows.schema.names)
        check_inside(label, options.replace_where, rows)
    if options.keys:
        _check_keys(label, rows, options.keys)


def _check_keys(label: str, rows: ConformedRows, keys: Sequence[str]) -> None:
    if unknown := [key for key in keys if key not in rows.schema.names]:
        raise DataRefused(label, f"key `{unknown[0]}` is no column of the data.")
    schema = pa.schema([rows.schema.field(key) for key in keys])
    table = pa.Table.from_batches(list(rows.batches(keys)), schema=schema)
    named = ", ".join(keys)
    if nulls := sum(table.column(key).null_count for key in keys):
        raise DataRefused(label, f"{nulls:,} values of its keys ({named}) are null in the data.")
    if twins := table.num_rows - table.group_by(list(keys)).aggregate([]).num_rows:
        raise DataRefused(label, f"{twins:,} rows repeat the keys ({named}) of others. Keep one of each.")
