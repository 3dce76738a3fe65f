"""`penstock database`: the database that runs are recorded in."""

import click

from penstock.cli.commands import Group, json_option, yes_option
from penstock.cli.session import Session, pass_session
from penstock.cli.shapes import store_shape
from penstock.cli.text import as_count, as_size
from penstock.core.errors import PenstockError
from penstock.ports import DescribeStore, Prune, StoreInfo

DAY_US = 86_400_000_000
RUNS_MAX = 100_000


class NotThisDatabase(PenstockError):
    """The database that runs are recorded in is a server's and is kept there."""


@click.group(cls=Group)
def database() -> None:
    """The database that runs are recorded in."""


@database.command("info", examples=["penstock database info", "penstock database info --json"])
@json_option
@pass_session
def info(session: Session, as_json: bool) -> None:
    """Say which database this is, how big it is and what it holds."""
    found = session.ask(DescribeStore())
    if as_json:
        session.terminal.json(store_shape(found))
        return
    session.terminal.pairs(
        [
            ("Database", found.location),
            ("Dialect", found.dialect),
            ("Schema version", str(found.schema_version)),
            ("Size", as_size(found.bytes)),
            *((name.replace("_", " ").capitalize() + "s", f"{count:,}") for name, count in found.counts.items()),
        ]
    )


@database.command("upgrade", examples=["penstock database upgrade"])
@pass_session
def upgrade(session: Session) -> None:
    """Bring the database to the schema of this version of Penstock. Stop what runs on it first."""
    url = _own_url(session)
    from penstock.store import maintenance  # lazy: sqlalchemy, 130 ms

    maintenance.upgrade(url)
    session.terminal.say("The database has the schema of this version.")


@database.command("vacuum", examples=["penstock database vacuum"])
@pass_session
def vacuum(session: Session) -> None:
    """Give the room of what was removed back to the disk."""
    url = _own_url(session)
    from penstock.store import maintenance  # lazy: sqlalchemy, 130 ms

    before = session.ask(DescribeStore()).bytes
    maintenance.vacuum(url)
    after = session.ask(DescribeStore()).bytes
    session.terminal.say(f"The database has {as_size(after)}; it had {as_size(before)}.")


@database.command(
    "prune",
    examples=["penstock database prune --dry-run", "penstock database prune --older-than 30 --yes"],
)
@click.option("--older-than", type=click.FloatRange(min=0), metavar="DAYS", help="Instead of PENSTOCK_RETENTION_DAYS.")
@click.option("--dry-run", is_flag=True, help="Only count what would go.")
@json_option
@yes_option
@pass_session
def prune(session: Session, older_than: float | None, dry_run: bool, as_json: bool, yes: bool) -> None:
    """Remove runs that ended long ago.

    With all that hangs on them, and what was kept of their results. A server does so by itself every few minutes, and
    runs without a server once a day.
    """
    days = session.settings.retention_days if older_than is None else older_than
    before = session.now() - int(days * DAY_US)
    counted = session.ask(Prune(runs_older_than=before, limit=RUNS_MAX, dry_run=True)).rows
    if not dry_run and counted.get("flow_run"):
        runs = as_count(counted["flow_run"], "flow run")
        session.terminal.confirm(f"This removes {runs} that ended more than {days:g} days ago.", yes=yes)
        removed = session.ask(Prune(runs_older_than=before, limit=RUNS_MAX))
        counted = removed.rows
        for run_id in removed.run_ids:
            session.results.remove_run(run_id)
    if as_json:
        session.terminal.json({"dry_run": dry_run, "older_than_days": days, "rows": dict(counted)})
        return
    session.terminal.pairs([(name.replace("_", " ").capitalize(), f"{count:,}") for name, count in counted.items()])
    session.terminal.say("Nothing was removed." if dry_run or not counted.get("flow_run") else "They are removed.")


@database.command("reset", examples=["penstock database reset", "penstock database reset --yes"])
@yes_option
@pass_session
def reset(session: Session, yes: bool) -> None:
    """Remove everything that is recorded.

    Runs, logs, artifacts, variables. Results and datasets stay where they are.
    """
    url = _own_url(session)
    from penstock.sdk import wiring  # lazy: engine and store, 100 ms and more
    from penstock.store import maintenance  # lazy: sqlalchemy, 130 ms

    session.terminal.confirm(_say_what_goes(session), yes=yes)
    wiring.shut_down()
    maintenance.reset(url)
    session.terminal.say("The database is empty.")


def _say_what_goes(session: Session) -> str:
    """What is lost; a database that cannot even be read can be reset too, and says so."""
    try:
        found: StoreInfo = session.ask(DescribeStore())
    except PenstockError as error:
        return f"The database cannot be read ({error}). This removes it with everything in it. It cannot be undone."
    held = ", ".join(
        as_count(count, name.replace("_", " ").removesuffix("s")) for name, count in found.counts.items() if count
    )
    return f"This empties {found.location}: {held or 'nothing is in it yet'}. It cannot be undone."


def _own_url(session: Session) -> str:
    """The address of the database, unless a server keeps it. Raises `NotThisDatabase`."""
    settings = session.settings
    if settings.api_url:
        raise NotThisDatabase(
            f"Runs are recorded by the server at {settings.api_url} (PENSTOCK_API_URL). Do this where the server runs, "
            "without that setting."
        )
    return settings.effective_database_url
