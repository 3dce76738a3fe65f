"""SQLite and PostgreSQL as warehouses, by URL, through SQLAlchemy."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, make_url

from penstock.core.errors import MissingExtra
from penstock.lake.errors import DataRefused, LakeUnavailable, WarehouseBusy, WarehouseError
from penstock.lake.options import Where
from penstock.lake.runs import current_settings, say
from penstock.lake.versions import Mode
from penstock.lake.warehouse import LOADS_TABLE, LoadReport, record_load

if TYPE_CHECKING:
    import pyarrow as pa

    from penstock.integrations.connectors import ConnectionComponents as ConnectionComponents
    from penstock.integrations.connectors import SqlAlchemyConnector as SqlAlchemyConnector
    from penstock.integrations.connectors import SyncDriver as SyncDriver
    from penstock.lake.conforming import ConformedRows
    from penstock.lake.loading import Load

CONNECTORS = frozenset({"ConnectionComponents", "SqlAlchemyConnector", "SyncDriver"})
"""The blocks for databases, which are in a module of their own."""
WAREHOUSE_FILE = "warehouse.sqlite"
WAIT_SECONDS = 30.0

_loads = sa.Table(
    LOADS_TABLE,
    sa.MetaData(),
    sa.Column("table_name", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("load_key", sa.Text, index=True),
    sa.Column("mode", sa.Text),
    sa.Column("rows", sa.BigInteger),
    sa.Column("rows_replaced", sa.BigInteger),
    sa.Column("rows_total", sa.BigInteger),
    sa.Column("loaded_at", sa.DateTime(timezone=True)),
)


class SqlWarehouse:
    """A database that tables are loaded into; by default the SQLite file `warehouse.sqlite` in `PENSTOCK_HOME`.

    >>> warehouse = SqlWarehouse()
    >>> warehouse.load("trips", [{"id": 1, "fare": 8.5}], mode="merge", keys="id").rows_total
    1
    >>> warehouse.load("trips", [{"id": 1, "fare": 7.0}], mode="merge", keys="id").rows_total
    1
    >>> warehouse.query("SELECT fare FROM trips").to_pylist()
    [{'fare': 7.0}]
    """

    def __init__(self, url: str | None = None):
        self._url = None if url is None else _parse(url)

    @property
    def url(self) -> URL:
        """The database's address."""
        return self._url or _parse(f"sqlite:///{current_settings().home / WAREHOUSE_FILE}")

    @property
    def location(self) -> str:
        """The address without its password."""
        return self.url.render_as_string(hide_password=True)

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
        try:
            from penstock.lake.loading import open_load  # lazy: pyarrow, 100 ms
        except ImportError as error:
            raise MissingExtra("Loading a warehouse", extra="lake", because=error) from error

        with open_load(
            self.location, table, data, mode=mode, keys=keys, replace_where=replace_where, load_key=load_key
        ) as load:
            with self._transaction() as connection:
                report = _load_in_transaction(connection, load, self.location)
        again = "was loaded already; it was not repeated" if report.repeated else f"has {report.rows_total:,} in all"
        say(f"Table `{table}`: load {report.number} of {report.rows:,} rows {again}.")
        return record_load(self.url.get_backend_name(), report)

    def query(self, sql: str) -> "pa.Table":
        """Return what an SQL query answers, as an Arrow table."""
        import pyarrow as pa  # lazy: pyarrow, 100 ms

        with self._transaction() as connection:
            answer = connection.exec_driver_sql(sql)
            names, rows = list(answer.keys()), answer.all()
        return pa.table({name: [row[i] for row in rows] for i, name in enumerate(names)})

    def __repr__(self) -> str:
        return f"SqlWarehouse({self.location!r})"

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        engine = self._engine()
        try:
            with engine.begin() as connection:
                if engine.dialect.name == "sqlite":
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                yield connection
        except sa.exc.DBAPIError as error:
            raise self._translate(error) from error
        finally:
            engine.dispose()

    def _engine(self) -> sa.Engine:
        url = self.url
        if self._url is None:
            current_settings().home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if url.get_backend_name() != "sqlite":
            try:
                return sa.create_engine(url)
            except ImportError as error:
                raise MissingExtra(f"A {url.get_backend_name()} warehouse", extra="postgres", because=error) from error
        # Python's sqlite3 would begin transactions late and end them at statements of DDL; here they are ours.
        return sa.create_engine(url, connect_args={"timeout": WAIT_SECONDS, "isolation_level": None})

    def _translate(self, error: sa.exc.DBAPIError) -> WarehouseError | LakeUnavailable:
        text = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
        if "database is locked" in text:
            return WarehouseBusy(f"{self.location} is held by another program for more than {WAIT_SECONDS:g} seconds.")
        if isinstance(error, sa.exc.OperationalError) and self.url.get_backend_name() != "sqlite":
            return LakeUnavailable(f"The warehouse {self.location} cannot be reached: {text}")
        return WarehouseError(f"The warehouse {self.location} could not do that: {text}")


def __getattr__(name: str) -> Any:
    if name not in CONNECTORS:
        raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
    from penstock.integrations import connectors  # lazy: pydantic, 80 ms

    return getattr(connectors, name)


def _load_in_transaction(connection: Connection, load: "Load", location: str) -> LoadReport:
    if connection.dialect.name == "postgresql":  # loads of one table come one after the other, as SQLite's do anyway
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"penstock {load.table}"})
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": LOADS_TABLE})
    _loads.create(connection, checkfirst=True)
    if report := _find_loaded(connection, load, location):
        return report
    have = _columns(connection, load.table)
    rows = load.plan(have)
    _shape(connection, load, rows, have)
    table = _described(load.table, rows.schema)
    replaced = _remove(connection, table, load)
    insert = _upsert(connection, table, load) if load.options.keys else sa.insert(table)
    total_before = _count(connection, table)
    for batch in rows.batches():
        if batch.num_rows:
            connection.execute(insert, batch.to_pylist())
    total = _count(connection, table)
    if load.options.keys:
        replaced = rows.count - (total - total_before)
    number = _note(connection, load, rows=rows.count, replaced=replaced, total=total)
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


def _find_loaded(connection: Connection, load: "Load", location: str) -> LoadReport | None:
    if load.options.write_key is None:
        return None
    mine = (_loads.c.table_name == load.table) & (_loads.c.load_key == load.options.write_key)
    found = connection.execute(sa.select(_loads).where(mine)).mappings().first()
    if found is None:
        return None
    facts = {name: found[name] for name in ("mode", "number", "rows", "rows_replaced", "rows_total", "load_key")}
    return LoadReport(table=load.table, location=location, repeated=True, **facts)


def _note(connection: Connection, load: "Load", *, rows: int, replaced: int, total: int) -> int:
    newest = sa.select(sa.func.max(_loads.c.number)).where(_loads.c.table_name == load.table)
    number = (connection.execute(newest).scalar() or 0) + 1
    values = {"table_name": load.table, "number": number, "load_key": load.options.write_key, "mode": load.options.mode}
    counts = {"rows": rows, "rows_replaced": replaced, "rows_total": total, "loaded_at": datetime.now(UTC)}
    connection.execute(sa.insert(_loads).values(**values, **counts))
    return number


def _columns(connection: Connection, name: str) -> "pa.Schema | None":
    """The table's columns as Arrow types; none if there is no table."""
    import pyarrow as pa  # lazy: pyarrow, 100 ms

    schema, _, table = name.rpartition(".")
    try:
        columns = sa.inspect(connection).get_columns(table, schema=schema or None)
    except sa.exc.NoSuchTableError:
        return None
    dialect = connection.dialect.name
    return pa.schema(
        [(column["name"], _arrow_type(name, column["name"], column["type"], dialect)) for column in columns]
    )


def _shape(connection: Connection, load: "Load", rows: "ConformedRows", have: "pa.Schema | None") -> None:
    """Make the table, or give it the columns, widths and unique index that the rows need."""
    keys = load.options.keys
    table = _described(load.table, rows.schema, keys=keys)
    if have is None:
        if table.schema:
            connection.execute(sa.schema.CreateSchema(table.schema, if_not_exists=True))
        table.create(connection)
        return
    compiler = connection.dialect.identifier_preparer
    name = compiler.format_table(table)
    for column in rows.plan.added:
        type_ = table.c[column].type.compile(connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {name} ADD COLUMN {compiler.quote(column)} {type_}")
    if rows.plan.widened:
        load.check_widening(rows, _StoredRows(connection, table, have))
        if connection.dialect.name == "sqlite":
            _rebuild(connection, table)
        else:
            for column, _, _ in rows.plan.widened:
                type_ = table.c[column].type.compile(connection.dialect)
                connection.exec_driver_sql(f"ALTER TABLE {name} ALTER COLUMN {compiler.quote(column)} TYPE {type_}")
    if keys:
        _make_unique(connection, table, keys)


def _rebuild(connection: Connection, table: sa.Table) -> None:
    """Make a SQLite table anew with the types that are wanted: SQLite alters no column."""
    keys = sa.inspect(connection).get_pk_constraint(table.name)["constrained_columns"]
    around = sa.text("SELECT sql FROM sqlite_master WHERE tbl_name = :t AND type != 'table' AND sql IS NOT NULL")
    indexes_and_triggers = connection.execute(around, {"t": table.name}).scalars().all()
    columns = [sa.Column(c.name, c.type, primary_key=c.name in keys, autoincrement=False) for c in table.columns]
    anew = sa.Table(f"{table.name}_penstock_anew", sa.MetaData(), *columns)
    anew.create(connection)
    connection.execute(sa.insert(anew).from_select([c.name for c in columns], sa.select(table)))
    table.drop(connection)
    quote = connection.dialect.identifier_preparer.quote
    connection.exec_driver_sql(f"ALTER TABLE {quote(anew.name)} RENAME TO {quote(table.name)}")
    for statement in indexes_and_triggers:
        connection.exec_driver_sql(statement)


def _make_unique(connection: Connection, table: sa.Table, keys: Sequence[str]) -> None:
    inspector = sa.inspect(connection)
    primary = inspector.get_pk_constraint(table.name, schema=table.schema)["constrained_columns"]
    indexes = inspector.get_indexes(table.name, schema=table.schema)
    unique = [sorted(map(str, index["column_names"])) for index in indexes if index["unique"]]
    if sorted(keys) not in [sorted(primary), *unique]:
        sa.Index(f"ux_{table.name}_{'_'.join(keys)}"[:63], *(table.c[key] for key in keys), unique=True).create(
            connection
        )


def _remove(connection: Connection, table: sa.Table, load: "Load") -> int:
    """Delete what the load replaces."""
    where = load.options.replace_where
    if load.options.mode != "overwrite":
        return 0
    deletion = sa.delete(table)
    if isinstance(where, str):
        deletion = deletion.where(sa.text(where))
    elif where is not None:
        deletion = deletion.where(*(_condition(table.c[column], wanted) for column, wanted in where.items()))
    return connection.execute(deletion).rowcount


def _condition(column: "sa.Column[Any]", wanted: Any) -> "sa.ColumnElement[bool]":
    if wanted is None:
        return column.is_(None)
    if isinstance(wanted, Sequence | set | frozenset) and not isinstance(wanted, str | bytes):
        return column.in_(list(wanted))
    same: sa.ColumnElement[bool] = column == wanted
    return same


def _upsert(connection: Connection, table: sa.Table, load: "Load") -> Any:  # Any: an insert of one of two dialects
    insert = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}.get(connection.dialect.name)
    if insert is None:
        raise WarehouseError(f"mode='merge' is known for SQLite and PostgreSQL, not for {connection.dialect.name}.")
    statement: Any = insert(table)
    others = {
        column.name: statement.excluded[column.name] for column in table.c if column.name not in load.options.keys
    }
    if not others:
        return statement.on_conflict_do_nothing(index_elements=list(load.options.keys))
    return statement.on_conflict_do_update(index_elements=list(load.options.keys), set_=others)


def _count(connection: Connection, table: sa.Table) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def _described(name: str, schema: "pa.Schema", *, keys: Sequence[str] = ()) -> sa.Table:
    namespace, _, table = name.rpartition(".")
    columns = [
        sa.Column(
            field.name, _sql_type(name, field.name, field.type), primary_key=field.name in keys, autoincrement=False
        )
        for field in schema
    ]
    return sa.Table(table, sa.MetaData(), *columns, schema=namespace or None)


class _StoredRows:
    """The rows that a table holds."""

    def __init__(self, connection: Connection, table: sa.Table, schema: "pa.Schema"):
        self._connection, self._table, self.schema, self.count = connection, table, schema, 0

    def batches(self, columns: Sequence[str] | None = None) -> Iterator["pa.RecordBatch"]:
        """Yield all rows, or some of their columns."""
        import pyarrow as pa  # lazy: pyarrow, 100 ms

        names = list(columns or self.schema.names)
        rows = self._connection.execute(sa.select(*(self._table.c[name] for name in names))).all()
        kept = [pa.array([row[i] for row in rows], self.schema.field(name).type) for i, name in enumerate(names)]
        yield pa.record_batch(kept, names=names)


_SQL_TYPES: Mapping[str, Any] = {  # Any: a type of SQLAlchemy, made or to be made
    "bool": sa.Boolean,
    "int8": sa.SmallInteger,
    "int16": sa.SmallInteger,
    "int32": sa.Integer,
    "int64": sa.BigInteger,
    "float": sa.REAL,
    "double": sa.Double,
    "string": sa.Text,
    "binary": sa.LargeBinary,
    "date32[day]": sa.Date,
    "timestamp[us]": sa.DateTime,
    "timestamp[us, tz=UTC]": sa.TIMESTAMP(timezone=True),  # SQLite has no zones, but keeps the type's name
}


def _sql_type(table: str, column: str, type_: "pa.DataType") -> Any:  # Any: as above
    import pyarrow as pa  # lazy: pyarrow, 100 ms

    if isinstance(type_, pa.Decimal128Type):
        return sa.Numeric(type_.precision, type_.scale)
    known = _SQL_TYPES.get(str(type_))
    if known is None:
        raise DataRefused(f"Table `{table}`", f"column `{column}` is {type_}, which this database has no type for.")
    return known


def _arrow_type(table: str, column: str, type_: Any, dialect: str) -> "pa.DataType":
    import pyarrow as pa  # lazy: pyarrow, 100 ms

    lite = dialect == "sqlite"
    zoned = isinstance(type_, sa.TIMESTAMP) if lite else getattr(type_, "timezone", False)
    kinds: list[tuple[type[Any], pa.DataType]] = [
        (sa.Boolean, pa.bool_()),
        (sa.SmallInteger, pa.int64() if lite else pa.int16()),
        (sa.BigInteger, pa.int64()),
        (sa.Integer, pa.int64() if lite else pa.int32()),
        (sa.REAL, pa.float64() if lite else pa.float32()),
        (sa.Float, pa.float64()),
        (sa.Date, pa.date32()),
        (sa.DateTime, pa.timestamp("us", "UTC" if zoned else None)),
        (sa.LargeBinary, pa.binary()),
        (sa.String, pa.string()),
    ]
    if isinstance(type_, sa.Numeric) and not isinstance(type_, sa.Float) and type_.precision:
        return pa.decimal128(type_.precision, type_.scale or 0)
    for kind, arrow in kinds:
        if isinstance(type_, kind):
            return arrow
    raise DataRefused(
        f"Table `{table}`", f"its column `{column}` is {type_}, which loads cannot fill. Use another table."
    )


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except sa.exc.ArgumentError as error:
        raise WarehouseError("The warehouse's address is no database URL; write it like sqlite:///trips.db.") from error
    return parsed.set(drivername="postgresql+psycopg") if parsed.drivername in ("postgresql", "postgres") else parsed
