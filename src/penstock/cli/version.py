"""`penstock version`."""

import platform
import sqlite3
import sys

import click

from penstock import __version__
from penstock.cli.commands import Command, json_option
from penstock.cli.session import Session, pass_session


@click.command(cls=Command, examples=["penstock version", "penstock version --json"])
@json_option
@pass_session
def version(session: Session, as_json: bool) -> None:
    """Say which Penstock this is.

    Standard output gets the version alone; with --json also those of Python, SQLite and the system, as a report
    of a fault needs them.
    """
    if not as_json:
        session.terminal.data(__version__)
        return
    session.terminal.json(
        {
            "penstock": __version__,
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
            "platform": f"{sys.platform}-{platform.machine()}",
        }
    )
