"""Trip files: where they are published, and how they become Parquet with one name and one type for each column.

Nothing is dropped and no value is changed on the way, except that a column without a name (an index that some program
left behind) is left out. A file that is cut off, is no file of trips or lacks a column is refused before a single row
goes on; messages name file, column and line.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from penstock.demo.downloads import check_gzip, download, is_gzip, whole_file
from penstock.demo.errors import (
    TripColumnsWrong,
    TripFileDamaged,
    TripFileError,
    TripFileMissing,
    TripFileUnreachable,
)
from penstock.demo.layouts import AMOUNT, MOMENT, PICKUPS, TEXT, WHOLE, Color, Column, read_layout
from penstock.lake.runs import current_settings, say

RELEASES = "https://github.com/DataTalksClub/nyc-tlc-data/releases/download"
"""Where the course's trip files are published."""

PARQUET_MAGIC = b"PAR1"
WORK_FOLDER = "work"
BLOCK_BYTES = 1 << 23
PEEK_BYTES = 1 << 20

_KINDS = {WHOLE: "a whole number", AMOUNT: "a number", MOMENT: "a time like 2021-01-31 23:59:00", TEXT: "text"}


def trip_file_url(color: Color, year: int, month: int, source: str = RELEASES) -> str:
    """Return where a month is published; `source` is an address or a folder.

    >>> trip_file_url("green", 2020, 4, "http://127.0.0.1:8000/")
    'http://127.0.0.1:8000/green/green_tripdata_2020-04.csv.gz'
    """
    return f"{source.rstrip('/')}/{color}/{color}_tripdata_{year}-{month:02}.csv.gz"


def may_pass(task: Any, run: Any, state: Any) -> bool:
    """Tell whether trying again may help: for `retry_condition_fn`. What nobody publishes stays missing."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, TripFileUnreachable) or not isinstance(error, TripFileError)


def to_parquet(path: Path, color: Color | None = None, **constants: str) -> Path:
    """Write a file of trips as Parquet, with constant columns such as `source_month="2020-04"`; return its path.

    The file lies in `work` in `PENSTOCK_HOME`, and is there only when it is whole. Raises `TripFileDamaged` and
    `TripColumnsWrong`.
    """
    place = blake2b(f"{path.absolute()} {constants}".encode(), digest_size=6).hexdigest()
    target = current_settings().home / WORK_FOLDER / place / f"{path.name.split('.')[0]}.parquet"
    rows = 0
    with whole_file(target) as temporary, _opened(path, color) as (schema, batches):
        for name in constants:
            schema = schema.append(pa.field(name, TEXT))
        with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
            for batch in batches:
                extra = [pa.repeat(value, batch.num_rows) for value in constants.values()]
                writer.write_batch(pa.record_batch([*batch.columns, *extra], schema=schema))
                rows += batch.num_rows
        if not rows:
            raise TripFileDamaged(path.name, "there are no trips in it.")
    say(f"{path.name}: {rows:,} trips, {len(schema.names) - len(constants)} columns.")
    return target


def read_chunks(path: Path, rows: int) -> Iterator[pa.Table]:
    """Yield the trips of a Parquet file in tables of at most `rows` rows, numbered by a column `row_number`."""
    with pq.ParquetFile(path) as file:
        number = 0
        for batch in file.iter_batches(batch_size=rows):
            numbers = pa.array(range(number, number + batch.num_rows), WHOLE)
            yield pa.Table.from_batches([batch]).append_column("row_number", numbers)
            number += batch.num_rows


@contextmanager
def _opened(path: Path, color: Color | None) -> Iterator[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
    if not path.is_file():
        raise TripFileMissing(path.name, f"there is no file {path}.")
    with open(path, "rb") as file:
        start = file.read(4)
    if not start:
        raise TripFileDamaged(path.name, "the file is empty.")
    if start == PARQUET_MAGIC or path.suffix == ".parquet":
        yield _read_parquet(path, color)
    else:
        check_gzip(path.name, path)
        yield _read_csv(path, color)


def _read_parquet(path: Path, color: Color | None) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise TripFileDamaged(path.name, "this is no whole Parquet file: it was cut off. Fetch it again.") from error
    given = file.schema_arrow
    columns = tuple(
        column if column.known else Column(column.given, column.name, given.field(column.given).type, known=False)
        for column in read_layout(path.name, given.names, color=color)
    )
    _tell_drift(path.name, given.names, columns, {name: given.field(name).type for name in given.names})
    return _kept_schema(columns), (_conform(path.name, batch, columns) for batch in file.iter_batches())


def _read_csv(path: Path, color: Color | None) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    header, inferred = _peek(path)
    columns = read_layout(path.name, header, color=color)
    if pa.types.is_string(inferred.get("payment_type", WHOLE)):  # before 2015 it was written out: CSH, CRD ...
        columns = tuple(
            Column(column.given, "payment_name", TEXT, known=True) if column.name == "payment_type" else column
            for column in columns
        )
    _tell_drift(path.name, header, columns, inferred)
    return _kept_schema(columns), _read_csv_batches(path, header, columns)


def _read_csv_batches(path: Path, header: Sequence[str], columns: Sequence[Column]) -> Iterator[pa.RecordBatch]:
    # Whole numbers are read as decimals first, because some files write 1 as 1.0.
    types = {column.given: AMOUNT if column.type == WHOLE else column.type for column in columns}
    ragged: list[csv.InvalidRow] = []

    def stop_at(row: csv.InvalidRow) -> Literal["error"]:
        ragged.append(row)
        return "error"

    try:
        reader = csv.open_csv(
            _stream(path),
            # One thread reads, which alone knows the number of a line.
            read_options=csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
            parse_options=csv.ParseOptions(invalid_row_handler=stop_at),
            convert_options=csv.ConvertOptions(
                column_types=types,
                include_columns=[column.given for column in columns],
                null_values=[""],  # "N/A" and "NA" are texts, and names of zones
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        for batch in reader:
            yield _conform(path.name, batch, columns)
    except (pa.ArrowInvalid, OSError) as error:
        # Arrow's message quotes the line, so that ours does not follow from it.
        raise _explain(path.name, error, ragged, header) from None


def _peek(path: Path) -> tuple[list[str], dict[str, pa.DataType]]:
    """Return the header of a CSV file, and what the first lines look like they hold."""
    with _stream(path) as stream:
        start = stream.read(PEEK_BYTES)
    lines = start[: start.rfind(b"\n") + 1] or start + b"\n"
    first = lines.partition(b"\n")[0]
    try:
        header = [name.strip('"\r') for name in first.decode("utf-8-sig").split(",")]
    except UnicodeDecodeError as error:
        raise TripFileDamaged(path.name, "this is no CSV file: its first line is no text.") from error
    try:
        table = csv.read_csv(BytesIO(lines), convert_options=csv.ConvertOptions(null_values=[""]))
        return header, {field.name.strip().lower(): field.type for field in table.schema}
    except pa.ArrowInvalid:
        return header, {}  # what is wrong is said with its line when the whole file is read


def _stream(path: Path) -> Any:  # Any: one of two streams of pyarrow
    file = pa.OSFile(str(path), "rb")
    return pa.CompressedInputStream(file, "gzip") if is_gzip(path) else file


def _conform(file: str, batch: pa.RecordBatch, columns: Sequence[Column]) -> pa.RecordBatch:
    arrays = []
    for column in columns:
        try:
            arrays.append(batch.column(column.given).cast(column.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            held = batch.schema.field(column.given).type
            raise TripColumnsWrong(
                file,
                f"column `{column.name}` ({held}) holds something that is not {_KINDS.get(column.type, column.type)}.",
                column=column.name,
            ) from None
    return pa.record_batch(arrays, schema=_kept_schema(columns))


def _kept_schema(columns: Sequence[Column]) -> pa.Schema:
    return pa.schema([(column.name, column.type) for column in columns])


def _tell_drift(file: str, header: Sequence[str], columns: Sequence[Column], looks: dict[str, pa.DataType]) -> None:
    """Say in the log how the file departs from what is usual."""
    for given in header:
        if not given.strip():
            say(f"{file}: a column without a name is left out.")
    for column in columns:
        look = looks.get(column.given.strip().lower(), looks.get(column.given))
        if not column.known:
            say(f"{file}: column {column.name} is not known from other files; it is kept as {column.type}.")
        elif column.given != column.name:
            say(f"{file}: column {column.given!r} is kept as {column.name}.")
        if column.type == WHOLE and look is not None and pa.types.is_floating(look):
            say(f"{file}: column {column.name} is written as decimals ({look}) and kept as whole numbers.")


def _explain(file: str, error: Exception, ragged: Sequence[csv.InvalidRow], header: Sequence[str]) -> TripFileError:
    if ragged:
        row = ragged[0]
        line = "a line" if row.number is None else f"line {row.number:,}"
        return TripFileDamaged(
            file,
            f"{line} has {row.actual_columns} of {row.expected_columns} columns, from `{header[0]}` on: "
            "the file was cut off or is no CSV of trips.",
        )
    found = re.search(r"In CSV column #(\d+): (?:Row #(\d+): )?CSV conversion error to (\S+?):", str(error))
    if found is None:
        return TripFileDamaged(file, f"this cannot be read as CSV ({str(error).splitlines()[0].split(':')[0]}).")
    name = header[int(found[1])].strip()
    line = f" in line {int(found[2]):,}" if found[2] else ""
    kind = {"timestamp[us]": _KINDS[MOMENT], "double": _KINDS[AMOUNT]}.get(found[3], found[3])
    return TripColumnsWrong(file, f"column `{name}` holds something that is not {kind}{line}.", column=name)


__all__ = [
    "PICKUPS",
    "RELEASES",
    "Color",
    "TripColumnsWrong",
    "TripFileDamaged",
    "TripFileError",
    "TripFileMissing",
    "TripFileUnreachable",
    "download",
    "may_pass",
    "read_chunks",
    "to_parquet",
    "trip_file_url",
]
