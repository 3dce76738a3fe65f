"""PostgreSQL: a pool of connections, a schema of our own in the user's database, and its transactions.

Writers may overlap here, so that rows are guarded by locks and versions, and readers that follow changes pass only what
is older than every transaction still running.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from penstock.core.errors import MissingExtra, SettingInvalid, StoreUnavailable
from penstock.store import postgres_query
from penstock.store.database import StatementHook, listen_to_statements
from penstock.store.postgres_errors import translate
from penstock.store.postgres_listening import CHANNEL, PostgresListener
from penstock.store.schema import MIGRATIONS, SCHEMA_VERSION, Migration, check_version, ddl, migrate, pending
from penstock.store.tables import metadata

SCHEMA = "penstock"
VERSION_MIN = 13
CONNECTIONS_KEPT = 4
CONNECTIONS_MAX = 16
ENCODING = "UTF8"
CONNECT_TIMEOUT_SECONDS = 10
MAKING_LOCK = 0x50454E53
"""Advisory lock: one process makes or migrates the schema."""
LIVING_LOCK = 0x50454E54
"""Advisory lock, shared by all connections: who gets it alone may migrate what others could not go on with."""

_left_to_parents: list[Any] = []
"""Connections that a forked child must neither use nor close."""

WRITING_LOCK = 0x50454E53
"""Advisory lock, shared: who holds it in this database writes for Penstock. It is taken before a transaction gets its
number, so that a number whose owner does not hold it is nobody of ours."""

# The server tells listeners when the transaction has committed; in the same statement, it costs no round trip.
NEXT_CHANGED = (
    f"SELECT pg_advisory_xact_lock_shared(%s, 0), pg_current_xact_id()::text::bigint, pg_notify('{CHANNEL}', '')"
)

# The oldest transaction still running, had we the server for ourselves: somebody else's transaction of an hour must not
# stop our followers. pg_locks is read once, because two readings would not belong together.
SETTLED_BEFORE = """
    WITH held AS MATERIALIZED (SELECT locktype, database, classid, transactionid, pid, mode FROM pg_locks WHERE granted),
    ours AS (
        SELECT pid FROM held WHERE locktype = 'advisory' AND classid = %s
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ),
    others AS (
        SELECT transactionid::text::bigint AS number FROM held
        WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock' AND (pid IS NULL OR pid NOT IN (SELECT pid FROM ours))
    )
    SELECT coalesce(min(running::text::bigint), pg_snapshot_xmax(pg_current_snapshot())::text::bigint)
    FROM pg_snapshot_xip(pg_current_snapshot()) AS running
    WHERE running::text::bigint %% 4294967296 NOT IN (SELECT number FROM others)
"""

# Of the catalog's tables, as this statement sees them: `to_regclass` answers from what the session remembers, which for
# one that has waited for another to make the schema is that there is none.
IS_MADE = """
    SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relname = 'counter'
"""

NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
SIZE = """
    SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relkind = 'r'
"""


class PostgresDatabase:
    """A database on a server."""

    dialect = "postgresql"

    def __init__(
        self,
        url: URL,
        *,
        before_statement: StatementHook | None = None,
        migrations: Sequence[Migration] = MIGRATIONS,
        version: int = SCHEMA_VERSION,
    ):
        self._url = url.set(drivername="postgresql+psycopg")
        self._hook = before_statement
        self._migrations, self._version = migrations, version
        self._pid = os.getpid()
        self._engine = self._make_engine()
        try:
            self._check_schema()
        except BaseException:
            self._engine.dispose()
            raise

    # ---- Transactions ----

    @contextmanager
    def writing(self) -> Iterator[tuple[Connection, int]]:
        """A write transaction, numbered by the server."""
        with self._translating(), self._engine_here().connect() as connection, connection.begin():
            changed = connection.exec_driver_sql(NEXT_CHANGED, (WRITING_LOCK,)).one()[1]
            yield connection, changed
            if self._hook is not None:
                self._hook("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A snapshot."""
        with self._translating(), self._engine_here().connect() as connection:
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    def now_us(self, connection: Connection | None) -> int:
        """The server's clock: one for all who write here."""
        if connection is not None:
            return int(connection.exec_driver_sql(NOW).scalar_one())
        with self.reading() as reading:
            return self.now_us(reading)

    def settled_before(self, connection: Connection) -> int | None:
        """The oldest transaction that may still be writing for us."""
        return int(connection.exec_driver_sql(SETTLED_BEFORE, (WRITING_LOCK,)).scalar_one())

    def change_token(self) -> int | None:
        """The server keeps no count that is cheaper to ask for than the question itself."""
        return None

    def listen(self, on_change: Callable[[], None], on_hearing: Callable[[bool], None]) -> Callable[[], None]:
        """Hear of commits by LISTEN, on a connection and a thread of its own."""
        return PostgresListener(self._url, on_change, on_hearing).close

    def query(
        self, sql: str, *, workspace_id: int, row_limit: int, timeout_seconds: float
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run a statement that sees the documented views only."""
        with self._translating(), self._engine_here().connect() as connection:
            return postgres_query.run(
                connection, sql, workspace_id=workspace_id, row_limit=row_limit, timeout_seconds=timeout_seconds
            )

    def location(self) -> str:
        """The URL without its password."""
        return self._url.set(drivername="postgresql").render_as_string(hide_password=True)

    def size_bytes(self, connection: Connection) -> int:
        """Our tables with their indexes."""
        return int(connection.exec_driver_sql(SIZE, (SCHEMA,)).scalar_one())

    def make_durable(self) -> None:
        """A commit is on the server's disk when it returns."""

    def vacuum(self) -> None:
        """Have the server tidy our tables up."""
        with self._translating(), self._engine_here().connect() as connection:
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            for table in metadata.sorted_tables:
                connection.exec_driver_sql(f'VACUUM (ANALYZE) "{table.name}"')

    def clear(self) -> None:
        """Remove our schema."""
        with self._translating(), self._engine_here().connect() as connection, connection.begin():
            self._shut_others_out(connection)
            connection.exec_driver_sql(f"DROP SCHEMA {SCHEMA} CASCADE")

    def close(self) -> None:
        """Close all connections."""
        if self._pid == os.getpid():
            self._engine.dispose()

    # ---- Connections and schema ----

    def _engine_here(self) -> Engine:
        if self._pid != os.getpid():
            _left_to_parents.append(self._engine)
            self._pid, self._engine = os.getpid(), self._make_engine()
        return self._engine

    def _make_engine(self) -> Engine:
        try:
            engine = create_engine(
                self._url,
                pool_size=CONNECTIONS_KEPT,
                max_overflow=CONNECTIONS_MAX - CONNECTIONS_KEPT,
                pool_pre_ping=True,
                connect_args={
                    "application_name": "penstock",
                    "client_encoding": "utf8",  # of a database in SQL_ASCII the driver gives bytes without, and fails
                    "connect_timeout": CONNECT_TIMEOUT_SECONDS,
                },
            )
        except ImportError as error:
            raise MissingExtra("A PostgreSQL database", extra="postgres", because=error) from error

        @event.listens_for(engine, "connect")
        def settle_in(connection: Any, record: object) -> None:  # the driver's connection, which is optional
            self._check_encoding(connection)
            connection.autocommit = True
            connection.execute(f"SET search_path TO {SCHEMA}")
            connection.execute("SELECT pg_advisory_lock_shared(%s)", (LIVING_LOCK,))
            connection.autocommit = False

        if self._hook is not None:
            listen_to_statements(engine, self._hook)
        return engine

    def _check_schema(self) -> None:
        with self._translating(), self._engine_here().connect() as connection:
            with connection.begin():
                self._check_server(connection)
                found = _read_version(connection)
            if check_version(found, where=self.location(), known=self._version):
                with connection.begin():
                    self._make_or_migrate(connection)

    def _check_server(self, connection: Connection) -> None:
        version = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one()) // 10_000
        if version < VERSION_MIN:
            raise StoreUnavailable(f"{self.location()} is PostgreSQL {version}; Penstock needs {VERSION_MIN} or later.")

    def _make_or_migrate(self, connection: Connection) -> None:
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (MAKING_LOCK,))
        found = _read_version(connection)  # another process may have been first
        if found == 0:
            connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
            for statement in ddl(connection.dialect):
                connection.exec_driver_sql(statement)
            connection.exec_driver_sql(
                "INSERT INTO counter (name, value) VALUES ('schema_version', %s)", (self._version,)
            )
            connection.exec_driver_sql(postgres_query.MAKE_READER)
        elif found < self._version:
            steps = pending(found, self._migrations)
            if any(not step.additive for step in steps):
                self._shut_others_out(connection)
            migrate(connection, steps)
            connection.exec_driver_sql("UPDATE counter SET value = %s WHERE name = 'schema_version'", (self._version,))

    def _check_encoding(self, connection: Any) -> None:  # the driver's connection
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != ENCODING:
            raise SettingInvalid(
                f"The database {self.location()} has the encoding {encoding}, in which not every text can be kept. "
                f"Make one in {ENCODING}: CREATE DATABASE penstock ENCODING '{ENCODING}' TEMPLATE template0."
            )

    def _shut_others_out(self, connection: Connection) -> None:
        alone = connection.exec_driver_sql("SELECT pg_try_advisory_xact_lock(%s)", (LIVING_LOCK,)).scalar_one()
        if not alone:
            raise StoreUnavailable(
                f"{self.location()} is used by other processes, and this needs it alone. "
                "Wait for them or stop them (a server too), then try again."
            )

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise translate(error, self.location()) from error


def _read_version(connection: Connection) -> int:
    # Asked of the catalogue's tables: `to_regclass` may answer from what this session remembered before it waited for a lock.
    there = "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = %s AND tablename = 'counter'"
    if not connection.exec_driver_sql(there, (SCHEMA,)).scalar():
        return 0
    return int(connection.exec_driver_sql("SELECT value FROM counter WHERE name = 'schema_version'").scalar() or 0)
