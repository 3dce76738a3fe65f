"""`penstock journal`: what processes wrote that is not in the database or at the server yet."""

from typing import Any

import click

from penstock.cli.commands import Group, json_option
from penstock.cli.session import Session, pass_session
from penstock.cli.tables import Column
from penstock.cli.text import as_size
from penstock.core.errors import PenstockError


@click.group(cls=Group)
def journal() -> None:
    """What runs recorded and nobody has taken in yet."""


@journal.command("ls", examples=["penstock journal ls", "penstock journal ls --json"])
@json_option
@pass_session
def list_journals(session: Session, as_json: bool) -> None:
    """List the journal files of this home.

    A living process's file is its own business.
    """
    from penstock.engine.replay import list_journals  # lazy: engine, 60 ms

    found = list_journals(session.settings.journals_path)
    if as_json:
        shapes: list[Any] = [
            {
                "file": str(item.path),
                "writer_id": item.header.writer if item.header else None,
                "target": item.header.target if item.header else None,
                "alive": item.alive,
                "bytes": item.size_bytes,
            }
            for item in found
        ]
        session.terminal.json_list(shapes)
        return
    session.terminal.table(
        [Column("File", give=True), Column("For", give=True), Column("Process"), Column("Size", right=True)],
        (
            (
                item.path.name,
                item.header.target if item.header else "not a journal",
                "alive" if item.alive else "gone",
                as_size(item.size_bytes),
            )
            for item in found
        ),
        empty="No process has left a journal.",
    )


@journal.command("replay", examples=["penstock journal replay"])
@pass_session
def replay(session: Session) -> None:
    """Send what dead processes recorded to where it belongs.

    Their unfinished runs are marked CRASHED.
    Every command and every run does so when it starts; this does nothing else.
    """
    from penstock.engine.replay import list_journals  # lazy: engine, 60 ms
    from penstock.sdk import wiring  # lazy: engine and store, 100 ms and more

    settings = session.settings
    target = wiring.target_of(settings)

    def waiting() -> int:
        found = list_journals(settings.journals_path)
        return sum(1 for item in found if not item.alive and item.header is not None and item.header.target == target)

    before = waiting()
    crashed = wiring.sweep_dead_writers()
    after = waiting()
    session.terminal.say(f"Sent {before - after} of {before} journals to {target}; {len(crashed)} runs are CRASHED.")
    if after:
        raise PenstockError(f"{after} journals could not be sent; they are kept in {settings.journals_path}.")
