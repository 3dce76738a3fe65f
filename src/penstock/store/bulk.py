"""Many rows by few statements, as each database takes them best.

SQLite: `VALUES` of many rows. Its driver gives up Python's global lock at every statement that it steps, and gets it
back only when another thread lets go, which one that computes does after 5 ms. So few statements are what lets a flow
and the writer of its journal use two cores: with one busy thread beside it, `executemany` took 4,600 µs a row,
statements of 200 rows 28, and 10 with no thread beside. Rows by `json_each` took 17.

PostgreSQL: one JSON text, taken apart by the server: 1.5 µs of this process a row, against 8 for arrays, 11 for
`executemany` and 40 for `VALUES`, whose parameters psycopg counts one by one.
"""

import json
from collections.abc import Sequence
from functools import cached_property
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Dialect, Table

CHUNKS = (1_024, 256, 64, 16, 4, 1)
"""Rows of a statement on SQLite, which takes 32,766 parameters."""
ROWS_MAX = 1_000
"""Rows of a statement on PostgreSQL."""

_encode = json.JSONEncoder(separators=(",", ":"), default=lambda value: f"\\x{value.hex()}").encode


class BulkInsert:
    """`INSERT` of rows given as tuples in the order of `columns`; `tail` says what happens to rows that are there."""

    def __init__(self, table: Table, columns: Sequence[str], tail: str = "", *, rows_max: int = ROWS_MAX):
        self._table, self._columns, self._rows_max = table, tuple(columns), rows_max
        self._head = f"INSERT INTO {table.name} ({', '.join(columns)})"
        self._tail = f" {tail}" if tail else ""

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert the rows."""
        if connection.dialect.name == "sqlite":
            start = 0
            for size, statement in self._values:
                while len(rows) - start >= size:
                    flat = tuple(chain.from_iterable(rows[start : start + size]))
                    connection.exec_driver_sql(statement, flat)
                    start += size
        else:
            statement = self._taken_apart(connection.dialect)
            for start in range(0, len(rows), self._rows_max):
                connection.exec_driver_sql(statement, (_encode(rows[start : start + self._rows_max]),))

    @cached_property
    def _values(self) -> Sequence[tuple[int, str]]:
        row = f"({', '.join('?' * len(self._columns))})"
        return [(size, f"{self._head} VALUES {', '.join([row] * size)}{self._tail}") for size in CHUNKS]

    def _taken_apart(self, dialect: Dialect) -> str:
        types = [self._table.c[name].type.compile(dialect) for name in self._columns]
        parts = ", ".join(f"(row ->> {place})::{type_}" for place, type_ in enumerate(types))
        return f"{self._head} SELECT {parts} FROM jsonb_array_elements(%s::jsonb) AS row{self._tail}"
