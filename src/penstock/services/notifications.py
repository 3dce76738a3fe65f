"""Telling whoever wants to know of runs that ended, late or in trouble."""

from dataclasses import dataclass

from penstock.notifications import DeliverNotices
from penstock.ports import Orchestrator

INTERVAL_SECONDS = 2.0


@dataclass(slots=True)
class Notifications:
    """Sends what is to be sent by now. Sending takes its time: run it in an `Aside`."""

    orchestrator: Orchestrator
    name: str = "notifications"
    interval_seconds: float = INTERVAL_SECONDS

    def run_once(self) -> int:
        """Look at the log of events after where each notification is."""
        return self.orchestrator.ask(DeliverNotices())
