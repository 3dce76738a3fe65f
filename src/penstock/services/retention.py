"""Retention: what ended long ago goes, a bounded number of runs a pass."""

from dataclasses import dataclass

from penstock.ports import Clock, Orchestrator, Prune

INTERVAL_SECONDS = 300.0
RUNS_PER_PASS = 200
DAY_US = 86_400_000_000


@dataclass(slots=True)
class Retention:
    """Removes ended runs that are older than `days`; 0 keeps them for ever."""

    orchestrator: Orchestrator
    clock: Clock
    days: float
    name: str = "retention"
    interval_seconds: float = INTERVAL_SECONDS

    def run_once(self) -> int:
        """One pass."""
        if self.days <= 0:
            return 0
        before = self.clock.now_us() - int(self.days * DAY_US)
        removed = self.orchestrator.ask(Prune(runs_older_than=before, limit=RUNS_PER_PASS))
        return int(removed.get("flow_run", 0))
