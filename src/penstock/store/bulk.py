"""Many rows by few statements.

The driver of SQLite gives up Python's global lock at every statement that it steps, and gets it back only when another
thread lets go: with one busy thread beside it, `executemany` took 4,600 µs a row; statements of 200 rows take 28, and
10 with no thread beside. (Rows by `json_each` were slower than either: 17.) PostgreSQL spares round trips likewise.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Table

CHUNKS = (200, 20, 1)


class BulkInsert:
    """`INSERT` of rows given as tuples in the order of `columns`; `tail` says what happens to rows that are there."""

    def __init__(self, table: Table, columns: Sequence[str], tail: str = ""):
        unknown = set(columns) - set(table.c.keys())
        assert not unknown, unknown
        self._head = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES "
        self._width = len(columns)
        self._tail = f" {tail}" if tail else ""
        self._statements: dict[tuple[str, int], str] = {}

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert the rows."""
        start, dialect = 0, connection.dialect.name
        for size in CHUNKS:
            while len(rows) - start >= size:
                values = tuple(chain.from_iterable(rows[start : start + size]))
                connection.exec_driver_sql(self._statement(dialect, size), values)
                start += size

    def _statement(self, dialect: str, size: int) -> str:
        known = self._statements.get((dialect, size))
        if known is None:
            mark = "?" if dialect == "sqlite" else "%s"
            row = f"({', '.join([mark] * self._width)})"
            known = self._statements[dialect, size] = self._head + ", ".join([row] * size) + self._tail
        return known
