"""DuckDB as a warehouse: one file, no server.

One process at a time may hold a DuckDB file. It is held during a load or query only; who comes meanwhile waits a while.
"""

import fcntl
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.core.errors import MissingExtra
from penstock.lake.errors import WarehouseBusy, WarehouseError
from penstock.lake.options import Where
from penstock.lake.runs import current_settings, say
from penstock.lake.versions import Mode
from penstock.lake.warehouse import LOADS_TABLE, LoadReport, quoted, record_load

if TYPE_CHECKING:
    import pyarrow as pa

    from penstock.lake.conforming import ConformedRows
    from penstock.lake.loading import Load

WAREHOUSE_FILE = "warehouse.duckdb"
WAIT_SECONDS = 30.0
WAIT_STEP_SECONDS = 0.02
GATE_SUFFIX = "-gate"

_SQL_TYPES = {"bool": "BOOLEAN", "int8": "TINYINT", "int16": "SMALLINT", "int32": "INTEGER", "int64": "BIGINT"}
_SQL_TYPES |= {"float": "REAL", "double": "DOUBLE"}


class DuckDBWarehouse:
    """A DuckDB file that tables are loaded into; by default `warehouse.duckdb` in `PENSTOCK_HOME`.

    >>> warehouse = DuckDBWarehouse()
    >>> report = warehouse.load("rides", [{"month": "2020-04", "fare": 8.5}], replace_where={"month": "2020-04"})
    >>> report.rows, report.rows_total
    (1, 1)
    >>> warehouse.query("SELECT sum(fare) AS total FROM rides").to_pylist()
    [{'total': 8.5}]
    """

    def __init__(self, path: str | Path | None = None, *, wait_seconds: float = WAIT_SECONDS):
        self._path = None if path is None else Path(path).expanduser().absolute()
        self._wait_seconds = wait_seconds

    @property
    def path(self) -> Path:
        """The file."""
        return self._path or current_settings().home / WAREHOUSE_FILE

    def load(
        self,
        table: str,
        data: Any,
        mode: Mode = "append",
        keys: str | Sequence[str] | None = None,
        replace_where: Where | None = None,
        *,
        load_key: str | None = None,
    ) -> LoadReport:
        """Load data into a table, in one transaction; see `penstock.lake.warehouse.Warehouse`."""
        _need_duckdb()
        from penstock.lake.loading import open_load  # lazy: pyarrow, 100 ms

        location = str(self.path)
        with open_load(
            location, table, data, mode=mode, keys=keys, replace_where=replace_where, load_key=load_key
        ) as load:
            report = self._load(load, location)
        again = "was loaded already; it was not repeated" if report.repeated else f"has {report.rows_total:,} in all"
        say(f"Table `{table}`: load {report.number} of {report.rows:,} rows {again}.")
        return record_load("duckdb", report)

    def query(self, sql: str) -> "pa.Table":
        """Return what an SQL query answers, as an Arrow table."""
        _need_duckdb()
        if not self.path.exists():
            raise WarehouseError(f"There is no warehouse at {self.path} yet. Load something first.")
        with self._connected() as connection, _translated(self.path):
            rows: pa.Table = connection.sql(sql).to_arrow_table()
            return rows

    def __repr__(self) -> str:
        return f"DuckDBWarehouse({str(self.path)!r})"

    def _load(self, load: "Load", location: str) -> LoadReport:
        with self._gate(), self._connected() as connection, _translated(self.path):
            connection.begin()
            report = _load_in_transaction(connection, load, location)
            connection.commit()
            return report

    @contextmanager
    def _gate(self) -> Iterator[None]:
        """Let one load in at a time: DuckDB would refuse those that meet in one process, and all other processes."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(f"{self.path}{GATE_SUFFIX}", "w") as gate:
            give_up_at = time.monotonic() + self._wait_seconds
            while True:
                try:
                    fcntl.flock(gate, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    self._wait(give_up_at, error)
            yield

    @contextmanager
    def _connected(self) -> Iterator[Any]:  # Any: a duckdb.DuckDBPyConnection
        with closing(self._connect()) as connection:
            yield connection

    def _connect(self) -> Any:  # Any: a duckdb.DuckDBPyConnection
        import duckdb  # lazy: duckdb, 60 ms

        give_up_at = time.monotonic() + self._wait_seconds
        while True:
            try:
                return duckdb.connect(str(self.path))
            except duckdb.Error as error:
                if "lock" not in str(error):
                    raise _translate(error, self.path) from error
                self._wait(give_up_at, error)

    def _wait(self, give_up_at: float, error: Exception) -> None:
        if time.monotonic() > give_up_at:
            raise WarehouseBusy(
                f"{self.path} is held by another process, which did not let go within {self._wait_seconds:g} seconds "
                f"({_first_line(error)}). Close the program that has it open and run again."
            ) from error
        time.sleep(WAIT_STEP_SECONDS)


def _load_in_transaction(connection: Any, load: "Load", location: str) -> LoadReport:
    _rows(
        connection,
        f"CREATE TABLE IF NOT EXISTS {LOADS_TABLE} (table_name VARCHAR, number BIGINT, load_key VARCHAR, mode VARCHAR, "
        "rows BIGINT, rows_replaced BIGINT, rows_total BIGINT, loaded_at TIMESTAMP DEFAULT current_timestamp, "
        "PRIMARY KEY (table_name, number))",
    )
    if report := _find_loaded(connection, load, location):
        return report
    have = _columns(connection, load.table)
    rows = load.plan(have)
    _shape(connection, load, rows, have)
    _take_in(connection, rows)
    replaced = _remove(connection, load)
    columns = ", ".join(_name(column) for column in rows.schema.names)
    _rows(connection, f"INSERT INTO {quoted(load.table)} ({columns}) SELECT {columns} FROM penstock_incoming")
    ((total,),) = _rows(connection, f"SELECT count(*) FROM {quoted(load.table)}")
    ((number,),) = _rows(
        connection,
        f"INSERT INTO {LOADS_TABLE} SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, current_timestamp "
        f"FROM {LOADS_TABLE} WHERE table_name = $1 RETURNING number",
        [load.table, load.options.write_key, load.options.mode, rows.count, replaced, total],
    )
    return LoadReport(
        table=load.table,
        location=location,
        mode=load.options.mode,
        number=number,
        rows=rows.count,
        rows_replaced=replaced,
        rows_total=total,
        schema_changes=rows.plan.changes,
        load_key=load.options.write_key,
    )


def _take_in(connection: Any, rows: "ConformedRows") -> None:
    import duckdb  # lazy: duckdb, 60 ms

    connection.register("penstock_arriving", rows.reader())
    try:
        _rows(connection, "CREATE OR REPLACE TEMP TABLE penstock_incoming AS FROM penstock_arriving")
    except duckdb.Error:
        if rows.failures:
            raise rows.failures[0] from None
        raise


def _find_loaded(connection: Any, load: "Load", location: str) -> LoadReport | None:
    if load.options.write_key is None:
        return None
    found = _rows(
        connection,
        f"SELECT mode, number, rows, rows_replaced, rows_total FROM {LOADS_TABLE} WHERE table_name = ? AND load_key = ?",
        [load.table, load.options.write_key],
    )
    if not found:
        return None
    mode, number, rows, replaced, total = found[0]
    return LoadReport(
        table=load.table,
        location=location,
        mode=mode,
        number=number,
        rows=rows,
        rows_replaced=replaced,
        rows_total=total,
        load_key=load.options.write_key,
        repeated=True,
    )


def _columns(connection: Any, table: str) -> "pa.Schema | None":
    """The table's columns as Arrow sees them; none if there is no table."""
    schema, _, name = table.rpartition(".")
    known = _rows(
        connection, "SELECT 1 FROM duckdb_tables() WHERE table_name = ? AND schema_name = ?", [name, schema or "main"]
    )
    if not known:
        return None
    columns: pa.Schema = connection.sql(f"FROM {quoted(table)} LIMIT 0").to_arrow_table().schema
    return columns


def _shape(connection: Any, load: "Load", rows: "ConformedRows", have: "pa.Schema | None") -> None:
    """Make the table, or give it the columns and widths that the rows need."""
    table = quoted(load.table)
    if have is None:
        schema, _, _ = load.table.rpartition(".")
        if schema:
            _rows(connection, f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
        connection.register("penstock_shape", rows.schema.empty_table())
        _rows(connection, f"CREATE TABLE {table} AS FROM penstock_shape")
        return
    if rows.plan.added:
        connection.register("penstock_shape", rows.schema.empty_table())
        described = _rows(connection, "DESCRIBE penstock_shape")
        types = {column: type_ for column, type_, *_ in described}
        for column in rows.plan.added:
            _rows(connection, f"ALTER TABLE {table} ADD COLUMN {_name(column)} {types[column]}")
    if rows.plan.widened:
        load.check_widening(rows, _StoredRows(connection, table, have))
        for column, _, wide in rows.plan.widened:
            type_ = _SQL_TYPES.get(str(wide)) or str(wide).replace("decimal128", "DECIMAL")
            _rows(connection, f"ALTER TABLE {table} ALTER COLUMN {_name(column)} SET DATA TYPE {type_}")


def _remove(connection: Any, load: "Load") -> int:
    """Delete what the load replaces."""
    from penstock.lake.predicates import to_sql  # lazy: pyarrow, 100 ms

    options, table = load.options, quoted(load.table)
    if options.keys:
        same = " AND ".join(f"t.{_name(key)} = i.{_name(key)}" for key in options.keys)
        deletion = f"DELETE FROM {table} AS t USING penstock_incoming AS i WHERE {same}"
    elif options.replace_where is not None:
        deletion = f"DELETE FROM {table} WHERE {to_sql(options.replace_where)}"
    elif options.mode == "overwrite":
        deletion = f"DELETE FROM {table}"
    else:
        return 0
    ((count,),) = _rows(connection, deletion)
    return int(count)


class _StoredRows:
    """The rows that a table holds."""

    def __init__(self, connection: Any, table: str, schema: "pa.Schema"):
        self._connection, self._table, self.schema, self.count = connection, table, schema, 0

    def batches(self, columns: Sequence[str] | None = None) -> Iterator["pa.RecordBatch"]:
        """Yield all rows, or some of their columns."""
        names = ", ".join(_name(column) for column in columns or self.schema.names)
        yield from self._connection.sql(f"SELECT {names} FROM {self._table}").to_arrow_table().to_batches()


def _rows(connection: Any, sql: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
    """Run a statement to its end: DuckDB refuses the next one while an answer is not read out."""
    rows: list[tuple[Any, ...]] = connection.execute(sql, parameters).fetchall()
    return rows


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    import duckdb  # lazy: duckdb, 60 ms

    try:
        yield
    except duckdb.Error as error:
        raise _translate(error, path) from error


def _translate(error: Exception, path: Path) -> WarehouseError:
    return WarehouseError(f"The warehouse {path} could not do that: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _need_duckdb() -> None:
    try:
        import duckdb  # noqa: F401  # lazy: duckdb, 60 ms
        import pyarrow  # noqa: F401  # lazy: pyarrow, 100 ms
    except ImportError as error:
        raise MissingExtra("The DuckDB warehouse", extra="lake", because=error) from error
