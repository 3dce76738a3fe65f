"""`penstock result`: values that runs returned, from the user's own result storage."""

import json
import pickle
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from penstock.cli.commands import Group, json_option
from penstock.cli.lookup import find_flow_run_ids, find_task_run_ids, get_flow_run, get_task_run
from penstock.cli.session import Session, pass_session
from penstock.cli.tables import Column
from penstock.cli.text import as_count, as_size
from penstock.core.errors import NotFound, PenstockError, UnfinishedRun
from penstock.ports import FlowRun, TaskRun

ROWS_SHOWN_MAX = 20
CHARACTERS_SHOWN_MAX = 20_000
JSON_TYPES = (dict, list, tuple, bool, int, float, str, type(None))


class NotWritable(PenstockError):
    """A value cannot be written in the format that a file's name asks for."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A value and the reference that it was kept under."""

    reference: str
    value: Any

    @property
    def type_name(self) -> str:
        """The value's type, with its module unless it is built in."""
        kind = type(self.value)
        return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"

    @property
    def size(self) -> str:
        """How big the value is, in the terms of its kind."""
        value = self.value
        if hasattr(value, "shape"):
            return " × ".join(f"{length:,}" for length in value.shape)
        if isinstance(value, bytes):
            return as_size(len(value))
        if isinstance(value, str):
            return as_count(len(value), "character")
        return as_count(len(value), "item") if hasattr(value, "__len__") else ""


@click.group(cls=Group)
def result() -> None:
    """Values that runs returned.

    They are read from your own result storage, never from the database.
    """


@result.command(
    "show",
    examples=[
        "penstock result show brave-otter",
        "penstock result show 018f3a2b-7711 --json",
        "penstock result show report-monday",
        "penstock result show brave-otter --output trips.parquet",
    ],
)
@click.argument("what", metavar="RUN|NAME|REFERENCE")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), help="Write it to a file; the suffix chooses the format."
)
@json_option
@pass_session
def show_result(session: Session, what: str, output: Path | None, as_json: bool) -> None:
    """Show the value that a run returned.

    RUN is a flow run or task run: an id, the beginning of one, a flow run's name, or with a task run's name
    `brave-otter/fetch-0`; NAME is what a task's
    result_storage_key came to, and stands for the latest result of that name; REFERENCE is where a result
    is kept. --output writes .json, .csv and .parquet (tables),
    .pickle, and text or bytes as they are under any other suffix. Values are read from your result storage
    and unpickled: show only results of runs that you trust.
    """
    kept = _load(session, what)
    if output is not None:
        size = write_value(kept.value, output)
        session.terminal.say(f"Wrote {output} ({as_size(size)}).")
    elif as_json:
        session.terminal.json(
            {
                "reference": kept.reference,
                "type": kept.type_name,
                "value": _plain(kept.value) if is_json(kept.value) else None,
                "repr": None if is_json(kept.value) else repr(kept.value)[:CHARACTERS_SHOWN_MAX],
            }
        )
    else:
        _show(session, kept)


def _load(session: Session, what: str) -> Kept:
    reference = _find_reference(session, what)
    try:
        return Kept(reference, session.results.get(reference))
    except (ValueError, KeyError) as error:
        if isinstance(error, PenstockError):
            raise
        raise NotFound("run or result", what, listing="penstock flow-run ls") from error


def _find_reference(session: Session, what: str) -> str:
    """The reference of a run's result, or of the latest result of that name; one that was given is taken as it is."""
    if ":" in what:
        return what
    run: FlowRun | TaskRun
    if find_flow_run_ids(session, what):
        run = get_flow_run(session, what)
    elif find_task_run_ids(session, what):
        run = get_task_run(session, what)
    else:
        named = session.results.find_cached(f"named:{what}", now=time.time_ns() // 1000)
        if named is None:
            raise NotFound("run or result", what, listing="penstock flow-run ls")
        return named.reference
    if run.result is None:
        state = f"it is {run.state.name}" + ("" if run.state.is_final else " and may have one later")
        raise UnfinishedRun(f"`{run.name}` has no kept result: {state}.")
    return run.result


def _show(session: Session, kept: Kept) -> None:
    terminal, value = session.terminal, kept.value
    size = f", {kept.size}" if kept.size else ""
    terminal.say(f"{kept.type_name}{size}  ({kept.reference})", colour="bright_black")
    rows = table_rows(value)
    if rows is not None:
        columns, shown, total = rows
        terminal.table([Column(name) for name in columns], shown)
        if total > len(shown):
            terminal.say(f"... and {total - len(shown):,} more rows: --output writes all.", colour="bright_black")
    elif isinstance(value, str):
        _show_text(session, value)
    elif is_json(value):
        terminal.json(_plain(value))
    else:
        _show_text(session, repr(value))


def _show_text(session: Session, text: str) -> None:
    session.terminal.data(text[:CHARACTERS_SHOWN_MAX])
    if len(text) > CHARACTERS_SHOWN_MAX:
        rest = as_count(len(text) - CHARACTERS_SHOWN_MAX, "more character")
        session.terminal.say(f"... and {rest}: --output writes all.", colour="bright_black")


def table_rows(value: Any) -> tuple[list[str], list[list[str]], int] | None:
    """Columns, the first rows as text, and the number of rows of a frame or an Arrow table; none for other values."""
    pandas, arrow = sys.modules.get("pandas"), sys.modules.get("pyarrow")  # a table that was loaded loaded its library
    if pandas is not None and isinstance(value, pandas.DataFrame):
        head = value.head(ROWS_SHOWN_MAX)
        return (
            [str(c) for c in value.columns],
            [[str(cell) for cell in row] for row in head.itertuples(index=False)],
            len(value),
        )
    if arrow is not None and isinstance(value, arrow.Table):
        head = value.slice(0, ROWS_SHOWN_MAX).to_pylist()
        names = list(value.column_names)
        return names, [["" if row[n] is None else str(row[n]) for n in names] for row in head], value.num_rows
    return None


def is_json(value: Any) -> bool:
    """Whether a value can be written as JSON and looks the same to a reader (a tuple becomes a list)."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_json(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(map(is_json, value))
    return type(value) in JSON_TYPES


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def write_value(value: Any, path: Path) -> int:
    """Write a value in the format of the file's suffix and return the file's size. Raises `NotWritable`."""
    try:
        _write(value, path)
        return path.stat().st_size
    except OSError as error:
        raise NotWritable(f"{path} cannot be written: {error}.") from error


def _write(value: Any, path: Path) -> None:
    suffix = path.suffix.lower()
    if suffix in (".pickle", ".pkl"):
        path.write_bytes(pickle.dumps(value))
    elif suffix == ".json" and is_json(value):
        path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    elif suffix in (".csv", ".parquet") and table_rows(value) is not None:
        _write_table(value, path, suffix)
    elif isinstance(value, bytes):
        path.write_bytes(value)
    elif isinstance(value, str):
        path.write_text(value, encoding="utf-8")
    else:
        raise NotWritable(
            f"A {type(value).__qualname__} cannot be written to {path.name}. Formats: .json for values that are JSON, "
            ".csv and .parquet for tables, .pickle for anything, any other suffix for text and bytes."
        )


def _write_table(value: Any, path: Path, suffix: str) -> None:
    if hasattr(value, "to_csv"):  # a pandas frame
        value.to_csv(path, index=False) if suffix == ".csv" else value.to_parquet(path)
        return
    if suffix == ".csv":
        from pyarrow import csv  # lazy: pyarrow, 150 ms

        csv.write_csv(value, path)
    else:
        from pyarrow import parquet  # lazy: pyarrow, 150 ms

        parquet.write_table(value, path)
