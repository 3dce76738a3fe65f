"""Datasets: named, versioned tables of the lake. What users import; the libraries behind it load at first use."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from penstock.core.errors import MissingExtra
from penstock.lake.errors import DatasetNameInvalid
from penstock.lake.forks import begin_use
from penstock.lake.locations import (
    LISTED_MAX,
    Target,
    check_location,
    check_name,
    list_names,
    place_in_lake,
    public_location,
)
from penstock.lake.options import Options, SchemaMode, Where
from penstock.lake.runs import current_settings
from penstock.lake.versions import Mode, Version

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from penstock.lake.reading import Filter

LIBRARIES = ("deltalake", "pyarrow")


@dataclass(frozen=True, slots=True, repr=False)
class Dataset:
    """A named table of the lake, every version of which is kept.

    `Dataset("taxi/green")` lies in the lake (setting `lake_path`, by default `lake` in `PENSTOCK_HOME`); a `location`
    of its own may be any folder or object-store address, with `storage_options` for the latter. Making one touches
    nothing; datasets can be compared, pickled, and given to tasks.

    >>> trips = Dataset("taxi/green")
    >>> version = trips.write([{"month": "2020-04", "fare": 8.5}, {"month": "2020-04", "fare": 7.0}])
    >>> version.number, version.rows
    (0, 2)
    >>> trips.write([{"month": "2020-04", "fare": 9.0}], replace_where={"month": "2020-04"}).rows_replaced
    2
    >>> trips.read().to_pylist()
    [{'month': '2020-04', 'fare': 9.0}]
    >>> trips.read(version=0).num_rows
    2
    """

    name: str
    storage_options: Mapping[str, str] | None = field(default=None, repr=False, compare=False)
    _given: str | None = None

    def __init__(
        self,
        name: str,
        location: str | os.PathLike[str] | None = None,
        *,
        storage_options: Mapping[str, str] | None = None,
    ):
        object.__setattr__(self, "name", check_name(name))
        object.__setattr__(self, "_given", None if location is None else check_location(location))
        object.__setattr__(self, "storage_options", storage_options)

    @property
    def location(self) -> str:
        """Where it lies: its own location, or its place in the lake that the settings name now."""
        return self._given or place_in_lake(current_settings().effective_lake_path, self.name)

    def write(
        self,
        data: Any,
        mode: Mode = "append",
        keys: str | Sequence[str] | None = None,
        replace_where: Where | None = None,
        *,
        write_key: str | None = None,
        partition_by: str | Sequence[str] | None = None,
        schema_mode: SchemaMode = "evolve",
    ) -> Version:
        """Commit data as the next version and return it.

        `data` is a pyarrow table, batch or reader, a pandas or polars frame, the path of a Parquet file or several, or
        a list of dicts. `append` adds its rows; `overwrite` replaces all rows; `merge` updates the rows whose `keys`
        are the same and adds the rest. `replace_where` (a mapping such as `{"month": "2020-04"}`, or SQL) replaces the
        rows that satisfy it; all new rows must satisfy it too.

        Within a run a write is done once, however often the run is retried or resumed: the n-th write of a task run to
        a dataset has a key, and a key that was committed is not committed again. `write_key` gives a key of your own,
        which then holds across runs.

        New columns are added and columns widened where values stay exact (`schema_mode="strict"` refuses that,
        `"replace"` takes the data's schema as it is with a full overwrite); missing columns become null.

        Raises `DataRefused` (of which `SchemaConflict` and `RowsOutside` are kinds), `WriteConflict` if other writers
        got in first too often, `LakeUnavailable` for storage that is full, refused or out of reach. Nothing is written
        then.
        """
        _use_libraries()
        from penstock.lake.writing import write  # lazy: deltalake and pyarrow, 150 ms

        options = Options(
            mode="overwrite" if replace_where is not None and mode == "append" else mode,
            keys=_names(keys),
            replace_where=replace_where,
            write_key=write_key,
            partition_by=_names(partition_by),
            schema_mode=schema_mode,
        )
        return write(self._target(), data, options)

    def read(
        self,
        version: int | None = None,
        as_of: datetime | date | str | None = None,
        columns: Sequence[str] | None = None,
        filter: "Filter | None" = None,
    ) -> "pa.Table":
        """Read rows into a pyarrow table: of the newest version, of a numbered one, or of the one that was the newest
        at a moment (a date means its end; without a zone it is UTC).

        `filter` is a mapping of columns to values, SQL for a WHERE, or an Arrow expression. The order of rows is not
        kept. Raises `DatasetMissing`, `VersionMissing`.
        """
        _use_libraries()
        from penstock.lake import reading  # lazy: deltalake and pyarrow, 150 ms

        target = self._target()
        return reading.read(
            target, reading.get_table(target, version=version, as_of=as_of), columns=columns, filter=filter
        )

    def scan(
        self,
        version: int | None = None,
        as_of: datetime | date | str | None = None,
        columns: Sequence[str] | None = None,
        filter: "Filter | None" = None,
    ) -> "pa.RecordBatchReader":
        """Read like `read`, but batch by batch, for what does not fit into memory."""
        _use_libraries()
        from penstock.lake import reading  # lazy: deltalake and pyarrow, 150 ms

        target = self._target()
        return reading.stream(
            target, reading.get_table(target, version=version, as_of=as_of), columns=columns, filter=filter
        )

    def to_pandas(
        self,
        version: int | None = None,
        as_of: datetime | date | str | None = None,
        columns: Sequence[str] | None = None,
        filter: "Filter | None" = None,
    ) -> "pd.DataFrame":
        """Read like `read`, into a pandas frame."""
        if find_spec("pandas") is None:
            raise MissingExtra("A pandas frame", extra="pandas")
        return self.read(version, as_of, columns, filter).to_pandas()

    def history(self, limit: int | None = None) -> list[Version]:
        """Describe the versions, newest first, each with the run and the code that wrote it."""
        _use_libraries()
        from penstock.lake import reading  # lazy: deltalake and pyarrow, 150 ms

        target = self._target()
        return reading.history(target, reading.get_table(target), limit)

    def schema(self, version: int | None = None) -> "pa.Schema":
        """The columns and their types."""
        _use_libraries()
        from penstock.lake import reading  # lazy: deltalake and pyarrow, 150 ms

        target = self._target()
        return reading.columns_of(reading.get_table(target, version=version))

    @property
    def version(self) -> int:
        """The number of the newest version."""
        _use_libraries()
        from penstock.lake import reading  # lazy: deltalake and pyarrow, 150 ms

        target = self._target()
        return reading.get_table(target).version()

    @property
    def versions(self) -> tuple[int, ...]:
        """The numbers of the versions that are kept, oldest first."""
        return tuple(reversed([version.number for version in self.history()]))

    def exists(self) -> bool:
        """Whether anything was ever written."""
        _use_libraries()
        from penstock.lake.tables import find_table  # lazy: deltalake and pyarrow, 150 ms

        return find_table(self._target()) is not None

    def _target(self) -> Target:
        return Target(name=self.name, location=self.location, storage_options=self.storage_options)

    def __repr__(self) -> str:
        return (
            f"Dataset({self.name!r})"
            if self._given is None
            else f"Dataset({self.name!r}, {public_location(self._given)!r})"
        )


def list_datasets(storage_options: Mapping[str, str] | None = None) -> list[Dataset]:
    """Return the datasets of the lake, at most 10,000, by name.

    >>> _ = Dataset("b").write([{"x": 1}]), Dataset("a/c").write([{"x": 1}])
    >>> [dataset.name for dataset in list_datasets()]
    ['a/c', 'b']
    """
    names = _take(list_names(current_settings().effective_lake_path, storage_options), LISTED_MAX)
    return [Dataset(name, storage_options=storage_options) for name in sorted(names)]


def _take(names: Iterator[str], most: int) -> Iterator[str]:
    for name, _ in zip(names, range(most), strict=False):
        try:
            yield check_name(name)
        except DatasetNameInvalid:
            continue  # another program's table, whose name this lake could not give


def _names(given: str | Sequence[str] | None) -> tuple[str, ...]:
    return () if given is None else (given,) if isinstance(given, str) else tuple(given)


def _use_libraries() -> None:
    for library in LIBRARIES:
        if find_spec(library) is None:
            raise MissingExtra("The lake", extra="lake", because=f"{library} is not installed")
    begin_use()
