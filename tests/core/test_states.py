"""The table of states, and what it allows: properties over all names, types and epochs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import InvalidState
from penstock.core.states import (
    DEFAULT_NAMES,
    FINAL_TYPES,
    STATES,
    TRANSITIONS,
    Move,
    Reason,
    RunFacts,
    RunState,
    StateType,
    decide,
    decide_cancel,
    decide_take,
    is_final,
)

EPOCH = 3
IN_THE_HANDS_OF_NOBODY = (StateType.SCHEDULED, StateType.PAUSED)

known_states = st.builds(lambda name, at: RunState.of(name, at=at), st.sampled_from(sorted(STATES)), st.integers())
own_states = st.builds(RunState, st.sampled_from(StateType), st.text(min_size=1), st.integers())
states = known_states | own_states
facts = st.builds(lambda state: RunFacts(state, EPOCH, version=1), states)
moves = st.builds(Move, states, st.just(EPOCH))


@given(facts, moves)
def test_a_move_is_accepted_or_leaves_the_run_as_it_was(facts: RunFacts, move: Move) -> None:
    verdict = decide(facts, move)
    assert (move.target if verdict.accepted else facts.state) == verdict.state


@given(facts, moves)
def test_a_move_that_the_table_does_not_list_is_refused_and_says_both_states(facts: RunFacts, move: Move) -> None:
    if move.target.type not in TRANSITIONS[facts.state.type]:
        verdict = decide(facts, move)
        assert not verdict.accepted
        assert facts.state.name in verdict.why
        assert move.target.name in verdict.why


@given(states.filter(lambda state: not state.is_final), states)
def test_a_run_that_goes_on_moves_as_the_table_says(state: RunState, target: RunState) -> None:
    verdict = decide(RunFacts(state, EPOCH, version=1), Move(target, EPOCH))
    assert (target.type in TRANSITIONS[state.type]) == verdict.accepted


@given(states.filter(lambda state: state.is_final and state.type is not StateType.CRASHED), states)
def test_what_has_ended_never_moves_in_its_epoch(ended: RunState, target: RunState) -> None:
    verdict = decide(RunFacts(ended, EPOCH, version=1), Move(target, EPOCH))
    assert not verdict.accepted
    assert ended is verdict.state


@pytest.mark.parametrize("name", ["Completed", "Failed", "Cancelled", "Running"])
def test_a_presumed_crash_gives_way_to_a_later_word(name: str) -> None:
    presumed = RunFacts(RunState.of("Crashed", at=0), EPOCH, version=1)
    assert decide(presumed, Move(RunState.of(name, at=1), EPOCH)).accepted


@given(st.lists(states, max_size=12))
def test_no_sequence_of_moves_leads_out_of_an_end(targets: list[RunState]) -> None:
    facts = RunFacts(RunState.of("Scheduled", at=0), EPOCH, version=1)
    ended: RunState | None = None
    for target in targets:
        state = decide(facts, Move(target, EPOCH)).state
        if ended is not None:
            assert ended is state
        if state.is_final and state.type is not StateType.CRASHED:
            ended = state
        facts = RunFacts(state, EPOCH, facts.version + 1)


@given(states, states, st.integers(1, 9), st.integers(1, 9))
def test_only_the_current_epoch_moves_a_run(state: RunState, target: RunState, epoch: int, of_move: int) -> None:
    verdict = decide(RunFacts(state, epoch, version=1), Move(target, of_move))
    if of_move != epoch:
        assert not verdict.accepted
        assert state is verdict.state
        assert str(of_move) in verdict.why
        assert str(epoch) in verdict.why


def test_an_older_epoch_cannot_even_settle_a_crash() -> None:
    presumed = RunFacts(RunState.of("Crashed", at=0), epoch=2, version=1)
    assert not decide(presumed, Move(RunState.of("Completed", at=1), epoch=1)).accepted


# ---- The table itself ----


def test_the_table_says_of_every_type_what_may_follow() -> None:
    assert set(StateType) == set(TRANSITIONS)


def test_every_type_has_a_name_of_its_own() -> None:
    assert {type_: type_ for type_ in StateType} == {type_: STATES[name].type for type_, name in DEFAULT_NAMES.items()}


def test_a_final_type_is_final_under_each_of_its_names() -> None:
    assert {name for name, row in STATES.items() if row.type in FINAL_TYPES} == {
        name for name, row in STATES.items() if row.final
    } - {"NotReady"}


def test_every_run_can_come_to_an_end() -> None:
    assert {type_ for type_ in StateType if not FINAL_TYPES & reachable_from(type_)} == set()


def test_every_type_can_be_reached_from_the_first() -> None:
    assert set(StateType) == reachable_from(StateType.SCHEDULED)


@given(st.sampled_from(StateType), st.text())
def test_a_name_of_the_users_own_ends_a_run_as_its_type_does(type_: StateType, name: str) -> None:
    if name not in STATES:
        assert (type_ in FINAL_TYPES) == is_final(type_, name)


@given(st.sampled_from(StateType), st.sampled_from(sorted(STATES)))
def test_a_known_name_on_another_type_says_nothing_about_its_end(type_: StateType, name: str) -> None:
    if STATES[name].type is not type_:
        assert (type_ in FINAL_TYPES) == is_final(type_, name)


def test_not_ready_is_pending_and_final() -> None:
    assert (StateType.PENDING, True) == (STATES["NotReady"].type, RunState.of("NotReady", at=0).is_final)


def test_a_name_that_is_not_in_the_table_makes_no_state() -> None:
    with pytest.raises(InvalidState) as raised:
        RunState.of("Finished", at=0)
    assert "Completed" in str(raised.value)


def reachable_from(start: StateType) -> set[StateType]:
    reached, left = {start}, [start]
    while left:
        for type_ in TRANSITIONS[left.pop()] - reached:
            reached.add(type_)
            left.append(type_)
    return reached


# ---- Taking a run over ----


@given(states, st.booleans())
def test_what_is_complete_is_never_taken_over(state: RunState, holder_alive: bool) -> None:
    if state.type is StateType.COMPLETED:
        verdict = decide_take(RunFacts(state, EPOCH, version=1), holder_alive=holder_alive)
        assert not verdict.accepted
        assert state is verdict.state


@given(states)
def test_a_run_is_not_taken_from_a_living_process(state: RunState) -> None:
    verdict = decide_take(RunFacts(state, EPOCH, version=1), holder_alive=True)
    if not state.is_final and state.type not in IN_THE_HANDS_OF_NOBODY:
        assert not verdict.accepted


@given(states)
def test_whatever_a_dead_process_left_unfinished_can_be_taken_over(state: RunState) -> None:
    verdict = decide_take(RunFacts(state, EPOCH, version=1), holder_alive=False)
    assert (state.type is not StateType.COMPLETED) == verdict.accepted


# ---- Cancelling ----


@given(states, st.booleans(), st.integers())
def test_what_has_ended_is_not_cancelled(state: RunState, holder_alive: bool, at: int) -> None:
    verdict = decide_cancel(RunFacts(state, EPOCH, version=1), holder_alive=holder_alive, at=at)
    assert (not state.is_final) == verdict.accepted


@given(states.filter(lambda state: not state.is_final), st.booleans(), st.integers())
def test_a_cancellation_is_a_move_that_the_table_knows(state: RunState, holder_alive: bool, at: int) -> None:
    target = decide_cancel(RunFacts(state, EPOCH, version=1), holder_alive=holder_alive, at=at).state
    assert target.type in TRANSITIONS[state.type] | {state.type}
    assert (at, Reason.CANCEL_REQUESTED) == (target.at, target.reason)


@pytest.mark.parametrize("name", ["Running", "Retrying", "Pending", "Cancelling"])
def test_a_living_process_is_asked_to_stop(name: str) -> None:
    running = RunFacts(RunState.of(name, at=0), EPOCH, version=1)
    assert StateType.CANCELLING is decide_cancel(running, holder_alive=True, at=1).state.type


@pytest.mark.parametrize("name", ["Running", "Scheduled", "AwaitingRetry", "Paused", "Cancelling"])
def test_what_nobody_runs_is_cancelled_at_once(name: str) -> None:
    left = RunFacts(RunState.of(name, at=0), EPOCH, version=1)
    assert StateType.CANCELLED is decide_cancel(left, holder_alive=False, at=1).state.type
