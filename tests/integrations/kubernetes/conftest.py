"""A pool of type kubernetes, runs that wait in it, and a stand-in for the cluster."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.core.ids import RunId
from penstock.integrations.kubernetes import KubernetesInfrastructure
from penstock.scheduling import DeploymentSpec, RequestRun, SaveDeployment
from penstock.sdk import wiring
from penstock.testing import History
from penstock.work import ClaimedRun, ClaimRuns, SaveWorkPool, WorkerHello
from penstock.workers.infrastructure import Ending, Handle
from tests.fixtures.kubernetes import FakeCluster, a_cluster
from tests.system.conftest import until

POOL = "mill"
SERVER = "http://penstock.penstock.svc:4200"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCluster]:
    """A stand-in for a cluster, which this process's kubeconfig leads to."""
    with a_cluster(tmp_path, monkeypatch) as made:
        yield made


class Mill:
    """Has runs claimed and started, as a worker does."""

    def __init__(self) -> None:
        self.history = History()
        self.history.ask(SaveWorkPool(name=POOL, type="kubernetes"))
        self.infrastructures: list[KubernetesInfrastructure] = []

    @property
    def infrastructure(self) -> KubernetesInfrastructure:
        return self.infrastructures[-1] if self.infrastructures else self.new_worker()

    def new_worker(self) -> KubernetesInfrastructure:
        """What a worker that comes next uses."""
        self.infrastructures.append(KubernetesInfrastructure(look_seconds=0.05, patience_seconds=0.0))
        return self.infrastructures[-1]

    def request(self, **variables: Any) -> RunId:
        spec = DeploymentSpec(
            entrypoint="flows.py:grind",
            path="/opt/flows",
            work_pool=POOL,
            job_variables={"image": "registry.example.com/flows:1", **variables},
        )
        self.history.ask(SaveDeployment(flow_name="grind", name="one", spec=spec))
        return self.history.ask(RequestRun(deployment="grind/one")).id

    def claim(self, **variables: Any) -> ClaimedRun:
        self.request(**variables)
        hello = WorkerHello(name="ada", work_pool=POOL, host="here", pid=1, version="1")
        [claimed] = self.history.ask(ClaimRuns(worker=hello))
        return claimed

    def start(self, claimed: ClaimedRun | None = None, **variables: Any) -> Handle:
        return self.infrastructure.start(claimed or self.claim(env={"PENSTOCK_API_URL": SERVER}, **variables))

    def ending(self, handle: Handle) -> Ending:
        found: Ending = until(handle.poll, "the end of a job")
        return found

    def end(self, **variables: Any) -> Ending:
        """Start a run, and wait for how it ends."""
        return self.ending(self.start(**variables))


@pytest.fixture
def mill(home: Path, cluster: FakeCluster) -> Iterator[Mill]:
    wiring.shut_down()
    made = Mill()
    yield made
    for infrastructure in made.infrastructures:
        infrastructure.close()
    wiring.shut_down()
