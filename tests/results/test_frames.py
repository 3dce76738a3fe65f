"""Data frames and tables as results: values, types, index and labels come back exactly."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.results.encoders import FRAME, PICKLE, TABLE, decode, encode

N = 4
HOURS = pd.date_range("2020-10-25", periods=N, freq="h", tz="Europe/Berlin")
VALUES = [1.5, float("nan"), -0.0, float("inf")]

COLUMNS: dict[str, Any] = {
    "float": VALUES,
    "whole": [1, 2, 3, 2**62],
    "unsigned": np.array([0, 1, 2, 2**64 - 1], dtype="uint64"),
    "small": np.array(VALUES, dtype="float16"),
    "flag": [True, False, True, False],
    "text": pd.Series(["a", "", "é\u0000", None], dtype="str"),
    "text with NA": pd.array(["a", pd.NA, "", "c"], dtype="string"),
    "object": pd.Series(["a", 1, None, (2,)], dtype="object"),
    "texts as objects": pd.Series(["a", "b", None, float("nan")], dtype="object"),
    "lists": pd.Series([[1], [], None, [2, 3]], dtype="object"),
    "nullable whole": pd.array([1, pd.NA, 3, 4], dtype="Int64"),
    "nullable flag": pd.array([True, pd.NA, False, True], dtype="boolean"),
    "nullable float": pd.array([1.5, pd.NA, -0.0, float("inf")], dtype="Float64"),
    "category": pd.Categorical(["x", "y", None, "x"], categories=["y", "x", "unused"]),
    "ordered category": pd.Categorical(["x", "y", "x", "x"], categories=["y", "x"], ordered=True),
    "numbers as category": pd.Categorical([3, 1, 3, 2]),
    "time": pd.to_datetime(["2020-01-01", None, "1900-02-03", "2262-04-11"]),
    "time in seconds": pd.Series(["2020-01-01"] * N, dtype="datetime64[s]"),
    "time in nanoseconds": pd.Series([1, 2, 3, 4], dtype="datetime64[ns]"),
    "time in a zone": HOURS,
    "duration": pd.to_timedelta([1, 2, None, 4], unit="s"),
    "period": pd.period_range("2020-01", periods=N, freq="M"),
    "interval": pd.interval_range(0, N),
    "complex": [1j, 2j, 3 + 1j, 0j],
    "decimal": [Decimal("1.10"), Decimal(2), None, Decimal("NaN")],
    "date": [date(2020, 1, 1), None, date(1, 1, 1), date(9999, 12, 31)],
    "bytes": [b"a", b"", b"\0", b"\xff"],
    "sparse": pd.arrays.SparseArray([0, 0, 1, 0]),
    "arrow": pd.array([1, None, 3, 4], dtype=pd.ArrowDtype(pa.int16())),
    "arrow lists": pd.array([[1], None, [], [2]], dtype=pd.ArrowDtype(pa.list_(pa.int8()))),
}

INDEXES: dict[str, Any] = {
    "range": pd.RangeIndex(N),
    "range with steps": pd.RangeIndex(10, 10 + 3 * N, 3),
    "named range": pd.RangeIndex(N, name="n"),
    "numbers": pd.Index([3, 1, 3, 2]),
    "small numbers": pd.Index([3, 1, 3, 2], dtype="int8"),
    "floats": pd.Index(VALUES),
    "text": pd.Index(["a", "b", "b", "é"]),
    "text with gaps": pd.Index(["a", None, "b", "c"]),
    "mixed": pd.Index(["a", 1, None, (2,)], dtype="object"),
    "flags": pd.Index([True, False, True, False]),
    "flags as objects": pd.Index([True, False, None, True], dtype="object"),
    "dates": pd.Index([date(2020, 1, n + 1) for n in range(N)], dtype="object"),
    "decimals": pd.Index([Decimal(n) for n in range(N)], dtype="object"),
    "regular times": pd.date_range("2020-01-01", periods=N, freq="D"),
    "irregular times": pd.DatetimeIndex(["2020-01-01", "2020-01-03", None, "2020-01-03"]),
    "times in a zone": HOURS,
    "durations": pd.timedelta_range("1s", periods=N, freq="2s"),
    "periods": pd.period_range("2020-01", periods=N, freq="M"),
    "intervals": pd.interval_range(0, N),
    "categories": pd.CategoricalIndex(["x", "y", "x", "y"], categories=["y", "x"]),
    "two levels": pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["letter", None]),
    "two levels with the same name": pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["x", "x"]),
    "name that is a number": pd.Index([1, 2, 3, 4], name=7),
    "name that is a column": pd.Index([1, 2, 3, 4], name="value"),
    "name that is a pair": pd.Index([1, 2, 3, 4], name=("a", "b")),
}

LABELS: dict[str, Any] = {
    "texts": ["a", "b"],
    "numbers": [1, 2],
    "both": ["a", 1],
    "numbers as texts": ["1", "2"],
    "the same twice": ["a", "a"],
    "nothing": ["", None],
    "pairs": pd.MultiIndex.from_tuples([("a", 1), ("a", 2)], names=["x", "y"]),
    "times": pd.date_range("2020-01-01", periods=2),
    "named": pd.Index(["a", "b"], name="what"),
    "objects": pd.Index(["a", "b"], dtype="object"),
    "categories": pd.CategoricalIndex(["a", "b"]),
    "an odd name": ["__index_level_0__", "b"],
}


def assert_comes_back(frame: pd.DataFrame) -> None:
    encoded = encode(frame)
    back = decode(encoded.tag, encoded.data)
    pd.testing.assert_frame_equal(
        frame, back, check_exact=True, check_freq=True, check_index_type="exact", check_column_type="exact"
    )
    assert type(frame) is type(back)
    assert frame.attrs == back.attrs
    assert same_objects(frame, back)


def same_objects(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """What assert_frame_equal overlooks: in object columns None, NaN and NA count as the same."""
    return all(
        [type(item) for item in one.iloc[:, n]] == [type(item) for item in other.iloc[:, n]]
        for n in range(one.shape[1])
    )


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_column_of_any_type_comes_back(kind: str) -> None:
    assert_comes_back(pd.DataFrame({"value": COLUMNS[kind], "other": range(N)}))


@pytest.mark.parametrize("kind", INDEXES)
def test_a_frame_with_any_index_comes_back(kind: str) -> None:
    assert_comes_back(pd.DataFrame({"value": range(N)}, index=INDEXES[kind]))


@pytest.mark.parametrize("kind", LABELS)
def test_a_frame_with_any_labels_comes_back(kind: str) -> None:
    assert_comes_back(pd.DataFrame([[1, 2.5], [3, 4.5]], columns=LABELS[kind]))


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(),
        pd.DataFrame(index=[1, 2, 3]),
        pd.DataFrame({"a": []}),
        pd.DataFrame({"a": pd.Series([], dtype="str")}),
        pd.DataFrame(columns=["a", "b"]),
    ],
)
def test_an_empty_frame_comes_back(frame: pd.DataFrame) -> None:
    assert_comes_back(frame)


def test_what_is_noted_on_a_frame_comes_back() -> None:
    frame = pd.DataFrame({"a": [1]})
    frame.attrs["source"] = ("tlc", 2020)
    assert_comes_back(frame)


cells = st.one_of(st.floats(), st.integers(-(2**63), 2**63 - 1), st.text(max_size=3), st.none(), st.booleans())
columns = st.one_of(
    st.lists(st.floats(), min_size=3, max_size=3),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=3, max_size=3),
    st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=3, max_size=3),
    st.lists(st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)), min_size=3, max_size=3),
    st.lists(st.timedeltas(timedelta(days=-9), timedelta(days=9)), min_size=3, max_size=3),
    st.lists(cells, min_size=3, max_size=3),
)
labels = st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.integers(0, 5)


@given(st.dictionaries(labels, columns, max_size=4), st.lists(cells, min_size=3, max_size=3) | st.none())
def test_any_frame_comes_back(data: dict[Any, list[Any]], index: list[Any] | None) -> None:
    assert_comes_back(pd.DataFrame(data, index=index))


def test_an_ordinary_frame_is_kept_as_arrow_that_others_can_read() -> None:
    frame = pd.DataFrame({"text": ["a", "b"], "n": [1, 2], "x": [0.5, None]})
    encoded = encode(frame)
    assert FRAME == encoded.tag
    assert frame.to_dict("list")["n"] == pa.ipc.open_stream(encoded.data).read_all()["n"].to_pylist()


def test_a_class_of_somebodys_own_is_not_taken_for_a_frame() -> None:
    class Special(pd.DataFrame):
        @property
        def _constructor(self) -> Any:
            return Special

    special = Special({"a": [1, 2]})
    encoded = encode(special)
    assert FRAME != encoded.tag
    assert "Special" == type(decode(encoded.tag, encoded.data)).__name__


def test_a_series_comes_back() -> None:
    series = pd.Series([1, 2, None], index=pd.date_range("2020", periods=3), name="n")
    encoded = encode(series)
    pd.testing.assert_series_equal(series, decode(encoded.tag, encoded.data))


# ---- Arrow ----

TABLES = {
    "plain": pa.table({"a": [1, None, 3], "b": ["x", "y", None]}),
    "empty": pa.table({"a": pa.array([], pa.int32())}),
    "no columns": pa.table({}),
    "nested": pa.table({"a": [[1, 2], None, []], "b": [{"x": 1}, None, {"x": None}]}),
    "dictionary": pa.table({"a": pa.array(["x", "y", "x"]).dictionary_encode()}),
    "dictionaries that differ by chunk": pa.table(
        {"a": pa.chunked_array([pa.array(["x"]).dictionary_encode(), pa.array(["y"]).dictionary_encode()])}
    ),
    "chunked": pa.table({"a": pa.chunked_array([[1, 2], [], [3]]), "b": pa.chunked_array([[1], [2, 3]])}),
    "decimal and time": pa.table({"a": [Decimal("1.10")], "b": [datetime(2020, 1, 1)], "c": [date(2020, 1, 1)]}),
    "zones": pa.table({"a": pa.array([1, 2], pa.timestamp("us", tz="Europe/Berlin"))}),
    "the same name twice": pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]),
    "metadata": pa.table({"a": [1]}).replace_schema_metadata({"source": "tlc"}),
    "sliced": pa.table({"a": list(range(100))}).slice(10, 5),
    "not nullable": pa.table([[1]], schema=pa.schema([pa.field("a", pa.int8(), nullable=False, metadata={"k": "v"})])),
}


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_comes_back_with_its_schema(kind: str) -> None:
    table = TABLES[kind]
    encoded = encode(table)
    back = decode(encoded.tag, encoded.data)
    assert TABLE == encoded.tag
    assert table.schema.equals(back.schema, check_metadata=True)
    assert table.equals(back)


@pytest.mark.parametrize("value", [pa.array([1, None]), pa.chunked_array([[1], [2]]), pa.record_batch({"a": [1]})])
def test_other_arrow_data_comes_back(value: Any) -> None:
    encoded = encode(value)
    assert PICKLE == encoded.tag
    assert value.equals(decode(encoded.tag, encoded.data))
