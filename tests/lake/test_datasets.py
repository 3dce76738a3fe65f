"""Datasets outside of runs: versions, reading, names, and where they lie."""

import pickle
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from penstock.lake import Dataset, DatasetMissing, DatasetNameInvalid, LakeError, VersionMissing, list_datasets

APRIL = [{"month": "2020-04", "fare": 8.5}, {"month": "2020-04", "fare": 7.0}]
MAY = [{"month": "2020-05", "fare": 9.0}]


@pytest.fixture
def trips(home: Path) -> Dataset:
    return Dataset("taxi/green")


def test_a_dataset_lies_in_the_lake_under_its_name(trips: Dataset, home: Path) -> None:
    trips.write(APRIL)
    assert (home / "lake/taxi/green/_delta_log").is_dir()


def test_making_a_dataset_touches_nothing(trips: Dataset, home: Path) -> None:
    assert not trips.exists()
    assert not home.exists()


def test_each_write_is_a_version_that_stays_readable(trips: Dataset) -> None:
    first, second = trips.write(APRIL), trips.write(MAY)
    assert (0, 2, 2) == (first.number, first.rows, first.rows_total)
    assert (1, 1, 3) == (second.number, second.rows, second.rows_total)
    assert (0, 1) == trips.versions
    assert 1 == trips.version
    assert 3 == trips.read().num_rows
    assert 2 == trips.read(version=0).num_rows


def test_an_overwrite_replaces_every_row_and_keeps_the_version_before(trips: Dataset) -> None:
    trips.write(APRIL)
    assert 2 == trips.write(MAY, mode="overwrite").rows_replaced
    assert MAY == trips.read().to_pylist()
    assert 2 == trips.read(version=0).num_rows


def test_history_says_what_was_done_newest_first(trips: Dataset) -> None:
    trips.write(APRIL)
    trips.write(MAY, mode="overwrite", write_key="mine")
    assert ["overwrite", "append"] == [version.operation for version in trips.history()]
    assert [1, 2] == [version.rows for version in trips.history()]
    assert ["mine"] == [version.write_key for version in trips.history(limit=1)]


def test_a_dataset_is_read_as_of_a_moment(trips: Dataset) -> None:
    first = trips.write(APRIL)
    assert 2 == trips.read(as_of=first.written_at).num_rows
    assert 2 == trips.read(as_of=datetime.now(UTC) + timedelta(days=1)).num_rows
    assert 2 == trips.read(as_of=date.today() + timedelta(days=1)).num_rows
    assert 2 == trips.read(as_of="2999-01-01").num_rows


def test_a_moment_before_the_first_version_is_refused(trips: Dataset) -> None:
    first = trips.write(APRIL)
    with pytest.raises(VersionMissing):
        trips.read(as_of=first.written_at - timedelta(seconds=1))
    with pytest.raises(VersionMissing):
        trips.read(as_of="2009-01-01T00:00:00Z")


@pytest.mark.parametrize("version", [-1, 1, 99])
def test_a_version_that_does_not_exist_is_refused(trips: Dataset, version: int) -> None:
    trips.write(APRIL)
    with pytest.raises(VersionMissing, match="0 to 0"):
        trips.read(version=version)


def test_version_and_moment_exclude_each_other(trips: Dataset) -> None:
    trips.write(APRIL)
    with pytest.raises(LakeError):
        trips.read(version=0, as_of="2999-01-01")


def test_reading_what_was_never_written_names_what_is_like_it(trips: Dataset) -> None:
    trips.write(APRIL)
    with pytest.raises(DatasetMissing) as missing:
        Dataset("taxi/gren").read()
    assert ("taxi/green",) == missing.value.near


@pytest.mark.parametrize(
    "filter",
    [
        {"month": "2020-04", "fare": [7.0, 1.0]},
        "month = '2020-04' AND fare < 8",
        pc.field("fare") == 7.0,
    ],
    ids=["mapping", "sql", "expression"],
)
def test_rows_are_filtered_by_a_mapping_by_sql_and_by_an_expression(trips: Dataset, filter: object) -> None:
    trips.write(APRIL)
    trips.write(MAY)
    assert [{"fare": 7.0}] == trips.read(columns=["fare"], filter=filter).to_pylist()  # type: ignore[arg-type]


def test_null_is_filtered_by_none(trips: Dataset) -> None:
    trips.write([{"x": 1, "y": None}, {"x": 2, "y": "b"}])
    assert [1] == trips.read(filter={"y": None})["x"].to_pylist()


@pytest.mark.parametrize("filter", [{"nope": 1}, {}, "nope = 1", "SELECT", ""])
def test_a_filter_that_cannot_be_understood_is_refused(trips: Dataset, filter: object) -> None:
    trips.write(APRIL)
    with pytest.raises(LakeError):
        trips.read(filter=filter)  # type: ignore[arg-type]


def test_an_unknown_column_is_refused_with_the_one_that_is_like_it(trips: Dataset) -> None:
    trips.write(APRIL)
    with pytest.raises(LakeError, match="`fare`"):
        trips.read(columns=["fares"])


def test_a_scan_reads_batch_by_batch(trips: Dataset) -> None:
    trips.write(APRIL)
    assert 2 == sum(batch.num_rows for batch in trips.scan(columns=["fare"]))


def test_a_dataset_becomes_a_pandas_frame(trips: Dataset) -> None:
    trips.write(APRIL)
    assert 15.5 == trips.to_pandas()["fare"].sum()


def test_datasets_compare_hash_and_travel(trips: Dataset) -> None:
    assert trips == pickle.loads(pickle.dumps(trips)) == Dataset("taxi/green")
    assert 1 == len({trips, Dataset("taxi/green")})
    assert trips != Dataset("taxi/green", location="/srv/trips")


def test_the_schema_of_each_version_is_known(trips: Dataset) -> None:
    trips.write(APRIL)
    trips.write([{"fare": 1.0, "tip": 2.0}])
    assert ["month", "fare", "tip"] == trips.schema().names
    assert ["month", "fare"] == trips.schema(version=0).names


def test_all_datasets_of_the_lake_are_listed_by_name(home: Path) -> None:
    for name in ("zones", "taxi/yellow", "taxi/green", "a/b/c"):
        Dataset(name).write(MAY)
    Dataset("elsewhere", location=home / "elsewhere").write(MAY)
    assert ["a/b/c", "taxi/green", "taxi/yellow", "zones"] == [dataset.name for dataset in list_datasets()]


def test_a_lake_that_does_not_exist_yet_has_no_datasets(home: Path) -> None:
    assert [] == list_datasets()


@pytest.mark.parametrize(
    "name", ["", "/x", "x/", "a//b", "../x", ".hidden", "_delta_log", "a b", "a\nb", "x" * 201, "a/../b", "s3://x"]
)
def test_a_name_that_could_not_be_a_folder_everywhere_is_refused(name: str) -> None:
    with pytest.raises(DatasetNameInvalid):
        Dataset(name)


def test_a_name_that_is_no_text_is_refused() -> None:
    with pytest.raises(DatasetNameInvalid):
        Dataset(7)  # type: ignore[arg-type]


def test_datasets_cannot_lie_within_one_another(home: Path) -> None:
    Dataset("taxi").write(MAY)
    with pytest.raises(DatasetNameInvalid):
        Dataset("taxi/green").write(MAY)


@pytest.mark.parametrize("folder", ["with space", "ünïcode"])
def test_a_location_may_be_any_folder(tmp_path: Path, folder: str) -> None:
    dataset = Dataset("trips", location=tmp_path / folder)
    dataset.write(MAY)
    assert MAY == dataset.read().to_pylist()
    assert MAY == Dataset("trips", location=(tmp_path / folder).as_uri()).read().to_pylist()


@pytest.mark.parametrize("folder", ["a%20b", "a#b", "a?b"])
def test_a_folder_that_delta_would_misread_is_refused(tmp_path: Path, folder: str) -> None:
    with pytest.raises(DatasetNameInvalid):
        Dataset("trips", location=tmp_path / folder)


def test_another_programs_delta_table_is_a_dataset_too(tmp_path: Path) -> None:
    from deltalake import write_deltalake

    write_deltalake(tmp_path / "theirs", pa.table({"x": [1, 2]}))
    theirs = Dataset("theirs", location=tmp_path / "theirs")
    assert 2 == theirs.read().num_rows
    assert ["write"] == [version.operation for version in theirs.history()]
    assert 3 == theirs.write([{"x": 3}]).rows_total


def test_credentials_in_a_location_are_not_shown() -> None:
    from penstock.lake.locations import public_location

    assert "s3://bucket/x" == public_location("s3://key:secret@bucket/x?X-Signature=abc")
    assert "secret" not in repr(Dataset("x", "s3://bucket/x", storage_options={"aws_secret_access_key": "secret"}))
