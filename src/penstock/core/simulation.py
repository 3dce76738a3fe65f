"""What schedules would do over a time: runs, those that overlap, pools that fill up, runs longer than their period.

Pure: how long runs take is an estimate that the caller has from history. Every run is taken to start at its tick, at
once; what waits, is skipped or is cancelled by policies is not played through, but shown as the clash that it is.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import merge
from itertools import islice, takewhile

from penstock.core.schedules import Schedule
from penstock.core.ticks import Tick, next_tick, ticks

RUNS_MAX = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A schedule of a deployment, with what is known of its runs."""

    deployment: str
    schedule: Schedule
    expected_us: int | None = None
    """How long a run takes; nothing is said of overlaps without it."""
    deployment_limit: int | None = None
    pool: str | None = None
    pool_limit: int | None = None
    excepted: Mapping[int, int | None] = field(default_factory=dict)
    """Ticks that do not fire at their time, and to which time each was moved; to none if it is skipped."""


@dataclass(frozen=True, slots=True)
class SimulatedRun:
    """A run that would start at `tick.at`, to which its tick may have been moved; `ends_at` if its duration is known."""

    planned: Planned
    tick: Tick
    ends_at: int | None

    @property
    def deployment(self) -> str:
        """The deployment that it is a run of."""
        return self.planned.deployment


@dataclass(frozen=True, slots=True)
class Clash:
    """A run that would start while an earlier one of its deployment is still going; `running` counts it in."""

    run: SimulatedRun
    earlier: SimulatedRun
    running: int


@dataclass(frozen=True, slots=True)
class Saturation:
    """A time in which more would run than the limit of a pool or deployment lets; `most` at once."""

    kind: str
    name: str
    limit: int
    since: int
    until: int
    most: int


@dataclass(frozen=True, slots=True)
class Overrun:
    """A run that cannot end before the next tick of its schedule."""

    run: SimulatedRun
    next_at: int


@dataclass(frozen=True, slots=True)
class Simulation:
    """What would happen. If there would be more than `RUNS_MAX` runs, it ends early, at `until`."""

    since: int
    until: int
    runs: Sequence[SimulatedRun]
    overlaps: Sequence[Clash]
    saturations: Sequence[Saturation]
    overruns: Sequence[Overrun]
    cut: bool


def simulate(plans: Iterable[Planned], since: int, until: int) -> Simulation:
    """Play active schedules from `since` up to, not including, `until`.

    >>> from penstock.core.schedules import Interval
    >>> plan = Planned(deployment="d", schedule=Interval(60), expected_us=90_000_000)
    >>> len(simulate([plan], since=0, until=300_000_000).overlaps)
    4
    """
    active = [plan for plan in plans if plan.schedule.active]
    ahead = merge(*(_runs(plan, since, until) for plan in active), key=lambda run: run.tick.at)
    runs = list(islice(ahead, RUNS_MAX + 1))
    cut = len(runs) > RUNS_MAX
    if cut:
        until = runs.pop().tick.at
    by_deployment, by_pool = defaultdict(list), defaultdict(list)
    for run in runs:
        by_deployment[run.deployment].append(run)
        if run.planned.pool is not None:
            by_pool[run.planned.pool].append(run)
    saturations = [found for name, own in by_pool.items() for found in _saturations("pool", name, own)]
    saturations += [found for name, own in by_deployment.items() for found in _saturations("deployment", name, own)]
    return Simulation(
        since=since,
        until=until,
        runs=runs,
        overlaps=sorted(
            (clash for own in by_deployment.values() for clash in _clashes(own)), key=lambda c: c.run.tick.at
        ),
        saturations=sorted(saturations, key=lambda saturation: (saturation.since, saturation.kind, saturation.name)),
        overruns=list(_overruns(runs)),
        cut=cut,
    )


def _runs(plan: Planned, since: int, until: int) -> Iterator[SimulatedRun]:
    regular = takewhile(lambda tick: tick.at < until, ticks(plan.schedule, since - 1))
    for tick in merge((tick for tick in regular if tick.at not in plan.excepted), _moved(plan, since, until), key=_at):
        yield SimulatedRun(plan, tick, None if plan.expected_us is None else tick.at + plan.expected_us)


def _moved(plan: Planned, since: int, until: int) -> list[Tick]:
    found = []
    for fire_at, to in plan.excepted.items():
        tick = next_tick(plan.schedule, fire_at - 1)
        if tick is not None and to is not None and since <= to < until:
            found.append(replace(tick, at=to))
    return sorted(found, key=_at)


def _at(tick: Tick) -> int:
    return tick.at


def _clashes(runs: Sequence[SimulatedRun]) -> Iterator[Clash]:
    """Of one deployment, in order."""
    going: list[SimulatedRun] = []
    for run in runs:
        going = [earlier for earlier in going if earlier.ends_at is not None and earlier.ends_at > run.tick.at]
        if going:
            yield Clash(run, earlier=going[0], running=len(going) + 1)
        if run.ends_at is not None:
            going.append(run)


def _saturations(kind: str, name: str, runs: Sequence[SimulatedRun]) -> Iterator[Saturation]:
    """Times in which more than the limit would run: one pass over starts and ends, ends first at the same moment."""
    limits = [plan.pool_limit if kind == "pool" else plan.deployment_limit for plan in (run.planned for run in runs)]
    limit = min((each for each in limits if each is not None), default=None)
    if limit is None:
        return
    changes = sorted(
        change for run in runs if run.ends_at is not None for change in ((run.tick.at, 1), (run.ends_at, -1))
    )
    running = most = since = 0
    for at, change in changes:
        before, running = running, running + change
        if before <= limit < running:
            since, most = at, running
        elif running > limit:
            most = max(most, running)
        elif before > limit:
            yield Saturation(kind, name, limit, since, at, most)


def _overruns(runs: Sequence[SimulatedRun]) -> Iterator[Overrun]:
    """The next tick is the next run's, if the schedule has one here; else it is computed."""
    following: dict[int, int] = {}
    found = []
    for run in reversed(runs):
        next_at = following.get(id(run.planned))
        following[id(run.planned)] = run.tick.at
        if run.ends_at is None:
            continue
        if next_at is None:
            after = next_tick(run.planned.schedule, run.tick.at)
            next_at = run.ends_at if after is None else after.at
        if next_at < run.ends_at:
            found.append(Overrun(run, next_at))
    return reversed(found)
