"""How values become bytes: every value comes back as it was, types included, or is refused by its name."""

import json
import pickle
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import InvalidDefinition, ResultNotStorable
from penstock.results.encoders import (
    BYTES,
    CLOUDPICKLE,
    JSON,
    PICKLE,
    SERIALIZERS,
    TEXT,
    check_serializer,
    decode,
    encode,
)
from tests.core.values import Color, Model, Pair, Point, canonical, few, many, nested, special

anything = nested(few | many | special)
json_like = nested(few | many)


class Refuses:
    """Raises whatever it is told to when it is pickled."""

    def __init__(self, error: BaseException):
        self.error = error

    def __reduce__(self) -> Any:
        raise self.error


def there_and_back(value: Any, serializer: str | None = None) -> Any:
    encoded = encode(value, serializer)
    return decode(encoded.tag, bytes(encoded.data))


@given(anything)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    assert canonical(value) == canonical(there_and_back(value))


@given(anything, st.sampled_from(["pickle", "compressed/pickle"]))
def test_a_value_that_is_pickled_comes_back_as_it_was(value: Any, serializer: str) -> None:
    assert canonical(value) == canonical(there_and_back(value, serializer))


@given(json_like, st.sampled_from(["json", "compressed/json"]))
def test_json_keeps_a_value_exactly_or_refuses_it(value: Any, serializer: str) -> None:
    try:
        back = there_and_back(value, serializer)
    except ResultNotStorable:
        return
    assert canonical(value) == canonical(back)


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        ("text", TEXT),
        (b"bytes", BYTES),
        (1, JSON),
        (None, JSON),
        ({"a": [1, 2.5, None, True, "x"]}, JSON),
        ((1, 2), PICKLE),
        ({1: 2}, PICKLE),
        (float("nan"), PICKLE),
        ([float("inf")], PICKLE),
        ("\ud800", PICKLE),
        (Color.RED, PICKLE),
        (Pair(1, 2), PICKLE),
        (lambda: 1, CLOUDPICKLE),
    ],
)
def test_what_json_can_say_exactly_is_json_and_the_rest_is_pickled(value: Any, tag: str) -> None:
    assert tag == encode(value).tag


@pytest.mark.parametrize(
    ("tag", "data", "value"),
    [
        ("j", b'{"a":[1,2.5,null,true,"\xc3\xa9\xed\xa0\x80"]}', {"a": [1, 2.5, None, True, "é\ud800"]}),
        ("t", "é".encode(), "é"),
        ("b", b"\0\xff", b"\0\xff"),
        ("p", b"\x80\x05K\x01K\x02\x86\x94.", (1, 2)),
        ("c", b"\x80\x05K\x01K\x02\x86\x94.", (1, 2)),
        ("zj", bytes.fromhex("789cabae050001750 0f9".replace(" ", "")), {}),
    ],
)
def test_what_the_first_release_wrote_is_still_read(tag: str, data: bytes, value: Any) -> None:
    assert value == decode(tag, data)


@given(st.integers(1_000, 60_000))
def test_whole_numbers_of_any_length_come_back(bits: int) -> None:
    assert 1 << bits == there_and_back(1 << bits)
    assert [-1 << bits] == there_and_back([-1 << bits])


@pytest.mark.parametrize("depth", [49, 50, 51, 200])
@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: {"k": v}, lambda v: (v,)])
def test_deep_nesting_comes_back(depth: int, wrap: Callable[[Any], Any]) -> None:
    value: Any = 1
    for _ in range(depth):
        value = wrap(value)
    assert value == there_and_back(value)


def test_nesting_beyond_all_limits_is_refused() -> None:
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ResultNotStorable):
        encode(value)


def test_a_value_that_holds_itself_comes_back() -> None:
    value: list[Any] = [1]
    value.append(value)
    back = there_and_back(value)
    assert back is back[1]


def test_a_value_that_is_small_but_would_be_huge_as_json_stays_small() -> None:
    value: Any = [1]
    for _ in range(45):  # two to the 45th numbers, if each were written
        value = [value, value]
    assert len(encode(value).data) < 10_000


def test_functions_and_classes_of_the_moment_come_back() -> None:
    n = 20

    class Local:
        def double(self) -> int:
            return 2 * n

    assert 40 == there_and_back(Local)().double()
    assert 21 == there_and_back(lambda x: x + n)(1)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (threading.Lock(), "lock"),
        ((n for n in range(3)), "generator"),
        (Refuses(RuntimeError("no")), "Refuses"),
        (Refuses(RecursionError("deep")), "Refuses"),
        (Refuses(StopIteration()), "Refuses"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_its_type(value: Any, name: str) -> None:
    with pytest.raises(ResultNotStorable) as raised:
        encode(value)
    assert name in str(raised.value)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit()])
def test_an_interruption_while_pickling_is_no_refusal(error: BaseException) -> None:
    with pytest.raises(type(error)):
        encode(Refuses(error))


@pytest.mark.parametrize("value", [(1, 2), {1: 2}, {"a": {1}}, b"x", float("nan"), Model(x=1), Point(1)])
def test_json_refuses_what_it_would_change(value: Any) -> None:
    with pytest.raises(ResultNotStorable):
        encode(value, "json")


def test_a_compressed_result_is_smaller() -> None:
    value = ["penstock"] * 1_000
    assert len(encode(value, "compressed/json").data) * 10 < len(encode(value, "json").data)


def test_json_is_readable_by_others() -> None:
    assert {"text": "é", "n": [1, 2]} == json.loads(encode({"text": "é", "n": [1, 2]}).data)


def test_a_pickle_is_readable_by_others() -> None:
    assert Point(1, 2) == pickle.loads(encode(Point(1, 2)).data)


@pytest.mark.parametrize("serializer", [*SERIALIZERS, None])
def test_a_known_serializer_is_accepted(serializer: str | None) -> None:
    assert serializer == check_serializer(serializer)


@pytest.mark.parametrize("serializer", ["yaml", "", "compressed", 3, ["json"], object()])
def test_an_unknown_serializer_is_refused(serializer: Any) -> None:
    with pytest.raises(InvalidDefinition):
        check_serializer(serializer)
