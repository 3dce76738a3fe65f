"""What may be written to a dataset or warehouse, and one way of reading it all: as batches, as often as needed.

Writes that lose against another writer are done again, so data that can be read once only (a stream) is first kept in a
temporary file.
"""

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from penstock.lake.errors import DataRefused
from penstock.lake.schemas import lossless

BATCH_ROWS_MAX = 65_536

ACCEPTED = (
    "a pyarrow table, batch or reader, a pandas or polars frame, paths of Parquet files, a list of dicts, or anything "
    "that exports Arrow streams"
)

_NAMES_COLUMN = ("Conversion failed for column", "Column ")


class Rows(Protocol):
    """Data on its way in; it can be read again and again."""

    @property
    def schema(self) -> pa.Schema:
        """Its columns."""

    @property
    def count(self) -> int:
        """How many rows there are."""

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield all rows, or some of their columns."""


class TableRows:
    """Rows in memory."""

    def __init__(self, table: pa.Table):
        self.table, self.schema, self.count = table, table.schema, table.num_rows

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield all rows, or some of their columns."""
        table = self.table if columns is None else self.table.select(list(columns))
        yield from table.to_batches(max_chunksize=BATCH_ROWS_MAX)


class FileRows:
    """Rows in Parquet files, whose columns may differ."""

    def __init__(self, paths: Sequence[Path], target: str):
        self._paths, self._target = paths, target
        metadata = [self._metadata(path) for path in paths]
        self.count = sum(file.num_rows for file in metadata)
        try:
            self.schema = pa.unify_schemas(
                [file.schema.to_arrow_schema().remove_metadata() for file in metadata], promote_options="permissive"
            )
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise DataRefused(
                target, f"the files {', '.join(path.name for path in paths)} do not fit together: {error}"
            ) from error

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield all rows, or some of their columns."""
        wanted = self.schema if columns is None else pa.schema([self.schema.field(name) for name in columns])
        for path in self._paths:
            with pq.ParquetFile(path) as file:
                present = [name for name in wanted.names if name in file.schema_arrow.names]
                try:
                    for batch in file.iter_batches(batch_size=BATCH_ROWS_MAX, columns=present):
                        yield _align(batch, wanted)
                except (pa.ArrowInvalid, OSError) as error:
                    raise DataRefused(self._target, f"{path} is damaged: {_first_line(error)}") from error

    def _metadata(self, path: Path) -> Any:  # Any: the stubs know no FileMetaData here
        try:
            return pq.read_metadata(path)
        except FileNotFoundError as error:
            raise DataRefused(self._target, f"there is no file {path}.") from error
        except (pa.ArrowInvalid, OSError) as error:
            raise DataRefused(
                self._target,
                f"{path} is no whole Parquet file ({_first_line(error)}). "
                "If it was downloaded, the download was cut off: fetch it again.",
            ) from error


@contextmanager
def open_rows(data: Any, target: str) -> Iterator[Rows]:
    """Accept data of any kind that can be written to `target`. Raises `DataRefused`, saying what is accepted."""
    if isinstance(data, pa.RecordBatchReader):
        with tempfile.TemporaryDirectory(prefix="penstock-stream-") as folder:
            yield FileRows([_spool(data, Path(folder, "stream.parquet"))], target)
        return
    paths = _as_paths(data, target)
    yield TableRows(_as_table(data, target)) if paths is None else FileRows(paths, target)


def column_fits(rows: Rows, column: str, type_: pa.DataType) -> bool:
    """Tell whether every value of a column can be kept as a type, exactly."""
    return all(lossless(batch.column(0), type_) for batch in rows.batches([column]))


def _as_paths(data: Any, target: str) -> list[Path] | None:
    listed = list(data) if isinstance(data, Sequence) and not isinstance(data, str | bytes) else [data]
    if not listed or not all(isinstance(item, str | os.PathLike) for item in listed):
        return None
    paths = [path for item in listed for path in _files_at(_local_path(item, target), target)]
    if not paths:
        raise DataRefused(target, f"there are no Parquet files in {listed[0]}.")
    return paths


def _local_path(item: str | os.PathLike[str], target: str) -> Path:
    text = os.fspath(item)
    if text.startswith("file://"):
        text = unquote(urlsplit(text).path)
    elif "://" in text:
        raise DataRefused(target, f"{text} is not a local file. Download it first.")
    return Path(text).expanduser()


def _files_at(path: Path, target: str) -> list[Path]:
    if path.is_dir():
        return sorted(path.rglob("*.parquet"))
    if path.suffix in {".csv", ".json", ".gz", ".txt", ".xlsx"}:
        raise DataRefused(target, f"{path.name} is no Parquet file. Read it first, with pyarrow for instance.")
    return [path]


def _as_table(data: Any, target: str) -> pa.Table:
    try:
        table = _convert(data)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        # Arrow's message may quote a value, so that only its last part, which names the column, goes on.
        column = next(
            (arg for arg in error.args if str(arg).startswith(_NAMES_COLUMN)), "a column holds values of several types"
        )
        raise DataRefused(target, f"the data does not fit Arrow's types: {column}.") from None
    if isinstance(data, list) and not data:
        raise DataRefused(
            target, "an empty list says nothing of columns. Give an empty Arrow table or frame, which does."
        )
    if table is None:
        kind = f"{type(data).__module__}.{type(data).__qualname__}"
        raise DataRefused(target, f"{kind} is not accepted. Give {ACCEPTED}.")
    return table.replace_schema_metadata(None)


def _convert(data: Any) -> pa.Table | None:
    # Another thread may be half-way through importing pandas; then this is no frame of it.
    frame = getattr(sys.modules.get("pandas"), "DataFrame", None)
    if isinstance(data, pa.Table):
        return data
    if isinstance(data, pa.RecordBatch):
        return pa.Table.from_batches([data])
    if frame is not None and isinstance(data, frame):
        named = all(name is not None for name in data.index.names)
        return pa.Table.from_pandas(data, preserve_index=None if named else False)
    if hasattr(data, "__arrow_c_stream__"):
        return pa.table(data)
    if isinstance(data, Mapping):
        return pa.table(dict(data))
    if isinstance(data, Sequence) and data and all(isinstance(row, Mapping) for row in data):
        return _from_dicts(data)
    if isinstance(data, Sequence) and data and all(isinstance(part, pa.Table | pa.RecordBatch) for part in data):
        return pa.concat_tables([pa.table(part) for part in data], promote_options="default")
    return None


def _from_dicts(dicts: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Take the columns of all the rows; Arrow by itself takes those of the first."""
    names = list(dict.fromkeys(name for row in dicts for name in row))
    columns: dict[str, pa.Array[Any]] = {}
    for name in names:
        try:
            columns[str(name)] = pa.array([row.get(name) for row in dicts])
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise pa.ArrowInvalid(f"Column {name!r} holds values of several types") from error
    return pa.table(columns)


def _spool(reader: pa.RecordBatchReader, path: Path) -> Path:
    with pq.ParquetWriter(path, reader.schema, compression="lz4") as writer:
        for batch in reader:
            writer.write_batch(batch)
    return path


def _align(batch: pa.RecordBatch, wanted: pa.Schema) -> pa.RecordBatch:
    columns = [
        batch.column(field.name).cast(field.type)
        if field.name in batch.schema.names
        else pa.nulls(batch.num_rows, field.type)
        for field in wanted
    ]
    return pa.record_batch(columns, schema=wanted)


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
