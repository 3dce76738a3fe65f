"""Whether anybody waits any more for what was started for a run."""

import time

from penstock.core.errors import NotFound
from penstock.core.ids import RunId
from penstock.core.states import StateType
from penstock.ports import GetFlowRun, Orchestrator, Principal
from penstock.scheduling import GetRunRequest
from penstock.workers.infrastructure import WhyOver

ENDED_SECONDS = 60.0
"""So long after a run has ended its process is through with what it does last."""


def make_why_over(orchestrator: Orchestrator, principal: Principal, *, ended_seconds: float = ENDED_SECONDS) -> WhyOver:
    """The question, for the infrastructure of a worker.

    A run that nobody knows may be another installation's, and one that was presumed to have crashed may only be cut off: what
    was started for these is left alone.
    """

    def why_over(run_id: RunId, claim: int) -> str | None:
        try:
            asked = orchestrator.ask(GetRunRequest(flow_run_id=run_id), principal)
            run = orchestrator.ask(GetFlowRun(id=run_id), principal)
        except NotFound:
            return None
        if asked.claim != claim:
            return f"run `{run.name}` was claimed anew since."
        if asked.status == "waiting":
            return f"run `{run.name}` waits for a worker again."
        ended = run.state.is_final and run.state.type is not StateType.CRASHED
        if ended and run.ended_at is not None and run.ended_at / 1e6 < time.time() - ended_seconds:
            return f"run `{run.name}` is {run.state.name} for some time."
        return None

    return why_over
