"""Where a run is: the table of state names, and the moves that the table allows.

API enums, colours and the docs' diagram derive from this module. Illegal moves leave a run unchanged.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from penstock.core.errors import InvalidState


class StateType(StrEnum):
    """The kinds of state that the engine tells apart."""

    SCHEDULED = "SCHEDULED"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CRASHED = "CRASHED"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"
    PAUSED = "PAUSED"


class Reason(StrEnum):
    """Why a run is in its state, for the engine to act upon; names and messages are for people."""

    RETURNED = "returned"
    RAISED = "raised"
    RETURNED_FAILED = "returned_failed"
    TASKS_FAILED = "tasks_failed"
    PARAMETERS_INVALID = "parameters_invalid"
    RESULT_UNSTORABLE = "result_unstorable"
    TIMED_OUT = "timed_out"
    CACHE_HIT = "cache_hit"
    SKIPPED_BY_TASK = "skipped_by_task"
    SKIPPED_BY_UPSTREAM = "skipped_by_upstream"
    SKIPPED_BY_RULE = "skipped_by_rule"
    UPSTREAM_FAILED = "upstream_failed"
    RETRYING = "retrying"
    ROLLED_BACK = "rolled_back"
    CANCEL_REQUESTED = "cancel_requested"
    INTERRUPTED = "interrupted"
    PROCESS_DIED = "process_died"
    LEASE_EXPIRED = "lease_expired"
    RESUMED = "resumed"
    WAITING_FOR_SLOT = "waiting_for_slot"
    WAITING_FOR_INPUT = "waiting_for_input"


class StateName(NamedTuple):
    """One row of the table: what a name refines, and whether a run rests there for good."""

    type: StateType
    final: bool


T = StateType
STATES: Mapping[str, StateName] = MappingProxyType(
    {
        "Scheduled": StateName(T.SCHEDULED, False),
        "Late": StateName(T.SCHEDULED, False),
        "AwaitingRetry": StateName(T.SCHEDULED, False),
        "AwaitingConcurrencySlot": StateName(T.SCHEDULED, False),
        "Resuming": StateName(T.SCHEDULED, False),
        "Pending": StateName(T.PENDING, False),
        "NotReady": StateName(T.PENDING, True),
        "Running": StateName(T.RUNNING, False),
        "Retrying": StateName(T.RUNNING, False),
        "Completed": StateName(T.COMPLETED, True),
        "Cached": StateName(T.COMPLETED, True),
        "Skipped": StateName(T.COMPLETED, True),
        "RolledBack": StateName(T.COMPLETED, True),
        "Failed": StateName(T.FAILED, True),
        "TriggerFailed": StateName(T.FAILED, True),
        "TimedOut": StateName(T.FAILED, True),
        "Crashed": StateName(T.CRASHED, True),
        "Cancelling": StateName(T.CANCELLING, False),
        "Cancelled": StateName(T.CANCELLED, True),
        "Paused": StateName(T.PAUSED, False),
        "Suspended": StateName(T.PAUSED, False),
    }
)

FINAL_TYPES = frozenset({T.COMPLETED, T.FAILED, T.CRASHED, T.CANCELLED})

DEFAULT_NAMES: Mapping[StateType, str] = MappingProxyType({type_: type_.value.capitalize() for type_ in StateType})

# Which types may follow which. CRASHED is a presumption: a later fact of the same epoch may replace it.
TRANSITIONS: Mapping[StateType, frozenset[StateType]] = MappingProxyType(
    {
        T.SCHEDULED: frozenset(
            {T.SCHEDULED, T.PENDING, T.RUNNING, T.PAUSED, T.CANCELLING, T.CANCELLED, T.FAILED, T.COMPLETED, T.CRASHED}
        ),
        T.PENDING: frozenset(
            {T.SCHEDULED, T.PENDING, T.RUNNING, T.PAUSED, T.CANCELLING, T.CANCELLED, T.FAILED, T.COMPLETED, T.CRASHED}
        ),
        T.RUNNING: frozenset(
            {T.RUNNING, T.SCHEDULED, T.PAUSED, T.CANCELLING, T.CANCELLED, T.FAILED, T.COMPLETED, T.CRASHED}
        ),
        T.PAUSED: frozenset({T.SCHEDULED, T.RUNNING, T.PAUSED, T.CANCELLING, T.CANCELLED, T.FAILED, T.CRASHED}),
        T.CANCELLING: frozenset({T.CANCELLED, T.COMPLETED, T.FAILED, T.CRASHED}),
        T.CRASHED: frozenset({T.COMPLETED, T.FAILED, T.CANCELLED, T.RUNNING}),
        T.COMPLETED: frozenset(),
        T.FAILED: frozenset(),
        T.CANCELLED: frozenset(),
    }
)
del T


@dataclass(frozen=True, slots=True)
class RunState:
    """Where a run is, since when, and why. `name` may be a user's own; the engine reads `type` and `reason`.

    >>> RunState.of("Cached", at=0).type
    <StateType.COMPLETED: 'COMPLETED'>
    """

    type: StateType
    name: str
    at: int
    reason: Reason | None = None
    message: str | None = None

    @classmethod
    def of(cls, name: str, *, at: int, reason: Reason | None = None, message: str | None = None) -> "RunState":
        """Make a state by a name of the table; `at` is in microseconds UTC."""
        row = STATES.get(name)
        if row is None:
            raise InvalidState(f"`{name}` is not a state of Penstock. Known: {', '.join(STATES)}.")
        return cls(row.type, name, at, reason, message)

    @property
    def is_final(self) -> bool:
        """Whether a run rests here for good, unless it is retried or resumed in a new epoch."""
        return is_final(self.type, self.name)


def is_final(type_: StateType, name: str) -> bool:
    """Tell whether a state ends an epoch.

    >>> is_final(StateType.PENDING, "NotReady"), is_final(StateType.RUNNING, "Running")
    (True, False)
    """
    row = STATES.get(name)
    if row is not None and row.type is type_:
        return row.final
    return type_ in FINAL_TYPES


@dataclass(frozen=True, slots=True)
class Move:
    """A wish to bring a run from where it is to `target`, made in `epoch`."""

    target: RunState
    epoch: int


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is known of a run when a move is decided."""

    state: RunState
    epoch: int
    version: int
    cancel_requested: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided; `why` tells a refused caller the rule that it met."""

    accepted: bool
    state: RunState
    why: str = ""


def decide(facts: RunFacts, move: Move) -> Verdict:
    """Decide whether a run moves. Pure: equal facts and moves give equal verdicts.

    >>> running = RunFacts(RunState.of("Running", at=0), epoch=2, version=1)
    >>> decide(running, Move(RunState.of("Completed", at=1), epoch=1)).why
    'epoch 1 was superseded by epoch 2'
    """
    if move.epoch < facts.epoch:
        return Verdict(False, facts.state, f"epoch {move.epoch} was superseded by epoch {facts.epoch}")
    if move.epoch > facts.epoch:
        return Verdict(False, facts.state, f"epoch {move.epoch} was never begun (the run is in epoch {facts.epoch})")
    rests = facts.state.is_final and facts.state.type is not StateType.CRASHED
    if move.target.type in TRANSITIONS[facts.state.type] and not rests:  # NotReady rests, though PENDING does not
        return Verdict(True, move.target)
    return Verdict(
        False,
        facts.state,
        f"{facts.state.name} ({facts.state.type}) cannot become {move.target.name} ({move.target.type})",
    )


def decide_take(facts: RunFacts, *, holder_alive: bool) -> Verdict:
    """Decide whether a process may take a run over, which begins its next epoch (retry, resume, a worker's claim)."""
    state = facts.state
    if state.type is StateType.COMPLETED:
        return Verdict(False, state, f"it is {state.name} already")
    if holder_alive and not state.is_final and state.type not in (StateType.SCHEDULED, StateType.PAUSED):
        return Verdict(False, state, "the process that runs it is still alive")
    return Verdict(True, state)


def decide_cancel(facts: RunFacts, *, holder_alive: bool, at: int) -> Verdict:
    """Decide what a request to cancel does: a live process is asked to stop, anything else is cancelled at once."""
    if facts.state.is_final:
        return Verdict(False, facts.state, f"it is {facts.state.name} already")
    name = (
        "Cancelling"
        if holder_alive and facts.state.type in (StateType.RUNNING, StateType.PENDING, StateType.CANCELLING)
        else "Cancelled"
    )
    return Verdict(True, RunState.of(name, at=at, reason=Reason.CANCEL_REQUESTED))
