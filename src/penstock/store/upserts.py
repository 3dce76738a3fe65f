"""Single rows that somebody else may be making at the same moment."""

from typing import Any

from sqlalchemy import Connection, Table


def insert_if_new(
    connection: Connection, table: Table, values: dict[str, Any], *, returning: str = "seq"
) -> int | None:
    """Insert a row; answer its number, or none if a row with the same unique key is there already.

    On PostgreSQL this waits for whoever is inserting that key, so that reading afterwards finds it.
    """
    made = _insert(connection, table).values(values).on_conflict_do_nothing().returning(table.c[returning])
    number: int | None = connection.execute(made).scalar()
    return number


def upsert(
    connection: Connection, table: Table, values: dict[str, Any], *, key: tuple[str, ...], keep: tuple[str, ...] = ()
) -> None:
    """Insert a row, or overwrite the one with the same `key`, except for the columns of `keep`."""
    made = _insert(connection, table).values(values)
    changes = {name: made.excluded[name] for name in values if name not in key and name not in keep}
    connection.execute(made.on_conflict_do_update(index_elements=key, set_=changes))


def _insert(connection: Connection, table: Table) -> Any:  # two classes of SQLAlchemy with the same methods
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert  # lazy: only the dialect in use
    else:
        from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]  # lazy: only the dialect in use
    return insert(table)
