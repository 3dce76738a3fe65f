"""What makes two calls the same call: text that is equal exactly where values and their types are."""

import functools
import math
import operator
import os
import uuid
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.keys import (
    DEPTH_MAX,
    EXACT_BYTES_MAX,
    digest,
    digest_code,
    write_exact,
    write_inputs,
)
from tests.core.values import Color, Open, Other, Pair, Pixel, Point, Size, canonical, few, many, nested, special


@given(nested(few), nested(few))
def test_values_are_written_alike_exactly_if_they_and_their_types_are_equal(one: Any, other: Any) -> None:
    assert (canonical(one) == canonical(other)) == (write_exact(one) == write_exact(other))


@given(nested(many | special), nested(many | special))
def test_no_two_values_of_any_kind_are_written_alike(one: Any, other: Any) -> None:
    assert (canonical(one) == canonical(other)) == (write_exact(one) == write_exact(other))


@given(nested(few | special))
def test_a_value_is_never_written_like_the_text_that_writes_it(value: Any) -> None:
    text = write_exact(value)
    assert text is not None
    assert text != write_exact(text)


def test_one_and_true_and_one_point_zero_and_its_text_are_four_values() -> None:
    assert 4 == len({write_exact(value) for value in (1, True, 1.0, "1")})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (set(), {}),
        (frozenset(), set()),
        ([], ()),
        ((1,), 1),
        ((1,), [1]),
        ({1: 2}, {1, 2}),
        ([1, [2]], [[1], 2]),
        ([1, 2], [12]),
        (["a", "b"], ["a', 'b"]),
        ({"a": 1, "b": 2}, {"a": "1, 'b': 2"}),
        (0.0, -0.0),
        (b"a", "a"),
        (date(2020, 1, 1), datetime(2020, 1, 1)),
        (datetime(2020, 1, 1), datetime(2020, 1, 1, tzinfo=UTC)),
        (datetime(2020, 10, 25, 2, 30), datetime(2020, 10, 25, 2, 30, fold=1)),
        (timezone(timedelta(hours=1)), timezone(timedelta(hours=1), "CET")),
        (Path("a"), "a"),
        (Color.RED, Size.RED),
        (Color.RED, 1),
        (Point(1), Pixel(1)),
        (Point(1, 2), Pair(1, 2)),
        (Pair(1, 2), Other(1, 2)),
        (Pair(1, 2), (1, 2)),
        (int, "int"),
        (Fraction(1, 2), Decimal("0.5")),
        (uuid.UUID(int=1), str(uuid.UUID(int=1))),
    ],
)
def test_what_looks_alike_is_written_apart(one: Any, other: Any) -> None:
    assert write_exact(one) is not None
    assert write_exact(one) != write_exact(other)


@given(st.dictionaries(st.text() | st.integers(), st.integers()), st.randoms(use_true_random=False))
def test_the_order_of_a_dict_is_no_part_of_it(value: dict[Any, int], random: Any) -> None:
    pairs = list(value.items())
    random.shuffle(pairs)
    assert write_exact(value) == write_exact(dict(pairs))


@given(st.sets(st.text() | st.integers()), st.randoms(use_true_random=False))
def test_the_order_of_a_set_is_no_part_of_it(value: set[Any], random: Any) -> None:
    items = list(value)
    random.shuffle(items)
    assert write_exact(value) == write_exact(set(items))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}.get, {"a": 2}.get),
        ([1].append, [2].append),
        (open, os.open),
        (math.floor, math.ceil),
    ],
)
def test_functions_that_are_not_the_same_are_not_written_alike(one: Any, other: Any) -> None:
    assert write_exact(one) is None or write_exact(one) != write_exact(other)


def test_a_time_in_a_zone_that_is_known_by_its_address_only_is_not_written() -> None:
    class Zone(tzinfo):
        pass

    assert write_exact(datetime(2020, 1, 1, tzinfo=Zone())) is None


def test_a_function_of_the_language_is_written_by_its_name() -> None:
    assert write_exact(len) is not None
    assert write_exact(len) != write_exact(math.sqrt)


def test_what_a_model_was_given_beyond_its_fields_counts() -> None:
    assert write_exact(Open(x=1, y=2)) != write_exact(Open(x=1, y=3))


@pytest.mark.parametrize(
    "value", [object(), lambda: 1, iter([]), bytearray(b"a"), OrderedDict(a=1), functools.partial(operator.add, 1)]
)
def test_what_has_no_exact_form_is_not_written(value: Any) -> None:
    assert write_exact(value) is None
    assert write_exact([value]) is None
    assert write_exact({"key": value}) is None


# ---- Limits ----


@given(st.integers(0, 2 * DEPTH_MAX))
def test_a_value_is_written_up_to_a_depth(depth: int) -> None:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    assert (depth <= DEPTH_MAX + 1) == (write_exact(value) is not None)


def test_a_value_that_holds_itself_is_not_written() -> None:
    value: list[Any] = []
    value.append(value)
    assert write_exact(value) is None


@pytest.mark.parametrize(
    "value",
    [
        "x" * (EXACT_BYTES_MAX + 1),
        b"x" * (EXACT_BYTES_MAX + 1),
        list(range(EXACT_BYTES_MAX)),
        {"k": ["x" * 30_000] * 3},
    ],
)
def test_what_is_large_is_not_written(value: Any) -> None:
    assert write_exact(value) is None


def test_a_value_that_is_small_but_writes_large_costs_little() -> None:
    value: Any = [1] * 20
    for _ in range(DEPTH_MAX - 1):  # 20 lists that stand for 20 to the 20th numbers
        value = [value] * 20
    assert write_exact(value) is None


@given(st.integers(0, 60_000).map(lambda bits: 1 << bits), st.integers(0, 60_000).map(lambda bits: 1 << bits))
def test_whole_numbers_of_any_length_are_written(one: int, other: int) -> None:
    assert (one == other) == (write_exact(one) == write_exact(other))
    assert (one == -other) == (write_exact(one) == write_exact(-other))


# ---- The inputs of a call ----

arguments = st.lists(nested(few), max_size=3)
named = st.dictionaries(st.text(max_size=3), nested(few), max_size=3)


@given(arguments, named, arguments, named)
def test_calls_are_written_alike_exactly_if_their_arguments_are_equal(
    args: list[Any], kwargs: dict[str, Any], other_args: list[Any], other_kwargs: dict[str, Any]
) -> None:
    same = canonical(args) == canonical(other_args) and canonical(kwargs) == canonical(other_kwargs)
    assert same == (write_inputs(args, kwargs) == write_inputs(other_args, other_kwargs))


def test_a_name_cannot_pass_for_two_arguments() -> None:
    assert write_inputs((), {"a": 1, "b": 2}) != write_inputs((), {"a=1, b": 2})


def test_an_argument_without_an_exact_form_counts_as_its_type() -> None:
    assert ("(1, <object>){key=<bytearray>}", False) == write_inputs((1, object()), {"key": bytearray()})


def test_a_large_argument_counts_as_its_type_and_the_others_stay_exact() -> None:
    assert ("(<str>, 1){}", False) == write_inputs(("x" * (EXACT_BYTES_MAX + 1), 1), {})


def test_an_argument_can_be_named_in_a_way_of_its_own_however_deep_it_lies() -> None:
    thing = object()
    describe: Callable[[Any], str | None] = lambda value: "<thing 7>" if value is thing else None  # noqa: E731
    text, exact = write_inputs(([thing], {"k": thing}), {}, describe=describe)
    assert ("([<thing 7>], {'k': <thing 7>}){}", True) == (text, exact)


def test_a_whole_number_of_many_digits_is_an_argument_like_any_other() -> None:
    first, second = write_inputs((10**5_000,), {}), write_inputs((10**5_000 + 1,), {})
    assert (True, True) == (first[1], second[1])
    assert first != second


@given(st.text(st.characters(categories=["Cs", "L", "Cc"])))
def test_any_text_has_a_digest(text: str) -> None:
    assert 32 == len(digest(text))
    assert digest(text) != digest(text + "x")


# ---- The code of a function ----


def adding(n: Any) -> Callable[[int], int]:
    return eval(f"lambda x: x + {n}")


def test_equal_code_has_an_equal_digest_wherever_it_stands() -> None:
    one: dict[str, Any] = {}
    other: dict[str, Any] = {}
    exec(compile("def f(x, y=1):\n  return x + y", "one.py", "exec"), one)
    exec(compile("\n\n# why\ndef f(x, y=1):\n    return x + y  # because", "other.py", "exec"), other)
    assert digest_code(one["f"]) == digest_code(other["f"])


@pytest.mark.parametrize(
    "source",
    [
        "def f(x, y=1): return x - y",
        "def f(x, y=2): return x + y",
        "def f(x, y=1.0): return x + y",
        "def f(x, *, y=1): return x + y",
        "def f(x, y=1): return x + z",
        "def f(x, y=1): return (lambda: x + y)()",
        "async def f(x, y=1): return x + y",
        "def f(x, y=1): yield x + y",
        "def f(x, y=1): return x + y if x in {1, 2} else y",
    ],
)
def test_other_code_has_another_digest(source: str) -> None:
    namespace: dict[str, Any] = {}
    exec("def f(x, y=1): return x + y", namespace)
    before = digest_code(namespace["f"])
    exec(source, namespace)
    assert before != digest_code(namespace["f"])


def test_a_change_within_an_inner_function_is_a_change() -> None:
    one: dict[str, Any] = {}
    other: dict[str, Any] = {}
    exec("def f():\n def g(): return 1\n return g", one)
    exec("def f():\n def g(): return 2\n return g", other)
    assert digest_code(one["f"]) != digest_code(other["f"])


def test_constants_are_told_apart_by_type() -> None:
    assert 3 == len({digest_code(adding(n)) for n in ("1", "1.0", "True")})


def test_a_function_with_a_constant_of_many_digits_has_a_digest() -> None:
    assert digest_code(adding(hex(10**5_000))) != digest_code(adding(hex(10**5_000 + 1)))


def test_what_has_no_python_code_has_no_digest() -> None:
    assert (None, None) == (digest_code(len), digest_code(functools.partial(adding)))
