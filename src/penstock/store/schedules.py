"""Schedules as somebody changes them, one by one, and what they will ask for."""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, select, update

from penstock.core.errors import NotFound, RequestInvalid, ScheduleInvalid
from penstock.core.ticks import Tick, jittered, next_tick, ticks
from penstock.scheduling import (
    TICKS_MAX,
    ExceptTick,
    ListTicks,
    RemoveSchedule,
    SaveSchedule,
    ScheduleRow,
    SetScheduleActive,
    UpcomingTick,
)
from penstock.store.database import Store, Transaction
from penstock.store.deployments import touch
from penstock.store.events import add_events
from penstock.store.near import near_names
from penstock.store.schedule_rows import (
    SCHEDULES_MAX,
    forget,
    lock_schedules,
    read_excepted,
    save_one,
    schedule_of,
    timing,
    to_row,
    told,
)
from penstock.store.tables import flow
from penstock.store.targets import Target, find_deployment, find_target
from penstock.store.upserts import upsert
from penstock.store.work_tables import deployment, schedule, schedule_exception

EXCEPTIONS_MAX = 1_000
"""Of one schedule."""

d, s, x = deployment.c, schedule.c, schedule_exception.c


def save_schedule(store: Store, request: SaveSchedule, workspace: str, *, actor: str) -> ScheduleRow:
    """Answer `SaveSchedule`."""
    with store.write() as transaction:
        workspace_id, now = store.make_workspace(transaction, workspace), transaction.now_us()
        target = find_target(transaction.connection, workspace_id, request.key, lock=True)
        known = lock_schedules(transaction, target.seq)
        slug = str(request.definition.get("slug"))
        if slug not in known and len(known) >= SCHEDULES_MAX:
            raise ScheduleInvalid("slug", slug, f"is one too many; a deployment has at most {SCHEDULES_MAX}")
        if save_one(transaction, target, request.definition, known.get(slug), now=now, actor=actor):
            touch(transaction, target.seq, now=now)
        return to_row(_find(transaction, target, slug))


def remove_schedule(store: Store, request: RemoveSchedule, workspace: str, *, actor: str) -> None:
    """Answer `RemoveSchedule`."""
    with store.write() as transaction:
        workspace_id, now = store.make_workspace(transaction, workspace), transaction.now_us()
        target = find_target(transaction.connection, workspace_id, request.key, lock=True)
        forget(transaction, [_find(transaction, target, request.slug).seq])
        touch(transaction, target.seq, now=now)
        add_events(transaction, [told(target, "removed", request.slug, now=now, actor=actor)])


def set_active(store: Store, request: SetScheduleActive, workspace: str, *, actor: str) -> ScheduleRow:
    """Answer `SetScheduleActive`."""
    with store.write() as transaction:
        workspace_id, now = store.make_workspace(transaction, workspace), transaction.now_us()
        target = find_target(transaction.connection, workspace_id, request.key, lock=True)
        row = _find(transaction, target, request.slug)
        if row.active != request.active:
            shape = {**to_row(row).definition, "active": request.active}
            save_one(transaction, target, shape, row, now=now, actor=actor)
            touch(transaction, target.seq, now=now)
            what = "activated" if request.active else "deactivated"
            add_events(transaction, [told(target, what, request.slug, now=now, actor=actor)])
        return to_row(_find(transaction, target, request.slug))


def except_tick(store: Store, request: ExceptTick, workspace: str, *, actor: str) -> None:
    """Answer `ExceptTick`."""
    with store.write() as transaction:
        workspace_id, now = store.make_workspace(transaction, workspace), transaction.now_us()
        target = find_target(transaction.connection, workspace_id, request.key, lock=True)
        row = _find(transaction, target, request.slug)
        _check_exception(row, request, target, now=now)
        connection = transaction.connection
        mine = and_(x.schedule_seq == row.seq, x.fire_at == request.at)
        if request.restore:
            connection.execute(delete(schedule_exception).where(mine, ~x.fired))
        else:
            values = {"schedule_seq": row.seq, "fire_at": request.at, "moved_to": request.to, "fired": False}
            upsert(connection, schedule_exception, values, key=("schedule_seq", "fire_at"))
        excepted = read_excepted(connection, row.seq)
        values = timing(schedule_of(row), done_until=row.done_until, rests=target.paused, **excepted)
        connection.execute(update(schedule).where(s.seq == row.seq).values(values))
        touch(transaction, target.seq, now=now)
        what = "tick-restored" if request.restore else "tick-moved" if request.to is not None else "tick-excepted"
        add_events(
            transaction,
            [told(target, what, request.slug, now=now, actor=actor, fire_at=request.at, to=request.to)],
        )


def _check_exception(row: Row[Any], request: ExceptTick, target: Target, *, now: int) -> None:
    tick = next_tick(schedule_of(row), request.at - 1)
    if tick is None or tick.at != request.at:
        raise RequestInvalid(
            f"Schedule `{row.slug}` of `{target.key}` does not fire at {request.at} (microseconds UTC)."
        )
    if request.at <= row.done_until and not request.restore:
        raise RequestInvalid(f"Schedule `{row.slug}` of `{target.key}` is past {request.at} already.")
    if request.to is not None and request.to < now:
        raise RequestInvalid(f"A tick cannot be moved into the past: {request.to} (microseconds UTC).")


def _find(transaction: Transaction, target: Target, slug: str) -> Row[Any]:
    known = lock_schedules(transaction, target.seq)
    if slug not in known:
        listing = f"penstock deployment inspect {target.key}"
        raise NotFound(f"schedule of `{target.key}`", slug, near=near_names(slug, known), listing=listing)
    return known[slug]


# ---- What they will ask for -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Exceptions:
    moved: Mapping[int, int | None]
    """Where each went; to nowhere, if it has had its run already."""
    skipped: frozenset[int]


def list_ticks(store: Store, request: ListTicks, workspace: str) -> Sequence[UpcomingTick]:
    """Answer `ListTicks`: the first of each schedule merged, so that no more is computed than is shown."""
    limit = max(0, min(request.limit, TICKS_MAX))
    with store.read() as connection:
        workspace_id = store.workspace_id(connection, workspace)
        conditions = [s.workspace_id == workspace_id, s.due_at <= request.until]
        if request.deployment is not None:
            conditions.append(s.deployment_seq == find_deployment(connection, workspace_id, request.deployment))
        rows = connection.execute(
            select(schedule, d.id, d.name, flow.c.name.label("flow_name"))
            .join(deployment, d.seq == s.deployment_seq)
            .join(flow, flow.c.seq == d.flow_seq)
            .where(*conditions)
        ).all()
        exceptions = _read_exceptions(connection, [row.seq for row in rows])
    if request.excepted:
        found = [tick for row in rows if row.seq in exceptions for tick in _excepted(row, request, exceptions[row.seq])]
        return sorted(found, key=lambda tick: (tick.at, tick.fire_at))[:limit]
    opened = [(row.due_at, partial(_upcoming, row, request, exceptions.get(row.seq))) for row in rows]
    return list(islice(_merged(opened), limit))


def _merged(schedules: Sequence[tuple[int, Callable[[], Iterator[UpcomingTick]]]]) -> Iterator[UpcomingTick]:
    """The ticks of all in order. The rows know before which time nothing comes: until then nothing is computed."""
    ahead: list[tuple[int, bool, int, UpcomingTick | None, Iterator[UpcomingTick] | None]] = [
        (due_at, True, number, None, None) for number, (due_at, _) in enumerate(schedules)
    ]
    heapq.heapify(ahead)
    while ahead:
        _, is_closed, number, shown, rest = heapq.heappop(ahead)
        rest = schedules[number][1]() if is_closed or rest is None else rest
        if shown is not None:
            yield shown
        following = next(rest, None)
        if following is not None:
            heapq.heappush(ahead, (following.at, False, number, following, rest))


def _upcoming(row: Row[Any], request: ListTicks, exceptions: _Exceptions | None) -> Iterator[UpcomingTick]:
    """The ticks of one schedule, in the order in which they will fire."""
    definition = schedule_of(row)
    moved = exceptions.moved if exceptions else {}
    skipped = exceptions.skipped if exceptions else frozenset()

    def regular() -> Iterator[UpcomingTick]:
        begin = max(request.since - definition.jitter_us - 1, row.done_until)
        held: list[tuple[int, int, UpcomingTick]] = []  # jitter may turn neighbours round
        for tick in ticks(definition, begin):
            while held and held[0][0] <= tick.at:
                yield heapq.heappop(held)[2]
            if tick.at > request.until:
                break
            if tick.at not in moved:
                at = jittered(tick, definition, jitter_key(row.deployment_seq, row.slug, tick))
                shown = _made(row, tick, at, skipped=tick.at in skipped)
                heapq.heappush(held, (shown.at, tick.at, shown))
        while held:
            yield heapq.heappop(held)[2]

    elsewhere = []
    for fire_at, to in moved.items():
        tick = next_tick(definition, fire_at - 1)
        if tick is not None and to is not None:
            elsewhere.append(_made(row, tick, to))
    elsewhere.sort(key=lambda tick: tick.at)
    both = heapq.merge(regular(), elsewhere, key=lambda tick: tick.at)
    return (tick for tick in both if request.since <= tick.at <= request.until)


def _excepted(row: Row[Any], request: ListTicks, exceptions: _Exceptions) -> Iterator[UpcomingTick]:
    """The ticks of one schedule that do not fire at their time."""
    definition = schedule_of(row)
    gone = dict.fromkeys(exceptions.skipped) | dict(exceptions.moved)
    for fire_at, to in gone.items():
        tick = next_tick(definition, fire_at - 1)
        known = tick is not None and tick.at == fire_at  # the schedule may have been changed since
        if (
            tick is not None
            and known
            and request.since <= max(fire_at, to or 0)
            and min(fire_at, to or fire_at) <= request.until
        ):
            yield _made(row, tick, fire_at if to is None else to, skipped=to is None)


def _made(row: Row[Any], tick: Tick, at: int, *, skipped: bool = False) -> UpcomingTick:
    return UpcomingTick(
        deployment_id=row.id,
        deployment_name=row.name,
        flow_name=row.flow_name,
        slug=row.slug,
        at=at,
        fire_at=tick.at,
        period_start=tick.period_start,
        period_end=tick.period_end,
        skipped=skipped,
    )


def jitter_key(deployment_seq: int, slug: str, tick: Tick) -> str:
    """What a tick's jitter is drawn from."""
    return f"{deployment_seq}/{slug}/{tick.at}"


def _read_exceptions(connection: Connection, seqs: Sequence[int]) -> Mapping[int, _Exceptions]:
    moved: dict[int, dict[int, int | None]] = defaultdict(dict)
    skipped: dict[int, set[int]] = defaultdict(set)
    for start in range(0, len(seqs), 500):
        mine = x.schedule_seq.in_(seqs[start : start + 500])
        for row in connection.execute(select(schedule_exception).where(mine)):
            if row.moved_to is None:
                skipped[row.schedule_seq].add(row.fire_at)
            else:
                moved[row.schedule_seq][row.fire_at] = None if row.fired else row.moved_to
    return {seq: _Exceptions(moved[seq], frozenset(skipped[seq])) for seq in moved.keys() | skipped.keys()}
