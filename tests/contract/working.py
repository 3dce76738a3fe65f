"""Workers and the runs that wait for them, as the orchestrator sees them."""

from typing import Any

from penstock.core.states import RunState
from penstock.ports import FlowRun, TakeFlowRun
from penstock.scheduling import (
    DeploymentSpec,
    ExplainRun,
    GetRunRequest,
    RequestRun,
    RunRequest,
    SaveDeployment,
)
from penstock.work import ClaimedRun, ClaimMarks, ClaimRuns, EndClaim, RenewClaims, SaveWorkPool, WorkerHello
from tests.contract.telling import Teller


class Office:
    """A pool, deployments in it, and workers that come for their runs."""

    def __init__(self, teller: Teller, pool: str = "mill", **said: Any):
        self.teller, self.pool = teller, pool
        teller.ask(SaveWorkPool(name=pool, **said))

    def deploy(self, name: str = "nightly", flow: str = "etl", **spec: Any) -> str:
        values = {"entrypoint": "etl.py:etl", "work_pool": self.pool} | spec
        self.teller.ask(SaveDeployment(flow_name=flow, name=name, spec=DeploymentSpec(**values)))
        return f"{flow}/{name}"

    def request(self, deployment: str = "etl/nightly", **said: Any) -> FlowRun:
        self.teller.clock.move(seconds=0.001)
        return self.teller.ask(RequestRun(deployment=deployment, **said))  # type: ignore[no-any-return]  # FlowRun

    def hello(self, name: str = "ada", **said: Any) -> WorkerHello:
        values = {"name": name, "work_pool": self.pool, "host": "here", "pid": 7, "version": "1"} | said
        return WorkerHello(**values)

    def claim(self, name: str = "ada", count: int = 10, **said: Any) -> list[ClaimedRun]:
        return list(self.teller.ask(ClaimRuns(worker=self.hello(name, **said), count=count)))

    def claim_names(self, *arguments: Any, **said: Any) -> list[str]:
        return [claimed.run.name for claimed in self.claim(*arguments, **said)]

    def renew(self, *claimed: ClaimedRun, name: str = "ada") -> ClaimMarks:
        claims = [(one.run.id, one.request.claim) for one in claimed]
        return self.teller.ask(RenewClaims(worker=self.hello(name), claims=claims))  # type: ignore[no-any-return]

    def take(self, claimed: ClaimedRun, teller: Teller | None = None) -> FlowRun:
        teller = teller or self.teller
        request = TakeFlowRun(id=claimed.run.id, writer=teller.hello, holder_alive=False, claim=claimed.request.claim)
        return teller.ask(request).run  # type: ignore[no-any-return]  # FlowRun

    def end(self, claimed: ClaimedRun, state: str | None = None, message: str | None = None) -> FlowRun:
        said = None if state is None else RunState.of(state, at=0, message=message)
        request = EndClaim(flow_run_id=claimed.run.id, claim=claimed.request.claim, state=said)
        return self.teller.ask(request)  # type: ignore[no-any-return]  # FlowRun

    def asked(self, run_id: str) -> RunRequest:
        return self.teller.ask(GetRunRequest(flow_run_id=run_id))  # type: ignore[no-any-return,arg-type]  # RunRequest

    def why(self, run_id: str) -> list[str]:
        return [one.code for one in self.teller.ask(ExplainRun(flow_run_id=run_id))]  # type: ignore[arg-type]  # RunId
