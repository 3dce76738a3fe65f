"""Delta tables as the lake uses them: opening, counting, and what their errors mean."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, TableNotFoundError

from penstock.lake.errors import DatasetCorrupt, LakeError, LakeUnavailable
from penstock.lake.locations import Target, is_remote

CONFIGURATION: Mapping[str, str | None] = {
    # Versions and write keys are a promise, so that neither is tidied away after Delta's usual 30 and 7 days.
    "delta.logRetentionDuration": "interval 3650 days",
    "delta.setTransactionRetentionDuration": "interval 3650 days",
}

# Many of Delta's errors are plain exceptions: their texts are all there is to tell them apart.
_QUOTES = "Preview of invalid data"
_BACKTRACE = "   0:"
_FULL = ("No space left", "quota exceeded")
_REFUSED = ("ermission", "Read-only", "not permitted", "AccessDenied", "Forbidden", "Unauthorized")
_UNREACHABLE = (
    "error sending request", "timed out", "onnection", "dns error", "failed to lookup address", "error occurred while communicating",
    "Could not create local directory",
)  # fmt: skip
_UNKNOWN = re.compile(r"Unknown scheme: (\w+)")
_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "bucket does not exist", "container does not exist")
_NO_CREDENTIALS = "169.254.169.254"
"""Where object stores look for a machine's own credentials when nobody gave any."""
_STORE_FAILED = ("Generic S3 error", "Generic GCS error", "Generic MicrosoftAzure error")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_ANSWER = re.compile(r"<\?xml.*?<Message>(?P<said>[^<]*)</Message>.*", re.DOTALL)
_DAMAGED = ("Kernel error", "Json error", "parse parquet", "Parquet error", "Invalid JSON", "Path does not exist")


class Conflict(Exception):
    """Another writer committed first; the write may be planned again. Never leaves the lake."""


def find_table(target: Target) -> DeltaTable | None:
    """Open the newest version of a dataset; none if it has none."""
    if not is_remote(target.location) and not Path(target.location).is_dir():
        return None
    with translated(target):
        try:
            return DeltaTable(target.location, storage_options=storage_options(target))
        except TableNotFoundError:
            return None


def storage_options(target: Target) -> dict[str, str] | None:
    """The options as Delta takes them."""
    return dict(target.storage_options) if target.storage_options else None


@contextmanager
def translated(target: Target, failures: Sequence[Exception] = ()) -> Iterator[None]:
    """Turn Delta's errors into ours; `failures` are those of the data's own side, which Delta would only quote."""
    try:
        yield
    except Exception as error:
        if failures:
            raise failures[0] from None
        if _QUOTES in str(error):
            raise translate(error, target.public_location) from None
        raise translate(error, target.public_location) from error


def count_rows(table: DeltaTable) -> tuple[int, int]:
    """Return a version's rows and the size of its files in bytes, from its log alone where it knows."""
    files: list[dict[str, Any]] = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    rows = [file.get("num_records") for file in files]
    counted = sum(n for n in rows if n is not None)
    return counted if None not in rows else table.to_pyarrow_dataset().count_rows(), sum(f["size_bytes"] for f in files)


def arrow_schema(table: DeltaTable) -> pa.Schema:
    """The columns of a version."""
    schema: Any = table.schema().to_arrow()  # Any: the stubs do not know that Arrow takes another library's schema
    return pa.schema(schema)


def translate(error: Exception, where: str) -> Exception:
    """Say what an error of Delta means, in one line and without the rows that some of its messages quote."""
    plain = _COLOURS.sub("", str(error)).replace("↳ ", "")
    text = " ".join(part.strip() for part in plain.split(_QUOTES)[0].split(_BACKTRACE)[0].splitlines())
    if isinstance(error, LakeError):
        return error
    if isinstance(error, CommitFailedError) or "already exists" in text:
        return Conflict(text.removeprefix("Failed to commit transaction: "))
    if any(word in text for word in _FULL):
        return LakeUnavailable(f"The disk or quota is full: {where} was not changed. Make room and run again.")
    if any(word in text for word in _NO_BUCKET):
        return LakeUnavailable(f"There is no bucket or container of that name: {where}. Make it, or mend the address.")
    if unknown := _UNKNOWN.search(text):
        return LakeError(
            f"{where}: the lake knows no {unknown[1]}://. Give a folder, or s3://, gs://, az:// or hdfs://."
        )
    text = _ANSWER.sub(lambda found: found["said"], text)
    if _NO_CREDENTIALS in text:
        return LakeUnavailable(f"There are no credentials for {where}: set those of the store in the environment.")
    if any(word in text for word in _REFUSED):
        return LakeUnavailable(f"Access to {where} was refused ({text}). Check its permissions or credentials.")
    if any(word in text for word in (*_UNREACHABLE, *_STORE_FAILED)):
        return LakeUnavailable(f"{where} cannot be reached: {text}.")
    if any(word in text for word in _DAMAGED):
        return DatasetCorrupt(f"What is stored at {where} cannot be read as a dataset: {text}.")
    return LakeError(f"The lake could not do that at {where}: {text}")
