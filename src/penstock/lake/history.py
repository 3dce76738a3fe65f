"""A dataset's versions: its log of commits, read file by file, and one version of it by number or moment.

`DeltaTable.history` holds the interpreter's lock while it waits for the store: with a slow one every thread of the process
stands still, the one that says that a run is alive among them.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time
from functools import partial
from typing import Any

from deltalake import DeltaTable
from deltalake.fs import DeltaStorageHandler
from pyarrow.fs import PyFileSystem

from penstock.lake.errors import LakeError, VersionMissing
from penstock.lake.locations import Target
from penstock.lake.tables import storage_options, translated

READ_AT_ONCE = 16
"""A store answers each request after some time, and many of them in the same time."""


def list_commits(target: Target, table: DeltaTable, limit: int | None = None) -> Iterator[dict[str, Any]]:
    """Yield what the open version's commit and those before it say of themselves, newest first, as far back as they are kept.

    Each has its number as `version`, and `timestamp` in milliseconds.
    """
    newest = table.version()
    oldest = -1 if limit is None else max(newest - limit, -1)
    with translated(target), ThreadPoolExecutor(READ_AT_ONCE, thread_name_prefix="penstock-lake") as pool:
        files = _open_folder(target)
        for first in range(newest, oldest, -READ_AT_ONCE):
            paths = {f"_delta_log/{n:020}.json": n for n in range(first, max(first - READ_AT_ONCE, oldest), -1)}
            # Opening a file whose size is not known would ask for it, with the lock held again.
            sizes = {info.path: info.size for info in pool.map(files.get_file_info, paths) if info.is_file}
            for path, said in zip(sizes, pool.map(partial(_read, _open_folder(target, sizes)), sizes), strict=True):
                yield {"timestamp": 0, **said, "version": paths[path]}
            if len(sizes) < len(paths):
                return  # the others were tidied away


def load_version(
    table: DeltaTable, target: Target, *, version: int | None, as_of: datetime | date | str | None
) -> DeltaTable:
    """Turn an open table to one of its versions. Raises `VersionMissing`, naming those that there are."""
    if version is not None and as_of is not None:
        raise LakeError(f"{target.label}: give version or as_of, not both.")
    if version is not None:
        return _load_number(table, target, version)
    if as_of is not None:
        return _load_moment(table, target, _as_moment(target, as_of))
    return table


def _open_folder(target: Target, sizes: dict[str, int] | None = None) -> PyFileSystem:
    return PyFileSystem(DeltaStorageHandler(target.location, storage_options(target), sizes))


def _read(files: PyFileSystem, path: str) -> dict[str, Any]:
    with files.open_input_file(path) as file:
        lines = file.read().splitlines()
    infos = (json.loads(line).get("commitInfo") for line in lines)
    return next(filter(None, infos), {})


def _load_number(table: DeltaTable, target: Target, version: int) -> DeltaTable:
    newest = table.version()
    if not 0 <= version <= newest:
        raise VersionMissing(f"{target.label} has no version {version}: its versions are 0 to {newest}.")
    if version != newest:
        try:
            table.load_as_version(version)
        except Exception as error:
            raise VersionMissing(f"{target.label} does not keep version {version} any more ({error}).") from error
    return table


def _load_moment(table: DeltaTable, target: Target, moment: datetime) -> DeltaTable:
    """The newest version of that moment, by the times that the history shows; files' own times may differ from them."""
    oldest = "it does not say when it was written."
    for commit in list_commits(target, table):
        began = datetime.fromtimestamp(commit["timestamp"] / 1000, UTC)
        if began <= moment:
            table.load_as_version(commit["version"])
            return table
        oldest = f"version {commit['version']}, the oldest kept, is of {began:%Y-%m-%d %H:%M:%S.%f} UTC."
    raise VersionMissing(f"{target.label} had no version at {moment:%Y-%m-%d %H:%M:%S} UTC: {oldest}")


def _as_moment(target: Target, as_of: datetime | date | str) -> datetime:
    """A date means its end; what has no zone is UTC."""
    if isinstance(as_of, str):
        try:
            as_of = date.fromisoformat(as_of) if len(as_of) == len("2020-04-01") else datetime.fromisoformat(as_of)
        except ValueError as error:
            raise LakeError(
                f"{target.label}: as_of is {as_of!r}; write it like 2020-04-01 or 2020-04-01T12:00:00Z."
            ) from error
    if not isinstance(as_of, datetime):
        as_of = datetime.combine(as_of, time.max)
    return as_of if as_of.tzinfo else as_of.replace(tzinfo=UTC)
