"""What makes deployments run by themselves: schedules that fire, backfills that go on, deadlines that are looked at.

Any number of servers, workers and serving processes over one database may run these at once.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path

from penstock.ports import Orchestrator
from penstock.scheduling import AdvanceBackfills, CheckDeadlines, FireSchedules
from penstock.services.crashes import DeadWriters
from penstock.services.units import Services, Unit
from penstock.settings import Settings
from penstock.work import ReapClaims

POLL_SECONDS = 0.5
"""A schedule that somebody else saves is heard of within this time; ticks that are known of are waited for to the moment."""
WAIT_SECONDS_MIN = 0.005
PASSES_MAX = 20
"""So many in a row, before it is looked whether to stop."""
BACKFILL_SECONDS = 1.0
DEADLINE_SECONDS = 1.0
REAP_SECONDS = 5.0


@dataclass(slots=True)
class Scheduler:
    """Asks for the runs of schedules when they are due."""

    orchestrator: Orchestrator
    name: str = "scheduler"
    interval_seconds: float = 0.0

    def run_once(self) -> int:
        """Fire what is due, and find out when to come again."""
        self.interval_seconds = POLL_SECONDS  # should asking fail
        runs, wait = 0, None
        for _ in range(PASSES_MAX):
            fired = self.orchestrator.ask(FireSchedules())
            runs, wait = runs + fired.runs, fired.wait_seconds
            if wait != 0:
                break
        if wait is not None:
            self.interval_seconds = max(WAIT_SECONDS_MIN, min(wait, POLL_SECONDS))
        return runs


@dataclass(slots=True)
class Backfills:
    """Asks for the next runs of backfills that have room."""

    orchestrator: Orchestrator
    name: str = "backfills"
    interval_seconds: float = BACKFILL_SECONDS

    def run_once(self) -> int:
        """Fill them up."""
        return self.orchestrator.ask(AdvanceBackfills())


@dataclass(slots=True)
class Deadlines:
    """Tells of runs that have not ended by their deadline."""

    orchestrator: Orchestrator
    name: str = "deadlines"
    interval_seconds: float = DEADLINE_SECONDS

    def run_once(self) -> int:
        """Look at the deadlines that have come."""
        return self.orchestrator.ask(CheckDeadlines())


@dataclass(slots=True)
class LostClaims:
    """Lets runs wait again whose worker was lost before it started them, and marks those that are late.

    A server that was away heard of no worker: with `patience_seconds` nothing is judged before it has listened so long.
    """

    orchestrator: Orchestrator
    name: str = "lost claims"
    interval_seconds: float = REAP_SECONDS
    patience_seconds: float = 0.0
    begun: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if self.patience_seconds:
            self.interval_seconds = min(self.interval_seconds, self.patience_seconds / 4)

    def run_once(self) -> int:
        """Look whose lease has ended."""
        if time.monotonic() - self.begun < self.patience_seconds:
            return 0
        return self.orchestrator.ask(ReapClaims())


def make_scheduling_units(orchestrator: Orchestrator, *, patience_seconds: float = 0.0) -> list[Unit]:
    """The units of a server. They are to have a thread of their own: a tick waits for nobody.

    `patience_seconds`: how long those listen first who may have been away while workers asked for them.
    """
    lost = LostClaims(orchestrator, patience_seconds=patience_seconds)
    return [Scheduler(orchestrator), Backfills(orchestrator), Deadlines(orchestrator), lost]


def make_embedded_services(
    settings: Settings, orchestrator: Orchestrator, *, journals: Path, target: str
) -> Services | None:
    """What a process that serves or works has to run beside; none where there is a server, which does it."""
    if settings.api_url:
        return None
    return Services([DeadWriters(orchestrator, journals, target)], prompt=make_scheduling_units(orchestrator))
