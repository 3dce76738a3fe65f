"""Replacing a part of a dataset, and merging by keys."""

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from penstock.lake import DataRefused, Dataset, LakeError, RowsOutside

WHERES = [{"month": "2020-04"}, "month = '2020-04'", {"month": ["2020-04"]}]


def trips(month: str, count: int) -> list[dict[str, Any]]:
    return [{"month": month, "n": n} for n in range(count)]


@pytest.fixture(params=["month", None], ids=["partitioned", "plain"])
def dataset(tmp_path: Path, request: pytest.FixtureRequest) -> Dataset:
    dataset = Dataset("x", location=tmp_path / "x")
    dataset.write(trips("2020-04", 3) + trips("2020-05", 2), partition_by=request.param)
    return dataset


@pytest.mark.parametrize("where", WHERES, ids=str)
def test_replacing_a_month_twice_doubles_nothing(dataset: Dataset, where: Any) -> None:
    for _ in range(2):
        version = dataset.write(trips("2020-04", 7), replace_where=where)
    assert (7, 7, 9) == (version.rows, version.rows_replaced, version.rows_total)
    assert 2 == dataset.read(filter={"month": "2020-05"}).num_rows


@pytest.mark.parametrize("where", WHERES, ids=str)
def test_rows_outside_of_what_they_replace_are_refused_before_anything_is_written(dataset: Dataset, where: Any) -> None:
    files = set(Path(dataset.location).rglob("*"))
    with pytest.raises(RowsOutside) as refusal:
        dataset.write(trips("2020-04", 1000) + trips("canary", 2) + [{"month": None}], replace_where=where)
    assert 3 == refusal.value.rows
    assert "canary" not in str(refusal.value)
    assert files == set(Path(dataset.location).rglob("*"))


@pytest.mark.parametrize("where", WHERES, ids=str)
def test_a_part_can_be_the_first_thing_that_is_written(tmp_path: Path, where: Any) -> None:
    dataset = Dataset("y", location=tmp_path / "y")
    with pytest.raises(RowsOutside):
        dataset.write(trips("2020-05", 1), replace_where=where)
    assert 3 == dataset.write(trips("2020-04", 3), replace_where=where).rows_total


def test_a_part_is_replaced_by_nothing(dataset: Dataset) -> None:
    version = dataset.write(
        pa.table({"month": pa.array([], pa.string()), "n": pa.array([], pa.int64())}),
        replace_where={"month": "2020-04"},
    )
    assert (3, 2) == (version.rows_replaced, version.rows_total)


def test_a_part_is_named_by_a_column_that_is_new(dataset: Dataset) -> None:
    for _ in range(2):
        version = dataset.write([{"n": 1, "file": "a"}], replace_where={"file": "a"})
    assert 6 == version.rows_total


@pytest.mark.parametrize(
    "value",
    ["it's", 1, 1.5, True, date(2020, 4, 1), datetime(2020, 4, 1, 3, 30)],
    ids=lambda value: type(value).__name__,
)
def test_values_of_any_plain_type_name_a_part(tmp_path: Path, value: Any) -> None:
    dataset = Dataset("y", location=tmp_path / "y")
    dataset.write([{"part": value, "n": 1}, {"part": None, "n": 2}])
    dataset.write([{"n": 3, "part": value}], replace_where={"part": value})
    assert [3] == dataset.read(filter={"part": value})["n"].to_pylist()


def test_the_rows_that_belong_nowhere_are_named_by_none(dataset: Dataset) -> None:
    dataset.write([{"month": None, "n": 1}])
    dataset.write(pa.table({"month": pa.array([None], pa.string()), "n": [2]}), replace_where={"month": None})
    assert [2] == dataset.read(filter={"month": None})["n"].to_pylist()


@pytest.mark.parametrize(
    "where", [{}, "", {"nope": 1}, "nope = 1", "month = = 1", {"month": b"bytes"}, {"n": "text"}], ids=str
)
def test_a_part_that_cannot_be_understood_is_refused(dataset: Dataset, where: Any) -> None:
    with pytest.raises(LakeError):
        dataset.write(trips("2020-04", 1), replace_where=where)
    assert (0,) == dataset.versions


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "upsert"},
        {"mode": "merge"},
        {"keys": ["n"]},
        {"mode": "merge", "keys": ["n"], "replace_where": {"n": 1}},
        {"schema_mode": "loose"},
    ],
    ids=str,
)
def test_options_that_contradict_each_other_are_refused(dataset: Dataset, options: dict[str, Any]) -> None:
    with pytest.raises(LakeError):
        dataset.write(trips("2020-04", 1), **options)
    assert (0,) == dataset.versions


def test_a_merge_updates_the_rows_whose_keys_are_there_and_adds_the_rest(tmp_path: Path) -> None:
    dataset = Dataset("y", location=tmp_path / "y")
    dataset.write([{"Key": 1, "v": "old"}, {"Key": 2, "v": "old"}], mode="merge", keys=["Key"])
    for _ in range(2):
        version = dataset.write(
            [{"Key": 2, "v": "new", "w": 1}, {"Key": 3, "v": "new", "w": 1}], mode="merge", keys="Key"
        )
    assert (2, 3) == (version.rows, version.rows_total)
    assert ["old", "new", "new"] == dataset.read().sort_by("Key")["v"].to_pylist()
    assert 1 == dataset.read()["w"].null_count


def test_a_merge_widens_columns_too(tmp_path: Path) -> None:
    dataset = Dataset("y", location=tmp_path / "y")
    dataset.write(pa.table({"k": pa.array([1, 2], pa.int32()), "v": [1, 2]}))
    dataset.write([{"k": 2, "v": 2.5}, {"k": 2**40, "v": 3.5}], mode="merge", keys="k")
    assert [1, 2.5, 3.5] == dataset.read().sort_by("k")["v"].to_pylist()


@pytest.mark.parametrize("rows", [[{"k": None}], [{"k": 1}, {"k": 1}], [{"other": 1}]], ids=["null", "twice", "absent"])
def test_keys_that_do_not_tell_rows_apart_are_refused(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    dataset = Dataset("y", location=tmp_path / "y")
    dataset.write([{"k": 1}])
    with pytest.raises(DataRefused):
        dataset.write(rows, mode="merge", keys="k")
    assert (0,) == dataset.versions


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 256 kB, where the tests may mount one."""
    import subprocess

    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_leaves_the_version_before(full_disk: Path) -> None:
    from penstock.lake import LakeUnavailable

    dataset = Dataset("x", location=full_disk / "x")
    dataset.write(trips("2020-04", 3))
    with pytest.raises(LakeUnavailable, match="full"):
        dataset.write([{"month": "2020-05", "text": f"{n * 7919:040x}"} for n in range(50_000)])
    assert trips("2020-04", 3) == dataset.read().to_pylist()
