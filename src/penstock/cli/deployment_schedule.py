"""`penstock deployment schedule`: when a deployment runs by itself."""

from itertools import count
from typing import Any

import click

from penstock.cli.commands import Group, json_option, yes_option
from penstock.cli.deployment_views import get_deployment, key_of, schedule_shape, show_schedules
from penstock.cli.moments import parse_moment_ahead
from penstock.cli.running import parameter_option, parameters_option, parse_parameters
from penstock.cli.session import Session, pass_session
from penstock.cli.text import as_local_time, find_near
from penstock.core.errors import NotFound
from penstock.core.schedules import from_json, to_json
from penstock.core.ticks import ticks
from penstock.deployments.spans import parse_schedule
from penstock.scheduling import (
    Deployment,
    ExceptTick,
    ListTicks,
    RemoveSchedule,
    SaveSchedule,
    ScheduleRow,
    SetScheduleActive,
)

AHEAD_US = 3_660 * 86_400_000_000
"""So far ahead times are looked for that were skipped or moved."""


@click.group(cls=Group)
def schedule() -> None:
    """When a deployment runs by itself."""


@schedule.command(
    "ls",
    examples=["penstock deployment schedule ls parent/monthly", "penstock deployment schedule ls monthly --json"],
)
@click.argument("deployment")
@json_option
@pass_session
def list_schedules(session: Session, deployment: str, as_json: bool) -> None:
    """List a deployment's schedules."""
    found = get_deployment(session, deployment)
    if as_json:
        session.terminal.json_list(map(schedule_shape, found.schedules))
    else:
        show_schedules(session.terminal, found.schedules)


@schedule.command(
    "add",
    examples=[
        "penstock deployment schedule add parent/monthly --cron '0 5 1 * *' --timezone Europe/Berlin",
        "penstock deployment schedule add parent/monthly --interval 1h --slug hourly -p color=green --overlap skip",
    ],
)
@click.argument("deployment")
@click.option("--cron", metavar="TEXT", help="A cron expression of five fields.")
@click.option("--interval", metavar="SPAN", help="Every so often: seconds, or `15m`, `1h30m`, `1d`.")
@click.option("--anchor", metavar="MOMENT", help="A moment at which the interval fires.")
@click.option("--rrule", metavar="TEXT", help="A recurrence rule of iCalendar.")
@click.option("--timezone", metavar="ZONE", default="UTC", show_default=True, help="The IANA zone that it goes by.")
@click.option("--slug", metavar="TEXT", help="What it is called in this deployment.")
@click.option("--inactive", is_flag=True, help="Add it switched off.")
@click.option("--catchup", type=click.Choice(["skip", "latest", "all"]), help="Which missed times are made up for.")
@click.option("--catchup-limit", type=click.IntRange(1), metavar="N", help="At most so many of them.")
@click.option(
    "--overlap",
    type=click.Choice(["allow", "skip", "queue", "cancel_running"]),
    help="What happens while an earlier run of it goes on.",
)
@click.option("--jitter", metavar="SPAN", help="Begin up to so much later, by chance.")
@click.option("--start", metavar="MOMENT", help="Not before.")
@click.option("--end", metavar="MOMENT", help="Not after.")
@parameter_option
@parameters_option
@pass_session
def add(
    session: Session,
    deployment: str,
    inactive: bool,
    assignments: tuple[str, ...],
    params: str | None,
    **said: Any,
) -> None:
    """Add a schedule. One of --cron, --interval and --rrule is its rule.

    Parameters may hold templates such as `{{ period.start.month }}`.
    """
    parameters = parse_parameters(assignments, params)
    made = parse_schedule({**said, "active": not inactive, "parameters": parameters})
    found = get_deployment(session, deployment)
    taken = [row.slug for row in found.schedules]
    if said["slug"] is not None and made.slug in taken:
        raise click.UsageError(f"`{key_of(found)}` has a schedule `{made.slug}` already; choose another --slug.")
    free = (f"{made.kind}-{number}" for number in count(2))
    slug = made.slug if made.slug not in taken else next(name for name in free if name not in taken)
    definition = {**to_json(made), "slug": slug}
    row = session.ask(SaveSchedule(key=found.id, definition=definition))
    upcoming = f"next at {as_local_time(row.next_at)}" if row.next_at is not None else "switched off"
    session.terminal.say(f"`{key_of(found)}` has schedule `{row.slug}`: {made.rule} in {made.timezone}, {upcoming}.")


@schedule.command("remove", examples=["penstock deployment schedule remove parent/monthly hourly --yes"])
@click.argument("deployment")
@click.argument("slug")
@yes_option
@pass_session
def remove(session: Session, deployment: str, slug: str, yes: bool) -> None:
    """Take a schedule away. Runs that it asked for stay."""
    found = get_deployment(session, deployment)
    row = _find(found, slug)
    session.terminal.confirm(f"This takes schedule `{row.slug}` of `{key_of(found)}` away.", yes=yes)
    session.ask(RemoveSchedule(key=found.id, slug=row.slug))
    session.terminal.say(f"`{key_of(found)}` has no schedule `{row.slug}` any more.")


@schedule.command("activate", examples=["penstock deployment schedule activate parent/monthly hourly"])
@click.argument("deployment")
@click.argument("slug")
@pass_session
def activate(session: Session, deployment: str, slug: str) -> None:
    """Switch a schedule on."""
    _switch(session, deployment, slug, active=True)


@schedule.command("deactivate", examples=["penstock deployment schedule deactivate parent/monthly hourly"])
@click.argument("deployment")
@click.argument("slug")
@pass_session
def deactivate(session: Session, deployment: str, slug: str) -> None:
    """Switch a schedule off."""
    _switch(session, deployment, slug, active=False)


@schedule.command(
    "skip",
    examples=[
        "penstock deployment schedule skip parent/monthly monthly",
        "penstock deployment schedule skip parent/monthly monthly '2026-12-01 05:00'",
    ],
)
@click.argument("deployment")
@click.argument("slug")
@click.argument("moment", required=False)
@pass_session
def skip(session: Session, deployment: str, slug: str, moment: str | None) -> None:
    """Leave one time of a schedule out: the first from MOMENT on, or its next one.

    Times without an offset are in your zone. `restore` takes it back.
    """
    found, row = _of(session, deployment, slug)
    tick = _tick_from(session, found, row, moment)
    session.ask(ExceptTick(key=found.id, slug=row.slug, at=tick))
    session.terminal.say(f"Schedule `{row.slug}` of `{key_of(found)}` skips {as_local_time(tick)}.")


@schedule.command("move", examples=["penstock deployment schedule move parent/monthly monthly --to 'tomorrow 9am'"])
@click.argument("deployment")
@click.argument("slug")
@click.argument("moment", required=False)
@click.option("--to", "to", required=True, metavar="MOMENT", help="When it is to run instead.")
@pass_session
def move(session: Session, deployment: str, slug: str, moment: str | None, to: str) -> None:
    """Run one time of a schedule earlier or later: the first from MOMENT on, or its next one.

    The run's period stays what it was. `restore` takes it back.
    """
    found, row = _of(session, deployment, slug)
    tick, target = _tick_from(session, found, row, moment), _moment(session, to, "--to")
    session.ask(ExceptTick(key=found.id, slug=row.slug, at=tick, to=target))
    session.terminal.say(
        f"Schedule `{row.slug}` of `{key_of(found)}` runs at {as_local_time(target)} in place of {as_local_time(tick)}."
    )


@schedule.command("restore", examples=["penstock deployment schedule restore parent/monthly monthly"])
@click.argument("deployment")
@click.argument("slug")
@pass_session
def restore(session: Session, deployment: str, slug: str) -> None:
    """Take back what was said of single times to come: none is skipped or moved any more."""
    found, row = _of(session, deployment, slug)
    times = _excepted(session, found, row)
    for tick in times:
        session.ask(ExceptTick(key=found.id, slug=row.slug, at=tick, restore=True))
    which = ", ".join(as_local_time(tick) for tick in times) or "nothing was excepted"
    session.terminal.say(f"Schedule `{row.slug}` of `{key_of(found)}` fires as it did: {which}.")


def _of(session: Session, deployment: str, slug: str) -> tuple[Deployment, ScheduleRow]:
    found = get_deployment(session, deployment)
    return found, _find(found, slug)


def _tick_from(session: Session, found: Deployment, row: ScheduleRow, moment: str | None) -> int:
    """The schedule's first time from a moment on; from now on the first that is neither skipped nor moved."""
    known = _excepted(session, found, row) if moment is None else ()
    begin = session.now() if moment is None else _moment(session, moment, "MOMENT")
    coming = ticks(from_json(row.definition), begin - 1)
    tick = next((tick.at for tick in coming if tick.at not in known), None)
    if tick is None:
        raise click.UsageError(
            f"Schedule `{row.slug}` of `{key_of(found)}` does not fire from {as_local_time(begin)} on."
        )
    return tick


def _excepted(session: Session, found: Deployment, row: ScheduleRow) -> list[int]:
    now = session.now()
    request = ListTicks(since=now, until=now + AHEAD_US, deployment=found.id, excepted=True)
    return [tick.fire_at for tick in session.ask(request) if tick.slug == row.slug]


def _moment(session: Session, text: str, what: str) -> int:
    try:
        return parse_moment_ahead(text, now=session.now())
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=what) from error


def _switch(session: Session, deployment: str, slug: str, *, active: bool) -> None:
    found = get_deployment(session, deployment)
    row = session.ask(SetScheduleActive(key=found.id, slug=_find(found, slug).slug, active=active))
    upcoming = f"on, next at {as_local_time(row.next_at)}" if active else "off"
    session.terminal.say(f"Schedule `{row.slug}` of `{key_of(found)}` is {upcoming}.")


def _find(found: Deployment, slug: str) -> ScheduleRow:
    for row in found.schedules:
        if row.slug == slug:
            return row
    near = find_near(slug, (row.slug for row in found.schedules))
    listing = f"penstock deployment schedule ls {key_of(found)}"
    raise NotFound(f"schedule of `{key_of(found)}`", slug, near=near, listing=listing)
