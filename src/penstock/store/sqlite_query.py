"""Read-only SQL on SQLite: a connection of its own that can neither write nor see anything but the documented views.

SQLite asks an authorizer for each table, column and function that a statement touches, and says through which view.
It says a user's own `WITH name AS` in the same breath, so that the views that may read our tables have names that
nobody can guess.
"""

import secrets
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from penstock.core.errors import QueryRefused
from penstock.store.views import READABLE, SQLITE, VIEWS, hint, select_of, trim

TABLE_FUNCTIONS = frozenset({"json_each", "json_tree"})
FUNCTIONS_REFUSED = frozenset({"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer"})
VALUE_BYTES_MAX = 32 * 1024 * 1024
STATEMENT_BYTES_MAX = 1024 * 1024
STEPS_BETWEEN_CHECKS = 10_000
BUSY_TIMEOUT_SECONDS = 10.0

# What a statement may do wrong by itself; anything else is the database's trouble and is told as such.
STATEMENT_ERRORS = frozenset(
    {
        "SQLITE_ERROR",
        "SQLITE_AUTH",
        "SQLITE_TOOBIG",
        "SQLITE_MISMATCH",
        "SQLITE_RANGE",
        "SQLITE_READONLY",
        "SQLITE_NOMEM",
    }
)


def run(
    path: Path, sql: str, *, workspace_id: int, row_limit: int, timeout_seconds: float
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Run a statement; up to one row more than the limit. Raises `QueryRefused`."""
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None
    )
    try:
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(
            "SELECT 1 FROM json_each('[]'), json_tree('[]')"
        )  # to be made, they need more than a query may
        _shut_in(connection, _make_views(connection, workspace_id), timeout_seconds)
        cursor = connection.execute(trim(sql))
        if cursor.description is None:
            raise QueryRefused(f"The statement answers nothing. Ask with SELECT. {READABLE}")
        rows = cursor.fetchmany(row_limit + 1)
        return [column[0] for column in cursor.description], [_plain(row) for row in rows]
    except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:
        raise _refusal(error, timeout_seconds) from error
    finally:
        connection.close()


def _make_views(connection: sqlite3.Connection, workspace_id: int) -> frozenset[str]:
    hidden = {view: f"{view}_{secrets.token_hex(16)}" for view in VIEWS}
    for view, name in hidden.items():
        connection.execute(f"CREATE TEMP VIEW {name} AS {select_of(view, SQLITE, workspace_id, hidden=name)}")
        connection.execute(f"CREATE TEMP VIEW {view} AS SELECT * FROM temp.{name}")
    return frozenset(hidden.values())


def _shut_in(connection: sqlite3.Connection, hidden: frozenset[str], timeout_seconds: float) -> None:
    deadline = time.monotonic() + timeout_seconds
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX)
    connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, STATEMENT_BYTES_MAX)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.set_progress_handler(lambda: time.monotonic() > deadline, STEPS_BETWEEN_CHECKS)
    connection.set_authorizer(_authorizer(hidden, _names_taken(connection)))


def _names_taken(connection: sqlite3.Connection) -> frozenset[str]:
    """Names, in small letters, of all that there is to read but for what a query itself makes."""
    tables = "SELECT name FROM main.sqlite_master UNION SELECT name FROM temp.sqlite_master"
    return frozenset(name.lower() for (name,) in connection.execute(tables))


def _authorizer(hidden: frozenset[str], taken: frozenset[str]) -> Callable[..., int]:
    def authorize(action: int, first: str | None, second: str | None, schema: str | None, through: str | None) -> int:
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION:
            return sqlite3.SQLITE_DENY if (second or "").lower() in FUNCTIONS_REFUSED else sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_READ:
            if through in hidden or first in hidden or first in TABLE_FUNCTIONS:
                return sqlite3.SQLITE_OK
            name = (first or "").lower()
            if name in VIEWS and (schema == "temp" or not second):
                return sqlite3.SQLITE_OK
            # SQLite asks so for what is counted but not read: a name of `WITH name AS`, which shows nothing by itself.
            if schema is None and not second and name not in taken and not name.startswith(("sqlite_", "pragma_")):
                return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_DENY

    return authorize


def _refusal(error: BaseException, timeout_seconds: float) -> BaseException:
    name = getattr(error, "sqlite_errorname", None)
    if name == "SQLITE_INTERRUPT":
        return QueryRefused(f"The query ran longer than {timeout_seconds:g} s and was stopped. Narrow it down.")
    if name == "SQLITE_AUTH" or "prohibited" in str(error):
        return QueryRefused(f"The query asks for what it may not see or do ({error}). {READABLE}")
    if name is None or name in STATEMENT_ERRORS:
        return QueryRefused(f"The query cannot be run: {str(error).rstrip('.')}.{hint(str(error))}")
    return error


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(value.hex() if isinstance(value, bytes) else value for value in row)
