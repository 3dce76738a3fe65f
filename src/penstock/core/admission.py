"""Which of the runs that wait may begin now, in which order, and why the others may not.

    paused? -> due? -> the run that it follows over? -> room in deployment, queue, pool -> room at the worker

The order: the queue's priority; fresh runs before those of backfills; the deployment with the fewest running; the time.
A queue of lower priority waits as long as a higher one fills the pool; within a queue every deployment comes to its turn.
The same decision explains: asked with endless room, what is refused is what stands against a run.
"""

import heapq
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Hold(StrEnum):
    """What keeps a run from beginning."""

    NOT_DUE = "not_due"
    POOL_PAUSED = "pool_paused"
    QUEUE_PAUSED = "queue_paused"
    OVERLAP = "overlap"
    DEPLOYMENT_LIMIT = "deployment_limit"
    QUEUE_LIMIT = "queue_limit"
    POOL_LIMIT = "pool_limit"
    WORKER_LIMIT = "worker_limit"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run that waits."""

    key: int
    queue: int
    deployment: int | None
    due_at: int
    fresh: bool = True
    """Not of a backfill."""
    follows: bool = False
    """The run that it is to come after has not ended."""


@dataclass(frozen=True, slots=True)
class Line:
    """A work queue, or the pool as a whole."""

    name: str
    running: int = 0
    limit: int | None = None
    paused: bool = False
    priority: int = 1


@dataclass(frozen=True, slots=True)
class Crowd:
    """A deployment's runs."""

    name: str
    running: int = 0
    limit: int | None = None
    cancel_new: bool = False
    """What is beyond the limit is cancelled, and does not wait."""


@dataclass(frozen=True, slots=True)
class AdmissionFacts:
    """What the decision rests on. Runs of a queue that is not named are nobody's to admit."""

    now: int
    pool: Line
    queues: Mapping[int, Line]
    deployments: Mapping[int, Crowd]
    candidates: Sequence[Candidate]
    room: int | None = None
    """So many are asked for; none: as many as may."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a run waits on."""

    hold: Hold
    message: str


@dataclass(slots=True)
class Admissions:
    """The decision."""

    admitted: list[int] = field(default_factory=list)
    """In the order in which they are to begin."""
    cancelled: dict[int, str] = field(default_factory=dict)
    """Beyond a limit that lets nothing wait; with the message."""
    refused: dict[int, Refusal] = field(default_factory=dict)


def admit(facts: AdmissionFacts) -> Admissions:
    """Decide. Pure: equal facts give equal decisions.

    >>> facts = AdmissionFacts(
    ...     10, Line("pool", limit=1), {1: Line("default")}, {}, [Candidate(7, 1, None, 5), Candidate(8, 1, None, 3)]
    ... )
    >>> admit(facts).admitted
    [8]
    >>> admit(facts).refused[7].message
    'work pool `pool` runs at most 1 at once, and has 1'
    """
    return _Turn(facts).decide()


class _Turn:
    """One decision under way: who runs is counted on with each run that is admitted."""

    def __init__(self, facts: AdmissionFacts):
        self.facts = facts
        self.made = Admissions()
        self.in_pool = facts.pool.running
        self.in_queue = Counter({key: line.running for key, line in facts.queues.items()})
        self.of_deployment = Counter({key: crowd.running for key, crowd in facts.deployments.items()})

    def decide(self) -> Admissions:
        for tier in self._tiers():
            # One line for each deployment, the one with the fewest running at the front.
            front = [(self._running(line[0]), line[0].due_at, line[0].key, line) for line in tier]
            heapq.heapify(front)
            while front:
                running, _, _, line = heapq.heappop(front)
                candidate = line[0]
                if running != self._running(candidate):  # it has moved on since
                    heapq.heappush(front, (self._running(candidate), candidate.due_at, candidate.key, line))
                    continue
                line.popleft()
                self._settle(candidate)
                if line:
                    heapq.heappush(front, (self._running(line[0]), line[0].due_at, line[0].key, line))
        return self.made

    def _tiers(self) -> list[list[deque[Candidate]]]:
        tiers: dict[tuple[int, bool], dict[int | None, deque[Candidate]]] = {}
        for candidate in sorted(self.facts.candidates, key=lambda one: (one.due_at, one.key)):
            queue = self.facts.queues.get(candidate.queue)
            if queue is not None:
                tier = tiers.setdefault((queue.priority, not candidate.fresh), {})
                tier.setdefault(candidate.deployment, deque()).append(candidate)
        return [list(tiers[order].values()) for order in sorted(tiers)]

    def _running(self, candidate: Candidate) -> int:
        return 0 if candidate.deployment is None else self.of_deployment[candidate.deployment]

    def _settle(self, candidate: Candidate) -> None:
        refusal = self._refuse(candidate)
        if refusal is None:
            self.made.admitted.append(candidate.key)
            self.in_pool += 1
            self.in_queue[candidate.queue] += 1
            if candidate.deployment is not None:
                self.of_deployment[candidate.deployment] += 1
        elif refusal.hold is Hold.DEPLOYMENT_LIMIT and self._cancels(candidate):
            self.made.cancelled[candidate.key] = f"Cancelled: {refusal.message}."
        else:
            self.made.refused[candidate.key] = refusal

    def _cancels(self, candidate: Candidate) -> bool:
        crowd = None if candidate.deployment is None else self.facts.deployments.get(candidate.deployment)
        return crowd is not None and crowd.cancel_new

    def _refuse(self, candidate: Candidate) -> Refusal | None:
        pool, queue = self.facts.pool, self.facts.queues[candidate.queue]
        crowd = None if candidate.deployment is None else self.facts.deployments.get(candidate.deployment)
        if candidate.due_at > self.facts.now:
            seconds = (candidate.due_at - self.facts.now) / 1_000_000
            return Refusal(Hold.NOT_DUE, f"it is due in {say_duration(seconds)}")
        if pool.paused:
            return Refusal(Hold.POOL_PAUSED, f"work pool `{pool.name}` is paused")
        if queue.paused:
            return Refusal(Hold.QUEUE_PAUSED, f"work queue `{queue.name}` of work pool `{pool.name}` is paused")
        if candidate.follows:
            return Refusal(Hold.OVERLAP, "the run of its schedule before it has not ended, and they follow one another")
        if crowd is not None and _is_full(self.of_deployment[candidate.deployment], crowd.limit):  # type: ignore[index]  # it has one
            running = self.of_deployment[candidate.deployment]  # type: ignore[index]  # as above
            return Refusal(Hold.DEPLOYMENT_LIMIT, _full(f"deployment `{crowd.name}`", crowd.limit, running))
        if _is_full(self.in_queue[candidate.queue], queue.limit):
            running = self.in_queue[candidate.queue]
            return Refusal(Hold.QUEUE_LIMIT, _full(f"work queue `{queue.name}`", queue.limit, running))
        if _is_full(self.in_pool, pool.limit):
            return Refusal(Hold.POOL_LIMIT, _full(f"work pool `{pool.name}`", pool.limit, self.in_pool))
        if self.facts.room is not None and len(self.made.admitted) >= self.facts.room:
            return Refusal(Hold.WORKER_LIMIT, "no worker has room for it")
        return None


def _is_full(running: int, limit: int | None) -> bool:
    return limit is not None and running >= limit


def _full(what: str, limit: int | None, running: int) -> str:
    return f"{what} runs at most {limit:,} at once, and has {running:,}"


def say_duration(seconds: float) -> str:
    """How long, in the two largest units.

    >>> say_duration(0.4), say_duration(90), say_duration(100_000)
    ('0.4 s', '1 min 30 s', '1 d 3 h')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    parts = []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{int(number)} {unit}")
        elif parts:
            break
    return " ".join(parts[:2])
