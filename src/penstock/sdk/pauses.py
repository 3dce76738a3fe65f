"""Runs that wait for somebody: paused, with their process, or suspended, without; and letting them go on.

A question is known by its key, and answered once: a run that is resumed comes by it again and has its answer.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, overload

from penstock.core.errors import InputTimedOut, NotInRun, StoreUnavailable
from penstock.core.ids import RunId, parse_id
from penstock.core.states import Reason, RunState, StateType
from penstock.engine.context import current_flow_run, current_task_run
from penstock.engine.flow_attempts import SuspendNow
from penstock.engine.runs import FlowRunContext
from penstock.ports import FlowRun
from penstock.scheduling import AnswerRun, ListRunInputs, PauseRun, RunInput
from penstock.sdk import wiring
from penstock.sdk.followed import refuse_in_coroutine
from penstock.sdk.forms import VALUE, Form, as_answer, fits_one_value

T = TypeVar("T")

POLL_SECONDS = 0.25
"""How often it is looked for an answer where nobody tells of news."""
TIMEOUT_SECONDS = 3_600.0


@overload
def pause_flow_run(
    wait_for_input: type[T], *, timeout: float | None = ..., key: str | None = ..., message: str | None = ...
) -> T: ...
@overload
def pause_flow_run(
    wait_for_input: None = None, *, timeout: float | None = ..., key: str | None = ..., message: str | None = ...
) -> None: ...
def pause_flow_run(
    wait_for_input: Any = None,
    *,
    timeout: float | None = TIMEOUT_SECONDS,
    key: str | None = None,
    message: str | None = None,
) -> Any:
    """Wait here, in this process, until somebody lets the flow run go on; answers what they said.

    `wait_for_input` is the type of the answer: a pydantic model, a dataclass, `int`, `str` and their like. Console and command
    line (`penstock flow-run answer`) ask for it by a form. `timeout` in seconds; None waits for ever. `key` tells the
    questions of a run apart; by default they are counted. Raises `InputTimedOut`, `NotInRun`; `InvalidDefinition` for a type that no form
    can ask for, and in a coroutine, which awaits `apause_flow_run`.
    """
    refuse_in_coroutine("pause_flow_run")
    question = _Question(wait_for_input, key=key, timeout=timeout, message=message, suspends=False)
    if not question.ask():
        with question.waiting() as wait:
            while not question.look():
                wait(POLL_SECONDS)
    return question.answer()


async def apause_flow_run(
    wait_for_input: Any = None,
    *,
    timeout: float | None = TIMEOUT_SECONDS,
    key: str | None = None,
    message: str | None = None,
) -> Any:
    """`pause_flow_run` that lets other coroutines run while it waits."""
    question = _Question(wait_for_input, key=key, timeout=timeout, message=message, suspends=False)
    if not await asyncio.to_thread(question.ask):
        while not await asyncio.to_thread(question.look):  # noqa: ASYNC110 - what it waits for is elsewhere
            await asyncio.sleep(POLL_SECONDS)
    return question.answer()


@overload
def suspend_flow_run(
    wait_for_input: type[T], *, timeout: float | None = ..., key: str | None = ..., message: str | None = ...
) -> T: ...
@overload
def suspend_flow_run(
    wait_for_input: None = None, *, timeout: float | None = ..., key: str | None = ..., message: str | None = ...
) -> None: ...
def suspend_flow_run(
    wait_for_input: Any = None,
    *,
    timeout: float | None = TIMEOUT_SECONDS,
    key: str | None = None,
    message: str | None = None,
) -> Any:
    """End this process, and have the flow run go on in another once somebody answers; see `pause_flow_run`.

    What was submitted is waited for first. The function then runs again from its beginning: what completed is recalled, and
    this call answers what was said. A deployment's run goes on by a worker, any other by `penstock resume`. Raises `NotInRun`
    in subflows, which are their parent's.
    """
    refuse_in_coroutine("suspend_flow_run")
    question = _Question(wait_for_input, key=key, timeout=timeout, message=message, suspends=True)
    question.settle()
    if not question.ask():
        raise SuspendNow(question.told)
    return question.answer()


async def asuspend_flow_run(
    wait_for_input: Any = None,
    *,
    timeout: float | None = TIMEOUT_SECONDS,
    key: str | None = None,
    message: str | None = None,
) -> Any:
    """`suspend_flow_run` for coroutines."""
    question = _Question(wait_for_input, key=key, timeout=timeout, message=message, suspends=True)
    await asyncio.to_thread(question.settle)
    if not await asyncio.to_thread(question.ask):
        raise SuspendNow(question.told)
    return question.answer()


def resume_flow_run(flow_run_id: str, run_input: Any = None, *, key: str | None = None) -> FlowRun:
    """Let a paused or suspended flow run go on, with an answer to what it asks: a mapping, a pydantic model, or one value.

    Raises `NotFound`, `Conflict` for a run that waits for nobody, `ParameterInvalid` for an answer that does not fit.
    """
    settings = wiring.current_settings()
    orchestrator, by = wiring.open_orchestrator(settings), wiring.principal_of(settings)
    run_id, answer = RunId(parse_id(flow_run_id)), as_answer(run_input)
    if not isinstance(answer, dict):
        asked = orchestrator.ask(ListRunInputs(flow_run_id=run_id), by)
        open_ = [each for each in asked if each.answered_at is None and key in (None, each.key)]
        if open_ and fits_one_value(open_[-1].answer_schema):
            answer = {VALUE: answer}
    return orchestrator.ask(AnswerRun(flow_run_id=run_id, key=key, answer=answer), by)


async def aresume_flow_run(flow_run_id: str, run_input: Any = None, *, key: str | None = None) -> FlowRun:
    """`resume_flow_run` for coroutines."""
    return await asyncio.to_thread(resume_flow_run, flow_run_id, run_input, key=key)


class _Question:
    """What a run asks, once."""

    def __init__(self, wanted: Any, *, key: str | None, timeout: float | None, message: str | None, suspends: bool):
        verb = "suspend" if suspends else "pause"
        self._run = _current_run(f"{verb}_flow_run")
        if suspends and self._run.parent is not None:
            raise NotInRun("A subflow cannot be suspended by itself: its process is its parent's. Pause it instead.")
        self._form = None if wanted is None else Form(wanted)
        self._request = PauseRun(
            flow_run_id=self._run.id,
            epoch=self._run.epoch,
            key=key or f"{verb}-{next(self._run.place_counts[verb]) + 1}",
            suspend=suspends,
            message=message or getattr(wanted, "_description", None),
            answer_schema=None if self._form is None else self._form.schema,
            timeout_seconds=timeout,
        )
        self._asked: RunInput | None = None

    @property
    def told(self) -> str:
        """What is said of a run that rests."""
        return self._request.message or f"It waits for an answer to `{self._request.key}`."

    def settle(self) -> None:
        """Wait until what the run submitted has ended, and bring all of it into the store: others go on from there."""
        for future in list(self._run.outstanding):
            future.wait()
        self._run.services.journal.flush()

    def ask(self) -> bool:
        """Ask; true if that was answered before."""
        services = self._run.services
        if self._run.parent is not None:
            services.journal.flush()  # a subflow is a fact of this process, which the store may not have heard of
        self._asked = services.orchestrator.ask(self._request, services.principal)
        if self._asked.answered_at is None and not self._request.suspend:
            services.console.line(20, f"Flow run '{self._run.name}'", f"Paused: {self.told}")
        return self._asked.answered_at is not None

    def look(self) -> bool:
        """Look for the answer. Raises what the run is to end with meanwhile, and `InputTimedOut`."""
        run, services = self._run, self._run.services
        run.check_going_on()
        with suppress(StoreUnavailable):  # it is asked again
            known = services.orchestrator.ask(ListRunInputs(flow_run_id=run.id), services.principal)
            self._asked = next((each for each in known if each.key == self._request.key), self._asked)
        assert self._asked is not None
        if self._asked.answered_at is not None:
            return True
        now = services.clock.now_us()
        if self._asked.expires_at is not None and self._asked.expires_at <= now:
            run.seen(RunState(StateType.RUNNING, "Running", now, Reason.TIMED_OUT))
            raise InputTimedOut(
                f"Nobody answered `{self._request.key}` of flow run `{run.name}` within {self._request.timeout_seconds:g} s."
            )
        return False

    def waiting(self) -> Any:
        """What to wait by: a server tells of news, without one it is looked again and again."""
        return wiring.following(self._run.id) if self._run.services.settings.api_url else _Polling(self._run)

    def answer(self) -> Any:
        """What was said, as a value of the type that was asked for."""
        assert self._asked is not None
        return None if self._form is None else self._form.read(self._asked.answer)


class _Polling:
    """Waiting without news; a run that is being cancelled waits no more."""

    def __init__(self, run: FlowRunContext):
        self._run = run

    def __enter__(self) -> Callable[[float], object]:
        return self._run.cancelled.wait

    def __exit__(self, *_: object) -> None:
        return


def _current_run(what: str) -> FlowRunContext:
    run = current_flow_run.get()
    if run is None or current_task_run.get() is not None:
        raise NotInRun(f"{what} works inside a flow only, outside of its tasks: it is the flow run that rests.")
    return run


__all__ = [
    "apause_flow_run",
    "aresume_flow_run",
    "asuspend_flow_run",
    "pause_flow_run",
    "resume_flow_run",
    "suspend_flow_run",
]
