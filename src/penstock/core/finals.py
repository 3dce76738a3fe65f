"""The final state of a flow run, from what its function returned or, if that says nothing, from its task runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from penstock.core.states import Reason, StateType


@dataclass(frozen=True, slots=True)
class Final:
    """The type that a flow run ends with, and the sentence that explains it."""

    type: StateType
    reason: Reason
    message: str | None = None


RETURNED = Final(StateType.COMPLETED, Reason.RETURNED)

# When several states decide together, the gravest wins; CRASHED counts as a failure of the whole.
_GRAVITY = (StateType.CANCELLED, StateType.CRASHED, StateType.FAILED, StateType.PENDING)


def settle(types: Sequence[StateType]) -> Final:
    """Settle a flow run's end from the states that it returned or, if it returned nothing, those of its tasks.

    >>> settle([StateType.COMPLETED, StateType.FAILED]).message
    '1 of 2 states failed.'
    """
    counts: dict[StateType, int] = {}
    for type_ in types:
        counts[type_] = counts.get(type_, 0) + 1
    return settle_counts(counts)


def settle_counts(counts: Mapping[StateType, int]) -> Final:
    """The same, from the number of states of each type."""
    total = sum(counts.values())
    bad = total - counts.get(StateType.COMPLETED, 0)
    if bad == 0:
        message = "All states completed." if total else None
        return Final(StateType.COMPLETED, Reason.RETURNED, message)
    if counts.get(StateType.CANCELLED, 0) and not any(counts.get(type_, 0) for type_ in _GRAVITY[1:]):
        return Final(StateType.CANCELLED, Reason.CANCEL_REQUESTED, f"{bad} of {total} states were cancelled.")
    return Final(StateType.FAILED, Reason.TASKS_FAILED, f"{bad} of {total} states failed.")
