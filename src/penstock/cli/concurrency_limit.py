"""`penstock concurrency-limit`: how much may happen at once, or in a time."""

from typing import Any

import click

from penstock.cli.commands import Group, json_option, yes_option
from penstock.cli.listing import Extent, Listed, all_option, limit_option, say_if_cut
from penstock.cli.session import Session, pass_session
from penstock.cli.tables import Column
from penstock.cli.text import as_count, as_iso, as_local_time
from penstock.core.errors import NotFound
from penstock.limits import (
    ConcurrencyLimit,
    GetConcurrencyLimit,
    ListConcurrencyLimits,
    ListHeldSlots,
    ListSlotWaiters,
    RemoveConcurrencyLimit,
    ResetConcurrencyLimit,
    SetConcurrencyLimit,
)


@click.group(cls=Group)
def concurrency_limit() -> None:
    """How much may happen at once, or in a time.

    `tag:NAME`, `task:NAME` and `flow:NAME` hold for every run with that tag, task or flow; any other name is for
    `concurrency("NAME")` and `rate_limit("NAME")` in code.
    """


@concurrency_limit.command(
    "create",
    examples=[
        "penstock concurrency-limit create database 5",
        "penstock concurrency-limit create tag:warehouse 2",
        "penstock concurrency-limit create api 10 --decay-per-second 0.5",
    ],
)
@click.argument("name")
@click.argument("slots", type=click.IntRange(min=0))
@click.option("--decay-per-second", type=float, help="Make it a rate limit: so many slots are free again each second.")
@click.option("--overwrite", is_flag=True, help="Change the limit if it is there.")
@pass_session
def create(session: Session, name: str, slots: int, decay_per_second: float | None, overwrite: bool) -> None:
    """Make a limit of so many slots."""
    session.ask(SetConcurrencyLimit(name=name, slots=slots, decay_per_second=decay_per_second, overwrite=overwrite))
    session.terminal.say(f"Limit `{name}` has {as_count(slots, 'slot')}.")


@concurrency_limit.command("ls", examples=["penstock concurrency-limit ls", "penstock concurrency-limit ls --json"])
@limit_option
@all_option
@json_option
@pass_session
def list_limits(session: Session, limit: int, everything: bool, as_json: bool) -> None:
    """List limits by name."""
    listed: Listed[ConcurrencyLimit] = Listed(
        session, Extent.of(limit, everything), lambda cursor, size: ListConcurrencyLimits(cursor=cursor, limit=size)
    )
    if as_json:
        session.terminal.json_list(map(_shape, listed))
    else:
        session.terminal.table(
            [
                Column("Limit", give=True),
                Column("In use", right=True),
                Column("Slots", right=True),
                Column("Waiting", right=True),
                Column("Rate"),
            ],
            ((item.name, f"{item.occupied:,}", f"{item.slots:,}", f"{item.waiting:,}", _rate(item)) for item in listed),
            empty="There are no limits.",
        )
    say_if_cut(session, listed)


@concurrency_limit.command("inspect", examples=["penstock concurrency-limit inspect database"])
@click.argument("name")
@json_option
@pass_session
def inspect(session: Session, name: str, as_json: bool) -> None:
    """Say who holds a limit's slots, and who waits for them."""
    found = session.ask(GetConcurrencyLimit(name=name))
    held = session.ask(ListHeldSlots(name=name))
    waiters = session.ask(ListSlotWaiters(name=name))
    if as_json:
        holders = [
            {
                "id": slot.id,
                "occupied": slot.occupied,
                "holder": slot.holder,
                "flow_run_id": slot.flow_run_id,
                "taken_at": as_iso(slot.taken_at),
                "expires_at": as_iso(slot.expires_at),
            }
            for slot in held
        ]
        queue = [
            {"id": one.id, "holder": one.holder, "flow_run_id": one.flow_run_id, "since": as_iso(one.since)}
            for one in waiters
        ]
        session.terminal.json({**_shape(found), "held": holders, "waiters": queue})
        return
    session.terminal.pairs(
        [
            ("Limit", found.name),
            ("In use", f"{found.occupied:,} of {found.slots:,}"),
            *([("Rate", _rate(found))] if found.decay_per_second else []),
        ]
    )
    for slot in held:
        session.terminal.data(f"{slot.occupied:>6}  {slot.holder or '-'}, since {as_local_time(slot.taken_at)}")
    for one in waiters:
        session.terminal.data(f" waits  {one.holder or '-'}, since {as_local_time(one.since)}")


@concurrency_limit.command("reset", examples=["penstock concurrency-limit reset database --yes"])
@click.argument("name")
@yes_option
@pass_session
def reset(session: Session, name: str, yes: bool) -> None:
    """Free all slots of a limit, whoever holds them."""
    found = session.ask(GetConcurrencyLimit(name=name))
    session.terminal.confirm(f"This frees {found.occupied:,} slots of `{name}` that are in use.", yes=yes)
    session.ask(ResetConcurrencyLimit(name=name))
    session.terminal.say(f"All slots of `{name}` are free.")


@concurrency_limit.command("delete", examples=["penstock concurrency-limit delete database --yes"])
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@yes_option
@pass_session
def delete(session: Session, names: tuple[str, ...], yes: bool) -> None:
    """Forget limits."""
    for name in names:
        session.ask(GetConcurrencyLimit(name=name))
    session.terminal.confirm(f"This forgets {', '.join(f'`{name}`' for name in names)}.", yes=yes)
    for name in names:
        try:
            session.ask(RemoveConcurrencyLimit(name=name))
        except NotFound:  # somebody was quicker
            continue
        session.terminal.say(f"Forgot limit `{name}`.")


def _shape(item: ConcurrencyLimit) -> dict[str, Any]:
    return {
        "name": item.name,
        "slots": item.slots,
        "occupied": item.occupied,
        "waiting": item.waiting,
        "decay_per_second": item.decay_per_second,
        "created_at": as_iso(item.created_at),
        "updated_at": as_iso(item.updated_at),
    }


def _rate(item: ConcurrencyLimit) -> str:
    return "" if item.decay_per_second is None else f"{item.decay_per_second:g} a second"
