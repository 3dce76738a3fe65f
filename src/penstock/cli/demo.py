"""`penstock demo`."""

import click

from penstock.cli.commands import Command
from penstock.cli.session import Session, pass_session


@click.command(cls=Command, examples=["penstock demo"])
@pass_session
def demo(session: Session) -> int:
    """Real taxi data, from the web to a lake to a warehouse.

    Needs the extra `lake`: pip install "penstock[lake]".
    """
    from penstock.demo.program import run_demo  # lazy: the lake's libraries, 300 ms

    return run_demo()
