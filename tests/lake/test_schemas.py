"""What becomes of a dataset's schema, and that no value ever changes on its way."""

import math
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.lake import DataRefused, Dataset, LakeError, SchemaConflict


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset("x", location=tmp_path / "x")


def column(type_: pa.DataType, *values: Any) -> pa.Table:
    return pa.table({"x": pa.array(values, type_)})


def values(dataset: Dataset) -> list[Any]:
    return sorted(dataset.read()["x"].to_pylist())


def test_new_columns_are_added_and_missing_ones_become_null(dataset: Dataset) -> None:
    dataset.write([{"x": 1, "old": "a"}])
    version = dataset.write([{"x": 2, "new": 0.5}])
    assert ("added new: double",) == version.schema_changes
    assert {"x": 2, "old": None, "new": 0.5} in dataset.read().to_pylist()
    assert ["x", "old", "new"] == dataset.schema().names


def test_a_write_that_changes_no_schema_says_so(dataset: Dataset) -> None:
    dataset.write([{"x": 1}])
    assert not dataset.write([{"x": 2}]).schema_changed


@pytest.mark.parametrize(
    ("has", "gets", "becomes"),
    [
        (column(pa.int32(), 1), column(pa.int64(), 2**40), pa.int64()),
        (column(pa.int64(), 1), column(pa.float64(), 1.5), pa.float64()),
        (column(pa.int32(), 1), column(pa.float32(), 1.5), pa.float64()),
        (column(pa.int8(), 1), column(pa.float32(), 1.5), pa.float32()),
        (column(pa.float32(), 1.5), column(pa.float64(), 0.1), pa.float64()),
        (column(pa.decimal128(5, 2), 1), column(pa.decimal128(7, 3), Decimal("2.125")), pa.decimal128(7, 3)),
    ],
    ids=str,
)
def test_a_column_is_widened_where_its_values_stay_exact(
    dataset: Dataset, has: pa.Table, gets: pa.Table, becomes: pa.DataType
) -> None:
    dataset.write(has)
    version = dataset.write(gets)
    assert version.schema_changed
    assert becomes == dataset.schema().field("x").type
    assert sorted(has["x"].to_pylist() + gets["x"].to_pylist()) == values(dataset)
    assert ["append", "widen", "append"] == [past.operation for past in dataset.history()]


@pytest.mark.parametrize(
    ("has", "gets"),
    [
        (column(pa.int64(), 1), column(pa.float64(), 2.0, 3.0)),
        (column(pa.int64(), 1), column(pa.int32(), 2)),
        (column(pa.int32(), 1), column(pa.int64(), 2)),
        (column(pa.float64(), 1.5), column(pa.int64(), 2)),
        (column(pa.float32(), 1.5), column(pa.float64(), 0.5)),
        (column(pa.string(), "a"), column(pa.large_string(), "b")),
        (column(pa.timestamp("us"), 1), column(pa.timestamp("s"), 2)),
    ],
    ids=str,
)
def test_a_datasets_type_is_kept_where_the_arriving_values_fit_it(
    dataset: Dataset, has: pa.Table, gets: pa.Table
) -> None:
    dataset.write(has)
    assert not dataset.write(gets).schema_changed
    assert has.schema.field("x").type == dataset.schema().field("x").type


@pytest.mark.parametrize(
    ("has", "gets"),
    [
        (column(pa.int64(), 1), column(pa.string(), "1")),
        (column(pa.string(), "1"), column(pa.int64(), 1)),
        (column(pa.int64(), 2**60 + 1), column(pa.float64(), 0.5)),
        (column(pa.float64(), 0.5), column(pa.int64(), 2**60 + 1)),
        (column(pa.timestamp("us"), 1), column(pa.timestamp("us", "UTC"), 1)),
        (column(pa.timestamp("us"), 1), column(pa.string(), "2020-04-01 00:00:00")),
        (column(pa.bool_(), True), column(pa.int64(), 1)),
        (column(pa.date32(), 1), column(pa.timestamp("us"), 1)),
    ],
    ids=str,
)
def test_types_that_do_not_meet_are_refused_by_name_and_nothing_is_written(
    dataset: Dataset, has: pa.Table, gets: pa.Table
) -> None:
    dataset.write(has)
    with pytest.raises(SchemaConflict) as conflict:
        dataset.write(gets)
    assert ("x", str(has.schema.field("x").type), str(gets.schema.field("x").type)) == (
        conflict.value.column,
        conflict.value.has,
        conflict.value.got,
    )
    assert (0,) == dataset.versions


def test_a_column_whose_case_drifted_is_kept_under_its_first_name(dataset: Dataset) -> None:
    dataset.write([{"airport_fee": 1.25}])
    assert not dataset.write([{"Airport_fee": 0.5}]).schema_changed
    assert [0.5, 1.25] == sorted(dataset.read()["airport_fee"].to_pylist())


def test_a_column_that_is_all_null_fits_any_type(dataset: Dataset) -> None:
    dataset.write([{"x": 1}])
    dataset.write(column(pa.string(), None, None))
    assert 2 == dataset.read()["x"].null_count


def test_a_strict_write_changes_no_schema(dataset: Dataset) -> None:
    dataset.write([{"x": 1}])
    with pytest.raises(DataRefused):
        dataset.write([{"x": 1, "y": 1}], schema_mode="strict")
    dataset.write([{"x": 2}], schema_mode="strict")
    assert [1, 2] == values(dataset)


def test_a_full_overwrite_may_bring_a_schema_of_its_own(dataset: Dataset) -> None:
    with pytest.raises(LakeError):
        dataset.write([{"x": 1}], partition_by="x")
    dataset.write([{"x": 1, "y": "a"}], partition_by="x")
    dataset.write([{"x": "text", "y": 1}], mode="overwrite", schema_mode="replace")
    assert [{"x": "text", "y": 1}] == dataset.read().to_pylist()
    with pytest.raises(LakeError):
        dataset.write([{"z": 1}], schema_mode="replace")


def test_partitions_are_not_changed_by_the_way(dataset: Dataset) -> None:
    dataset.write([{"x": 1, "y": "a"}], partition_by=["y"])
    dataset.write([{"x": 2, "y": "b"}])
    dataset.write([{"x": 2.5, "y": "b"}], partition_by="y")
    assert [1, 2, 2.5] == values(dataset)
    with pytest.raises(LakeError, match="partitioned by y"):
        dataset.write([{"x": 3, "y": "b"}], partition_by="x")


def test_a_column_that_another_program_declared_never_null_stays_so(tmp_path: Path) -> None:
    from deltalake import write_deltalake

    schema = pa.schema([pa.field("x", pa.int64(), nullable=False), pa.field("y", pa.int64())])
    write_deltalake(tmp_path / "x", pa.table({"x": [1], "y": [1]}, schema=schema))
    theirs = Dataset("x", location=tmp_path / "x")
    with pytest.raises(SchemaConflict, match="missing"):
        theirs.write([{"y": 1}])
    with pytest.raises(DataRefused, match="never null"):
        theirs.write(pa.table({"x": pa.array([None], pa.int64())}))
    assert 2 == theirs.write([{"x": 2}]).rows_total


def test_the_two_ways_that_one_real_month_was_published_meet_without_loss(dataset: Dataset, shared_data: Path) -> None:
    months = [shared_data / f"parquet/green_tripdata_2024-01.tlc_{kind}.parquet" for kind in ("int", "float")]
    for month in months:
        dataset.write(month)
    assert pa.int64() == dataset.schema().field("passenger_count").type
    assert 2 * 3415 == dataset.read(columns=["passenger_count"])["passenger_count"].null_count
    total = dataset.to_pandas(columns=["total_amount"])["total_amount"].sum()
    assert math.isclose(2 * 1266922.59, total, abs_tol=0.01)


def test_a_later_real_month_adds_its_column(dataset: Dataset, shared_data: Path) -> None:
    dataset.write(shared_data / "parquet/green_tripdata_2024-01.tlc_float.parquet")
    version = dataset.write(shared_data / "parquet/green_tripdata_2025-11.tlc.parquet")
    assert ("added cbd_congestion_fee: double",) == version.schema_changes
    assert 56551 + 46912 == version.rows_total


NUMBERS = {
    pa.int8(): st.integers(-128, 127),
    pa.int16(): st.integers(-(2**15), 2**15 - 1),
    pa.int32(): st.integers(-(2**31), 2**31 - 1),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.uint8(): st.integers(0, 255),
    pa.uint32(): st.integers(0, 2**32 - 1),
    pa.float32(): st.floats(allow_nan=False, width=32),
    pa.float64(): st.floats(allow_nan=False),
}
columns = st.sampled_from(list(NUMBERS)).flatmap(
    lambda type_: st.lists(st.none() | NUMBERS[type_], min_size=1, max_size=5).map(lambda given: pa.array(given, type_))
)


@given(st.lists(columns, min_size=1, max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_numbers_of_any_types_come_back_exactly_or_are_refused(arrays: list[pa.Array]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        dataset = Dataset("x", location=Path(folder, "x"))
        expected: list[Any] = []
        for number, array in enumerate(arrays):
            try:
                dataset.write(pa.table({"x": array, "n": [number] * len(array)}))
                expected += [(number, value) for value in array.to_pylist()]
            except DataRefused:
                pass
        kept = dataset.read()
        xs = kept["x"].to_pylist() if "x" in kept.column_names else [None] * len(kept)
        stored = zip(kept["n"].to_pylist(), xs, strict=True)

        def by_text(pair: tuple[int, Any]) -> tuple[int, bool, Any]:
            return pair[0], pair[1] is None, pair[1] or 0

        assert sorted(expected, key=by_text) == sorted(stored, key=by_text)
