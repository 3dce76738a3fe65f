"""SQLite: a file that many processes share, its transactions and its making.

Readers see a snapshot (WAL) and wait for nobody. Writers pass the gate (`gate.py`) before `BEGIN IMMEDIATE`, so that
SQLite never has to say "database is locked".
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from penstock.appendfile import sync_folder
from penstock.core.errors import PenstockError, StoreCorrupt, StoreUnavailable
from penstock.store.database import StatementHook
from penstock.store.forks import Inside
from penstock.store.gate import Gate
from penstock.store.schema import MIGRATIONS, SCHEMA_VERSION, Migration, check_version, ddl, migrate, pending
from penstock.store.sqlite_connections import Connections
from penstock.store.sqlite_errors import translate, translate_os

SQLITE_VERSION_MIN = (3, 35)
APPLICATION_ID = 0x50454E53  # "PENS"
NEXT_CHANGED = "UPDATE counter SET value = value + 1 WHERE name = 'changed' RETURNING value"


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
            wanted = ".".join(map(str, SQLITE_VERSION_MIN))
            raise StoreUnavailable(f"Python's SQLite is {sqlite3.sqlite_version}; Penstock needs {wanted} or later.")
        if url.database in (None, "", ":memory:"):
            raise StoreUnavailable(
                "Runs are kept in a file: set PENSTOCK_DATABASE_URL to sqlite:////absolute/path, or leave it unset."
            )
        self.path = Path(str(url.database)).expanduser().absolute()
        self._hook = before_statement
        self._migrations, self._version = migrations, version
        self._gate = Gate(self.path)
        self._inside = Inside()
        self._settled = False
        self._listeners: set[Callable[[], None]] = set()
        self._connections = Connections(self.path, hook=self._hook)
        try:
            self._make_file()
            self._check_schema()
        except BaseException:
            self._connections.close()
            self._gate.close()
            raise

    # ---- Transactions ----

    @contextmanager
    def writing(self) -> Iterator[tuple[Connection, int]]:
        """A write transaction behind the gate."""
        with self._translating(), self._entered() as connections, self._gate.passing():
            connection = connections.writer()
            with connection.begin():
                changed = connection.exec_driver_sql(NEXT_CHANGED).scalar_one()
                yield connection, changed
                if self._hook is not None:
                    self._hook("COMMIT")
        for on_change in tuple(self._listeners):
            on_change()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A snapshot."""
        with self._translating(), self._entered() as connections:
            with connections.engine.connect() as connection, connection.begin():
                yield connection

    def now_us(self, connection: Connection | None) -> int:
        """The host's clock."""
        return time.time_ns() // 1000

    def settled_before(self, connection: Connection) -> int | None:
        """Transactions follow one another here: what is seen is all there is."""
        return None

    def change_token(self) -> int | None:
        """SQLite's own count of commits."""
        with self._translating(), self._entered() as connections:
            return connections.count_of_commits()

    def listen(self, on_change: Callable[[], None], on_hearing: Callable[[bool], None]) -> Callable[[], None]:
        """Hear of what this process writes. A file tells nobody of what others do, so that hearing is never promised."""
        self._listeners.add(on_change)
        return lambda: self._listeners.discard(on_change)

    def query(
        self, sql: str, *, workspace_id: int, row_limit: int, timeout_seconds: float
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run a statement that sees the documented views only."""
        from penstock.store import sqlite_query  # lazy: 3 ms that no process that runs flows needs

        with self._translating(), self._entered():
            return sqlite_query.run(
                self.path, sql, workspace_id=workspace_id, row_limit=row_limit, timeout_seconds=timeout_seconds
            )

    def location(self) -> str:
        """The file."""
        return str(self.path)

    def size_bytes(self, connection: Connection) -> int:
        """The file and what is not yet merged into it."""
        return sum(path.stat().st_size for path in (self.path, Path(f"{self.path}-wal")) if path.exists())

    def make_durable(self) -> None:
        """With `synchronous = NORMAL` a commit waits for no disk; a checkpoint does. One brings the file there, which was
        made without waiting either; from then on it is enough to sync the log. The file itself is never opened here:
        closing it again would drop the locks that SQLite holds on it (POSIX).
        """
        with self._translating(), self._entered() as connections:
            if not self._settled:
                with self._gate.passing():
                    connections.writer().connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                sync_folder(self.path.parent)
                self._settled = True
            with suppress(FileNotFoundError), open(f"{self.path}-wal", "rb") as log:
                os.fsync(log.fileno())

    def vacuum(self) -> None:
        """Write the file anew without its gaps."""
        with self._translating(), self._entered() as connections, self._gate.passing():
            connections.alone().execute("VACUUM")

    def clear(self) -> None:
        """Remove the file's content; the file stays, so that whoever waits at the gate writes to the right one."""
        with self._translating(), self._entered() as connections, self._gate.passing():
            connection = connections.alone()
            self._shut_others_out(connection)
            names = "SELECT type, name FROM sqlite_master WHERE type IN ('table', 'view') AND sql IS NOT NULL"
            connection.execute("BEGIN IMMEDIATE")
            # Virtual tables take their own tables along, so that some are gone when their turn comes.
            for kind, name in connection.execute(names).fetchall():
                connection.execute(f'DROP {kind} IF EXISTS "{name}"')
            connection.execute("PRAGMA user_version = 0")
            connection.execute("PRAGMA application_id = 0")
            connection.execute("COMMIT")
            connection.execute("VACUUM")

    def close(self) -> None:
        """Close all connections; the last one to leave the file merges the log into it, behind the gate."""
        with self._translating(), self._entered() as connections, self._gate.passing():
            connections.close()
        self._gate.close()

    @contextmanager
    def _entered(self) -> Iterator[Connections]:
        """Be inside with this process's own connections."""
        with self._inside.entered():
            if self._inside.inherited:
                self._close_inherited()
            yield self._connections

    def _close_inherited(self) -> None:
        if self._inside.torn:
            raise StoreUnavailable(
                f"This process was forked in the middle of a transaction on {self.path} and cannot use it. "
                "Start processes by `spawn`, or fork before anything is recorded."
            )
        with self._gate.passing():
            if self._inside.inherited:
                self._connections.close()
                self._connections = Connections(self.path, hook=self._hook)
                self._inside.inherited = False

    # ---- The file and its schema ----

    def _make_file(self) -> None:
        with self._translating():
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self.path.exists():
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))

    def _check_schema(self) -> None:
        with self._translating():
            connection = self._connections.open()
            self._connections.keep(connection)
            if check_version(self._read_version(connection), where=str(self.path), known=self._version):
                with self._gate.passing():
                    found = self._read_version(connection)  # another process may have been first
                    if found == 0:
                        self._make_schema(connection)
                    elif found < self._version:
                        self._migrate(connection, found)

    def _read_version(self, connection: sqlite3.Connection) -> int:
        connection.execute("BEGIN")  # one state of the file, which another process may be making at this moment
        try:
            version: int = connection.execute("PRAGMA user_version").fetchone()[0]
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            empty = not connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        finally:
            connection.rollback()
        if application == APPLICATION_ID:
            return version
        if version == 0 and empty:
            return 0
        raise StoreCorrupt(
            f"{self.path} is a database of another program. Set PENSTOCK_DATABASE_URL or PENSTOCK_HOME to another place."
        )

    def _make_schema(self, connection: sqlite3.Connection) -> None:
        # An empty file has nothing to lose, so that there is nothing to wait for the disk for.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = WAL")
        numbers = (f"PRAGMA application_id = {APPLICATION_ID}", f"PRAGMA user_version = {self._version}")
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in (*ddl(sqlite_dialect()), *numbers, "COMMIT"):
                if self._hook is not None:
                    self._hook(statement)
                connection.execute(statement)
        except BaseException:
            connection.rollback()
            raise
        connection.execute("PRAGMA synchronous = NORMAL")

    def _migrate(self, connection: sqlite3.Connection, found: int) -> None:
        steps = pending(found, self._migrations)
        alone = any(not step.additive for step in steps)
        if alone:
            self._shut_others_out(connection)
        with self._connections.writer().begin():
            upgrading = self._connections.writer()
            migrate(upgrading, steps)
            upgrading.exec_driver_sql(f"PRAGMA user_version = {self._version}")
        if alone:
            connection.execute("PRAGMA journal_mode = WAL")

    def _shut_others_out(self, connection: sqlite3.Connection) -> None:
        """Leave WAL mode, which works only for whoever is the only one to have the file open."""
        try:
            connection.execute("PRAGMA busy_timeout = 1000")
            connection.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.OperationalError as error:
            raise StoreUnavailable(
                f"{self.path} is used by other processes, and this needs it alone. "
                "Wait for them or stop them (a server too), then try again."
            ) from error

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
