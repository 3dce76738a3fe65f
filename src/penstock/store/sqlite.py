"""SQLite: opening a file that many processes share, and its transactions.

Readers see a snapshot (WAL) and wait for nobody. Writers pass the gate (`gate.py`) before `BEGIN IMMEDIATE`, so that
SQLite never has to say "database is locked". One connection writes, a pool of them reads; none crosses a fork.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from penstock.core.errors import PenstockError, StoreCorrupt, StoreUnavailable
from penstock.store import sqlite_query
from penstock.store.database import StatementHook, listen_to_statements
from penstock.store.gate import Gate
from penstock.store.schema import MIGRATIONS, SCHEMA_VERSION, Migration, check_version, ddl, migrate, pending
from penstock.store.sqlite_errors import translate, translate_os

SQLITE_VERSION_MIN = (3, 35)
APPLICATION_ID = 0x50454E53  # "PENS"
BUSY_TIMEOUT_SECONDS = 60.0
"""For programs other than ours, which do not know the gate."""
READERS_KEPT = 4
CACHE_KIB = 16_000
"""Room for the pages that a batch touches, so that none is written twice."""
CHECKPOINT_PAGES = 4_000
WAL_KEPT_BYTES = 16 * 1024 * 1024

_left_to_parents: list[Any] = []
"""Connections that a forked child must neither use nor close: closing them would disturb the parent's."""


class SqliteDatabase:
    """A database file."""

    dialect = "sqlite"

    def __init__(
        self,
        url: URL,
        *,
        before_statement: StatementHook | None = None,
        migrations: Sequence[Migration] = MIGRATIONS,
        version: int = SCHEMA_VERSION,
    ):
        if sqlite3.sqlite_version_info < SQLITE_VERSION_MIN:
            raise StoreUnavailable(
                f"Python's SQLite is {sqlite3.sqlite_version}; Penstock needs {'.'.join(map(str, SQLITE_VERSION_MIN))} or later."
            )
        if url.database in (None, "", ":memory:"):
            raise StoreUnavailable(
                "Runs are kept in a file: set PENSTOCK_DATABASE_URL to sqlite:////absolute/path, or leave it unset."
            )
        self.path = Path(str(url.database)).expanduser().absolute()
        self._hook = before_statement
        self._migrations, self._version = migrations, version
        self._gate = Gate(self.path)
        self._begin_anew()
        self._make_file()
        self._check_schema()

    # ---- Transactions ----

    @contextmanager
    def writing(self) -> Iterator[tuple[Connection, int]]:
        """A write transaction behind the gate."""
        with self._translating(), self._gate.passing():
            connection = self._writer_connection()
            with connection.begin():
                changed = connection.exec_driver_sql(
                    "UPDATE counter SET value = value + 1 WHERE name = 'changed' RETURNING value"
                ).scalar_one()
                yield connection, changed
                if self._hook is not None:
                    self._hook("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A snapshot."""
        with self._translating(), self._engine_here().connect() as connection, connection.begin():
            yield connection

    def now_us(self, connection: Connection | None) -> int:
        """The host's clock."""
        return time.time_ns() // 1000

    def settled_before(self, connection: Connection) -> int | None:
        """Transactions follow one another here: what is seen is all there is."""
        return None

    def change_token(self) -> int | None:
        """SQLite's own count of commits by other connections, the writing one included; reading it takes 5 µs."""
        with self._translating(), self._watch_lock:
            if self._watcher is None or self._pid != os.getpid():
                watcher = self._engine_here().connect()
                self._watcher = watcher.execution_options(penstock_mode=None)
            token: int = self._watcher.connection.execute("PRAGMA data_version").fetchone()[0]  # type: ignore[attr-defined]
            return token

    def query(
        self, sql: str, *, workspace_id: int, row_limit: int, timeout_seconds: float
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run a statement that sees the documented views only."""
        with self._translating():
            return sqlite_query.run(
                self.path, sql, workspace_id=workspace_id, row_limit=row_limit, timeout_seconds=timeout_seconds
            )

    def location(self) -> str:
        """The file."""
        return str(self.path)

    def size_bytes(self, connection: Connection) -> int:
        """The file and what is not yet merged into it."""
        return sum(path.stat().st_size for path in (self.path, Path(f"{self.path}-wal")) if path.exists())

    def close(self) -> None:
        """Close all connections; the last one to leave the file merges the log into it, behind the gate."""
        if self._engine is None or self._pid != os.getpid():
            return
        with self._translating(), self._gate.passing():
            for connection in (self._watcher, self._writer):
                if connection is not None:
                    connection.close()
            self._engine.dispose()
            self._begin_anew()
        self._gate.close()

    # ---- Connections ----

    def _begin_anew(self) -> None:
        self._pid = os.getpid()
        self._spare: sqlite3.Connection | None = None
        self._open_lock = threading.Lock()
        self._watch_lock = threading.Lock()
        self._engine: Engine | None = None
        self._writer: Connection | None = None
        self._watcher: Connection | None = None

    def _engine_here(self) -> Engine:
        if self._pid != os.getpid():
            _left_to_parents.append((self._engine, self._writer, self._watcher))
            self._begin_anew()
        if self._engine is None:
            with self._open_lock:
                if self._engine is None:
                    self._engine = self._make_engine()
        return self._engine

    def _writer_connection(self) -> Connection:
        engine = self._engine_here()
        if self._writer is None:
            self._writer = engine.connect().execution_options(penstock_mode="write")
        return self._writer

    def _make_engine(self) -> Engine:
        engine = create_engine(
            "sqlite://",
            creator=self._connect,
            poolclass=QueuePool,
            pool_size=READERS_KEPT,
            max_overflow=-1,
            pool_reset_on_return=None,
        )

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            mode = connection.get_execution_options().get("penstock_mode", "read")
            connection.exec_driver_sql("BEGIN IMMEDIATE" if mode == "write" else "BEGIN")

        if self._hook is not None:
            listen_to_statements(engine, self._hook)
        return engine

    def _connect(self) -> sqlite3.Connection:
        spare, self._spare = self._spare, None
        if spare is not None:
            return spare
        connection = sqlite3.connect(
            self.path,
            timeout=BUSY_TIMEOUT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
        )
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_KEPT_BYTES}")
        return connection

    # ---- The file and its schema ----

    def _make_file(self) -> None:
        with self._translating():
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self.path.exists():
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))

    def _check_schema(self) -> None:
        with self._translating():
            connection = self._connect()
            if check_version(self._read_version(connection), where=str(self.path), known=self._version):
                with self._gate.passing():
                    found = self._read_version(connection)  # another process may have been first
                    if found == 0:
                        self._make_schema(connection)
                    elif found < self._version:
                        self._migrate(connection, found)
            self._spare = connection

    def _read_version(self, connection: sqlite3.Connection) -> int:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        if application == APPLICATION_ID or (
            version == 0 and not connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        ):
            return version
        raise StoreCorrupt(
            f"{self.path} is a database of another program. Set PENSTOCK_DATABASE_URL or PENSTOCK_HOME to another place."
        )

    def _make_schema(self, connection: sqlite3.Connection) -> None:
        # An empty file has nothing to lose, so that there is nothing to wait for the disk for.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = WAL")
        script = [
            *ddl(sqlite_dialect()),
            f"PRAGMA application_id = {APPLICATION_ID}",
            f"PRAGMA user_version = {self._version}",
        ]
        connection.executescript(";\n".join(["BEGIN IMMEDIATE", *script, "COMMIT"]))
        connection.execute("PRAGMA synchronous = NORMAL")

    def _migrate(self, connection: sqlite3.Connection, found: int) -> None:
        steps = pending(found, self._migrations)
        alone = any(not step.additive for step in steps)
        if alone and connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0] != "delete":
            raise StoreUnavailable(
                f"{self.path} must be upgraded while no other process uses it. Stop the others, then try again."
            )
        self._spare = connection
        with self._engine_here().connect().execution_options(penstock_mode="write") as upgrading, upgrading.begin():
            migrate(upgrading, steps)
            upgrading.exec_driver_sql(f"PRAGMA user_version = {self._version}")
        self._begin_anew()
        if alone:
            connection.execute("PRAGMA journal_mode = WAL")

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise translate(error.orig, self.path) if isinstance(error.orig, sqlite3.Error) else error from error
        except sqlite3.Error as error:
            raise translate(error, self.path) from error
        except OSError as error:
            if isinstance(error, PenstockError):
                raise
            raise translate_os(error, self.path) from error
