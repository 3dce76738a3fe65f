"""The store: a database that is open. Transactions begin and end here; what is in them is the other modules' business.

Dialects are told apart in one place only, `opening.py`; what differs between them is behind `Database`.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, select

from penstock.core.errors import StoreError
from penstock.ports import DEFAULT_WORKSPACE, Clock, Now
from penstock.store.tables import workspace
from penstock.store.upserts import insert_if_new

POSITIONS_PER_TRANSACTION = 1 << 20
"""A position (of a log line, an event) is the transaction's number times this, plus the place within it."""

FIRST_WORKSPACE_ID = 1
"""The default workspace is made with the schema."""

StatementHook = Callable[[str], None]


@dataclass(slots=True)
class Transaction:
    """A write transaction. `changed` numbers it: later transactions have greater numbers."""

    connection: Connection
    changed: int
    now_us: Now
    _places: Iterator[int] = field(init=False)

    def __post_init__(self) -> None:
        base = self.changed * POSITIONS_PER_TRANSACTION
        self._places = iter(range(base, base + POSITIONS_PER_TRANSACTION))

    def next_position(self) -> int:
        """A place in the order of log lines and events that followers read by."""
        return next(self._places)


class TextRefused(StoreError):
    """A text holds what this database does not take; cleaned, it can be written."""


class Database(Protocol):
    """What a dialect brings: its connections, its clock, and what it cannot say in common SQL."""

    dialect: str

    def writing(self) -> AbstractContextManager[tuple[Connection, int]]:
        """A write transaction: its connection and number. Commits at the end, rolls back on an exception."""

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection that sees one state of the database."""

    def now_us(self, connection: Connection | None) -> int:
        """The clock that the runs of this database go by."""

    def settled_before(self, connection: Connection) -> int | None:
        """Rows whose `changed` is below this are surely all there; none if every row that is seen is."""

    def change_token(self) -> int | None:
        """A number that is equal as long as nobody has written; none if the database cannot tell cheaply."""

    def listen(self, on_change: Callable[[], None], on_hearing: Callable[[bool], None]) -> Callable[[], None] | None:
        """Call `on_change` after each commit, until what is answered is called; none if the database tells nobody.

        `on_hearing` is told whether commits are heard of: while they are not, look by yourself.
        """

    def query(
        self, sql: str, *, workspace_id: int, row_limit: int, timeout_seconds: float
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run a statement over the documented views only; up to one row more than the limit."""

    def location(self) -> str:
        """Where the database is, without secrets."""

    def size_bytes(self, connection: Connection) -> int:
        """The space it takes."""

    def make_durable(self) -> None:
        """Bring what was committed so far to the disk, if a commit alone does not."""

    def vacuum(self) -> None:
        """Give the room of what was removed back to the disk."""

    def clear(self) -> None:
        """Remove the schema with all that is in it. Raises `StoreUnavailable` if other processes use it."""

    def close(self) -> None:
        """Let go of all connections."""


class Store:
    """An open database. Thread-safe; a forked child opens its own connections."""

    def __init__(self, database: Database, *, clock: Clock | None = None):
        self.database = database
        self._clock = clock
        self._workspaces = {DEFAULT_WORKSPACE: FIRST_WORKSPACE_ID}

    @property
    def dialect(self) -> str:
        """sqlite or postgresql."""
        return self.database.dialect

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Write, all or nothing. Keep it short: on SQLite nobody else writes meanwhile."""
        with self.database.writing() as (connection, changed):
            yield Transaction(connection, changed, lambda: self.now_us(connection))

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Read one state of the database, waiting for nobody."""
        with self.database.reading() as connection:
            yield connection

    def now_us(self, connection: Connection | None = None) -> int:
        """Microseconds UTC, by the clock that was handed in or by the database's own."""
        return self.database.now_us(connection) if self._clock is None else self._clock.now_us()

    def workspace_id(self, connection: Connection, name: str) -> int:
        """The number of a workspace; 0, which no row has, if nothing was ever written there."""
        known = self._workspaces.get(name)
        if known is None:
            known = connection.execute(select(workspace.c.id).where(workspace.c.name == name)).scalar()
            if known is None:
                return 0
            self._workspaces[name] = known
        return known

    def make_workspace(self, transaction: Transaction, name: str) -> int:
        """The number of a workspace, which is made if it is new."""
        known = self.workspace_id(transaction.connection, name)
        if known:
            return known
        made = insert_if_new(
            transaction.connection, workspace, {"name": name}, returning="id"
        )  # remembered once it is committed
        return made or self.workspace_id(transaction.connection, name)

    def make_durable(self) -> None:
        """Return once power loss can cost nothing of what was committed so far."""
        self.database.make_durable()

    def close(self) -> None:
        """Let go of the connections. Using the store again opens new ones."""
        self.database.close()


def listen_to_statements(engine: Engine, hook: StatementHook) -> None:
    """Call `hook` with each statement before it is sent."""
    from sqlalchemy import event  # lazy: tests only

    def before(connection: Connection, cursor: Any, statement: str, *rest: Any) -> None:
        hook(statement)

    event.listen(engine, "before_cursor_execute", before)
