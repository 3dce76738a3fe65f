"""How a flow run ends, from the states that it returned or those of its tasks."""

from hypothesis import given
from hypothesis import strategies as st

from penstock.core.finals import settle, settle_counts
from penstock.core.states import Reason, StateType

GOOD, BAD, ODD = StateType.COMPLETED, StateType.FAILED, StateType.CANCELLED
ended = st.sampled_from([GOOD, BAD, ODD, StateType.CRASHED, StateType.PENDING])


@given(st.lists(ended))
def test_a_flow_completes_only_if_all_of_it_did(types: list[StateType]) -> None:
    assert all(type_ is GOOD for type_ in types) == (settle(types).type is GOOD)


@given(st.lists(ended))
def test_a_flow_is_cancelled_only_if_nothing_worse_happened(types: list[StateType]) -> None:
    bad = {type_ for type_ in types if type_ is not GOOD}
    assert ({ODD} == bad) == (settle(types).type is ODD)


@given(st.lists(ended))
def test_a_flow_is_never_left_open(types: list[StateType]) -> None:
    assert settle(types).type in (GOOD, BAD, ODD)


@given(st.lists(ended), st.randoms(use_true_random=False))
def test_the_order_of_states_decides_nothing(types: list[StateType], random: object) -> None:
    shuffled = list(types)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert settle(types) == settle(shuffled)


@given(st.lists(ended))
def test_what_went_wrong_is_counted(types: list[StateType]) -> None:
    final = settle(types)
    if final.type is not GOOD:
        assert (final.message or "").startswith(f"{sum(type_ is not GOOD for type_ in types)} of {len(types)} ")


@given(st.lists(ended), st.integers(1, 1_000_000))
def test_many_states_settle_like_few_of_the_same_kinds(types: list[StateType], times: int) -> None:
    counts = {type_: types.count(type_) * times for type_ in types}
    assert (settle(types).type, settle(types).reason) == (settle_counts(counts).type, settle_counts(counts).reason)


def test_a_flow_without_tasks_has_returned() -> None:
    assert (GOOD, Reason.RETURNED, None) == (settle([]).type, settle([]).reason, settle([]).message)
