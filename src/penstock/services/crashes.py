"""Finding runs whose process died: by the lock on its journal on this host, by its silence elsewhere."""

from dataclasses import dataclass
from pathlib import Path

from penstock.engine.replay import sweep
from penstock.ports import Clock, Orchestrator, ReapLeases

INTERVAL_SECONDS = 5.0
LOOKS_PER_LEASE = 6


@dataclass(slots=True)
class DeadWriters:
    """Takes in what dead processes of this host left, and marks their runs CRASHED."""

    orchestrator: Orchestrator
    journals: Path
    target: str
    name: str = "dead writers"
    interval_seconds: float = INTERVAL_SECONDS

    def run_once(self) -> int:
        """Sweep the folder of journals."""
        return len(sweep(self.journals, self.orchestrator, target=self.target))


@dataclass(slots=True)
class SilentWriters:
    """Marks runs CRASHED whose process records through a server and has not been heard of for a lease.

    A server that was away heard of nobody: nothing is marked before it has listened for a whole lease.
    """

    orchestrator: Orchestrator
    clock: Clock
    lease_seconds: float = 60.0
    name: str = "silent writers"
    interval_seconds: float = 0.0
    listening_since: int | None = None

    def __post_init__(self) -> None:
        self.interval_seconds = self.lease_seconds / LOOKS_PER_LEASE

    def run_once(self) -> int:
        """Look whose lease has ended."""
        now = self.clock.now_us()
        if self.listening_since is None:
            self.listening_since = now
        if now - self.listening_since < self.lease_seconds * 1_000_000:
            return 0
        return len(self.orchestrator.ask(ReapLeases()))
