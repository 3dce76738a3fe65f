"""Whether a task runs, given how what it depends on ended: every rule over every mix of upstreams."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.states import STATES, StateType
from penstock.core.triggers import Admission, Upstream, When, rule

ENDED = ("Completed", "Cached", "Skipped", "Failed", "TimedOut", "Crashed", "Cancelled", "NotReady")


def upstream(name: str, *, tolerated: bool = False) -> Upstream:
    return Upstream(f"run-{name}", STATES[name].type, name, tolerated)


upstreams = st.lists(st.builds(upstream, st.sampled_from(ENDED), tolerated=st.booleans()), max_size=5)


def kind(name: str) -> str:
    """How a dependency counts: by its value, not by its type, for a skipped one has none."""
    return "skipped" if name == "Skipped" else "good" if STATES[name].type is StateType.COMPLETED else "bad"


@pytest.mark.parametrize(("first", "second", "when"), list(product(ENDED, ENDED, When)))
def test_two_upstreams_decide_by_how_they_ended(first: str, second: str, when: When) -> None:
    kinds = {kind(first), kind(second)}
    expected = {
        When.ALL_DONE: Admission.RUN,
        When.ONE_FAILED: Admission.RUN if "bad" in kinds else Admission.SKIP_RULE,
        When.ONE_SUCCESS: Admission.RUN
        if "good" in kinds
        else Admission.TRIGGER_FAILED
        if "bad" in kinds
        else Admission.SKIP_UPSTREAM,
        When.ALL_SUCCESS: Admission.NOT_READY
        if "bad" in kinds
        else Admission.SKIP_UPSTREAM
        if "skipped" in kinds
        else Admission.RUN,
    }
    assert expected[when] is rule(when, [upstream(first), upstream(second)]).admission


@pytest.mark.parametrize("when", When)
def test_a_task_that_depends_on_nothing_runs_unless_it_waits_for_a_failure(when: When) -> None:
    assert (Admission.SKIP_RULE if when is When.ONE_FAILED else Admission.RUN) is rule(when, []).admission


@given(upstreams)
def test_a_failure_that_is_allowed_stops_nothing(upstreams: list[Upstream]) -> None:
    tolerated = [Upstream(u.name, u.type, u.state_name, tolerated=True) for u in upstreams]
    assert Admission.RUN is rule(When.ALL_SUCCESS, tolerated).admission


@given(upstreams, st.sampled_from(When), st.randoms(use_true_random=False))
def test_the_order_of_upstreams_decides_nothing(upstreams: list[Upstream], when: When, random: object) -> None:
    shuffled = list(upstreams)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert rule(when, upstreams).admission is rule(when, shuffled).admission


@given(upstreams, st.sampled_from(When))
def test_whatever_does_not_run_says_why(upstreams: list[Upstream], when: When) -> None:
    ruling = rule(when, upstreams)
    assert (ruling.admission is not Admission.RUN) == bool(ruling.message)


@given(upstreams)
def test_one_that_failed_is_named_and_the_others_counted(upstreams: list[Upstream]) -> None:
    failed = [u for u in upstreams if u.type is not StateType.COMPLETED and not u.tolerated]
    if failed:
        message = rule(When.ALL_SUCCESS, upstreams).message
        assert failed[0].name in message
        assert failed[0].state_name in message
        assert (len(failed) > 1) == (f"{len(failed) - 1} more" in message)
