"""`penstock backfill`: runs of a deployment for the periods of the past."""

import json
from datetime import datetime
from typing import Any

import click

from penstock.cli.commands import Group, json_option, yes_option
from penstock.cli.deployment_views import get_deployment, key_of
from penstock.cli.listing import Extent, Listed, all_option, limit_option, say_if_cut
from penstock.cli.running import fit_to_schema, parameter_option, parameters_option, parse_parameters
from penstock.cli.session import Session, pass_session
from penstock.cli.tables import Cell, Column
from penstock.cli.text import as_count, as_iso, as_local_time
from penstock.core.errors import Ambiguous, NotFound
from penstock.core.ids import as_uuid_text
from penstock.core.schedules import from_json
from penstock.core.wallclock import EPOCH_UTC, MICROSECOND, find_zone, one_moment
from penstock.ports import PAGE_SIZE_MAX
from penstock.scheduling import (
    Backfill,
    CreateBackfill,
    Deployment,
    GetBackfill,
    ListBackfills,
    MoveBackfill,
)

COLOURS = {"running": "blue", "paused": "yellow", "cancelled": "magenta", "done": "green"}
SHORT_ID_LENGTH = 18
YEAR_MIN, YEAR_MAX = 1900, 9_989


@click.group(cls=Group)
def backfill() -> None:
    """Runs for periods of the past, a few at a time."""


@backfill.command(
    "create",
    examples=[
        "penstock backfill create parent/monthly --from 2020-01-01 --to 2021-01-01 --dry-run",
        "penstock backfill create parent/monthly --from 2020-01-01 --concurrency 3 --yes",
        "penstock backfill create monthly --from 2020-01-01 --slug last-month -p color=green --newest-first",
    ],
)
@click.argument("deployment")
@click.option(
    "--from", "since", required=True, metavar="TIME", help="Periods that begin from there on, in the schedule's zone."
)
@click.option(
    "--to", "until", metavar="TIME", help="And before that; now if left out. A period that goes on is left out."
)
@click.option("--slug", metavar="TEXT", help="Which schedule's periods; may be left out if there is only one.")
@parameter_option
@parameters_option
@click.option(
    "--concurrency", metavar="N", type=click.IntRange(1), default=1, show_default=True, help="So many runs at once."
)
@click.option("--newest-first", is_flag=True, help="Begin with the newest period.")
@click.option("--dry-run", is_flag=True, help="Show what it would be, and make nothing.")
@click.option("--idempotency-key", metavar="TEXT", help="Asked again with the same key, the same backfill is answered.")
@json_option
@yes_option
@pass_session
def create(
    session: Session,
    deployment: str,
    since: str,
    until: str | None,
    slug: str | None,
    assignments: tuple[str, ...],
    params: str | None,
    concurrency: int,
    newest_first: bool,
    dry_run: bool,
    idempotency_key: str | None,
    as_json: bool,
    yes: bool,
) -> None:
    """Run a deployment for each period of a schedule.

    What it would be is shown first, and asked about on a terminal. Runs of schedules and by hand go before those of backfills.
    Parameters may hold templates such as `{{ period.start.month }}`; periods that had a run get another one.
    """
    parameters = parse_parameters(assignments, params)
    found = get_deployment(session, deployment)
    parameters = fit_to_schema(lambda: found.spec.parameter_schema or {}, parameters, assignments)
    zone = _zone_of(found, slug)
    request: dict[str, Any] = {
        "key": found.id,
        "since": _moment("--from", since, zone),
        "until": session.now() if until is None else _moment("--to", until, zone),
        "slug": slug,
        "parameters": parameters,
        "concurrency": concurrency,
        "newest_first": newest_first,
        "idempotency_key": idempotency_key,
    }
    asks = session.terminal.is_interactive and not yes
    if dry_run or asks:
        preview = session.ask(CreateBackfill(**request, dry_run=True))
        if dry_run and as_json:
            session.terminal.json(_shape(preview))
            return
        _show_preview(session, preview)
        if dry_run:
            return
        session.terminal.confirm(f"This asks for {as_count(preview.total, 'run')} of `{key_of(found)}`.", yes=False)
    made = session.ask(CreateBackfill(**request))
    session.terminal.say(
        f"Backfill {_short(made)} asks for {as_count(made.total, 'run')} of `{key_of(found)}`.", colour="green"
    )
    if as_json:
        session.terminal.json(_shape(made))
    else:
        session.terminal.say(f"See it with: penstock backfill inspect {_short(made)}", colour="bright_black")


@backfill.command("ls", examples=["penstock backfill ls", "penstock backfill ls --deployment parent/monthly --json"])
@click.option("--deployment", metavar="DEPLOYMENT", help="Of this deployment.")
@limit_option
@all_option
@json_option
@pass_session
def list_backfills(session: Session, deployment: str | None, limit: int, everything: bool, as_json: bool) -> None:
    """List backfills, newest first."""
    key = None if deployment is None else get_deployment(session, deployment).id
    listed: Listed[Backfill] = Listed(
        session, Extent.of(limit, everything), lambda cursor, size: ListBackfills(key=key, cursor=cursor, limit=size)
    )
    if as_json:
        session.terminal.json_list(map(_shape, listed))
    else:
        columns = [
            Column("ID"), Column("Deployment", give=True), Column("Schedule"), Column("Status"), Column("From"), Column("To"),
            Column("Runs", right=True), Column("Completed", right=True), Column("Failed", right=True),
        ]  # fmt: skip
        session.terminal.table(columns, map(_row, listed), empty="There are no backfills.")
    say_if_cut(session, listed)


@backfill.command(
    "inspect",
    examples=["penstock backfill inspect 018f3a2b-7701-7000", "penstock backfill inspect 018f3a2b-7701-7000 --json"],
)
@click.argument("id")
@json_option
@pass_session
def inspect(session: Session, id: str, as_json: bool) -> None:
    """Show a backfill. ID may be the beginning of it."""
    found = _get(session, id)
    if as_json:
        session.terminal.json(_shape(found))
        return
    counts = ", ".join(f"{count:,} {name}" for name, count in found.counts.items() if count)
    pairs: list[tuple[str, str | Cell]] = [
        ("Backfill", as_uuid_text(found.id)),
        ("Deployment", found.deployment_name),
        ("Schedule", found.slug),
        ("Status", Cell(found.status, COLOURS.get(found.status))),
        ("From", as_local_time(found.since)),
        ("To", as_local_time(found.until)),
        ("Runs", f"{found.total:,}: {counts}"),
        ("At once", f"{found.concurrency:,}"),
    ]
    if found.parameters:
        pairs.append(("Parameters", json.dumps(dict(found.parameters), ensure_ascii=False)))
    session.terminal.pairs(pairs)
    if found.ahead:
        session.terminal.data()
        _show_ahead(session, found)


@backfill.command("pause", examples=["penstock backfill pause 018f3a2b-7701-7000"])
@click.argument("id")
@pass_session
def pause(session: Session, id: str) -> None:
    """Ask for no further runs for now. Those that have begun go on."""
    _move(session, id, "pause")


@backfill.command("resume", examples=["penstock backfill resume 018f3a2b-7701-7000"])
@click.argument("id")
@pass_session
def resume(session: Session, id: str) -> None:
    """Ask for further runs again."""
    _move(session, id, "resume")


@backfill.command(
    "cancel",
    examples=["penstock backfill cancel 018f3a2b-7701-7000", "penstock backfill cancel 018f3a2b-7701-7000 --runs"],
)
@click.argument("id")
@click.option("--runs", "cancel_runs", is_flag=True, help="Cancel the runs that have begun too.")
@pass_session
def cancel(session: Session, id: str, cancel_runs: bool) -> None:
    """Ask for no further runs, for good."""
    _move(session, id, "cancel", cancel_runs=cancel_runs)


def _move(session: Session, id: str, action: str, *, cancel_runs: bool = False) -> None:
    found = _get(session, id)
    moved = session.ask(MoveBackfill(id=found.id, action=action, cancel_runs=cancel_runs))
    session.terminal.say(f"Backfill {_short(moved)} is {moved.status}.")


def _get(session: Session, text: str) -> Backfill:
    """The backfill that is meant. Raises `NotFound`, `Ambiguous`."""
    wanted = text.replace("-", "").lower()
    if len(wanted) == 32:
        return session.ask(GetBackfill(id=wanted))
    known = session.pages(lambda cursor: ListBackfills(cursor=cursor, limit=PAGE_SIZE_MAX))
    found = [item for item in known if item.id.startswith(wanted)]
    if not found or not wanted:
        raise NotFound("backfill", text, listing="penstock backfill ls")
    if len(found) > 1:
        raise Ambiguous(f"`{text}` may mean {len(found)} backfills; write more of the id.")
    return session.ask(GetBackfill(id=found[0].id))


def _zone_of(found: Deployment, slug: str | None) -> Any:
    """The zone that times on the command line are in: the schedule's."""
    rows = [row for row in found.schedules if slug in (None, row.slug)]
    return find_zone(from_json(rows[0].definition).timezone if rows else "UTC")


def _moment(option: str, text: str, zone: Any) -> int:
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"`{text}` is no time; write `2026-03-01` or `2026-03-01T10:00`.", param_hint=option
        ) from None
    if not YEAR_MIN <= read.year <= YEAR_MAX:
        raise click.BadParameter(f"`{text}` is not between the years {YEAR_MIN} and {YEAR_MAX}.", param_hint=option)
    return one_moment(read, zone) if read.tzinfo is None else (read - EPOCH_UTC) // MICROSECOND


# ---- Shown ------------------------------------------------------------------------------------------------------


def _show_preview(session: Session, preview: Backfill) -> None:
    _show_ahead(session, preview)
    hidden = preview.total - len(preview.ahead)
    more = f", and {as_count(hidden, 'more period')}" if hidden > 0 else ""
    session.terminal.say(f"{as_count(preview.total, 'run')}, {preview.concurrency:,} at once{more}.")


def _show_ahead(session: Session, item: Backfill) -> None:
    session.terminal.table(
        [Column("Period since"), Column("Until"), Column("Parameters", give=True)],
        (
            (
                as_local_time(period.period_start),
                as_local_time(period.period_end),
                json.dumps(dict(period.parameters), ensure_ascii=False),
            )
            for period in item.ahead
        ),
    )


def _row(item: Backfill) -> tuple[str | Cell, ...]:
    return (
        _short(item),
        item.deployment_name,
        item.slug,
        Cell(item.status, COLOURS.get(item.status)),
        as_local_time(item.since),
        as_local_time(item.until),
        f"{item.total:,}",
        f"{item.counts.get('COMPLETED', 0):,}",
        f"{item.counts.get('FAILED', 0) + item.counts.get('CRASHED', 0):,}",
    )


def _short(item: Backfill) -> str:
    return as_uuid_text(item.id)[:SHORT_ID_LENGTH] if item.id else "(new)"


def _shape(item: Backfill) -> dict[str, Any]:
    return {
        "id": as_uuid_text(item.id) if item.id else None,
        "deployment": item.deployment_name,
        "slug": item.slug,
        "status": item.status,
        "since": as_iso(item.since),
        "until": as_iso(item.until),
        "concurrency": item.concurrency,
        "newest_first": item.newest_first,
        "parameters": dict(item.parameters),
        "total": item.total,
        "counts": dict(item.counts),
        "created_at": as_iso(item.created_at),
        "ahead": [
            {
                "at": as_iso(period.fire_at),
                "period_start": as_iso(period.period_start),
                "period_end": as_iso(period.period_end),
                "parameters": dict(period.parameters),
            }
            for period in item.ahead
        ],
    }
