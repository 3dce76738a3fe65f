"""Beginning, taking and moving flow runs."""

import pytest

from penstock.core.errors import NotFound, RunNotResumable
from penstock.core.ids import RunId
from penstock.core.states import Reason, RunState, StateType
from penstock.ports import (
    BeginFlowRun,
    CancelFlowRun,
    FindCancellations,
    FindOpenRuns,
    GetFlowRun,
    ListEvents,
    ListStates,
    MoveFlowRun,
    Principal,
    TakeFlowRun,
)
from penstock.testing import FakeClock
from tests.contract.telling import Teller, moved, seen


def test_a_begun_run_is_running_and_owned_by_who_began_it(teller: Teller, clock: FakeClock) -> None:
    at = clock.now_us() + 1_000_000
    run_id = teller.begin(
        "etl",
        name="brave-fox",
        at=at,
        flow_version="1.2",
        code_version="abc",
        entrypoint="etl.py:etl",
        parameters={"months": [4, 5], "rate": 0.5, "name": "a"},
        tags=("nightly", "taxi"),
    )
    run = teller.run(run_id)
    assert ("etl", "brave-fox") == (run.flow_name, run.name)
    assert RunState.of("Running", at=at) == run.state
    assert (1, 1) == (run.epoch, run.version)
    assert (at, at, None) == (run.created_at, run.started_at, run.ended_at)
    assert ("1.2", "abc", "etl.py:etl") == (run.flow_version, run.code_version, run.entrypoint)
    assert {"months": [4, 5], "rate": 0.5, "name": "a"} == run.parameters
    assert ("nightly", "taxi") == run.tags
    assert (teller.id, "here", 42) == (run.writer_id, run.host, run.pid)
    assert {"python": "3.11.9", "penstock": "0.1.0"} == run.environment
    assert {} == run.task_counts


def test_parameters_keep_their_order(teller: Teller) -> None:
    run_id = teller.begin(parameters={"year": 2020, "a": 1, "months": [1]})
    assert ["year", "a", "months"] == list(teller.run(run_id).parameters)


def test_beginning_again_changes_nothing(teller: Teller) -> None:
    run_id = teller.begin(name="first", at=10)
    answer = teller.ask(BeginFlowRun(id=run_id, flow_name="other", name="second", writer=teller.hello, at=99))
    assert "first" == answer.run.name
    assert 10 == answer.run.created_at
    assert 1 == len(teller.ask(ListStates(flow_run_id=run_id)))
    assert 1 == len(teller.ask(ListEvents()).items)


def test_a_run_may_begin_failed(teller: Teller, clock: FakeClock) -> None:
    state = RunState.of("Failed", at=clock.now_us(), reason=Reason.PARAMETERS_INVALID, message="no")
    run = teller.run(teller.begin(state=state))
    assert state == run.state
    assert (None, state.at) == (run.started_at, run.ended_at)


def test_an_unknown_run_is_not_found(teller: Teller) -> None:
    with pytest.raises(NotFound):
        teller.ask(GetFlowRun(id=RunId("0" * 32)))
    with pytest.raises(NotFound):
        teller.ask(TakeFlowRun(id=RunId("0" * 32), writer=teller.hello, holder_alive=False))
    with pytest.raises(NotFound):
        teller.ask(CancelFlowRun(id=RunId("0" * 32), holder_alive=False))


def test_what_one_workspace_has_another_does_not_see(teller: Teller) -> None:
    run_id = teller.begin()
    elsewhere = Teller(teller.orchestrator, teller.clock, principal=Principal(workspace="elsewhere"))
    with pytest.raises(NotFound):
        elsewhere.run(run_id)
    with pytest.raises(NotFound):
        elsewhere.ask(MoveFlowRun(id=run_id, epoch=1, state=RunState.of("Completed", at=1)))
    elsewhere.begin()
    elsewhere.tell(moved(run_id, "Completed"), seen(run_id))
    assert "Running" == teller.run(run_id).state.name
    assert {} == teller.run(run_id).task_counts


def test_taking_a_run_begins_its_next_epoch(teller: Teller, clock: FakeClock) -> None:
    run_id = teller.begin()
    teller.end(run_id, "Failed", message="boom")
    started = teller.run(run_id).started_at
    other = Teller(teller.orchestrator, clock)
    clock.move(seconds=60)
    taken = other.ask(
        TakeFlowRun(id=run_id, writer=other.hello, holder_alive=False, state_name="Retrying", code_version="c2")
    )
    run = other.run(run_id)
    assert taken.run == run
    assert 2 == run.epoch
    assert (StateType.RUNNING, "Retrying", Reason.RETRYING) == (run.state.type, run.state.name, run.state.reason)
    assert (None, None, started) == (run.ended_at, run.cancel_requested_at, run.started_at)
    assert (other.id, "c2") == (run.writer_id, run.code_version)
    assert [(1, "Running"), (1, "Failed"), (2, "Retrying")] == [
        (entry.epoch, entry.state.name) for entry in teller.ask(ListStates(flow_run_id=run_id))
    ]


def test_a_completed_run_cannot_be_taken(teller: Teller) -> None:
    run_id = teller.begin()
    teller.end(run_id)
    with pytest.raises(RunNotResumable):
        teller.ask(TakeFlowRun(id=run_id, writer=teller.hello, holder_alive=False))


def test_a_living_process_keeps_its_run(teller: Teller) -> None:
    run_id = teller.begin()
    with pytest.raises(RunNotResumable):
        teller.ask(TakeFlowRun(id=run_id, writer=teller.hello, holder_alive=True))


def test_taking_a_dead_process_run_settles_its_task_runs(teller: Teller) -> None:
    run_id = teller.begin()
    teller.tell(seen(run_id, "a", "Running"), seen(run_id, "b"))
    teller.ask(TakeFlowRun(id=run_id, writer=teller.hello, holder_alive=False))
    assert "Crashed" == teller.task_run(run_id, "a").state.name
    assert {"COMPLETED": 1, "CRASHED": 1} == teller.run(run_id).task_counts


def test_a_run_moves_by_the_table_of_states(teller: Teller) -> None:
    run_id = teller.begin()
    paused = teller.ask(MoveFlowRun(id=run_id, epoch=1, state=RunState.of("Paused", at=5)))
    assert (True, "Paused") == (paused.accepted, paused.state.name)
    refused = teller.ask(MoveFlowRun(id=run_id, epoch=1, state=RunState.of("Completed", at=6)))
    assert (False, "Paused") == (refused.accepted, refused.state.name)
    assert "" != refused.why
    assert "Paused" == teller.run(run_id).state.name


def test_a_superseded_epoch_moves_nothing(teller: Teller) -> None:
    run_id = teller.begin()
    teller.ask(TakeFlowRun(id=run_id, writer=teller.hello, holder_alive=False))
    assert not teller.ask(MoveFlowRun(id=run_id, epoch=1, state=RunState.of("Failed", at=5))).accepted
    assert 2 == teller.run(run_id).epoch


def test_every_change_of_state_is_an_event(teller: Teller) -> None:
    run_id = teller.begin("etl")
    teller.end(run_id, "Failed", reason="raised", message="boom")
    first, second = teller.ask(ListEvents()).items
    assert ("penstock.flow-run.Running", "penstock.flow-run.Failed") == (first.kind, second.kind)
    assert f"penstock.flow-run.{run_id}" == first.resource == second.resource
    assert ("penstock.flow.etl",) == second.related
    assert ("etl", "FAILED", "raised", "boom") == tuple(
        second.payload[key] for key in ("flow", "state_type", "reason", "message")
    )
    assert [second] == list(teller.ask(ListEvents(after=first.seq)).items)
    assert [second] == list(teller.ask(ListEvents(kinds=["penstock.flow-run.Failed"])).items)
    assert [second, first] == list(teller.ask(ListEvents(newest_first=True)).items)
    assert [first] == list(teller.ask(ListEvents(newest_first=True, before=second.seq)).items)
    assert [second] == list(teller.ask(ListEvents(newest_first=True, limit=1)).items)


def test_a_process_is_told_that_another_one_has_taken_its_run(teller: Teller) -> None:
    run_id, other = teller.begin(), teller.begin()
    mine = FindCancellations(run_ids=[run_id, other], epochs=[1, 1])
    assert [] == list(teller.ask(mine).taken_over)
    teller.ask(TakeFlowRun(id=run_id, writer=Teller(teller.orchestrator, teller.clock).hello, holder_alive=False))
    assert ([], [run_id]) == (list(teller.ask(mine).run_ids), list(teller.ask(mine).taken_over))
    assert [] == list(teller.ask(FindCancellations(run_ids=[run_id, other], epochs=[2, 1])).taken_over)
    assert [] == list(teller.ask(FindCancellations(run_ids=[run_id, other])).taken_over)


def test_a_cancelled_run_with_a_living_process_is_told_to_stop(teller: Teller) -> None:
    run_id, other = teller.begin(), teller.begin()
    assert [] == list(teller.ask(FindCancellations(run_ids=[run_id, other])).run_ids)
    answer = teller.ask(CancelFlowRun(id=run_id, holder_alive=True, message="enough"))
    assert (True, "Cancelling", "enough") == (answer.accepted, answer.state.name, answer.state.message)
    assert [run_id] == list(teller.ask(FindCancellations(run_ids=[run_id, other])).run_ids)
    assert [run_id] == list(teller.ask(FindCancellations(run_ids=[run_id])).run_ids)
    assert teller.run(run_id).cancel_requested_at is not None
    teller.end(run_id, "Cancelled")
    assert ("Cancelled", None) != (teller.run(run_id).state.name, teller.run(run_id).ended_at)


def test_asking_twice_to_cancel_counts_once(teller: Teller) -> None:
    run_id = teller.begin()
    teller.ask(CancelFlowRun(id=run_id, holder_alive=True))
    version = teller.run(run_id).version
    assert teller.ask(CancelFlowRun(id=run_id, holder_alive=True)).accepted
    assert version == teller.run(run_id).version


def test_a_cancelled_run_without_a_process_is_cancelled_at_once(teller: Teller) -> None:
    run_id = teller.begin()
    teller.tell(seen(run_id, "a", "Running"))
    assert "Cancelled" == teller.ask(CancelFlowRun(id=run_id, holder_alive=False)).state.name
    run = teller.run(run_id)
    assert run.ended_at is not None
    assert {"CRASHED": 1} == run.task_counts
    assert not teller.ask(CancelFlowRun(id=run_id, holder_alive=False)).accepted


def test_the_end_of_a_running_run_is_expected_from_those_before(teller: Teller, clock: FakeClock) -> None:
    for seconds in (10, 30, 20):
        run_id = teller.begin()
        clock.move(seconds=seconds)
        teller.end(run_id)
        assert teller.run(run_id).expected_end_at is None
    run = teller.run(teller.begin())
    assert run.expected_end_at is not None
    assert run.started_at is not None
    assert 20_000_000 == run.expected_end_at - run.started_at


def test_open_runs_are_those_without_an_end(teller: Teller) -> None:
    assert ([], 0) == (
        list(teller.ask(FindOpenRuns(writer_id=teller.id)).runs),
        teller.ask(FindOpenRuns(writer_id=teller.id)).mark,
    )
    first, second = teller.begin(), teller.begin()
    teller.end(first)
    answer = teller.ask(FindOpenRuns(writer_id=teller.id))
    assert [(second, 1)] == list(answer.runs)
    assert 1 == answer.mark
