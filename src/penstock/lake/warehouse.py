"""Warehouses: databases that tables are loaded into. One interface, whichever database stands behind it.

An implementation is a module of `penstock.integrations`, such as `duckdb` and `sqlalchemy`.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from penstock.lake.errors import WarehouseError
from penstock.lake.runs import record_use

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from penstock.lake.options import Where
    from penstock.lake.versions import Mode

LOADS_TABLE = "penstock_loads"
"""The table in which a warehouse remembers the loads that it took, in the transaction of each load."""

NAME_CHARACTERS_MAX = 63  # PostgreSQL's

_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """What a load did."""

    table: str
    location: str
    mode: str
    number: int
    """Counts the loads of this table from 1."""
    rows: int
    """The rows that were loaded."""
    rows_replaced: int
    """The rows that were there before and are not any more, or (with `merge`) were updated."""
    rows_total: int
    schema_changes: tuple[str, ...] = ()
    load_key: str | None = None
    repeated: bool = False
    """This load had been committed before, and was not repeated; `rows` and the like are those of that time."""


class Warehouse(Protocol):
    """A database that tables are loaded into, each load in one transaction."""

    def load(
        self,
        table: str,
        data: Any,
        mode: "Mode" = "append",
        keys: "str | Sequence[str] | None" = None,
        replace_where: "Where | None" = None,
        *,
        load_key: str | None = None,
    ) -> LoadReport:
        """Load data into a table, which is made or given new columns as needed; all of it or nothing.

        Modes, keys and `replace_where` are those of `Dataset.write`; so is what happens within runs: a load is done
        once, however often the run is retried or resumed. Raises `DataRefused`, `WarehouseBusy`, `WarehouseError`.
        """

    def query(self, sql: str) -> "pa.Table":
        """Return what an SQL query answers. Raises `WarehouseError`."""


def check_table_name(table: str) -> str:
    """Return a table's name as it is, `name` or `schema.name`. Raises `WarehouseError`.

    >>> check_table_name("trips.rides")
    'trips.rides'
    """
    parts = table.split(".")
    if len(parts) > 2 or not all(_NAME.fullmatch(part) and len(part) <= NAME_CHARACTERS_MAX for part in parts):
        raise WarehouseError(
            f"`{table}` cannot be a table's name: use letters, digits and `_`, with a schema before a dot if needed."
        )
    return table


def quoted(name: str) -> str:
    """Write a name of one or two parts so that SQL takes it as it is.

    >>> quoted("trips.Rides")
    '"trips"."Rides"'
    """
    return ".".join(f'"{part}"' for part in name.split("."))


def record_load(kind: str, report: LoadReport) -> LoadReport:
    """Record a load in the current run, if any, and return its report."""
    details: dict[str, Any] = {"mode": report.mode, "rows_total": report.rows_total, "warehouse": kind}
    if report.schema_changes:
        details["schema_changes"] = list(report.schema_changes)
    if report.repeated:
        details["repeated"] = True
    record_use(
        "write",
        dataset=f"{kind}/{report.table}",
        location=report.location,
        version=report.number,
        write_key=report.load_key,
        rows=report.rows,
        details=details,
    )
    return report
