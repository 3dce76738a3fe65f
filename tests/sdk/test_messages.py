"""Values that are sent to runs while they go on."""

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from penstock import flow, pause_flow_run, resume_flow_run
from penstock.core.errors import Conflict, InputTimedOut, InvalidDefinition, NotInRun
from penstock.input import Received, RunInput, asend_input, receive_input, send_input
from penstock.ports import FlowRun
from penstock.runtime import flow_run
from penstock.scheduling import ListRunInputs
from penstock.testing import History
from tests.sdk.test_pauses import Someone, someone

__all__ = ["someone"]


class Number(RunInput):
    number: int = 0


class Plain(BaseModel):
    name: str


def test_what_is_sent_is_received_in_order_as_its_type_until_the_time_is_up() -> None:
    @flow
    def talking() -> list[Any]:
        me = str(flow_run.id)
        for value in (1, 2, "three", [4], {"five": 5}, Plain(name="six")):
            send_input(value, me)
        received: list[Any] = list(receive_input(int, timeout=0.01))
        received += [receive_input(wanted).next() for wanted in (str, list[int], dict, Plain)]  # type: ignore[type-var]
        send_input("x", me, key_prefix="mine")
        (known,) = receive_input(str, timeout=0.01, key_prefix="mine", with_metadata=True)
        assert isinstance(known, Received)
        assert flow_run.id == known.metadata.sender
        received += receive_input(str, timeout=0.01, key_prefix="mine", exclude_keys=[known.metadata.key])
        with pytest.raises(InputTimedOut):
            next(receive_input(float, timeout=0.01, raise_timeout_error=True))
        send_input("no number", me, key_prefix="int")
        with pytest.raises(ValidationError):
            list(receive_input(int, key_prefix="int", timeout=0.01))
        return received

    assert [1, 2, "three", [4], {"five": 5}, Plain(name="six")] == talking()


def test_two_runs_talk_to_each_other() -> None:
    @flow
    async def asking() -> int:
        run_id = str(flow_run.id)
        await Number(number=3).asend_to(run_id, key_prefix="asked")
        async for data in Number.receive(timeout=60, poll_interval=0.01, key_prefix="asked"):
            await data.arespond(Number(number=data.number**2))
            break
        return (await Number.receive(timeout=60, poll_interval=0.01).anext()).number

    assert 9 == asyncio.run(asking())


def test_a_run_that_is_tried_again_sends_once_and_receives_again(history: History) -> None:
    received: list[list[int]] = []

    @flow(retries=1)
    def unsteady() -> None:
        for value in (1, 1, 2):
            send_input(value, str(flow_run.id))
        received.append(list(receive_input(int, timeout=0.01)))
        if len(received) == 1:
            raise ConnectionError("not today")

    unsteady()
    assert [[1, 1, 2], [1, 1, 2]] == received
    with pytest.raises(Conflict):
        send_input(3, history.flow_run().id)


def test_a_form_begins_with_what_it_is_given(someone: Someone, history: History) -> None:
    def answer(run: FlowRun) -> None:
        (asked,) = history.ask(ListRunInputs(flow_run_id=run.id))
        assert asked.answer_schema is not None
        assert ("How many?", 7) == (asked.message, asked.answer_schema["properties"]["number"]["default"])
        resume_flow_run(run.id, {})

    @flow
    def counting() -> int:
        return pause_flow_run(Number.with_initial_data("How many?", number=7)).number

    someone(answer)
    assert 7 == counting()
    assert Number().number == 0


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(InvalidDefinition):
        Number.with_initial_data(numbr=1)
    with pytest.raises(NotInRun):
        receive_input(int)
    with pytest.raises(NotInRun):
        Number().respond(Number())

    @flow
    async def holding_up() -> None:
        send_input(1, str(flow_run.id))

    with pytest.raises(InvalidDefinition, match="asend_input"):
        asyncio.run(holding_up())

    @flow
    async def awaiting() -> int:
        await asend_input(1, str(flow_run.id))
        return await anext(receive_input(int))

    assert 1 == asyncio.run(awaiting())
