"""Backfills: runs for the periods of the past, a few at a time."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, takewhile
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, func, literal_column, select, update

from penstock.core.errors import Conflict, NotFound, RequestInvalid
from penstock.core.ids import RunId, definition_id, parse_id, time_ordered_id
from penstock.core.schedules import Schedule
from penstock.core.ticks import Tick, ticks
from penstock.ports import Page
from penstock.scheduling import (
    Backfill,
    BackfillPeriod,
    CreateBackfill,
    GetBackfill,
    ListBackfills,
    MoveBackfill,
)
from penstock.store.database import Store, Transaction
from penstock.store.events import Told, add_events
from penstock.store.firing import run_of_tick
from penstock.store.pages import clamp, decode_cursor, in_workspace, make_page
from penstock.store.requests import add_requests, cancel_waiting
from penstock.store.schedule_rows import lock_schedules, read_definition, render_for, schedule_of, write_definition
from penstock.store.tables import flow, flow_run
from penstock.store.targets import Target, check_parameters, find_deployment, find_target, select_targets, to_target
from penstock.store.upserts import insert_if_new
from penstock.store.values import clean, decode_json, encode_json
from penstock.store.work_tables import backfill, deployment, run_request

PERIODS_MAX = 10_000
SHOWN_MAX = 20
CONCURRENCY_MAX = 1_000
RUNS_PER_PASS = 500
BACKFILLS_PER_PASS = 100
RUNNING, PAUSED, CANCELLED, DONE = "running", "paused", "cancelled", "done"
_IS_RUNNING = backfill.c.status == literal_column("'running'")
"""Said so that SQLite sees that the index of running ones will do."""
ACTIONS: Mapping[str, str] = {"pause": PAUSED, "resume": RUNNING, "cancel": CANCELLED}

b, d, r, a = backfill.c, deployment.c, flow_run.c, run_request.c


# ---- Asking for one ---------------------------------------------------------------------------------------------


def create_backfill(store: Store, request: CreateBackfill, workspace: str, *, actor: str) -> Backfill:
    """Answer `CreateBackfill`."""
    if not 1 <= request.concurrency <= CONCURRENCY_MAX:
        raise RequestInvalid(f"A backfill has 1 to {CONCURRENCY_MAX:,} runs at once, not {request.concurrency:,}.")
    with store.write() as transaction:
        connection, now = transaction.connection, transaction.now_us()
        workspace_id = store.make_workspace(transaction, workspace)
        target = find_target(connection, workspace_id, request.key, lock=True)
        definition = _definition(transaction, target, request.slug)
        periods = _periods(target, definition, request, now)
        plan = _Plan(target, definition, request.parameters)
        order = list(reversed(periods)) if request.newest_first else periods
        first = plan.parameters(order[0])
        check_parameters(target, first)
        if request.dry_run:
            return _preview(plan, request, order, now)
        identifier = _identifier(target, request.idempotency_key, now)
        values = {
            "workspace_id": workspace_id,
            "id": identifier,
            "deployment_seq": target.seq,
            "slug": definition.slug,
            "definition": write_definition(definition),
            "since": request.since,
            "until": request.until,
            "last_at": periods[-1].at,
            "next_at": order[0].at,
            "newest_first": request.newest_first,
            "status": RUNNING,
            "concurrency": request.concurrency,
            "parameters": encode_json(clean(dict(request.parameters))),
            "total": len(periods),
            "created_at": now,
        }
        if insert_if_new(connection, backfill, values) is not None:
            add_events(transaction, [_told(target, identifier, "created", now, actor, total=len(periods))])
        return _read(connection, workspace_id, identifier)


def _identifier(target: Target, key: str | None, now: int) -> str:
    if key is None:
        return time_ordered_id(now, os.urandom(10))
    return definition_id("backfill", str(target.workspace_id), target.id, key)


def _definition(transaction: Transaction, target: Target, slug: str | None) -> Schedule:
    """The schedule whose periods are meant. A backfill goes beyond its start and end."""
    known = lock_schedules(transaction, target.seq)
    if slug is None and len(known) == 1:
        slug = next(iter(known))
    if slug not in known:
        if not known:
            raise RequestInvalid(
                f"Deployment `{target.key}` has no schedule, and so no periods. Add one, inactive if need be."
            )
        if slug is None:
            raise RequestInvalid(f"Deployment `{target.key}` has the schedules {', '.join(known)}: say which is meant.")
        listing = f"penstock deployment inspect {target.key}"
        raise NotFound(f"schedule of `{target.key}`", slug, near=list(known)[:3], listing=listing)
    return replace(schedule_of(known[slug]), start_us=None, end_us=None)


def _periods(target: Target, definition: Schedule, request: CreateBackfill, now: int) -> list[Tick]:
    """The periods that begin between the two times and have ended, the oldest first."""
    if request.until <= request.since:
        raise RequestInvalid("A backfill's end comes after its beginning.")
    beginning = takewhile(
        lambda tick: tick.period_start < request.until and tick.at <= now, ticks(definition, request.since)
    )
    periods = list(islice((tick for tick in beginning if tick.period_start >= request.since), PERIODS_MAX + 1))
    if not periods:
        raise RequestInvalid(
            f"No period of schedule `{definition.slug}` of `{target.key}` begins and ends in that time."
        )
    if len(periods) > PERIODS_MAX:
        raise RequestInvalid(
            f"A backfill has at most {PERIODS_MAX:,} periods; there are more in that time. Make several."
        )
    return periods


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a backfill's runs are made."""

    target: Target
    definition: Schedule
    said: Mapping[str, Any]

    def parameters(self, tick: Tick) -> dict[str, Any]:
        """A period's parameters. Raises `TemplateInvalid`."""
        merged = {**self.target.spec.parameters, **self.definition.parameters, **self.said}
        return render_for(self.target, tick, self.definition, merged)


def _preview(plan: _Plan, request: CreateBackfill, order: Sequence[Tick], now: int) -> Backfill:
    return Backfill(
        id="",
        deployment_id=plan.target.id,
        deployment_name=plan.target.key,
        slug=plan.definition.slug,
        since=request.since,
        until=request.until,
        status="preview",
        concurrency=request.concurrency,
        parameters=request.parameters,
        total=len(order),
        counts={"waiting": len(order)},
        created_at=now,
        newest_first=request.newest_first,
        ahead=[_shown(plan, tick) for tick in order[:SHOWN_MAX]],
    )


def _shown(plan: _Plan, tick: Tick) -> BackfillPeriod:
    return BackfillPeriod(
        fire_at=tick.at,
        period_start=tick.period_start,
        period_end=tick.period_end,
        parameters=plan.parameters(tick),
    )


# ---- Looking at them --------------------------------------------------------------------------------------------


def list_backfills(store: Store, request: ListBackfills, workspace: str) -> Page[Backfill]:
    """Answer `ListBackfills`."""
    limit = clamp(request.limit)
    with store.read() as connection:
        workspace_id = store.workspace_id(connection, workspace)
        conditions = [in_workspace(b.workspace_id, workspace_id)]
        if request.key is not None:
            conditions.append(b.deployment_seq == find_deployment(connection, workspace_id, request.key))
        if request.cursor is not None:
            conditions.append(b.seq < decode_cursor(request.cursor, int)[0])
        rows = connection.execute(_select().where(*conditions).order_by(b.seq.desc()).limit(limit + 1)).all()
        counts = _counts(connection, [row.seq for row in rows[:limit]])
    return make_page(rows, limit, item=lambda row: _to_backfill(row, counts), keys=lambda row: (row.seq,))


def get_backfill(store: Store, request: GetBackfill, workspace: str) -> Backfill:
    """Answer `GetBackfill`."""
    with store.read() as connection:
        return _read(connection, store.workspace_id(connection, workspace), _parse(request.id))


def _read(connection: Connection, workspace_id: int, identifier: str) -> Backfill:
    row = connection.execute(_select().where(b.workspace_id == workspace_id, b.id == identifier)).one_or_none()
    if row is None:
        raise NotFound("backfill", identifier, listing="penstock backfill ls")
    shown = _to_backfill(row, _counts(connection, [row.seq]))
    found = connection.execute(select_targets().where(d.seq == row.deployment_seq)).one_or_none()
    if found is None or row.next_at is None or row.status not in (RUNNING, PAUSED):
        return shown
    plan = _Plan(to_target(found), read_definition(row.definition), decode_json(row.parameters) or {})
    return replace(shown, ahead=[_shown(plan, tick) for tick in islice(_ahead(row, plan.definition), SHOWN_MAX)])


def _parse(text: str) -> str:
    try:
        return parse_id(text)
    except ValueError:
        raise NotFound("backfill", text, listing="penstock backfill ls") from None


def _select() -> Select[Any]:
    return (
        select(backfill, d.id.label("deployment_id"), d.name.label("deployment_name"), flow.c.name.label("flow_name"))
        .outerjoin(deployment, d.seq == b.deployment_seq)
        .outerjoin(flow, flow.c.seq == d.flow_seq)
    )


def _counts(connection: Connection, seqs: Sequence[int]) -> Mapping[int, Mapping[str, int]]:
    counts: dict[int, dict[str, int]] = {seq: {} for seq in seqs}
    if seqs:
        counted = connection.execute(
            select(a.backfill_seq, r.state_type, func.count().label("number"))
            .join(flow_run, r.seq == a.flow_run_seq)
            .where(a.backfill_seq.in_(seqs), a.backfill_seq.is_not(None))
            .group_by(a.backfill_seq, r.state_type)
        )
        for row in counted:
            counts[row.backfill_seq][row.state_type] = row.number
    return counts


def _to_backfill(row: Row[Any], counts: Mapping[int, Mapping[str, int]]) -> Backfill:
    begun = dict(counts[row.seq])
    waiting = 0 if row.next_at is None else max(0, row.total - sum(begun.values()))
    return Backfill(
        id=row.id,
        deployment_id=row.deployment_id or "",
        deployment_name=f"{row.flow_name}/{row.deployment_name}" if row.deployment_name else "",
        slug=row.slug,
        since=row.since,
        until=row.until,
        status=row.status,
        concurrency=row.concurrency,
        parameters=decode_json(row.parameters) or {},
        total=row.total,
        counts={**begun, **({"waiting": waiting} if waiting else {})},
        created_at=row.created_at,
        newest_first=row.newest_first,
    )


# ---- Moving them on ---------------------------------------------------------------------------------------------


def move_backfill(store: Store, request: MoveBackfill, workspace: str, *, actor: str) -> tuple[Backfill, list[RunId]]:
    """Answer `MoveBackfill`, and which runs are still to be cancelled."""
    wanted = ACTIONS.get(request.action)
    if wanted is None:
        raise RequestInvalid(f"`action` is one of {', '.join(ACTIONS)}, not {request.action[:50]!r}.")
    with store.write() as transaction:
        connection, now = transaction.connection, transaction.now_us()
        workspace_id, identifier = store.make_workspace(transaction, workspace), _parse(request.id)
        mine = and_(b.workspace_id == workspace_id, b.id == identifier)
        row = connection.execute(select(backfill).where(mine).with_for_update()).one_or_none()
        if row is None:
            raise NotFound("backfill", request.id, listing="penstock backfill ls")
        if row.status in (CANCELLED, DONE) and wanted != row.status:
            raise Conflict(f"Backfill {identifier} is {row.status}; make another one with `penstock backfill create`.")
        if wanted != row.status:
            connection.execute(update(backfill).where(b.seq == row.seq).values(status=wanted))
            found = connection.execute(select_targets().where(d.seq == row.deployment_seq)).one_or_none()
            if found is not None:
                add_events(transaction, [_told(to_target(found), identifier, wanted, now, actor)])
        left: list[RunId] = []
        if wanted == CANCELLED:
            of_it = a.backfill_seq == row.seq
            cancel_waiting(transaction, workspace_id, of_it, message="Its backfill was cancelled.", actor=actor)
            connection.execute(update(backfill).where(b.seq == row.seq).values(next_at=None))
            if request.cancel_runs:
                left = [RunId(one) for one in connection.execute(_open(row.seq)).scalars()]
        return _read(connection, workspace_id, identifier), left


def _open(seq: int) -> Select[Any]:
    return (
        select(r.id)
        .join(run_request, a.flow_run_seq == r.seq)
        .where(a.backfill_seq == seq, a.backfill_seq.is_not(None), r.ended_at.is_(None))
    )


def advance(store: Store, *, actor: str) -> int:
    """Answer `AdvanceBackfills`: fill up what has room, one backfill a transaction."""
    with store.read() as connection:
        running = connection.execute(
            select(b.seq).where(_IS_RUNNING).order_by(b.seq).limit(BACKFILLS_PER_PASS)
        ).scalars()
        seqs = list(running)
        full = {seq for seq in seqs if not _room(connection, seq)}
    return sum(_advance(store, seq, actor=actor) for seq in seqs if seq not in full)


def _room(connection: Connection, seq: int) -> int:
    """How many more runs a backfill may have; one that has come to its end has room for its last word."""
    row = connection.execute(select(b.concurrency, b.next_at).where(b.seq == seq)).one_or_none()
    if row is None:
        return 0
    open_runs = connection.execute(select(func.count()).select_from(_open(seq).subquery())).scalar_one()
    if row.next_at is None:
        return 1 if open_runs == 0 else 0
    return max(0, int(row.concurrency) - int(open_runs))


def _advance(store: Store, seq: int, *, actor: str) -> int:
    with store.write() as transaction:
        connection, now = transaction.connection, transaction.now_us()
        still = and_(b.seq == seq, b.status == RUNNING)
        row = connection.execute(select(backfill).where(still).with_for_update(skip_locked=True)).one_or_none()
        if row is None:
            return 0
        found = connection.execute(select_targets().where(d.seq == row.deployment_seq)).one_or_none()
        room = _room(connection, seq)
        if found is None:  # the deployment is gone
            connection.execute(update(backfill).where(b.seq == seq).values(status=CANCELLED, next_at=None))
            return 0
        target = to_target(found)
        if row.next_at is None:
            if room:
                connection.execute(update(backfill).where(b.seq == seq).values(status=DONE))
                add_events(transaction, [_told(target, row.id, DONE, now, actor)])
            return 0
        definition, said = read_definition(row.definition), decode_json(row.parameters) or {}
        coming = list(islice(_ahead(row, definition), min(room, RUNS_PER_PASS) + 1))
        here = coming[: min(room, RUNS_PER_PASS)]
        runs = [
            run_of_tick(
                target, tick, definition, due_at=now, now=now, parameters=said,
                backfill_seq=seq, key=f"backfill/{row.id}/{tick.at}",
            )
            for tick in here
        ]  # fmt: skip
        add_requests(transaction, runs, now=now, actor=actor)
        left = coming[len(here)].at if len(coming) > len(here) else None
        connection.execute(update(backfill).where(b.seq == seq).values(next_at=left))
        return len(runs)


def _ahead(row: Row[Any], definition: Schedule) -> Iterator[Tick]:
    """The periods from the next one on."""
    if not row.newest_first:
        yield from takewhile(lambda tick: tick.at <= row.last_at, ticks(definition, row.next_at - 1))
        return
    # Ticks are known forwards only: by stretches, each of about a hundred ticks.
    stretch, upper = max(1, (row.last_at - row.since) * 100 // max(1, row.total)), row.next_at
    while upper > row.since:
        lower = max(row.since, upper - stretch)
        part = list(takewhile(lambda tick, upto=upper: tick.at <= upto, ticks(definition, lower)))  # type: ignore[misc]
        yield from (tick for tick in reversed(part) if tick.period_start >= row.since)
        upper = lower


def _told(target: Target, identifier: str, what: str, now: int, actor: str, **payload: Any) -> Told:
    return Told(
        workspace_id=target.workspace_id,
        at=now,
        kind=f"backfill.{what}",
        resource=f"backfill.{identifier}",
        related=(target.resource, f"flow.{target.flow_name}"),
        actor=actor,
        payload={"deployment": target.key, **payload},
    )
