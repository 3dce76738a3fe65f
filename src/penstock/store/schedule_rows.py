"""The rows of schedules: how a definition becomes one, and when somebody has to look at it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from penstock.core.errors import ScheduleInvalid
from penstock.core.schedules import Schedule, check, from_json, to_json
from penstock.core.templates import render
from penstock.core.ticks import Tick, next_tick, ticks
from penstock.scheduling import ScheduleRow
from penstock.store.database import Transaction
from penstock.store.events import Told, add_events
from penstock.store.targets import Target, check_given
from penstock.store.values import clean, decode_json, encode_json
from penstock.store.work_tables import schedule, schedule_exception

DEFINITIONS_KEPT = 20_000
SCHEDULES_MAX = 100
"""Of one deployment."""
DEFINITION_CHARACTERS_MAX = 100_000

s, x = schedule.c, schedule_exception.c


@lru_cache(maxsize=DEFINITIONS_KEPT)
def read_definition(text: str) -> Schedule:
    """Read a definition as a row has it."""
    return from_json(decode_json(text))


def write_definition(definition: Schedule) -> str:
    """Write a definition down. Whether it is active stands in the row."""
    return encode_json(clean(to_json(definition))) or "{}"


def schedule_of(row: Row[Any]) -> Schedule:
    """The schedule of a row."""
    definition = read_definition(row.definition)
    return definition if definition.active == row.active else replace(definition, active=row.active)


def timing(
    definition: Schedule, *, done_until: int, rests: bool, moved: Iterable[int] = (), apart: Collection[int] = ()
) -> dict[str, Any]:
    """The columns that say when to look (at the next tick after what was dealt with, or one that was moved), and what comes next:
    not one of the ticks `apart`, which are skipped, or were moved."""
    if rests or not definition.active:
        return {"done_until": done_until, "next_at": None, "due_at": None}
    tick = next_tick(definition, done_until)
    coming = tick
    if coming is not None and coming.at in apart:
        coming = next((one for one in ticks(definition, done_until) if one.at not in apart), None)
    next_at = min((*moved, *(() if coming is None else (coming.at,))), default=None)
    due_at = min((*moved, *(() if tick is None else (tick.at,))), default=None)
    return {"done_until": done_until, "next_at": next_at, "due_at": due_at}


def same_times(one: Schedule, other: Schedule) -> bool:
    """Whether two definitions fire at the same times."""
    return (*_times(one),) == (*_times(other),)


def _times(one: Schedule) -> tuple[Any, ...]:
    return (
        one.kind, one.cron, one.day_or, one.interval_us, one.anchor_us, one.rrule, one.timezone, one.start_us, one.end_us,
    )  # fmt: skip


def parse_definition(target: Target, shape: Mapping[str, Any]) -> Schedule:
    """Read what somebody says. Raises `ScheduleInvalid`, `TemplateInvalid`, `ParameterInvalid`."""
    definition = from_json(shape)
    check(definition)
    if len(write_definition(definition)) > DEFINITION_CHARACTERS_MAX:
        raise ScheduleInvalid("parameters", None, f"has more than {DEFINITION_CHARACTERS_MAX:,} characters as JSON")
    check_given(target.flow_name, target.spec, definition.parameters)
    return definition


def render_for(target: Target, tick: Tick, definition: Schedule, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Fill a tick's period into parameters. Raises `TemplateInvalid`."""
    return render(
        parameters,
        period_start=tick.period_start,
        period_end=tick.period_end,
        timezone=definition.timezone,
        scheduled_at=tick.at,
        deployment=target.name,
        flow=target.flow_name,
    )


def _try_out(target: Target, definition: Schedule, *, now: int) -> None:
    """Fill the next tick's period in. Raises `TemplateInvalid`, `ParameterInvalid`: better now than when it comes."""
    parameters = {**target.spec.parameters, **definition.parameters}
    tick = next_tick(definition, now) if "{{" in str(parameters) else None
    if tick is not None:
        check_given(target.flow_name, target.spec, render_for(target, tick, definition, parameters))


def read_schedules(connection: Connection, deployments: Sequence[int]) -> Mapping[int, Sequence[ScheduleRow]]:
    """The schedules of some deployments, by slug."""
    found: dict[int, list[ScheduleRow]] = defaultdict(list)
    if deployments:
        mine = s.deployment_seq.in_(deployments)
        for row in connection.execute(select(schedule).where(mine).order_by(s.deployment_seq, s.slug)):
            found[row.deployment_seq].append(to_row(row))
    return found


def to_row(row: Row[Any]) -> ScheduleRow:
    """A schedule as it is shown."""
    return ScheduleRow(
        slug=row.slug,
        definition={**decode_json(row.definition), "active": row.active},
        active=row.active,
        next_at=row.next_at,
        last_at=row.last_at,
    )


def save_schedules(
    transaction: Transaction, target: Target, shapes: Sequence[Mapping[str, Any]], *, now: int, actor: str
) -> list[str]:
    """Have a deployment have these schedules; answers whether anything changed, for an event."""
    if len(shapes) > SCHEDULES_MAX:
        raise ScheduleInvalid("slug", None, f"is one of {len(shapes)}; a deployment has at most {SCHEDULES_MAX}")
    known = lock_schedules(transaction, target.seq)
    wanted: dict[str, Mapping[str, Any]] = {}
    for shape in shapes:
        slug = parse_definition(target, shape).slug
        if slug in wanted:
            raise ScheduleInvalid("slug", slug, "is used twice; each schedule of a deployment needs its own")
        wanted[slug] = shape
    gone = [row for slug, row in known.items() if slug not in wanted]
    forget(transaction, [row.seq for row in gone])
    add_events(transaction, [told(target, "removed", row.slug, now=now, actor=actor) for row in gone])
    changed = [
        save_one(transaction, target, shape, known.get(slug), now=now, actor=actor) for slug, shape in wanted.items()
    ]
    return ["schedules"] if gone or any(changed) else []


def lock_schedules(transaction: Transaction, deployment_seq: int) -> dict[str, Row[Any]]:
    """The schedules of a deployment by slug; nobody fires them meanwhile."""
    rows = transaction.connection.execute(
        select(schedule).where(s.deployment_seq == deployment_seq).order_by(s.seq).with_for_update()
    )
    return {row.slug: row for row in rows}


def save_one(
    transaction: Transaction, target: Target, shape: Mapping[str, Any], known: Row[Any] | None, *, now: int, actor: str
) -> bool:
    """Insert or change a schedule; answers whether anything changed."""
    definition = parse_definition(target, shape)
    if definition.active:
        _try_out(target, definition, now=now)
    if known is None:
        values = {
            "workspace_id": target.workspace_id,
            "deployment_seq": target.seq,
            "slug": definition.slug,
            "definition": write_definition(definition),
            "active": definition.active,
            **timing(definition, done_until=now, rests=target.paused),
        }
        transaction.connection.execute(insert(schedule).values(values))
        add_events(transaction, [told(target, "created", definition.slug, now=now, actor=actor)])
        return True
    if "active" not in shape:
        definition = replace(definition, active=known.active)
    before = schedule_of(known)
    if before == definition and dict(before.parameters) == dict(definition.parameters):
        return False
    done_until, excepted = known.done_until, read_excepted(transaction.connection, known.seq)
    if not same_times(before, definition):
        done_until, excepted = now, {}
        transaction.connection.execute(delete(schedule_exception).where(x.schedule_seq == known.seq))
    elif definition.active and not before.active:  # what it missed while it rested is skipped
        done_until, excepted = max(now, done_until), read_excepted(transaction.connection, known.seq, after=now)
    values = {
        "definition": write_definition(definition),
        "active": definition.active,
        **timing(definition, done_until=done_until, rests=target.paused, **excepted),
    }
    transaction.connection.execute(update(schedule).where(s.seq == known.seq).values(values))
    add_events(transaction, [told(target, "updated", definition.slug, now=now, actor=actor)])
    return True


def rest_or_go_on(transaction: Transaction, target: Target, *, now: int) -> None:
    """A deployment was paused, or goes on: then what was missed is skipped."""
    for row in lock_schedules(transaction, target.seq).values():
        excepted = read_excepted(transaction.connection, row.seq, after=now)
        values = timing(schedule_of(row), done_until=max(now, row.done_until), rests=target.paused, **excepted)
        transaction.connection.execute(update(schedule).where(s.seq == row.seq).values(values))


def remove_schedules(transaction: Transaction, deployment_seq: int) -> None:
    """Forget all schedules of a deployment."""
    forget(transaction, [row.seq for row in lock_schedules(transaction, deployment_seq).values()])


def forget(transaction: Transaction, seqs: Sequence[int]) -> None:
    """Forget schedules and their exceptions."""
    if seqs:
        transaction.connection.execute(delete(schedule_exception).where(x.schedule_seq.in_(seqs)))
        transaction.connection.execute(delete(schedule).where(s.seq.in_(seqs)))


def read_excepted(
    connection: Connection, schedule_seq: int, *, after: int | None = None
) -> Mapping[str, Collection[int]]:
    """What `timing` has to know of ticks that do not fire at their time; of those that were moved, where they went after some time."""
    rows = connection.execute(select(x.fire_at, x.moved_to, x.fired).where(x.schedule_seq == schedule_seq)).all()
    moved = [row.moved_to for row in rows if row.moved_to is not None and not row.fired]
    return {"moved": [to for to in moved if after is None or to > after], "apart": {row.fire_at for row in rows}}


def told(target: Target, what: str, slug: str, *, now: int, actor: str | None, **payload: Any) -> Told:
    """Something happened to a schedule."""
    return Told(
        workspace_id=target.workspace_id,
        at=now,
        kind=f"schedule.{what}",
        resource=f"schedule.{target.id}/{slug}",
        related=(target.resource, f"flow.{target.flow_name}"),
        actor=actor,
        payload={"deployment": target.key, "schedule": slug, **payload},
    )
