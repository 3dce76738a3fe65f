"""The schema's version: made whole in an empty database, checked at every open, migrated when it is older.

The version is one number: `PRAGMA user_version` on SQLite, a row of `counter` on PostgreSQL.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Dialect, Index, inspect
from sqlalchemy.schema import CreateIndex, CreateTable

from penstock.core.errors import StoreTooNew
from penstock.store.tables import (
    FULL_TEXT,
    WHERE,
    concurrency_limit,
    concurrency_slot,
    ix_flow_run_deployment,
    metadata,
    writer,
)

if TYPE_CHECKING:
    from alembic.operations import Operations

SCHEMA_VERSION = 5

_IN_AN_INDEX = {"literal_binds": True, "include_table": False}


@dataclass(frozen=True, slots=True)
class Migration:
    """One step from the version before. `additive` steps leave code of the version before working, and run at open;
    the others need the database for themselves."""

    version: int
    apply: Callable[["Operations"], None]
    additive: bool = True


def _add_limits_and_search(operations: "Operations") -> None:
    """Version 2: concurrency limits, leases of writers, words of log lines."""
    connection = operations.get_bind()
    dialect = connection.dialect
    new = (concurrency_limit, concurrency_slot)
    statements = [str(CreateTable(table).compile(dialect=dialect)) for table in new]
    statements.append("ALTER TABLE writer ADD COLUMN lease_until BIGINT")
    indexes = [*writer.indexes, *(index for table in new for index in table.indexes)]
    statements += [index_ddl(index, dialect) for index in indexes]
    statements += FULL_TEXT[dialect.name]
    if dialect.name == "sqlite":
        statements.append("INSERT INTO log_fts (log_fts) VALUES ('rebuild')")
    for statement in statements:
        connection.exec_driver_sql(statement)


def _add_work(operations: "Operations") -> None:
    """Version 3: deployments, schedules, runs that are asked for, work pools; blocks and notifications."""
    from penstock.store import block_tables, work_tables  # lazy: only where the schema is made

    connection = operations.get_bind()
    dialect = connection.dialect
    new = (*work_tables.NEW_TABLES, *block_tables.NEW_TABLES)
    statements = [str(CreateTable(table).compile(dialect=dialect)) for table in new]
    statements += ["ALTER TABLE flow_run ADD COLUMN deployment TEXT"]
    statements += ["ALTER TABLE flow_run ADD COLUMN deployment_version INTEGER"]
    indexes = [ix_flow_run_deployment, *(index for table in new for index in table.indexes)]
    statements += [index_ddl(index, dialect) for index in indexes]
    for statement in statements:
        connection.exec_driver_sql(statement)


def _add_messages(operations: "Operations") -> None:
    """Version 4: messages to runs, and when workers left. What hung on runs that were deleted since goes."""
    from penstock.store.work_tables import run_message  # lazy: only where the schema is made

    connection = operations.get_bind()
    dialect = connection.dialect
    statements = [str(CreateTable(run_message).compile(dialect=dialect))]
    statements += [index_ddl(index, dialect) for index in run_message.indexes]
    if all(
        column["name"] != "left_at" for column in inspect(connection).get_columns("worker")
    ):  # version 3 made it now
        statements += ["ALTER TABLE worker ADD COLUMN left_at BIGINT"]
    statements += [
        f"DELETE FROM {name} WHERE NOT EXISTS (SELECT 1 FROM flow_run WHERE flow_run.seq = {name}.flow_run_seq)"
        for name in ("run_request", "run_input")
    ]
    for statement in statements:
        connection.exec_driver_sql(statement)


def _add_whereabouts(operations: "Operations") -> None:
    """Version 5: what a process runs on, and which run holds a slot."""
    connection = operations.get_bind()
    for column in (writer.c.environment, concurrency_slot.c.flow_run_id):
        table = column.table.name
        known = {one["name"] for one in inspect(connection).get_columns(table)}
        if column.name not in known:  # version 2 makes its table as it is now
            kind = column.type.compile(connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {column.name} {kind}")


MIGRATIONS: Sequence[Migration] = (
    Migration(2, _add_limits_and_search),
    Migration(3, _add_work),
    Migration(4, _add_messages),
    Migration(5, _add_whereabouts),
)


def ddl(dialect: Dialect) -> list[str]:
    """The statements that make the schema in an empty database."""
    # lazy: they join the metadata, only where the schema is made
    from penstock.store import block_tables, work_tables  # noqa: F401

    statements = []
    for table in metadata.sorted_tables:
        statements.append(str(CreateTable(table).compile(dialect=dialect)))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            only_for = index._ddl_if.dialect if index._ddl_if is not None else None  # no public accessor in 2.0
            if only_for in (None, dialect.name):
                statements.append(index_ddl(index, dialect))
    statements += FULL_TEXT[dialect.name]
    statements.append("INSERT INTO counter (name, value) VALUES ('changed', 0)")
    statements.append("INSERT INTO workspace (name) VALUES ('default')")
    return statements


def index_ddl(index: Index, dialect: Dialect) -> str:
    """The statement that makes an index, partial ones included."""
    statement = str(CreateIndex(index).compile(dialect=dialect))
    condition = index.info.get(WHERE)
    if condition is None:
        return statement
    return f"{statement} WHERE {condition.compile(dialect=dialect, compile_kwargs=_IN_AN_INDEX)}"


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
