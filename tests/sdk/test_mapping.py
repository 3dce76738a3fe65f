"""`.map`: which arguments are spread, which are shared, and what a mismatch says."""

import io
from dataclasses import dataclass

import pandas
import pytest
from pydantic import BaseModel

from penstock import allow_failure, flow, quote, task, unmapped
from penstock.core.errors import InvalidDefinition, MappingMismatch
from penstock.testing import History


@task
def pair(a: object, b: object = "-") -> tuple[object, object]:
    return a, b


@task
def numbers(n: int) -> list[int]:
    return list(range(n))


@task
def fail_on(n: int, bad: int) -> int:
    if n == bad:
        raise ValueError(n)
    return n


def run(body: object) -> object:
    return flow(body)()  # type: ignore[call-overload]  # any function


def test_iterables_are_spread_in_order() -> None:
    assert [(1, "a"), (2, "b")] == run(lambda: pair.map([1, 2], ("a", "b")).result())


def test_keyword_arguments_are_spread_too() -> None:
    assert [(1, "a"), (2, "b")] == run(lambda: pair.map(b=iter("ab"), a=range(1, 3)).result())


def test_texts_mappings_and_single_values_are_shared() -> None:
    def body() -> list[object]:
        return [pair.map([1, 2], shared).result()[1][1] for shared in ("ab", b"ab", {"a": 1}, 7, None)]

    assert ["ab", b"ab", {"a": 1}, 7, None] == run(body)


def test_unmapped_shares_a_whole_list() -> None:
    assert [(1, [8, 9]), (2, [8, 9])] == run(lambda: pair.map([1, 2], unmapped([8, 9])).result())


def test_a_future_is_spread_over_its_items() -> None:
    assert [(0, "-"), (1, "-"), (2, "-")] == run(lambda: pair.map(numbers.submit(3)).result())


def test_an_unmapped_future_is_shared() -> None:
    assert [(7, [0, 1]), (8, [0, 1])] == run(lambda: pair.map([7, 8], unmapped(numbers.submit(2))).result())


def test_futures_of_one_map_feed_the_next_one_by_one(history: History) -> None:
    def body() -> list[object]:
        firsts = pair.map([1, 2, 3])
        return pair.map(firsts, firsts).result()

    assert ((1, "-"), (1, "-")) == run(body)[0]  # type: ignore[index]  # a list

    by_name = {t.name: t for t in history.task_runs()}
    assert [by_name["pair-1"].id] == list(by_name["pair-4"].upstream)


def test_nested_futures_inside_items_are_resolved() -> None:
    def body() -> list[object]:
        one, two = pair.submit(1), pair.submit(2)
        return pair.map([{"x": [one]}, {"x": [two]}]).result()

    assert [({"x": [(1, "-")]}, "-"), ({"x": [(2, "-")]}, "-")] == run(body)


def test_lengths_that_differ_are_named() -> None:
    with pytest.raises(MappingMismatch, match=r"(?s)`a` has 2.*`b` has 1,000"):
        run(lambda: pair.map([1, 2], b=range(1_000)))


def test_nothing_to_spread_is_an_error_that_names_the_task() -> None:
    with pytest.raises(MappingMismatch, match="pair"):
        run(lambda: pair.map(1, unmapped([1])))


def test_an_empty_iterable_maps_to_nothing() -> None:
    assert [] == run(lambda: pair.map([]).result())


def test_one_failure_leaves_the_others_alone() -> None:
    def body() -> list[str]:
        return [state.name for state in fail_on.map([1, 2, 3], bad=2, return_state=True)]

    assert ["Completed", "Failed", "Completed"] == run(body)


def test_allow_failure_around_mapped_futures_hands_on_the_exceptions() -> None:
    def body() -> list[str]:
        results = pair.map(allow_failure(fail_on.map([1, 2], bad=2))).result()
        return [type(first).__name__ for first, _ in results]

    assert ["int", "ValueError"] == run(body)


def test_quote_keeps_items_as_they_are() -> None:
    def body() -> bool:
        future = pair.submit(1)
        ((got, _),) = pair.map(quote([future])).result()
        return got is future

    assert run(body) is True


def test_frames_models_and_files_are_single_values() -> None:
    class Config(BaseModel):
        a: int = 1

    @dataclass
    class Plain:
        a: int = 1

    frame = pandas.DataFrame({"x": [1, 2, 3]})

    def body() -> list[str]:
        shared = (frame, Config(), Plain(), io.StringIO("one\ntwo"), Config)
        return [type(pair.map([1], value).result()[0][1]).__name__ for value in shared]

    assert ["DataFrame", "Config", "Plain", "StringIO", "ModelMetaclass"] == run(body)


def test_a_generator_is_read_once_and_spread() -> None:
    assert [(0, "-"), (1, "-")] == run(lambda: pair.map(n for n in range(2)).result())


def test_submit_and_map_outside_of_a_flow_say_where_they_belong() -> None:
    with pytest.raises(InvalidDefinition, match="flow"):
        pair.submit(1)
    with pytest.raises(InvalidDefinition, match="flow"):
        pair.map([1])


def test_map_passes_wait_for_to_every_call(history: History) -> None:
    def body() -> list[object]:
        first = numbers.submit(1)
        return pair.map([1, 2], wait_for=[first]).result()

    run(body)

    first, *mapped = history.task_runs()
    assert [[first.id], [first.id]] == [list(t.upstream) for t in mapped]
