"""Cache policies as values: what they are added up to, and which facts make another key."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.cache_policies import (
    DEFAULT,
    FLOW_PARAMETERS,
    INPUTS,
    NO_CACHE,
    RUN_ID,
    TASK_SOURCE,
    CacheFacts,
    CachePolicy,
)
from penstock.core.errors import InvalidDefinition, UncacheableInputs

PARTS = {"inputs": INPUTS, "source": TASK_SOURCE, "run": RUN_ID, "parameters": FLOW_PARAMETERS}

names = st.sampled_from(["a", "b", "session"])
simple = st.sampled_from([*PARTS.values(), NO_CACHE, DEFAULT])
policies = st.recursive(simple, lambda p: st.builds(lambda x, y: x + y, p, p) | st.builds(lambda x, n: x - n, p, names))


def write(values: Mapping[str, Any]) -> str:
    if any(value is object for value in values.values()):
        raise UncacheableInputs("no stable content")
    return repr(sorted(values.items()))


values = st.dictionaries(names, st.integers(0, 1))
facts = st.builds(
    CacheFacts,
    task_key=st.sampled_from(["etl.fetch", "etl.clean"]),
    source_hash=st.sampled_from(["1", "2"]),
    run_id=st.sampled_from(["r1", "r2"]),
    inputs=values,
    flow_parameters=values,
    write=st.just(write),
)


@given(policies, policies, policies)
def test_adding_policies_is_a_union(a: CachePolicy, b: CachePolicy, c: CachePolicy) -> None:
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert a == a + a
    assert a == a + NO_CACHE


@given(policies, names, names)
def test_inputs_are_left_out_in_any_order(policy: CachePolicy, one: str, other: str) -> None:
    assert policy - one - other == policy - other - one
    assert policy - one == policy - one - one


@given(policies, policies, names)
def test_what_one_of_two_leaves_out_their_sum_leaves_out(a: CachePolicy, b: CachePolicy, name: str) -> None:
    assert name in ((a - name) + b).excluded


@given(policies, names)
def test_a_policy_that_leaves_an_input_out_looks_at_the_others(policy: CachePolicy, name: str) -> None:
    if policy.parts:
        assert {"inputs"} <= (policy - name).parts


@given(policies, names)
def test_making_a_policy_changes_none_of_its_parts(policy: CachePolicy, name: str) -> None:
    before = replace(policy)
    _ = policy + INPUTS, policy - name
    assert before == policy


@given(facts)
def test_without_parts_nothing_is_cached(facts: CacheFacts) -> None:
    assert NO_CACHE.compute_key(facts) is None
    assert (NO_CACHE - "a").compute_key(facts) is None


@given(policies.filter(lambda policy: policy.parts), facts, facts)
def test_two_calls_share_a_key_exactly_if_all_that_the_policy_looks_at_is_equal(
    policy: CachePolicy, one: CacheFacts, other: CacheFacts
) -> None:
    assert (seen(policy, one) == seen(policy, other)) == (policy.compute_key(one) == policy.compute_key(other))


def seen(policy: CachePolicy, facts: CacheFacts) -> tuple[Any, ...]:
    return (
        facts.task_key,
        facts.source_hash if "source" in policy.parts else None,
        facts.run_id if "run" in policy.parts else None,
        facts.flow_parameters if "parameters" in policy.parts else None,
        {n: v for n, v in facts.inputs.items() if n not in policy.excluded} if "inputs" in policy.parts else None,
    )


def test_an_input_that_is_left_out_need_not_be_writable() -> None:
    facts = CacheFacts("k", None, "r", {"session": object, "x": 1}, {}, write)
    assert (INPUTS - "session").compute_key(facts) is not None


def test_an_input_that_cannot_be_written_is_an_error() -> None:
    facts = CacheFacts("k", None, "r", {"session": object, "x": 1}, {}, write)
    with pytest.raises(UncacheableInputs):
        INPUTS.compute_key(facts)


def test_what_the_policy_does_not_look_at_is_never_written() -> None:
    facts = CacheFacts("k", None, "r", {"session": object}, {"x": object}, write)
    assert (TASK_SOURCE + RUN_ID).compute_key(facts) is not None


@pytest.mark.parametrize("other", [INPUTS, 1, None, ["a"]])
def test_only_the_name_of_an_input_can_be_left_out(other: Any) -> None:
    with pytest.raises(InvalidDefinition):
        _ = INPUTS - other


@pytest.mark.parametrize("other", [1, None, "a", lambda: "key"])
def test_only_a_policy_can_be_added(other: Any) -> None:
    with pytest.raises(TypeError):
        _ = INPUTS + other
