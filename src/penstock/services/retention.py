"""Retention as a service: what ended long ago goes, a bounded number of runs a pass."""

from dataclasses import dataclass

from penstock.engine.retention import prune_once
from penstock.ports import Clock, Orchestrator, ResultStore

INTERVAL_SECONDS = 300.0


@dataclass(slots=True)
class Retention:
    """Removes ended runs that are older than `days`, with their results; 0 keeps them for ever."""

    orchestrator: Orchestrator
    results: ResultStore
    clock: Clock
    days: float
    name: str = "retention"
    interval_seconds: float = INTERVAL_SECONDS

    def run_once(self) -> int:
        """One pass."""
        return prune_once(self.orchestrator, self.results, now=self.clock.now_us(), days=self.days)
