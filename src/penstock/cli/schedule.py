"""`penstock schedule`: when a schedule fires, before anybody relies on it; `preview` needs no database."""

from collections.abc import Iterator
from datetime import datetime, tzinfo
from itertools import islice
from typing import Any

import click

from penstock.cli.commands import Group, json_option
from penstock.cli.session import Session, pass_session
from penstock.cli.simulate import simulate_schedules
from penstock.cli.tables import Cell, Column
from penstock.cli.text import as_duration, as_iso, parse_span
from penstock.core.errors import ScheduleInvalid
from penstock.core.schedules import Cron, Interval, RRule, Schedule
from penstock.core.ticks import Tick, ticks
from penstock.core.wallclock import EPOCH_UTC, MICROSECOND, all_moments, as_wall, find_zone, offset_at, one_moment

COUNT_MAX = 10_000
YEAR_MIN, YEAR_MAX = 1900, 9_989


@click.group(cls=Group)
def schedule() -> None:
    """When schedules fire."""


schedule.add_command(simulate_schedules)


@schedule.command(
    "preview",
    examples=[
        'penstock schedule preview "5 4 * * 1" --tz Europe/Berlin -n 20',
        "penstock schedule preview --every 15m --json",
        'penstock schedule preview --rrule "FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=17" --tz America/New_York',
        'penstock schedule preview "30 2 * * *" --tz Europe/Berlin --from 2026-03-27 -n 4',
    ],
)
@click.argument("cron", required=False)
@click.option("--every", metavar="SPAN", help="An interval in place of a cron: `90s`, `15m`, `6h`, `1d`.")
@click.option("--anchor", metavar="TIME", help="A time at which the interval fires. [default: 2001-01-01]")
@click.option("--rrule", metavar="RULE", help="A recurrence rule of iCalendar in place of a cron.")
@click.option("--tz", "timezone", metavar="ZONE", default="UTC", show_default=True, help="The schedule's time zone.")
@click.option("--from", "since", metavar="TIME", help="Begin there, in the schedule's zone. [default: now]")
@click.option(
    "--count",
    "-n",
    metavar="N",
    type=click.IntRange(1, COUNT_MAX),
    default=10,
    show_default=True,
    help="Show so many times.",
)
@json_option
@pass_session
def preview(
    session: Session,
    cron: str | None,
    every: str | None,
    anchor: str | None,
    rrule: str | None,
    timezone: str,
    since: str | None,
    count: int,
    as_json: bool,
) -> None:
    """Show when a schedule fires next.

    Each time stands for the period since the time before. Where clocks change, the time is marked.
    """
    try:
        zone = find_zone(timezone)
        made = _schedule(cron, every=every, anchor=_moment("--anchor", anchor, zone), rrule=rrule, timezone=timezone)
    except ScheduleInvalid as error:
        raise click.UsageError(str(error)) from error
    begin = _moment("--from", since, zone)
    after = session.now() if begin is None else (begin - EPOCH_UTC) // MICROSECOND - 1
    shown = list(_with_notes(islice(ticks(made, after), count), zone, after))
    if as_json:
        session.terminal.json_list(_shape(tick, notes, zone) for tick, notes in shown)
        return
    session.terminal.table(
        [Column(timezone), Column("UTC"), Column("Period since"), Column("Clocks", give=True)],
        (
            (
                _local(tick.at, zone).strftime("%a %Y-%m-%d %H:%M:%S %z"),
                _local(tick.at, EPOCH_UTC.tzinfo).strftime("%Y-%m-%d %H:%M:%S"),
                _local(tick.period_start, zone).strftime("%Y-%m-%d %H:%M:%S"),
                Cell("; ".join(notes), "yellow"),
            )
            for tick, notes in shown
        ),
        empty="It does not fire any more.",
    )
    if len(shown) < count and shown:
        session.terminal.say("It does not fire after that.")


def _schedule(
    cron: str | None, *, every: str | None, anchor: datetime | None, rrule: str | None, timezone: str
) -> Schedule:
    if sum(given is not None for given in (cron, every, rrule)) != 1:
        raise click.UsageError("Say when: a cron expression, --every or --rrule, one of them.")
    if anchor is not None and every is None:
        raise click.UsageError("--anchor goes with --every.")
    if cron is not None:
        return Cron(cron, timezone)
    if rrule is not None:
        return RRule(rrule.replace("\\n", "\n"), timezone)
    try:
        seconds = parse_span(every or "") / 1_000_000
    except (ValueError, OverflowError) as error:
        raise click.UsageError(f"--every: {error}.") from error
    return Interval(seconds, anchor, timezone)


def _moment(option: str, text: str | None, zone: tzinfo) -> datetime | None:
    """A time that was written without an offset is what clocks in the schedule's zone show."""
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"{option}: `{text}` is no time; write `2026-03-01` or `2026-03-01T10:00`.") from None
    if not YEAR_MIN <= read.year <= YEAR_MAX:
        raise click.UsageError(f"{option}: `{text}` is not between the years {YEAR_MIN} and {YEAR_MAX}.")
    return _local(one_moment(read, zone), zone) if read.tzinfo is None else read


def _with_notes(found: Iterator[Tick], zone: tzinfo, after: int) -> Iterator[tuple[Tick, list[str]]]:
    """Ticks, each with what the clocks did since the one before and what that means for it."""
    offset = offset_at(after, zone)
    for tick in found:
        now = offset_at(tick.at, zone)
        notes = []
        if now != offset:
            notes.append(f"went {'forward' if now > offset else 'back'} {as_duration(abs(now - offset))}")
        if offset_at(tick.at - 1, zone) < now:
            notes.append("the moment they jump")
        moments = all_moments(as_wall(tick.at, zone).replace(fold=0), zone)
        if len(moments) == 2:
            notes.append(f"shown twice: the {'first' if tick.at == moments[0] else 'second'} time")
        yield tick, notes
        offset = now


def _shape(tick: Tick, notes: list[str], zone: tzinfo) -> dict[str, Any]:
    return {
        "at": as_iso(tick.at),
        "local": _local(tick.at, zone).isoformat(),
        "period_start": as_iso(tick.period_start),
        "period_end": as_iso(tick.period_end),
        "clocks": notes,
    }


def _local(at: int, zone: tzinfo | None) -> datetime:
    return (EPOCH_UTC + at * MICROSECOND).astimezone(zone)
