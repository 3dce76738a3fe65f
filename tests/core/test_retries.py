"""When a failed run is tried again, and after how long."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import InvalidDefinition
from penstock.core.retries import DELAY_SECONDS_MAX, RETRIES_MAX, RetryPolicy, exponential_backoff

delay = st.floats(0, DELAY_SECONDS_MAX)
delays = st.lists(delay, max_size=8).map(tuple)
jitter = st.floats(0, 1e6)
chance = st.floats(0, 1, exclude_max=True)
attempt = st.integers(1, 20)


@given(st.integers(0, RETRIES_MAX), st.integers(1, RETRIES_MAX + 10))
def test_a_run_is_tried_again_as_often_as_its_policy_says(retries: int, attempt: int) -> None:
    assert (attempt <= retries) == RetryPolicy(retries=retries).allows(attempt)


@given(st.integers(0, 50))
def test_n_retries_make_n_plus_one_attempts(retries: int) -> None:
    policy, attempts = RetryPolicy(retries=retries), 1
    while policy.allows(attempts):
        attempts += 1
    assert retries + 1 == attempts


@given(delays, jitter, attempt, chance)
def test_a_delay_lies_between_what_was_asked_for_and_its_jitter(
    delays: tuple[float, ...], jitter: float, attempt: int, chance: float
) -> None:
    waited = RetryPolicy(20, delays, jitter).delay_seconds(attempt, chance=chance)
    asked = delays[min(attempt, len(delays)) - 1] if delays else 0.0
    assert asked <= waited
    assert waited <= max(asked * (1 + jitter), asked)


@given(delays, jitter, attempt, chance, chance)
def test_more_chance_never_shortens_a_delay(
    delays: tuple[float, ...], jitter: float, attempt: int, one: float, other: float
) -> None:
    policy = RetryPolicy(20, delays, jitter)
    less, more = sorted([one, other])
    assert policy.delay_seconds(attempt, chance=less) <= policy.delay_seconds(attempt, chance=more)


@given(st.lists(delay, min_size=1, max_size=8).map(sorted), attempt, chance)
def test_rising_delays_never_fall(delays: list[float], attempt: int, chance: float) -> None:
    policy = RetryPolicy(20, tuple(delays), 0.5)
    assert policy.delay_seconds(attempt, chance=chance) <= policy.delay_seconds(attempt + 1, chance=chance)


@given(st.lists(delay, min_size=1, max_size=8), st.integers(0, 20), chance)
def test_the_last_delay_repeats(delays: list[float], beyond: int, chance: float) -> None:
    policy = RetryPolicy(100, tuple(delays), 1.0)
    last = policy.delay_seconds(len(delays), chance=chance)
    assert last == policy.delay_seconds(len(delays) + beyond, chance=chance)


@given(delays, st.floats(0, 1e308), attempt, chance)
def test_no_jitter_makes_a_delay_longer_than_the_longest(
    delays: tuple[float, ...], jitter: float, attempt: int, chance: float
) -> None:
    assert RetryPolicy(20, delays, jitter).delay_seconds(attempt, chance=chance) <= DELAY_SECONDS_MAX


def test_without_delays_the_next_attempt_begins_at_once() -> None:
    assert 0.0 == RetryPolicy(retries=3).delay_seconds(2, chance=0.9)


# ---- What users write ----


def test_one_number_is_one_delay() -> None:
    assert (2.0,) == RetryPolicy.of(retries=3, delays=2, jitter_factor=None).delays


def test_a_function_of_the_retries_gives_the_delays() -> None:
    policy = RetryPolicy.of(retries=3, delays=lambda retries: range(retries), jitter_factor=None)
    assert (0.0, 1.0, 2.0) == policy.delays


@given(st.floats(0, DELAY_SECONDS_MAX), st.integers(0, 200))
def test_exponential_delays_double_up_to_the_longest(factor: float, retries: int) -> None:
    delays = RetryPolicy.of(retries=retries, delays=exponential_backoff(factor), jitter_factor=None).delays
    expected = [min(factor * 2**n, DELAY_SECONDS_MAX) for n in range(len(delays))]
    assert expected == list(delays)
    assert min(retries, 60) == len(delays)


@pytest.mark.parametrize("retries", [-1, 1.0, "3", True, None, RETRIES_MAX + 1])
def test_a_number_of_retries_that_makes_no_sense_is_refused(retries: Any) -> None:
    with pytest.raises(InvalidDefinition):
        RetryPolicy.of(retries=retries, delays=None, jitter_factor=None)


@pytest.mark.parametrize(
    "delays",
    [
        -1,
        math.nan,
        math.inf,
        True,
        [1, -1],
        [True],
        ["1"],
        "10",
        DELAY_SECONDS_MAX * 2,
        object(),
        lambda _: [-1],
        lambda _: object(),
    ],
)
def test_a_delay_that_makes_no_sense_is_refused(delays: Any) -> None:
    with pytest.raises(InvalidDefinition):
        RetryPolicy.of(retries=1, delays=delays, jitter_factor=None)


@pytest.mark.parametrize("factor", [-0.1, math.nan, math.inf, "1"])
def test_a_jitter_that_makes_no_sense_is_refused(factor: Any) -> None:
    with pytest.raises(InvalidDefinition):
        RetryPolicy.of(retries=1, delays=1, jitter_factor=factor)
