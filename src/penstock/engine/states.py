"""States as values: what calls with `return_state=True` return, and what flows and tasks may return to say how they ended."""

import time
from collections.abc import Callable
from types import CoroutineType
from typing import Any, TypeGuard

from penstock.core.errors import (
    InvalidState,
    RunCancelled,
    RunCrashed,
    RunFailed,
    RunPaused,
    UnfinishedRun,
    UpstreamFailed,
)
from penstock.core.states import DEFAULT_NAMES, STATES, Reason, RunState, StateType, is_final


class State:
    """Where a run is, with the value or error that it ended with.

    >>> Completed(message="all there", data=3).result()
    3
    """

    __slots__ = (
        "type",
        "name",
        "message",
        "reason",
        "timestamp",
        "run_id",
        "run_name",
        "result_reference",
        "_data",
        "_load",
    )

    def __init__(
        self,
        type: StateType,  # the field's name for it
        name: str | None = None,
        message: str | None = None,
        data: Any = None,
        *,
        reason: Reason | None = None,
        timestamp: int | None = None,
        run_id: str | None = None,
        run_name: str | None = None,
        result_reference: str | None = None,
        load: Callable[[], Any] | None = None,
    ):
        self.type, self.name, self.message = type, name or DEFAULT_NAMES[type], message
        self.reason, self.run_id, self.run_name = reason, run_id, run_name
        self.timestamp = time.time_ns() // 1000 if timestamp is None else timestamp
        self.result_reference = result_reference
        self._data, self._load = data, load

    def result(self, raise_on_failure: bool = True) -> Any:
        """The value that the run returned, or its error: raised, or returned if `raise_on_failure` is off.

        Raises `UnfinishedRun` if the run has not ended.
        """
        if self.type is StateType.COMPLETED:
            return self._value()
        error = self.error()
        if raise_on_failure:
            raise error
        return error

    def error(self) -> BaseException:
        """What kept the run from completing."""
        if isinstance(self._data, BaseException):
            return self._data
        what = f"Run `{self.run_name}`" if self.run_name else "The run"
        text = f"{what} ended {self.name}" + (f": {self.message}" if self.message else ".")
        if not self.is_final():
            if self.type is StateType.PAUSED:
                return RunPaused(f"{what} is {self.name} and has no result yet. Resume it first.")
            return UnfinishedRun(f"{what} is {self.name} and has no result yet. Wait for it first.")
        if self.name in ("NotReady", "TriggerFailed"):
            return UpstreamFailed(text)
        kind = {StateType.CANCELLED: RunCancelled, StateType.CRASHED: RunCrashed}.get(self.type, RunFailed)
        return kind(text)

    def _value(self) -> Any:
        if self._load is not None:
            self._data, self._load = self._load(), None
        return self._data

    def adopted(self) -> "State":
        """The same end as that of another run: with the value, without the identity."""
        name = None if self.name in ("Cached", "RolledBack") else self.name
        data = self._value() if self.type is StateType.COMPLETED else self._data
        return State(self.type, name, self.message, data, reason=self.reason)

    def is_final(self) -> bool:
        """Whether the run rests here for good."""
        return is_final(self.type, self.name)

    def is_scheduled(self) -> bool:
        return self.type is StateType.SCHEDULED

    def is_pending(self) -> bool:
        return self.type is StateType.PENDING

    def is_running(self) -> bool:
        return self.type is StateType.RUNNING

    def is_completed(self) -> bool:
        return self.type is StateType.COMPLETED

    def is_failed(self) -> bool:
        return self.type is StateType.FAILED

    def is_crashed(self) -> bool:
        return self.type is StateType.CRASHED

    def is_cancelled(self) -> bool:
        return self.type is StateType.CANCELLED

    def is_cancelling(self) -> bool:
        return self.type is StateType.CANCELLING

    def is_paused(self) -> bool:
        return self.type is StateType.PAUSED

    def is_skipped(self) -> bool:
        return self.name == "Skipped"

    def as_run_state(self) -> RunState:
        """The state without its data."""
        return RunState(self.type, self.name, self.timestamp, self.reason, self.message)

    def __repr__(self) -> str:
        message = f"message={self.message!r}" if self.message else ""
        return f"{self.name}({message})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, State):
            return NotImplemented
        return (self.type, self.name, self.message) == (other.type, other.name, other.message)

    __hash__ = object.__hash__


def make_state(default_name: str, *, name: str | None, message: str | None, data: Any) -> State:
    """Make a state of the table's type, under a user's own name if one is given. Raises `InvalidState`."""
    type_ = STATES[default_name].type
    if name is not None:
        known = STATES.get(name)
        if known is not None and known.type is not type_:
            raise InvalidState(f"`{name}` is a {known.type} state and cannot name a {type_} one. Choose another name.")
    return State(type_, name or default_name, message, data)


def Completed(message: str | None = None, data: Any = None, *, name: str | None = None) -> State:
    """The run did what it was to do; `data` is its result."""
    return make_state("Completed", name=name, message=message, data=data)


def Failed(message: str | None = None, data: Any = None, *, name: str | None = None) -> State:
    """The run failed; `data` may be the exception."""
    return make_state("Failed", name=name, message=message, data=data)


def Cancelled(message: str | None = None, data: Any = None, *, name: str | None = None) -> State:
    """The run was cancelled."""
    return make_state("Cancelled", name=name, message=message, data=data)


def Crashed(message: str | None = None, data: Any = None, *, name: str | None = None) -> State:
    """The run's process ended without a final word."""
    return make_state("Crashed", name=name, message=message, data=data)


def Pending(message: str | None = None, *, name: str | None = None) -> State:
    """The run is about to start."""
    return make_state("Pending", name=name, message=message, data=None)


def Running(message: str | None = None, *, name: str | None = None) -> State:
    """The run is running."""
    return make_state("Running", name=name, message=message, data=None)


def Scheduled(message: str | None = None, *, name: str | None = None) -> State:
    """The run is to start later."""
    return make_state("Scheduled", name=name, message=message, data=None)


def Paused(message: str | None = None, *, name: str | None = None) -> State:
    """The run waits for somebody."""
    return make_state("Paused", name=name, message=message, data=None)


def Skipped(message: str | None = None) -> State:
    """The run had nothing to do; so has what waits for its success."""
    return make_state("Skipped", name="Skipped", message=message, data=None)


def is_state(value: Any) -> TypeGuard[State]:
    """Tell whether a value is a state."""
    return type(value) is State


def unawaited(value: Any, what: str) -> State | None:
    """The failed state of a function that returned a coroutine, whose work nobody has done; none for any other value."""
    if type(value) is not CoroutineType:
        return None
    value.close()
    message = (
        f"The {what} returned a coroutine that nobody awaited (`{value.__qualname__}`). "
        "Await it in an `async def`, or submit the task and return its future."
    )
    return State(StateType.FAILED, message=message, reason=Reason.RETURNED_FAILED)
