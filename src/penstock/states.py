"""States as values, for return values of flows and tasks and for `return_state=True`."""

from penstock.core.states import StateType
from penstock.engine.states import (
    Cancelled,
    Completed,
    Crashed,
    Failed,
    Paused,
    Pending,
    Running,
    Scheduled,
    Skipped,
    State,
)

__all__ = [
    "Cancelled",
    "Completed",
    "Crashed",
    "Failed",
    "Paused",
    "Pending",
    "Running",
    "Scheduled",
    "Skipped",
    "State",
    "StateType",
]
