"""The connections of one process to a database file: one writes, one watches, a pool of them reads.

None crosses a fork: a child closes those that it has inherited, and makes its own `Connections` (see `forks.py`).
"""

import sqlite3
import threading
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from penstock.store.database import StatementHook, listen_to_statements

BUSY_TIMEOUT_SECONDS = 60.0
"""For programs other than ours, which do not know the gate."""
READERS_KEPT = 4
CACHE_KIB = 16_000
"""Room for the pages that a batch touches, so that none is written twice."""
CHECKPOINT_PAGES = 4_000
WAL_KEPT_BYTES = 16 * 1024 * 1024
STATEMENTS_KEPT = 512


class Connections:
    """Connections are opened when they are first needed."""

    def __init__(self, path: Path, *, hook: StatementHook | None):
        self._path = path
        self._spare: sqlite3.Connection | None = None
        self._watch_lock = threading.Lock()
        self._watcher: Connection | None = None
        self._writer: Connection | None = None
        self.engine = self._make_engine(hook)

    def writer(self) -> Connection:
        """The one that writes. Whoever asks has passed the gate."""
        if self._writer is None:
            self._writer = self.engine.connect().execution_options(penstock_mode="write")
        return self._writer

    def count_of_commits(self) -> int:
        """A number that changes when any other connection, the writing one included, has committed; costs 5 µs."""
        with self._watch_lock:
            if self._watcher is None:
                self._watcher = self.engine.connect()
            driver = self._watcher.connection.cursor()
            count: int = driver.execute("PRAGMA data_version").fetchone()[0]
            return count

    def open(self) -> sqlite3.Connection:
        """Open a connection."""
        spare, self._spare = self._spare, None
        if spare is not None:
            return spare
        connection = sqlite3.connect(
            self._path,
            timeout=BUSY_TIMEOUT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=STATEMENTS_KEPT,
        )
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_KEPT_BYTES}")
        return connection

    def alone(self) -> sqlite3.Connection:
        """Close all connections but one, and return that, with no transaction begun."""
        self.close()
        self._spare = self.open()
        return self._spare

    def keep(self, connection: sqlite3.Connection) -> None:
        """Take an open connection, for the next who needs one."""
        self._spare = connection

    def close(self) -> None:
        """Close all that are not in use this moment."""
        with self._watch_lock:
            for connection in (self._watcher, self._writer):
                if connection is not None:
                    connection.close()
            self._watcher = self._writer = None
            self.engine.dispose()
            if self._spare is not None:
                self._spare.close()
                self._spare = None

    def _make_engine(self, hook: StatementHook | None) -> Engine:
        engine = create_engine(
            "sqlite://",
            creator=self.open,
            poolclass=QueuePool,
            pool_size=READERS_KEPT,
            max_overflow=-1,
            pool_reset_on_return=None,
        )

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            mode = connection.get_execution_options().get("penstock_mode")
            connection.exec_driver_sql("BEGIN IMMEDIATE" if mode == "write" else "BEGIN")

        if hook is not None:
            listen_to_statements(engine, hook)
        return engine
