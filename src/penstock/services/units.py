"""Units and what runs them: a thread calls each unit when it is due. A unit that fails is called again later.

Several servers over one database may run the same units: each does its work in bounded, guarded steps.
"""

import heapq
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from penstock.core.errors import PenstockError

logger = logging.getLogger("penstock.services")

STOP_SECONDS_MAX = 10.0
IDLE_SECONDS = 3_600.0


class Unit(Protocol):
    """Something that is to be done once in a while."""

    name: str
    interval_seconds: float

    def run_once(self) -> int:
        """Do it; answers how many things were done. Returns soon: what is left is done the next time."""


@dataclass(frozen=True, slots=True)
class Call:
    """How the last call of a unit went."""

    at: float
    """Seconds since 1970."""
    seconds: float
    done: int
    error: str | None = None


@dataclass(frozen=True, slots=True)
class UnitReport:
    """A unit, how often it is called, and how the last call went; none before the first."""

    name: str
    interval_seconds: float
    last: Call | None


@dataclass(order=True, slots=True)
class _Due:
    at: float
    place: int
    unit: Unit = field(compare=False)


class Services:
    """Runs units in one thread, and those that must be prompt in another, so that none of the first keeps them waiting."""

    def __init__(
        self, units: Sequence[Unit], *, prompt: Sequence[Unit] = (), clock: Callable[[], float] = time.monotonic
    ):
        self._lanes = [_Lane(lane, clock) for lane in (units, prompt) if lane]
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin."""
        for number, lane in enumerate(self._lanes):
            thread = threading.Thread(target=self._run, args=[lane], name=f"penstock-services-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End, after the units that are being called."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(STOP_SECONDS_MAX)

    def wait(self) -> None:
        """Wait until somebody stops them."""
        self._stopping.wait()

    def report(self) -> list[UnitReport]:
        """How the units are doing, by name."""
        reports = (UnitReport(name, *facts) for lane in self._lanes for name, facts in lane.known.items())
        return sorted(reports, key=lambda report: report.name)

    def run_due(self) -> float:
        """Call what is due; answers how many seconds there are until the next."""
        return min((lane.run_due() for lane in self._lanes), default=IDLE_SECONDS)

    def _run(self, lane: "_Lane") -> None:
        while not self._stopping.wait(lane.run_due()):
            pass


class _Lane:
    """Units that wait for one another."""

    def __init__(self, units: Sequence[Unit], clock: Callable[[], float]):
        self._clock = clock
        self._due = [_Due(clock() + unit.interval_seconds, place, unit) for place, unit in enumerate(units)]
        heapq.heapify(self._due)
        self.known: dict[str, tuple[float, Call | None]] = {unit.name: (unit.interval_seconds, None) for unit in units}

    def run_due(self) -> float:
        """Call what is due; answers how many seconds there are until the next. A unit may change its interval."""
        while self._due and self._due[0].at <= self._clock():
            due = heapq.heappop(self._due)
            last = call(due.unit)
            said = due.unit.last if isinstance(due.unit, Aside) else last
            self.known[due.unit.name] = due.unit.interval_seconds, said
            heapq.heappush(self._due, _Due(self._clock() + due.unit.interval_seconds, due.place, due.unit))
        return max(0.0, self._due[0].at - self._clock())


def call(unit: Unit) -> Call:
    """Call a unit. What goes wrong is told, and is no reason to stop the others."""
    at, begun, done, wrong = time.time(), time.perf_counter(), 0, None
    try:
        done = unit.run_once()
    except PenstockError as error:
        wrong = str(error)
        logger.warning("%s: %s", unit.name, error)
    except Exception as error:
        wrong = f"It met a fault of its own, which the server's log tells of ({type(error).__name__})."
        logger.exception("%s met a fault of its own", unit.name)
    else:
        if done:
            logger.info("%s: %d done", unit.name, done)
    return Call(at, time.perf_counter() - begun, done, wrong)


class Aside:
    """A unit that may take long, in a thread of its own, so that the others are not kept waiting; one call at a time."""

    def __init__(self, unit: Unit):
        self.name, self.interval_seconds = unit.name, unit.interval_seconds
        self.last: Call | None = None
        """Of the unit itself, once it has ended."""
        self._unit = unit
        self._thread: threading.Thread | None = None

    def run_once(self) -> int:
        """Begin a call, unless one is going on. What it does is told by its own thread."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._call, name=f"penstock-{self.name}", daemon=True)
            self._thread.start()
        return 0

    def _call(self) -> None:
        self.last = call(self._unit)
