"""How a run was asked for, if it was."""

from penstock.cli.session import Session
from penstock.core.errors import NotFound
from penstock.ports import FlowRun
from penstock.scheduling import GetRunRequest, RunRequest


def find_request(session: Session, run: FlowRun) -> RunRequest | None:
    """How a run was asked for; none if nobody asked."""
    try:
        return session.ask(GetRunRequest(flow_run_id=run.id))
    except NotFound:
        return None
