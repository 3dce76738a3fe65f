"""Opening a database by its address."""

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from penstock.core.errors import StoreUnavailable
from penstock.ports import Clock
from penstock.store.database import StatementHook, Store
from penstock.store.sqlite import SqliteDatabase


def open_store(url: str, *, clock: Clock | None = None, before_statement: StatementHook | None = None) -> Store:
    """Open a database by its SQLAlchemy URL, making or migrating it if need be.

    `before_statement` is called with each statement before it is sent, BEGIN and COMMIT included; tests raise from it.
    Raises `StoreUnavailable`, `StoreReadOnly`, `StoreFull`, `StoreCorrupt` or `StoreTooNew`.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreUnavailable(
            f"The database's address cannot be read: {error}. Expected sqlite:////absolute/path or postgresql://user@host/name."
        ) from error
    backend = parsed.drivername.partition("+")[0]
    if backend == "sqlite":
        return Store(SqliteDatabase(parsed, before_statement=before_statement), clock=clock)
    if backend in ("postgresql", "postgres"):
        from penstock.store.postgres import PostgresDatabase  # lazy: psycopg and its dialect, 90 ms

        return Store(PostgresDatabase(parsed, before_statement=before_statement), clock=clock)
    raise StoreUnavailable(
        f"Penstock keeps its runs in SQLite or PostgreSQL, not in `{backend}`. Set PENSTOCK_DATABASE_URL to such a database."
    )
