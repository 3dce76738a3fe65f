"""What may be written."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penstock.lake import DataRefused, Dataset, LakeError

ROWS = [{"x": 1, "s": "a"}, {"x": 2, "s": None}]
TABLE = pa.Table.from_pylist(ROWS)


class OnlyExports:
    """What polars and others are to Arrow."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> Any:
        return TABLE.__arrow_c_stream__(requested_schema)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset("x", location=tmp_path / "x")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "files" / "x.parquet"
    path.parent.mkdir()
    pq.write_table(TABLE, path)
    return path


@pytest.mark.parametrize(
    "data",
    [
        TABLE,
        TABLE.to_batches()[0],
        TABLE.to_batches(),
        TABLE.to_reader(),
        TABLE.to_pandas(),
        OnlyExports(),
        ROWS,
        {"x": [1, 2], "s": ["a", None]},
    ],
    ids=["table", "batch", "batches", "reader", "pandas", "stream", "dicts", "columns"],
)
def test_tables_frames_streams_and_dicts_are_written_alike(dataset: Dataset, data: Any) -> None:
    assert 2 == dataset.write(data).rows
    assert ROWS == dataset.read().to_pylist()


def test_parquet_files_are_written_by_path_by_list_and_by_folder(dataset: Dataset, file: Path) -> None:
    dataset.write(file)
    dataset.write(str(file))
    dataset.write([file, file.as_uri()])
    dataset.write(file.parent)
    assert 10 == dataset.read().num_rows


def test_files_with_different_columns_are_written_together(dataset: Dataset, file: Path) -> None:
    other = file.with_name("y.parquet")
    pq.write_table(pa.table({"x": pa.array([3], pa.int32()), "z": [True]}), other)
    dataset.write([file, other])
    assert [{"x": 3, "s": None, "z": True}] == dataset.read(filter={"x": 3}).to_pylist()


def test_a_stream_that_can_be_read_once_only_is_enough(dataset: Dataset) -> None:
    batches = iter(TABLE.to_batches())
    dataset.write(pa.RecordBatchReader.from_batches(TABLE.schema, batches), mode="merge", keys="x")
    assert ROWS == dataset.read().sort_by("x").to_pylist()


def test_dicts_that_lack_columns_have_nulls_there(dataset: Dataset) -> None:
    dataset.write([{"x": 1}, {"x": 2, "late": "b"}])
    assert [None, "b"] == dataset.read()["late"].to_pylist()


def test_a_frames_unnamed_index_is_dropped_and_a_named_one_kept(dataset: Dataset) -> None:
    frame = pd.DataFrame({"x": [1, 2, 3]})
    dataset.write(frame[frame["x"] > 1])
    assert ["x"] == dataset.schema().names
    dataset.write(frame.set_index(pd.Index(["a", "b", "c"], name="k")), mode="overwrite", schema_mode="replace")
    assert {"x", "k"} == set(dataset.schema().names)


def test_types_that_arrow_has_and_datasets_lack_are_kept_as_what_holds_them(dataset: Dataset) -> None:
    dataset.write(
        pa.table(
            {
                "u8": pa.array([200], pa.uint8()),
                "u32": pa.array([4_000_000_000], pa.uint32()),
                "category": pa.array(["a"]).dictionary_encode(),
                "large": pa.array(["a"], pa.large_string()),
                "ns": pa.array([1_000], pa.timestamp("ns", "Europe/Paris")),
                "half": pa.array([0.5], pa.float16()),
                "list": pa.array([[1]], pa.large_list(pa.uint8())),
                "nested": pa.array(
                    [{"u": 200, "m": [("k", 1)]}], pa.struct({"u": pa.uint8(), "m": pa.map_("string", "int8")})
                ),
            }
        )
    )
    (row,) = dataset.read().to_pylist()
    assert (200, 4_000_000_000, "a", "a", 0.5, [1]) == tuple(
        row[k] for k in ("u8", "u32", "category", "large", "half", "list")
    )
    assert {"u": 200, "m": [("k", 1)]} == row["nested"]
    assert pa.timestamp("us", "UTC") == dataset.schema().field("ns").type


def test_a_column_of_nulls_only_waits_until_it_has_a_type(dataset: Dataset) -> None:
    dataset.write([{"x": 1, "late": None}])
    assert ["x"] == dataset.schema().names
    dataset.write([{"x": 2, "late": "b"}])
    dataset.write(pa.table({"x": [3], "late": pa.nulls(1)}))
    assert [None, None, "b"] == sorted(dataset.read()["late"].to_pylist(), key=str)


@pytest.mark.parametrize(
    "data",
    [
        42,
        "nowhere.parquet",
        "trips.csv",
        "https://example.org/x.parquet",
        [],
        [{"x": 1}, {"x": "text"}],
        pd.DataFrame({"x": [1, "text"]}),
        pa.table({}),
        pa.table({"x": pa.nulls(3)}),
        pa.table({"x": pa.array([1], pa.duration("s"))}),
        pa.table({"x": pa.array([2**63], pa.uint64())}),
        pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"]),
        pa.table({"x": [1], "X": [2]}),
        pa.table({"": [1]}),
        pa.table({"a\nb": [1]}),
    ],
    ids=lambda data: type(data).__name__,
)
def test_what_cannot_be_kept_is_refused_before_anything_is_written(dataset: Dataset, data: Any) -> None:
    with pytest.raises(DataRefused):
        dataset.write(data)
    assert not Path(dataset.location).exists()


def test_an_address_of_no_known_store_is_refused_by_name() -> None:
    with pytest.raises(LakeError, match="ftp://"):
        Dataset("x", "ftp://host/x").write(ROWS)


def test_a_refusal_names_the_column_and_quotes_no_value(dataset: Dataset) -> None:
    with pytest.raises(DataRefused, match="'passengers'") as refusal:
        dataset.write([{"passengers": 1}, {"passengers": "canary"}])
    assert "canary" not in str(refusal.value)
    with pytest.raises(DataRefused, match="passengers") as refusal:
        dataset.write(pd.DataFrame({"passengers": [1, "canary"]}))
    assert "canary" not in str(refusal.value)
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize("cut", [0, 3, -1, -30])
def test_a_parquet_file_that_was_cut_off_is_refused_by_name(dataset: Dataset, file: Path, cut: int) -> None:
    dataset.write(ROWS)
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(DataRefused, match=r"x\.parquet"):
        dataset.write(file)
    assert (0,) == dataset.versions


def test_a_parquet_file_with_a_damaged_page_is_refused_by_name_and_nothing_is_committed(
    dataset: Dataset, file: Path
) -> None:
    pq.write_table(pa.table({"x": list(range(100_000)), "s": ["a"] * 100_000}), file, compression="snappy")
    content = bytearray(file.read_bytes())
    content[1_000:9_000] = bytes(8_000)
    file.write_bytes(content)
    dataset.write(ROWS)
    with pytest.raises(DataRefused, match=r"x\.parquet"):
        dataset.write(file)
    assert ROWS == dataset.read().to_pylist()


def test_the_real_truncated_download_is_refused(dataset: Dataset, shared_data: Path) -> None:
    with pytest.raises(DataRefused, match=r"truncated\.parquet"):
        dataset.write(shared_data / "messy/yellow_tripdata_2021-01.truncated.parquet")
