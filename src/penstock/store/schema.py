"""The schema's version: made whole in an empty database, checked at every open, migrated when it is older.

The version is one number: `PRAGMA user_version` on SQLite, a row of `counter` on PostgreSQL.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from penstock.core.errors import StoreTooNew
from penstock.store.tables import metadata

if TYPE_CHECKING:
    from alembic.operations import Operations

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Migration:
    """One step from the version before. `additive` steps leave code of the version before working, and run at open;
    the others need the database for themselves."""

    version: int
    apply: Callable[["Operations"], None]
    additive: bool = True


MIGRATIONS: Sequence[Migration] = ()


def ddl(dialect: Dialect) -> list[str]:
    """The statements that make the schema in an empty database."""
    statements = []
    for table in metadata.sorted_tables:
        statements.append(str(CreateTable(table).compile(dialect=dialect)))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            only_for = (
                index._ddl_if.dialect if index._ddl_if is not None else None
            )  # no public accessor in SQLAlchemy 2.0
            if only_for in (None, dialect.name):
                statements.append(str(CreateIndex(index).compile(dialect=dialect)))
    statements.append("INSERT INTO counter (name, value) VALUES ('changed', 0)")
    statements.append("INSERT INTO workspace (name) VALUES ('default')")
    return statements


def check_version(found: int, *, where: str, known: int = SCHEMA_VERSION) -> bool:
    """Tell whether a database needs migrating. Raises `StoreTooNew`."""
    if found > known:
        raise StoreTooNew(
            f"{where} was written by a newer Penstock (schema {found}; this one knows {known}). "
            "Upgrade with `pip install --upgrade penstock`, or set PENSTOCK_HOME or PENSTOCK_DATABASE_URL to another database."
        )
    return found < known


def pending(found: int, migrations: Sequence[Migration]) -> list[Migration]:
    """The steps that lead from a version to the newest."""
    return sorted((step for step in migrations if step.version > found), key=lambda step: step.version)


def migrate(connection: Connection, steps: Sequence[Migration]) -> None:
    """Take the steps, inside the caller's transaction."""
    from alembic.operations import Operations  # lazy: alembic, 120 ms
    from alembic.runtime.migration import MigrationContext  # lazy: alembic

    operations = Operations(MigrationContext.configure(connection))
    for step in steps:
        step.apply(operations)
