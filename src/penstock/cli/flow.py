"""`penstock flow`: flows that have run."""

import click

from penstock.cli.commands import Group, json_option
from penstock.cli.listing import Extent, Listed, all_option, limit_option, say_if_cut
from penstock.cli.session import Session, pass_session
from penstock.cli.shapes import flow_shape
from penstock.cli.tables import Column
from penstock.cli.text import as_local_time
from penstock.ports import Flow, ListFlows


@click.group(cls=Group)
def flow() -> None:
    """Flows that have run."""


@flow.command("ls", examples=["penstock flow ls", "penstock flow ls --all --json"])
@limit_option
@all_option
@json_option
@pass_session
def list_flows(session: Session, limit: int, everything: bool, as_json: bool) -> None:
    """List flows by name."""
    listed: Listed[Flow] = Listed(
        session, Extent.of(limit, everything), lambda cursor, size: ListFlows(cursor=cursor, limit=size)
    )
    if as_json:
        session.terminal.json_list(map(flow_shape, listed))
    else:
        session.terminal.table(
            [Column("Flow", give=True), Column("Runs", right=True), Column("Last run"), Column("First seen")],
            (
                (item.name, f"{item.run_count:,}", as_local_time(item.last_run_at), as_local_time(item.created_at))
                for item in listed
            ),
            empty="No flow has run yet.",
        )
    say_if_cut(session, listed)
