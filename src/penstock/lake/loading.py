"""What every warehouse does the same about a load: read its options, find its key, plan what becomes of the columns."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from penstock.lake.conforming import ConformedRows, check_rows
from penstock.lake.errors import SchemaConflict
from penstock.lake.incoming import Rows, column_fits, open_rows
from penstock.lake.options import Options, Where, check_options
from penstock.lake.runs import next_write_key, say
from penstock.lake.schemas import plan_write
from penstock.lake.versions import Mode
from penstock.lake.warehouse import check_table_name


@dataclass(frozen=True, slots=True)
class Load:
    """A load on its way into a table."""

    table: str
    rows: Rows
    options: Options

    @property
    def label(self) -> str:
        """What messages call the table."""
        return f"Table `{self.table}`"

    def plan(self, have: pa.Schema | None) -> ConformedRows:
        """Decide what becomes of the columns, and check the rows. Raises `DataRefused`."""
        plan = plan_write(
            self.label, have=have, got=self.rows.schema, fits=lambda name, type_: column_fits(self.rows, name, type_)
        )
        rows = ConformedRows(self.rows, plan)
        check_rows(self.label, rows, self.options)
        for note in plan.notes:
            say(f"{self.label}: {note}.")
        return rows

    def check_widening(self, rows: ConformedRows, stored: Rows) -> None:
        """Refuse to widen columns whose stored values would not stay exact. Raises `SchemaConflict`."""
        for name, old, new in rows.plan.widened:
            if not column_fits(stored, name, new):
                hint = "The table's own values would not stay exact in a wider column."
                raise SchemaConflict(self.label, name, has=str(old), got=str(new), hint=hint)


@contextmanager
def open_load(
    location: str,
    table: str,
    data: Any,
    *,
    mode: Mode,
    keys: str | Sequence[str] | None,
    replace_where: Where | None,
    load_key: str | None,
) -> Iterator[Load]:
    """Accept a load; its data can be read again and again until the block ends."""
    label = f"Table `{check_table_name(table)}`"
    options = Options(
        mode="overwrite" if replace_where is not None and mode == "append" else mode,
        keys=() if keys is None else (keys,) if isinstance(keys, str) else tuple(keys),
        replace_where=replace_where,
        write_key=load_key or next_write_key(f"{location} {table}"),
    )
    check_options(label, options)
    with open_rows(data, label) as rows:
        yield Load(table, rows, options)
