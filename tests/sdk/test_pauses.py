"""Runs that wait for somebody, in this process or without one, and go on with an answer."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from penstock import flow, pause_flow_run, resume_flow_run, suspend_flow_run, task
from penstock.core.errors import InvalidDefinition, NotInRun, ParameterInvalid, RunCancelled, RunPaused
from penstock.errors import InputTimedOut
from penstock.flow_runs import apause_flow_run, asuspend_flow_run
from penstock.ports import CancelFlowRun, FlowRun, ListFlowRuns, RunFilter
from penstock.scheduling import ListRunInputs
from penstock.sdk import wiring
from penstock.testing import History

DATABASES = ("sqlite", "postgres")

Someone = Callable[[Callable[[FlowRun], object]], None]


class Approval(BaseModel):
    approved: bool
    rate: float = 0.5


APPROVED = Approval(approved=True)


@pytest.fixture
def someone(history: History) -> Iterator[Someone]:
    """Somebody who does something with the run that is paused, once there is one, in a thread of its own."""
    threads = []

    def act(do: Callable[[FlowRun], object]) -> None:
        def watch() -> None:
            for _ in range(3_000):
                paused = history.ask(ListFlowRuns(filter=RunFilter(state_names=["Paused"]))).items
                if paused:
                    do(paused[0])
                    return
                threading.Event().wait(0.01)

        threads.append(threading.Thread(target=watch))
        threads[-1].start()

    yield act
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def test_a_paused_flow_goes_on_with_the_answer_as_its_type(someone: Someone, history: History) -> None:
    @flow
    def publishing() -> Approval:
        return pause_flow_run(Approval, message="May it go out?")

    someone(lambda run: resume_flow_run(run.id, {"approved": True}))
    assert Approval(approved=True, rate=0.5) == publishing()
    assert ["Running", "Paused", "Running", "Completed"] == history.state_names()


@pytest.mark.parametrize(
    ("wanted", "answer", "value"), [(int, 4, 4), (str, "green", "green"), (list[int], [1], [1]), (Approval, APPROVED, APPROVED)]
)  # fmt: skip
def test_what_answers_is_a_value_or_a_model(someone: Someone, wanted: Any, answer: Any, value: Any) -> None:
    @flow(persist_result=False)
    def asking() -> Any:
        return pause_flow_run(wanted)

    someone(lambda run: resume_flow_run(run.id, answer))
    assert value == asking()


def test_a_pause_without_a_question_is_ended_by_anybody(someone: Someone) -> None:
    @flow
    def waiting() -> str:
        assert pause_flow_run() is None  # type: ignore[func-returns-value]
        return "went on"

    someone(lambda run: resume_flow_run(run.id))
    assert "went on" == waiting()


def test_an_answer_that_does_not_fit_is_refused_and_waited_on(someone: Someone) -> None:
    refused: list[BaseException] = []

    def answer(run: FlowRun) -> None:
        try:
            resume_flow_run(run.id, {"approved": "perhaps"})
        except ParameterInvalid as error:
            refused.append(error)
        resume_flow_run(run.id, {"approved": False})

    @flow
    def publishing() -> bool:
        return pause_flow_run(Approval).approved

    someone(answer)
    assert publishing() is False
    assert 1 == len(refused)


def test_a_coroutine_lets_others_run_while_it_is_paused(someone: Someone) -> None:
    @flow
    async def publishing() -> int:
        other = asyncio.create_task(asyncio.sleep(0, result=3))
        return await apause_flow_run(int) + await other  # type: ignore[no-any-return]

    someone(lambda run: resume_flow_run(run.id, 4))
    assert 7 == asyncio.run(publishing())


def test_a_subflow_can_be_paused(someone: Someone) -> None:
    @flow
    def inner() -> int:
        return pause_flow_run(int)

    @flow
    def outer() -> int:
        return inner() + 1

    someone(lambda run: resume_flow_run(run.id, 1))
    assert 2 == outer()


def test_nobody_answers_in_time(history: History) -> None:
    @flow
    def impatient() -> str:
        try:
            pause_flow_run(timeout=0.01)
        except InputTimedOut:
            return "by itself"
        return "answered"

    assert "by itself" == impatient()
    assert ["Running", "Paused", "Running", "Completed"] == history.state_names()


def test_a_paused_run_can_be_cancelled(someone: Someone, history: History) -> None:
    @flow
    def waiting() -> None:
        pause_flow_run()

    someone(lambda run: history.ask(CancelFlowRun(id=run.id, holder_alive=True)))
    with pytest.raises(RunCancelled):
        waiting()
    assert "Cancelled" == history.state_names()[-1]


def test_a_retried_run_is_not_asked_again(someone: Someone) -> None:
    tries = []

    @flow(retries=1)
    def unsteady() -> int:
        answer = pause_flow_run(int)
        tries.append(answer)
        if len(tries) == 1:
            raise ConnectionError("not today")
        return answer

    someone(lambda run: resume_flow_run(run.id, 5))
    assert 5 == unsteady()
    assert [5, 5] == tries


# ---- Without a process ------------------------------------------------------------------------------------------


def test_a_suspended_run_goes_on_from_what_it_completed(history: History) -> None:
    done: list[str] = []

    @task
    def step(name: str) -> str:
        done.append(name)
        return name

    @flow
    def resting() -> list[str]:
        first = step.submit("first")
        number = suspend_flow_run(int, message="How many?")
        return [first.result(), *(step(str(n)) for n in range(number))]

    state = resting(return_state=True)  # type: ignore[call-arg]
    assert ("Suspended", "How many?", False) == (state.name, state.message, state.is_final())  # type: ignore[attr-defined]
    with pytest.raises(RunPaused):
        state.result()  # type: ignore[attr-defined]
    wiring.shut_down()  # its process is gone, and nobody takes the run for crashed
    wiring.sweep_dead_writers()
    assert "Suspended" == history.state_names()[-1]

    resume_flow_run(state.run_id, 2)  # type: ignore[attr-defined]
    wiring.sweep_dead_writers()
    assert ["first", "0", "1"] == resting.resume(state.run_id)  # type: ignore[attr-defined]
    assert ["first", "0", "1"] == done


def test_a_run_that_is_resumed_without_an_answer_rests_again() -> None:
    @flow
    async def resting() -> int:
        return await asuspend_flow_run(int)  # type: ignore[no-any-return]

    state: Any = asyncio.run(resting(return_state=True))  # type: ignore[call-arg,arg-type]
    again: Any = asyncio.run(resting.resume(state.run_id, return_state=True))  # type: ignore[arg-type]
    assert "Suspended" == again.name
    resume_flow_run(state.run_id, 3)
    assert 3 == asyncio.run(resting.resume(state.run_id))  # type: ignore[arg-type]


def test_two_questions_have_two_answers(history: History) -> None:
    @flow
    def curious() -> tuple[int, int]:
        return suspend_flow_run(int), suspend_flow_run(int, key="second")

    state: Any = curious(return_state=True)  # type: ignore[call-arg]
    resume_flow_run(state.run_id, 1)
    curious.resume(state.run_id, return_state=True)
    resume_flow_run(state.run_id, 2, key="second")
    assert (1, 2) == curious.resume(state.run_id)
    asked = history.ask(ListRunInputs(flow_run_id=history.flow_run().id))
    assert ["suspend-1", "second"] == [each.key for each in asked]


# ---- Where it makes no sense ------------------------------------------------------------------------------------


def test_only_a_flow_run_rests() -> None:
    @task
    def pausing() -> None:
        pause_flow_run()

    @flow
    def outer() -> None:
        pausing()

    with pytest.raises(NotInRun):
        pause_flow_run()
    with pytest.raises(NotInRun):
        outer()


def test_a_subflow_is_not_suspended_without_its_parent() -> None:
    @flow
    def inner() -> None:
        suspend_flow_run()

    @flow
    def outer() -> None:
        inner()

    with pytest.raises(NotInRun):
        outer()


def test_a_coroutine_is_told_what_to_await_and_may_wait_in_a_thread(someone: Someone) -> None:
    @flow
    async def waiting() -> int:
        for blocking in (pause_flow_run, suspend_flow_run):
            with pytest.raises(InvalidDefinition, match=f"a{blocking.__name__}"):
                blocking()
        return await asyncio.to_thread(pause_flow_run, int)

    someone(lambda run: resume_flow_run(run.id, 2))
    assert 2 == asyncio.run(waiting())


def test_what_no_form_can_ask_for_is_refused() -> None:
    @flow
    def asking() -> None:
        pause_flow_run(threading.Lock)  # type: ignore[arg-type]

    with pytest.raises(InvalidDefinition):
        asking()
