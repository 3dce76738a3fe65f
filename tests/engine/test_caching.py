"""What inputs are equal to a cache: their whole content, whatever it is held in, and nothing less."""

import os
import subprocess
import sys
import threading
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import UncacheableInputs
from penstock.core.keys import EXACT_BYTES_MAX
from penstock.engine.caching import write_inputs_exactly
from tests.core.values import canonical, few, many, nested, special
from tests.results.test_frames import COLUMNS, INDEXES, N

LARGE = "x" * (EXACT_BYTES_MAX + 1)


def written(value: Any) -> str:
    return write_inputs_exactly({"value": value})


@given(nested(few | many | special), nested(few | many | special))
def test_inputs_are_written_alike_exactly_if_they_are_equal(one: Any, other: Any) -> None:
    assert (canonical(one) == canonical(other)) == (written(one) == written(other))


@given(st.dictionaries(st.text(), nested(few), max_size=3), st.dictionaries(st.text(), nested(few), max_size=3))
def test_the_names_of_inputs_count_and_their_order_does_not(one: dict[str, Any], other: dict[str, Any]) -> None:
    backwards = dict(reversed(one.items()))
    assert write_inputs_exactly(one) == write_inputs_exactly(backwards)
    assert (canonical(one) == canonical(other)) == (write_inputs_exactly(one) == write_inputs_exactly(other))


def test_of_a_large_text_every_character_counts() -> None:
    assert written(LARGE) == written(LARGE[:-1] + "x")
    assert written(LARGE) != written(LARGE[:-1] + "y")
    assert written(LARGE) != written(LARGE.encode())
    assert len(written(LARGE)) < 200


def test_of_a_large_list_every_item_counts() -> None:
    numbers = list(range(100_000))
    assert written(numbers) == written(list(range(100_000)))
    assert written(numbers) != written([*numbers[:-1], -1])


@pytest.mark.parametrize("value", [threading.Lock(), (n for n in range(3)), lambda: 1])
def test_what_has_no_stable_content_is_named(value: Any) -> None:
    with pytest.raises(UncacheableInputs) as raised:
        write_inputs_exactly({"first": 1, "the culprit": value})
    assert "the culprit" in str(raised.value)


# ---- Frames ----


def frame(kind: str) -> pd.DataFrame:
    return pd.DataFrame({"value": COLUMNS[kind], "other": range(N)})


@pytest.mark.parametrize("kind", COLUMNS)
def test_equal_frames_are_written_alike(kind: str) -> None:
    assert written(frame(kind)) == written(frame(kind).copy())


@pytest.mark.parametrize("kind", COLUMNS)
def test_frames_with_other_rows_are_written_apart(kind: str) -> None:
    assert written(frame(kind)) != written(frame(kind).iloc[:-1])
    assert written(frame(kind)) != written(frame(kind).iloc[::-1])


@pytest.mark.parametrize("kind", INDEXES)
def test_the_index_of_a_frame_counts(kind: str) -> None:
    values = pd.DataFrame({"value": range(N)})
    indexed = values.set_axis(INDEXES[kind], axis=0)
    assert written(indexed) == written(values.set_axis(INDEXES[kind].copy(), axis=0))
    if kind != "range":
        assert written(values) != written(indexed)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]})),
        (pd.DataFrame({"a": [1], "b": [2]}), pd.DataFrame({"b": [2], "a": [1]})),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1.0]})),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1]}, dtype="int32")),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": ["1"]})),
        (pd.DataFrame({"a": [1, "x"]}), pd.DataFrame({"a": ["1", "x"]}, dtype="object")),
        (pd.DataFrame({"a": [[1]]}), pd.DataFrame({"a": ["[1]"]}, dtype="object")),
        (pd.DataFrame({"a": [Decimal(1)]}), pd.DataFrame({"a": [Decimal("1.0")]})),
        (
            pd.DataFrame({"a": [np.arange(5_000)]}),
            pd.DataFrame({"a": [np.where(np.arange(5_000) == 2_500, 0, np.arange(5_000))]}),
        ),
        (pd.DataFrame({1: [1]}), pd.DataFrame({"1": [1]})),
        (pd.DataFrame({"a": [1]}, index=pd.Index([0], name="x")), pd.DataFrame({"a": [1]}, index=pd.Index([0]))),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1]}).rename_axis(columns="x")),
        (
            pd.DataFrame({"a": pd.Categorical(["x"], categories=["x"])}),
            pd.DataFrame({"a": pd.Categorical(["x"], categories=["x", "y"])}),
        ),
        (pd.DataFrame({"a": pd.Categorical(["x"])}), pd.DataFrame({"a": pd.Categorical(["x"], ordered=True)})),
        (pd.Series([1], name="a"), pd.Series([1], name="b")),
        (pd.Series([1]), pd.DataFrame({0: [1]})),
        (pd.Series([1]), pd.Index([1])),
    ],
)
def test_frames_that_look_alike_are_written_apart(one: Any, other: Any) -> None:
    assert written(one) != written(other)


def test_what_is_noted_on_a_frame_counts() -> None:
    one, other = pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1]})
    other.attrs["source"] = "tlc"
    assert written(one) != written(other)


# ---- Arrays and tables ----


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.zeros(4), np.zeros((2, 2))),
        (np.zeros(4), np.zeros(4, dtype="float32")),
        (np.array([1, 2]), np.array([2, 1])),
        (np.float64(1), 1.0),
        (np.array(["a"]), np.array([b"a"])),
        (np.array([1, "x"], dtype="object"), np.array(["1", "x"], dtype="object")),
    ],
)
def test_arrays_that_look_alike_are_written_apart(one: Any, other: Any) -> None:
    assert written(one) != written(other)


def test_a_masked_array_is_not_taken_for_what_lies_under_its_mask() -> None:
    with pytest.raises(UncacheableInputs):
        written(np.ma.masked_array([1, 2], mask=[False, True]))


def test_an_array_is_its_content_however_it_lies_in_memory() -> None:
    array = np.arange(12).reshape(3, 4)
    assert written(array) == written(np.asfortranarray(array))
    assert written(array[:, ::2]) == written(array[:, ::2].copy())


def test_a_table_is_its_content_however_it_is_chunked() -> None:
    whole = pa.table({"a": [1, 2, 3], "b": ["x", None, "z"]})
    assert written(whole) == written(pa.concat_tables([whole.slice(0, 1), whole.slice(1)]))
    assert written(whole) != written(whole.slice(0, 2))
    assert written(whole) != written(whole.rename_columns(["a", "c"]))
    assert written(whole) != written(whole.cast(pa.schema([("a", pa.int32()), ("b", pa.string())])))


# ---- Across processes ----

ELSEWHERE = """
import sys
sys.path.insert(0, "")
from tests.core.values import Color, Model, Pair, Point
from penstock.engine.caching import write_inputs_exactly
import numpy as np, pandas as pd, pyarrow as pa
words = {f"word-{n}" for n in range(50)}
print(write_inputs_exactly({
    "set": words, "frozen": frozenset(words), "dict": dict.fromkeys(words), "nested": [{"a": words}, Point(words)],
    "enum": Color.RED, "pair": Pair(1, words), "model": Model(x=words), "class": Point,
    "array": np.arange(5), "frame": pd.DataFrame({"a": ["x", "y"]}), "table": pa.table({"a": [1]}),
    "large": ["x" * 100_000],
}))
"""


def test_equal_inputs_are_written_alike_in_every_process() -> None:
    """Python orders sets anew in each process."""
    texts = {
        subprocess.run(
            [sys.executable, "-c", ELSEWHERE],
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert 1 == len(texts)
