"""Read-only SQL on PostgreSQL: as a role that owns nothing, in a read-only transaction that is rolled back.

The statement is first made into a view, without being run: PostgreSQL then takes nothing but a query, and keeps it
parsed, so that every table and function in it can be looked at. Only the documented views may be read, and only
functions of PostgreSQL itself that change nothing may be called; `set_config`, which could change the role back, and
those that run text as SQL are not among them.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from penstock.core.errors import QueryRefused
from penstock.store.views import POSTGRES, READABLE, VIEWS, hint, select_of, trim

READER = "penstock_reader"

# Roles are the whole server's: others may be making the same one for another database, which PostgreSQL answers with
# several kinds of error. Whether it worked is asked afterwards.
MAKE_READER = f"""
DO $$ BEGIN
    BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{READER}') THEN
            CREATE ROLE {READER} NOLOGIN;
        END IF;
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
    BEGIN
        IF NOT pg_has_role(current_user, '{READER}', 'MEMBER') THEN
            EXECUTE 'GRANT {READER} TO ' || quote_ident(current_user);
        END IF;
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
END $$
"""
MAY_BE_READER = "SELECT coalesce((SELECT pg_has_role(current_user, oid, 'MEMBER') FROM pg_roles WHERE rolname = %s), false), current_user"
PARSED = "SELECT ev_action::text FROM pg_rewrite WHERE ev_class = 'pg_temp.asked'::regclass"
OIDS_OF_VIEWS = "SELECT oid::bigint FROM pg_class WHERE relnamespace = pg_my_temp_schema()"
FUNCTIONS_REFUSED = """
    SELECT string_agg(DISTINCT proname, ', ') FROM pg_proc WHERE oid = ANY(CAST(%s AS bigint[]))
    AND (pronamespace <> 'pg_catalog'::regnamespace OR prosecdef OR provolatile = 'v' AND proname <> ALL(%s))
"""
HARMLESS = ["random", "clock_timestamp", "timeofday", "gen_random_uuid", "statement_timestamp"]

_relation = re.compile(r":relid (\d+)")
_function = re.compile(r":(?:funcid|opfuncid|aggfnoid|winfnoid) (\d+)")


def run(
    connection: Connection, sql: str, *, workspace_id: int, row_limit: int, timeout_seconds: float
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Run a statement; up to one row more than the limit. Raises `QueryRefused`."""
    import psycopg  # lazy: PostgreSQL only

    with connection.begin() as transaction:
        driver: psycopg.Connection[tuple[Any, ...]] = connection.connection.driver_connection  # type: ignore[assignment]
        try:
            with driver.cursor() as cursor:
                return _run(cursor, trim(sql), workspace_id, row_limit, timeout_seconds)
        except psycopg.errors.QueryCanceled as error:
            raise QueryRefused(
                f"The query ran longer than {timeout_seconds:g} s and was stopped. Narrow it down."
            ) from error
        except (psycopg.ProgrammingError, psycopg.DataError, psycopg.NotSupportedError, UnicodeEncodeError) as error:
            said = str(error).strip().partition("\n")[0]
            raise QueryRefused(f"The query cannot be run: {said.rstrip('.')}.{hint(said)}") from error
        finally:
            transaction.rollback()


def _run(
    cursor: Any, sql: str, workspace_id: int, row_limit: int, timeout_seconds: float
) -> tuple[list[str], list[tuple[Any, ...]]]:
    may, user = cursor.execute(MAY_BE_READER, (READER,)).fetchone()
    if not may:
        cursor.execute(MAKE_READER)
        may, user = cursor.execute(MAY_BE_READER, (READER,)).fetchone()
    if not may:
        raise QueryRefused(
            f"Read-only SQL needs the role {READER}, which {user} may not use. Let an administrator run: "
            f"CREATE ROLE {READER} NOLOGIN; GRANT {READER} TO {user};"
        )
    for view in VIEWS:
        cursor.execute(f"CREATE TEMP VIEW {view} AS {select_of(view, POSTGRES, workspace_id)}")
        cursor.execute(f"GRANT SELECT ON pg_temp.{view} TO {READER}")
    _check(cursor, sql)
    cursor.execute("SET LOCAL search_path TO pg_temp, pg_catalog")
    cursor.execute(f"SET LOCAL statement_timeout TO {int(timeout_seconds * 1000)}")
    cursor.execute("SET TRANSACTION READ ONLY")
    cursor.execute(f"SET LOCAL ROLE {READER}")
    # Prepared, because that takes one statement and no more.
    cursor.execute(f"DECLARE answer NO SCROLL CURSOR FOR {sql}", prepare=True)
    cursor.execute(f"FETCH {row_limit + 1} FROM answer")
    if not cursor.description:
        raise QueryRefused(f"The query answers no column. {READABLE}")
    return [column.name for column in cursor.description], [_plain(row) for row in cursor.fetchall()]


def _check(cursor: Any, sql: str) -> None:
    cursor.execute("SET LOCAL search_path TO pg_temp, pg_catalog")
    views = {oid for (oid,) in cursor.execute(OIDS_OF_VIEWS).fetchall()}
    cursor.execute(f"CREATE TEMP VIEW asked AS SELECT 1 AS one FROM (\n{sql}\n) AS asked", prepare=True)
    views |= {oid for (oid,) in cursor.execute(OIDS_OF_VIEWS).fetchall()}
    (parsed,) = cursor.execute(PARSED).fetchone()
    if {int(oid) for oid in _relation.findall(parsed)} - views - {0}:
        raise QueryRefused(f"The query asks for a table that it may not see. {READABLE}")
    (refused,) = cursor.execute(FUNCTIONS_REFUSED, (_oids(_function.findall(parsed)), HARMLESS)).fetchone()
    if refused:
        raise QueryRefused(f"The query calls what it may not: {refused}. {READABLE}")


def _oids(found: Sequence[str]) -> list[int]:
    return sorted({int(oid) for oid in found})


def _plain(row: Sequence[Any]) -> tuple[Any, ...]:
    """What JSON can say, as SQLite has it."""
    return tuple(_plain_value(value) for value in row)


def _plain_value(value: Any) -> Any:
    match value:
        case datetime():
            return value.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
        case date() | time() | UUID():
            return str(value)
        case timedelta():
            return value.total_seconds()
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case bytes() | memoryview():
            return bytes(value).hex()
    return value
