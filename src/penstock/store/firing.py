"""Firing schedules: each tick makes one run, however many ask at once.

A schedule that is due is locked, its ticks are dealt with, and the next time to look is written, in one transaction with the runs. Who
finds a schedule locked passes it over. The unique key of (deployment, slug, tick) stands behind that: a tick that has a run already,
because a schedule was made anew or clocks stepped back, makes none.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, select, tuple_, update
from sqlalchemy import bindparam as given

from penstock.core.errors import ParameterInvalid, TemplateInvalid
from penstock.core.ids import RunId
from penstock.core.schedules import Schedule
from penstock.core.ticks import GRACE, Tick, due, jittered, next_tick
from penstock.scheduling import Fired
from penstock.store.database import Store, Transaction
from penstock.store.events import Told, add_events
from penstock.store.requests import NewRun, add_requests, failed_for_parameters, new_run
from penstock.store.schedule_rows import render_for, schedule_of, timing, told
from penstock.store.schedules import jitter_key
from penstock.store.tables import flow_run, workspace
from penstock.store.targets import Target, check_parameters, select_targets, to_target
from penstock.store.work_tables import deployment, run_request, schedule, schedule_exception

SCHEDULES_MAX = 1_000
"""Of one transaction: on SQLite nobody else writes meanwhile."""
LOOK_BACK_MAX = 50
"""Runs of a schedule that are looked at for one that has not ended."""
KEYS_PER_STATEMENT = 200
LOCKED_WAIT_SECONDS = 0.05

d, s, x, r, a = deployment.c, schedule.c, schedule_exception.c, flow_run.c, run_request.c


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run of a schedule that has not ended."""

    seq: int
    id: RunId
    name: str
    workspace: str
    cancel_requested: bool


@dataclass(frozen=True, slots=True)
class Firing:
    """What came of it, and which runs have to be cancelled before the schedules that want it can fire."""

    fired: Fired
    to_cancel: Sequence[OpenRun]
    now: int


@dataclass(slots=True)
class _Pass:
    """One transaction's work."""

    transaction: Transaction
    now: int
    actor: str
    runs: list[NewRun] = field(default_factory=list)
    events: list[Told] = field(default_factory=list)
    to_cancel: list[OpenRun] = field(default_factory=list)
    timings: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Exceptions:
    moved: Mapping[int, int] = field(default_factory=dict)
    skipped: frozenset[int] = frozenset()
    fired: frozenset[int] = frozenset()

    @property
    def apart(self) -> frozenset[int]:
        """The ticks that do not fire at their time."""
        return self.skipped | self.fired | self.moved.keys()


def fire(store: Store, *, limit: int, actor: str) -> Firing:
    """Ask for the runs of the schedules that are due."""
    limit = max(1, min(limit, SCHEDULES_MAX))
    with store.read() as connection:  # mostly there is nothing to do, and no reason to write
        now = store.now_us(connection)
        wait = _wait(connection, now)
    if wait is None or wait > 0:
        return Firing(Fired(runs=0, wait_seconds=wait), (), now)
    with store.write() as transaction:
        connection, now = transaction.connection, transaction.now_us()
        rows = connection.execute(
            select(schedule).where(s.due_at <= now).order_by(s.due_at).limit(limit).with_for_update(skip_locked=True)
        ).all()
        work = _Pass(transaction, now, actor)
        _deal_with(work, rows)
        add_requests(transaction, work.runs, now=now, actor=actor)
        add_events(transaction, work.events)
        if work.timings:
            connection.execute(_timed, work.timings)
        wait = _wait(connection, now)
    # Whoever has a schedule locked deals with it: asking again at once would not help.
    waiting = wait == 0 and len(rows) < limit and not work.to_cancel
    return Firing(
        Fired(runs=len(work.runs), wait_seconds=LOCKED_WAIT_SECONDS if waiting else wait), work.to_cancel, now
    )


def step_back(store: Store) -> int:
    """The clock has gone back: what lies ahead of it again is to come again, but for ticks that have their runs."""
    with store.write() as transaction:
        connection, now = transaction.connection, transaction.now_us()
        rows = connection.execute(select(schedule).where(s.done_until > now).with_for_update()).all()
        exceptions = _read_exceptions(connection, rows)
        for row in rows:
            known = exceptions.get(row.seq, _Exceptions())
            rests = row.due_at is None
            values = timing(
                schedule_of(row), done_until=now, rests=rests, moved=known.moved.values(), apart=known.apart
            )
            connection.execute(update(schedule).where(s.seq == row.seq).values(values))
    return len(rows)


_timed = (
    update(schedule)
    .where(s.seq == given("_seq"))
    .values(done_until=given("done_until"), last_at=given("last_at"), next_at=given("next_at"), due_at=given("due_at"))
)


def _wait(connection: Connection, now: int) -> float | None:
    soonest = connection.execute(select(s.due_at).where(s.due_at.is_not(None)).order_by(s.due_at).limit(1)).scalar()
    return None if soonest is None else max(0.0, (soonest - now) / 1e6)


def _deal_with(work: _Pass, rows: Sequence[Row[Any]]) -> None:
    connection = work.transaction.connection
    targets = _read_targets(connection, {row.deployment_seq for row in rows})
    exceptions = _read_exceptions(connection, rows)
    plans = {row.seq: _plan(row, exceptions.get(row.seq, _Exceptions()), work.now) for row in rows}
    done = _with_runs(connection, [(row, tick.at) for row in rows for tick in plans[row.seq].ticks])
    watchful = [row for row in rows if plans[row.seq].ticks and plans[row.seq].definition.overlap != "allow"]
    running = _open_runs(connection, watchful)
    for row in rows:
        plan, target = plans[row.seq], targets.get(row.deployment_seq)
        if target is None:  # of no deployment that is there: nobody looks at it again
            rests = {"_seq": row.seq, "last_at": row.last_at, "done_until": row.done_until}
            work.timings.append({**rests, "next_at": None, "due_at": None})
            continue
        fresh = [tick for tick in plan.ticks if (row.deployment_seq, row.slug, tick.at) not in done]
        if _make_runs(work, row, target, plan, fresh, running.get(row.seq, [])):
            _tell_skipped(work, row, target, plan)
            work.timings.append(_next_timing(row, plan, exceptions.get(row.seq, _Exceptions()), work.now))
            _tidy(connection, row, plan, done_until=work.timings[-1]["done_until"])


# ---- Which ticks ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Plan:
    definition: Schedule
    ticks: Sequence[Tick]
    """To be run."""
    skipped: Sequence[int]
    """Ticks that somebody does not want."""
    moved: Mapping[int, int]
    """Those of `ticks` that were moved, and to which time, which has come."""
    missed: bool
    """Whether some came while nobody looked, and are not made up for."""
    last: int | None
    """The newest tick that came, if one did."""


def _plan(row: Row[Any], exceptions: _Exceptions, now: int) -> _Plan:
    definition = schedule_of(row)
    regular = due(definition, row.done_until, now)
    first = next_tick(definition, row.done_until) if now > row.done_until else None
    last, missed = None, False
    if first is not None and first.at <= now:
        last = regular[-1].at if regular else first.at
        if first.at < now - GRACE:
            upto = now if definition.end_us is None else min(now, definition.end_us)
            last = definition.recurrence.before(upto + 1) or last
            missed = not regular or regular[0].at != first.at or regular[-1].at != last
    apart = exceptions.apart
    come = {at: to for at, to in sorted(exceptions.moved.items(), key=lambda pair: pair[1]) if to <= now}
    found = [next_tick(definition, at - 1) for at in come]
    return _Plan(
        definition=definition,
        ticks=[*(tick for tick in regular if tick.at not in apart), *(tick for tick in found if tick is not None)],
        skipped=[tick.at for tick in regular if tick.at in exceptions.skipped],
        moved=come,
        missed=missed,
        last=last,
    )


def _next_timing(row: Row[Any], plan: _Plan, exceptions: _Exceptions, now: int) -> dict[str, Any]:
    done_until = max(row.done_until, plan.last or 0)
    ahead = [to for at, to in exceptions.moved.items() if at not in plan.moved]
    values = timing(plan.definition, done_until=done_until, rests=False, moved=ahead, apart=exceptions.apart)
    return {"_seq": row.seq, "last_at": plan.last or row.last_at, **values}


def _tidy(connection: Connection, row: Row[Any], plan: _Plan, *, done_until: int) -> None:
    """Exceptions that can mean nothing any more go; a tick that was moved to an earlier time is still to be passed over."""
    if plan.moved:
        mine = and_(x.schedule_seq == row.seq, x.fire_at.in_(list(plan.moved)))
        connection.execute(update(schedule_exception).where(mine).values(fired=True))
    if plan.moved or plan.skipped:
        over = and_(x.schedule_seq == row.seq, x.fire_at <= done_until, x.moved_to.is_(None) | x.fired)
        connection.execute(delete(schedule_exception).where(over))


def _tell_skipped(work: _Pass, row: Row[Any], target: Target, plan: _Plan) -> None:
    for at in plan.skipped:
        work.events.append(_skipped(work, row, target, at, "excepted"))
    if plan.missed:
        reason = f"missed while nobody looked; catch-up is `{plan.definition.catchup}`"
        first = next_tick(plan.definition, row.done_until)
        assert first is not None
        event = told(
            target, "tick-skipped", row.slug, now=work.now, actor=None,
            reason="missed", message=reason, since=first.at, until=plan.last,
        )  # fmt: skip
        work.events.append(event)


def _skipped(work: _Pass, row: Row[Any], target: Target, at: int, reason: str, **said: Any) -> Told:
    return told(target, "tick-skipped", row.slug, now=work.now, actor=None, fire_at=at, reason=reason, **said)


# ---- Their runs -------------------------------------------------------------------------------------------------


def _make_runs(
    work: _Pass, row: Row[Any], target: Target, plan: _Plan, ticks: Sequence[Tick], running: Sequence[OpenRun]
) -> bool:
    """Make the runs of ticks as the overlap policy has it; answers False where others have to be cancelled first."""
    overlap = plan.definition.overlap
    before: RunId | int | None = running[0].seq if running else None
    name = running[0].name if running else None
    if overlap == "cancel_running" and ticks:
        pressing = [run for run in running if not run.cancel_requested]
        if pressing:
            work.to_cancel.extend(pressing)
            return False
        for tick in ticks[:-1]:  # the newest one would cancel them at once
            work.events.append(_skipped(work, row, target, tick.at, "overlap", by_tick=ticks[-1].at))
        ticks = ticks[-1:]
    for tick in ticks:
        if overlap == "skip" and before is not None:
            work.events.append(_skipped(work, row, target, tick.at, "overlap", running=name))
            continue
        run = run_of_tick(
            target,
            tick,
            plan.definition,
            due_at=_due_at(row, plan, tick, work.now),
            now=work.now,
            slug=row.slug,
            after=before if overlap in ("queue", "cancel_running") else None,
        )
        work.runs.append(run)
        if not run.state.is_final:
            before, name = run.id, run.name
    return True


def _due_at(row: Row[Any], plan: _Plan, tick: Tick, now: int) -> int:
    """When a tick's run may begin. What is made up for is due now."""
    usual = jittered(tick, plan.definition, jitter_key(row.deployment_seq, row.slug, tick))
    at = plan.moved.get(tick.at, usual)
    return at if at >= now - GRACE else now


def run_of_tick(
    target: Target,
    tick: Tick,
    definition: Schedule,
    *,
    due_at: int,
    now: int,
    parameters: Mapping[str, Any] | None = None,
    **said: Any,
) -> NewRun:
    """The run for a tick's period. One whose parameters cannot be had is made FAILED, and never silently lost."""
    merged = {**target.spec.parameters, **definition.parameters, **(parameters or {})}
    try:
        merged = render_for(target, tick, definition, merged)
        check_parameters(target, merged)
    except (TemplateInvalid, ParameterInvalid) as error:
        said["state"] = failed_for_parameters(str(error), now=now)
    return new_run(
        target,
        merged,
        now=now,
        due_at=due_at,
        fire_at=tick.at,
        period_start=tick.period_start,
        period_end=tick.period_end,
        **said,
    )


# ---- What is there ----------------------------------------------------------------------------------------------


def _read_targets(connection: Connection, seqs: set[int]) -> Mapping[int, Target]:
    found: dict[int, Target] = {}
    wanted = sorted(seqs)
    for start in range(0, len(wanted), KEYS_PER_STATEMENT):
        part = wanted[start : start + KEYS_PER_STATEMENT]
        found |= {row.seq: to_target(row) for row in connection.execute(select_targets().where(d.seq.in_(part)))}
    return found


def _read_exceptions(connection: Connection, rows: Sequence[Row[Any]]) -> Mapping[int, _Exceptions]:
    moved: dict[int, dict[int, int]] = defaultdict(dict)
    skipped: dict[int, set[int]] = defaultdict(set)
    fired: dict[int, set[int]] = defaultdict(set)
    for start in range(0, len(rows), KEYS_PER_STATEMENT):
        part = [row.seq for row in rows[start : start + KEYS_PER_STATEMENT]]
        for one in connection.execute(select(schedule_exception).where(x.schedule_seq.in_(part))):
            if one.fired:
                fired[one.schedule_seq].add(one.fire_at)
            elif one.moved_to is None:
                skipped[one.schedule_seq].add(one.fire_at)
            else:
                moved[one.schedule_seq][one.fire_at] = one.moved_to
    return {
        seq: _Exceptions(moved[seq], frozenset(skipped[seq]), frozenset(fired[seq]))
        for seq in moved.keys() | skipped.keys() | fired.keys()
    }


def _with_runs(connection: Connection, ticks: Sequence[tuple[Row[Any], int]]) -> set[tuple[int, str, int]]:
    """Which ticks have a run already."""
    found: set[tuple[int, str, int]] = set()
    key = tuple_(a.deployment_seq, a.slug, a.fire_at)
    for start in range(0, len(ticks), KEYS_PER_STATEMENT):
        part = [(row.deployment_seq, row.slug, at) for row, at in ticks[start : start + KEYS_PER_STATEMENT]]
        rows = connection.execute(
            select(a.deployment_seq, a.slug, a.fire_at).where(key.in_(part), a.fire_at.is_not(None))
        )
        found |= {(row.deployment_seq, row.slug, row.fire_at) for row in rows}
    return found


def _open_runs(connection: Connection, rows: Sequence[Row[Any]]) -> Mapping[int, list[OpenRun]]:
    """The runs of some schedules that have not ended, the newest first."""
    found: dict[int, list[OpenRun]] = {}
    for row in rows:
        recent = (
            select(a.flow_run_seq, a.fire_at)
            .where(a.deployment_seq == row.deployment_seq, a.slug == row.slug, a.fire_at.is_not(None))
            .order_by(a.fire_at.desc())
            .limit(LOOK_BACK_MAX)
            .subquery()
        )
        runs = connection.execute(
            select(r.seq, r.id, r.name, r.cancel_requested_at, workspace.c.name.label("workspace"))
            .join(recent, recent.c.flow_run_seq == r.seq)
            .join(workspace, workspace.c.id == r.workspace_id)
            .where(r.ended_at.is_(None))
            .order_by(recent.c.fire_at.desc())
        )
        found[row.seq] = [
            OpenRun(run.seq, RunId(run.id), run.name, run.workspace, run.cancel_requested_at is not None)
            for run in runs
        ]
    return found
