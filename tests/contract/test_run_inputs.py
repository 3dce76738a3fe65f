"""Runs that wait for somebody, and go on with an answer."""

from typing import Any

import pytest

from penstock.core.errors import Conflict, NotFound, ParameterInvalid, RequestInvalid, TransitionRefused
from penstock.core.ids import MessageId, RunId
from penstock.ports import CancelFlowRun
from penstock.scheduling import AnswerRun, ListRunInputs, ListRunMessages, PauseRun, RequeueRun, RunInput, SendToRun
from penstock.testing import FakeClock
from penstock.work import ReapClaims
from tests.contract.telling import Teller
from tests.contract.working import Office

NUMBER = {"type": "object", "properties": {"rate": {"type": "number", "minimum": 0}}, "required": ["rate"]}


def pause(teller: Teller, run_id: RunId, key: str = "rate", **said: Any) -> RunInput:
    return teller.ask(PauseRun(flow_run_id=run_id, epoch=said.pop("epoch", 1), key=key, **said))  # type: ignore[no-any-return]


def test_a_paused_run_goes_on_with_the_answer(teller: Teller) -> None:
    run_id = teller.begin()
    asked = pause(teller, run_id, message="Which rate?", answer_schema=NUMBER)
    assert (None, NUMBER, "Which rate?") == (asked.answered_at, asked.answer_schema, asked.message)
    assert ("Paused", "waiting_for_input") == (teller.run(run_id).state.name, teller.run(run_id).state.reason)

    run = teller.ask(AnswerRun(flow_run_id=run_id, answer={"rate": 0.5}))

    assert ("Running", "resumed", None) == (run.state.name, run.state.reason, run.ended_at)
    (known,) = teller.ask(ListRunInputs(flow_run_id=run_id))
    assert ({"rate": 0.5}, "local") == (known.answer, known.answered_by)
    assert {"rate": 0.5} == pause(teller, run_id).answer  # the same question again: it was answered
    assert "Running" == teller.run(run_id).state.name


def test_what_is_sent_to_a_run_is_there_once_and_in_order(teller: Teller) -> None:
    run_id, sender = teller.begin(), teller.begin()
    first = SendToRun(flow_run_id=run_id, id=MessageId("1" * 32), key="int", value=1, sender=sender)
    sent = teller.ask(first)
    assert sent == teller.ask(first)
    teller.ask(SendToRun(flow_run_id=run_id, id=MessageId("2" * 32), key="str", value="two"))
    teller.ask(SendToRun(flow_run_id=run_id, id=MessageId("3" * 32), key="int", value={"b": None}))

    known = teller.ask(ListRunMessages(flow_run_id=run_id, key="int"))
    assert [(1, sender), ({"b": None}, None)] == [(each.value, each.sender) for each in known]
    assert [known[1]] == list(teller.ask(ListRunMessages(flow_run_id=run_id, key="int", after=sent.number)))
    assert [] == list(teller.ask(ListRunMessages(flow_run_id=sender, key="int")))
    with pytest.raises(RequestInvalid):
        teller.ask(SendToRun(flow_run_id=run_id, id=MessageId("4" * 32), key="str", value="x" * 70_000))
    teller.end(run_id)
    assert sent == teller.ask(first)
    with pytest.raises(Conflict):
        teller.ask(SendToRun(flow_run_id=run_id, id=MessageId("5" * 32), key="int", value=2))
    with pytest.raises(NotFound):
        teller.ask(ListRunMessages(flow_run_id=RunId("0" * 32), key="int"))


def test_an_answer_of_nothing_is_an_answer(teller: Teller) -> None:
    run_id = teller.begin()
    pause(teller, run_id)
    teller.ask(AnswerRun(flow_run_id=run_id))
    asked = pause(teller, run_id)
    assert asked.answer is None
    assert asked.answered_at is not None


def test_an_answer_that_does_not_fit_is_refused_and_the_run_waits_on(teller: Teller) -> None:
    run_id = teller.begin()
    pause(teller, run_id, answer_schema=NUMBER)
    with pytest.raises(ParameterInvalid) as refused:
        teller.ask(AnswerRun(flow_run_id=run_id, answer={"rate": -1}))
    assert "rate" == refused.value.problems[0][0]
    assert "Paused" == teller.run(run_id).state.name


def test_who_does_not_wait_gets_no_answer(teller: Teller) -> None:
    run_id = teller.begin()
    with pytest.raises(Conflict):
        teller.ask(AnswerRun(flow_run_id=run_id))
    pause(teller, run_id)
    with pytest.raises(NotFound):
        teller.ask(AnswerRun(flow_run_id=run_id, key="other"))
    teller.ask(CancelFlowRun(id=run_id, holder_alive=True))
    with pytest.raises(Conflict):
        teller.ask(AnswerRun(flow_run_id=run_id))


def test_a_process_of_an_older_epoch_pauses_nothing(teller: Teller) -> None:
    run_id = teller.begin()
    with pytest.raises(TransitionRefused):
        pause(teller, run_id, epoch=0)
    teller.end(run_id)
    with pytest.raises(TransitionRefused):
        pause(teller, run_id, "late")


@pytest.mark.parametrize("said", [{"key": ""}, {"timeout_seconds": 0.0}, {"answer_schema": {"type": "nothing!"}}])
def test_what_nobody_could_answer_is_refused(teller: Teller, said: dict[str, Any]) -> None:
    run_id = teller.begin()
    with pytest.raises(RequestInvalid):
        pause(teller, run_id, **said)


def test_a_suspended_run_waits_for_a_worker_again_once_it_is_answered(teller: Teller, clock: FakeClock) -> None:
    office = Office(teller)
    office.deploy()
    run = office.request()
    (claimed,) = office.claim()
    office.take(claimed)
    pause(teller, run.id, suspend=True, timeout_seconds=60.0)
    assert ("Suspended", "suspended") == (teller.run(run.id).state.name, office.asked(run.id).status)
    assert ["waiting_for_input"] == office.why(run.id)
    assert ((), ()) == (tuple(office.renew(claimed).cancelled), tuple(office.renew(claimed).lost))
    assert "Suspended" == office.end(claimed).state.name

    answered = teller.ask(AnswerRun(flow_run_id=run.id))

    assert "Resuming" == answered.state.name
    (again,) = office.claim("bob")
    assert (2, False) == (office.take(again).epoch, again.request.anew)


def test_a_suspended_run_holds_no_slot(teller: Teller) -> None:
    office = Office(teller, concurrency_limit=1)
    office.deploy()
    first, second = office.request(), office.request()
    (claimed,) = office.claim()
    office.take(claimed)
    pause(teller, first.id, suspend=True)
    assert [second.id] == [one.run.id for one in office.claim()]


def test_a_suspended_run_that_nobody_answers_fails(teller: Teller, clock: FakeClock) -> None:
    run_id = teller.begin()
    pause(teller, run_id, suspend=True, timeout_seconds=60.0)
    teller.ask(ReapClaims())
    assert "Suspended" == teller.run(run_id).state.name
    clock.move(seconds=61)
    assert 1 == teller.ask(ReapClaims())
    assert ("Failed", "timed_out") == (teller.run(run_id).state.name, teller.run(run_id).state.reason)


def test_a_suspended_run_goes_on_without_an_answer_if_somebody_says_so(teller: Teller) -> None:
    office = Office(teller)
    office.deploy()
    run = office.request()
    (claimed,) = office.claim()
    office.take(claimed)
    pause(teller, run.id, suspend=True)
    assert "Resuming" == teller.ask(RequeueRun(flow_run_id=run.id)).state.name
    assert 1 == len(office.claim())
