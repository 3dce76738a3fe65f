"""Single rows that somebody else may be making at the same moment.

Statements are put together once: to build one costs SQLAlchemy more than SQLite needs for what it says.
"""

from functools import cache
from typing import Any

from sqlalchemy import Connection, Table


def insert_if_new(
    connection: Connection, table: Table, values: dict[str, Any], *, returning: str = "seq"
) -> int | None:
    """Insert a row; answer its number, or none if a row with the same unique key is there already.

    On PostgreSQL this waits for whoever is inserting that key, so that reading afterwards finds it.
    """
    number: int | None = connection.execute(_insert_if_new(connection.dialect.name, table, returning), values).scalar()
    return number


def upsert(
    connection: Connection, table: Table, values: dict[str, Any], *, key: tuple[str, ...], keep: tuple[str, ...] = ()
) -> None:
    """Insert a row, or overwrite the one with the same `key`, except for the columns of `keep`."""
    changed = tuple(name for name in values if name not in key and name not in keep)
    connection.execute(_upsert(connection.dialect.name, table, key, changed), values)


@cache
def _insert_if_new(dialect: str, table: Table, returning: str) -> Any:
    return _insert(dialect, table).on_conflict_do_nothing().returning(table.c[returning])


@cache
def _upsert(dialect: str, table: Table, key: tuple[str, ...], changed: tuple[str, ...]) -> Any:
    made = _insert(dialect, table)
    return made.on_conflict_do_update(index_elements=key, set_={name: made.excluded[name] for name in changed})


def _insert(dialect: str, table: Table) -> Any:  # two classes of SQLAlchemy with the same methods
    if dialect == "sqlite":
        from sqlalchemy.dialects.sqlite import insert  # lazy: only the dialect in use
    else:
        from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]  # lazy: only the dialect in use
    return insert(table)
