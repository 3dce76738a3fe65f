"""`penstock notify`: who is told of runs that fail."""

import sys
from typing import Any

import click

from penstock.cli.commands import Group, json_option, yes_option
from penstock.cli.listing import Extent, Listed, all_option, limit_option, say_if_cut
from penstock.cli.session import Session, pass_session
from penstock.cli.tables import Column
from penstock.cli.text import as_iso, as_local_time
from penstock.notifications import (
    AddNotification,
    ListNotifications,
    Notification,
    RemoveNotification,
    SendTestNotice,
)


@click.group(cls=Group)
def notify() -> None:
    """Who is told of runs that fail.

    Or of runs that come to any other state.

    An address is a URL of Apprise, such as `slack://TOKENS`, `mailto://USER:PASSWORD@HOST` or `json://host/path`. It is a
    secret: it is encrypted, and shown without what is secret in it.
    """


@notify.command(
    "add",
    examples=[
        "penstock notify add --on failed,crashed --url mailto://user:password@example.com",
        "penstock notify add --on failed --flow web-to-lake --tag nightly --name lake-team",
    ],
)
@click.option("--on", "states", metavar="STATES", required=True, help="Types or names of states, separated by commas.")
@click.option("--url", metavar="URL", help="The address; asked for, without showing it, if it is left out.")
@click.option("--flow", "flow_name", metavar="FLOW", help="Only runs of this flow, subflow runs included.")
@click.option("--tag", metavar="TAG", help="Only runs with this tag.")
@click.option("--name", metavar="NAME", help="What the notification is called; `slack-1` and the like if left out.")
@pass_session
def add(
    session: Session, states: str, url: str | None, flow_name: str | None, tag: str | None, name: str | None
) -> None:
    """Tell an address of runs. Where no terminal can be asked, the address is read from standard input."""
    if url is None:
        url = (
            click.prompt("URL", hide_input=True, err=True) if session.terminal.is_interactive else sys.stdin.readline()
        )
    wanted = [state for state in states.split(",") if state.strip()]
    added = session.ask(AddNotification(url=str(url).strip(), states=wanted, name=name, flow_name=flow_name, tag=tag))
    session.terminal.say(f"Added notification `{added.name}`: {added.url} is told of runs that are {_when(added)}.")
    session.terminal.say(f"Try it with `penstock notify test {added.name}`.")


@notify.command("ls", examples=["penstock notify ls", "penstock notify ls --json"])
@limit_option
@all_option
@json_option
@pass_session
def list_notifications(session: Session, limit: int, everything: bool, as_json: bool) -> None:
    """List notifications."""
    listed: Listed[Notification] = Listed(
        session, Extent.of(limit, everything), lambda cursor, size: ListNotifications(cursor=cursor, limit=size)
    )
    if as_json:
        session.terminal.json_list(map(_shape, listed))
    else:
        session.terminal.table(
            [
                Column("Notification", give=True),
                Column("Address", give=True),
                Column("Told of", give=True),
                Column("Last sent"),
                Column("Trouble", give=True),
            ],
            (
                (item.name, item.url, _when(item), as_local_time(item.last_sent_at), item.last_error or "")
                for item in listed
            ),
            empty="Nobody is told of anything. `penstock notify add` changes that.",
        )
    say_if_cut(session, listed)


@notify.command("test", examples=["penstock notify test slack-1"])
@click.argument("name")
@pass_session
def test(session: Session, name: str) -> None:
    """Send a message that says that it is a test."""
    session.ask(SendTestNotice(name=name))
    session.terminal.say(f"Notification `{name}` was sent.")


@notify.command("remove", examples=["penstock notify remove slack-1 --yes"])
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@yes_option
@pass_session
def remove(session: Session, names: tuple[str, ...], yes: bool) -> None:
    """Tell addresses no more."""
    wanted = list(dict.fromkeys(names))
    session.terminal.confirm(f"This removes {', '.join(f'`{name}`' for name in wanted)}.", yes=yes)
    for name in wanted:
        session.ask(RemoveNotification(name=name))
        session.terminal.say(f"Removed notification `{name}`.")


def _when(item: Notification) -> str:
    parts = [", ".join(item.states)]
    if item.flow_name is not None:
        parts.append(f"flow {item.flow_name}")
    if item.tag is not None:
        parts.append(f"tag {item.tag}")
    return "; ".join(parts)


def _shape(item: Notification) -> dict[str, Any]:
    return {
        "name": item.name,
        "url": item.url,
        "states": list(item.states),
        "flow": item.flow_name,
        "tag": item.tag,
        "created_at": as_iso(item.created_at),
        "last_sent_at": as_iso(item.last_sent_at),
        "failures": item.failures,
        "last_error": item.last_error,
    }
