"""`penstock sql`: read-only SQL over the history, run by the database itself."""

import csv
import io
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click

from penstock.cli.commands import Command, output_option
from penstock.cli.output import Terminal, write_output
from penstock.cli.session import Session, pass_session
from penstock.cli.tables import Column
from penstock.cli.text import as_count, as_json
from penstock.core.errors import MissingExtra, PenstockError
from penstock.ports import QueryTable, RunQuery

ROWS_DEFAULT = 1_000
TIMEOUT_DEFAULT = 30.0


class ColumnMixed(PenstockError):
    """A column holds values of several kinds, which Parquet has no type for."""


@click.command(
    cls=Command,
    examples=[
        "penstock sql 'select state, count(*) from flow_runs group by 1'",
        "penstock sql 'select * from task_runs' --format csv --limit 100000 > task_runs.csv",
        "penstock sql 'select * from logs' --format parquet --output logs.parquet",
        "penstock sql - --format json < question.sql",
    ],
)
@click.argument("query")
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json", "parquet"]), default="table", show_default=True,
    help="How to print the rows.",
)  # fmt: skip
@click.option("--json", "json_wanted", is_flag=True, help="The same as --format json.")
@click.option(
    "--limit", metavar="N", type=click.IntRange(1), default=ROWS_DEFAULT, show_default=True, help="Rows at most."
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(0, min_open=True),
    default=TIMEOUT_DEFAULT,
    show_default=True,
    help="Give up after so long.",
)
@output_option
@pass_session
def sql(
    session: Session, query: str, form: str, json_wanted: bool, limit: int, timeout: float, output: Path | None
) -> None:
    """Ask the history in SQL, read-only.

    QUERY is one SELECT, or `-` to read it from standard input.
    There are the views flow_runs, task_runs, logs, events, artifacts and datasets; nothing else can be seen, and
    nothing can be changed; docs/reference/sql-views.md lists their columns. Dialect and functions are those of the
    database (SQLite or PostgreSQL).
    """
    text = sys.stdin.read() if query == "-" else query
    form = "json" if json_wanted else form
    found = session.ask(RunQuery(sql=text, row_limit=limit, timeout_seconds=timeout))
    if form == "table" and output is None:
        show_table(session.terminal, found)
    else:
        _write(session.terminal, FORMATS[form](found), output)
    if found.truncated:
        session.terminal.say(f"There are more than {as_count(limit, 'row')}: raise --limit.", colour="yellow")


def _write(terminal: Terminal, content: bytes, output: Path | None) -> None:
    if output is not None:
        write_output(terminal, content, output)
    elif terminal.out.isatty():
        if content.startswith(b"PAR1"):
            raise click.UsageError("Parquet is nothing for a terminal: add --output FILE, or redirect standard output.")
        terminal.data(content.decode().rstrip("\n"))
    else:
        terminal.data_bytes(content)


def show_table(terminal: Terminal, found: QueryTable) -> None:
    """Print rows for people."""
    numeric = [all(isinstance(row[n], int | float | None) for row in found.rows) for n in range(len(found.columns))]
    columns = [Column(name, right=right, give=not right) for name, right in zip(found.columns, numeric, strict=True)]
    terminal.table(columns, ([as_cell(value) for value in row] for row in found.rows))
    terminal.say(f"({as_count(len(found.rows), 'row')})", colour="bright_black")


def as_cell(value: Any) -> str:
    """A value of the database as text; NULL is empty."""
    if value is None:
        return ""
    return value.hex() if isinstance(value, bytes) else str(value)


def as_csv(found: QueryTable) -> bytes:
    """Rows as CSV with a header; NULL is an empty field."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(found.columns)
    writer.writerows([as_cell(value) for value in row] for row in found.rows)
    return buffer.getvalue().encode()


def as_json_rows(found: QueryTable) -> bytes:
    """Rows as a JSON array of objects, one a line; a column's second of a name gets `_2`."""
    names = distinct_names(found.columns)
    lines = (as_json({n: _json_value(v) for n, v in zip(names, row, strict=True)}, indent=None) for row in found.rows)
    body = ",\n".join(lines)
    return (f"[\n{body}\n]\n" if body else "[]\n").encode()


def _json_value(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str | dict | list | None) else as_cell(value)


def as_parquet(found: QueryTable) -> bytes:
    """Rows as a Parquet file. Raises `MissingExtra`, `ColumnMixed`."""
    try:
        import pyarrow  # lazy: pyarrow, 150 ms
        import pyarrow.parquet  # lazy: pyarrow, 150 ms
    except ImportError as error:
        raise MissingExtra("Writing Parquet", extra="lake", because=error) from error
    columns = {}
    for position, name in enumerate(distinct_names(found.columns)):
        try:
            columns[name] = pyarrow.array([row[position] for row in found.rows])
        except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError) as error:
            raise ColumnMixed(
                f"Column `{name}` holds values of several kinds: cast it in the query ({error})."
            ) from error
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), buffer)
    return buffer.getvalue()


def as_text_table(found: QueryTable) -> bytes:
    """The table that a terminal would get, for a file."""
    buffer = io.StringIO()
    show_table(Terminal(buffer, io.StringIO(), environ={}), found)
    return buffer.getvalue().encode()


def distinct_names(names: Sequence[str]) -> list[str]:
    """Names of columns, told apart.

    >>> distinct_names(["id", "id", "n"])
    ['id', 'id_2', 'n']
    """
    found: list[str] = []
    for name in names:
        candidate, number = name, 1
        while candidate in found:
            number += 1
            candidate = f"{name}_{number}"
        found.append(candidate)
    return found


FORMATS: Mapping[str, Callable[[QueryTable], bytes]] = MappingProxyType(
    {"table": as_text_table, "csv": as_csv, "json": as_json_rows, "parquet": as_parquet}
)
