"""Workers of a pool of type kubernetes: the whole path from a run that is asked for to its end, with real processes for pods.

The cluster is a stand-in that speaks HTTP; what a pod's container would run, this machine runs.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import pytest

from penstock.core.ids import RunId
from penstock.core.states import RunState, StateType
from penstock.integrations.kubernetes.cluster import Cluster
from penstock.integrations.kubernetes.orphans import remove_orphans
from penstock.ports import CancelFlowRun, FlowRun
from penstock.scheduling import DeploymentSpec, GetRunRequest, RequestRun, SaveDeployment
from penstock.sdk import wiring
from penstock.settings import load_settings
from penstock.testing import History
from penstock.work import EndClaim, GetWorkPool, SaveWorkPool
from penstock.workers.infrastructure import Infrastructure
from penstock.workers.orphans import make_why_over
from penstock.workers.running import make_worker
from penstock.workers.worker import Worker, WorkerOptions
from tests.fixtures.kubernetes import FakeCluster, running, show, terminated, wait_for_ever
from tests.fixtures.servers import SOURCE, start_server
from tests.integrations.kubernetes.conftest import POOL, SERVER, Mill
from tests.system.conftest import Ledger, until

FLOWS = """
    import os
    import time
    from penstock import flow

    @flow
    def grind(sacks: int = 1):
        fd = os.open(os.environ["LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(fd, f"{sacks} sacks\\n".encode())
        os.close(fd)
        while os.path.exists(os.environ["LEDGER"] + ".wait"):
            time.sleep(0.01)
        key = os.environ.get("PENSTOCK_API_KEY", "")
        os.write(2, f"shows {key[:13]}\\n".encode())
        return sacks
"""


@pytest.fixture
def flows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "flows.py").write_text(dedent(FLOWS))
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))
    return folder


def request(history: History, folder: Path, env: dict[str, str], **parameters: int) -> RunId:
    spec = DeploymentSpec(
        entrypoint="flows.py:grind",
        path=str(folder),
        work_pool=POOL,
        job_variables={"image": "penstock:1", "env": {**env, "LEDGER": str(folder / "ledger")}, "grace_seconds": 1},
    )
    history.ask(SaveDeployment(flow_name="grind", name="one", spec=spec))
    return history.ask(RequestRun(deployment="grind/one", parameters=parameters)).id


class Told(list[str]):
    """What a worker said, and the worker."""

    worker: Worker


@contextmanager
def working(infrastructure: Infrastructure | None = None) -> Iterator[Told]:
    """Have a worker work until the block ends; then it waits for what runs."""
    told = Told()
    options = WorkerOptions(name="ada", work_pool=POOL, limit=4)
    worker = make_worker(load_settings(), options, infrastructure=infrastructure, tell=told.append)
    told.worker = worker
    thread = threading.Thread(target=worker.run, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        worker.stop()
        thread.join(120)
        assert not thread.is_alive(), told


def wait_for(history: History, run_id: RunId, state: str) -> FlowRun:
    found: FlowRun = until(
        lambda: history.flow_run(run_id) if history.flow_run(run_id).state.name == state else None,
        f"the run to be {state}",
    )
    return found


def embedded(home: Path) -> dict[str, str]:
    """How a pod of this machine finds the database of this home."""
    return {"PENSTOCK_HOME": str(home), "PENSTOCK_DATABASE_URL": f"sqlite:///{home}/penstock.db"}


def test_a_run_goes_from_the_pool_to_its_pod_and_to_its_end(
    mill: Mill, cluster: FakeCluster, flows: Path, home: Path
) -> None:
    run = request(mill.history, flows, embedded(home), sacks=3)
    with working() as told:
        wait_for(mill.history, run, "Completed")
        until(lambda: any("has ended" in line for line in told), f"the end of the claim; the worker said {told}")
    assert ["3 sacks"] == Ledger(flows / "ledger").lines()
    [job] = cluster.all("jobs")
    asked = mill.history.ask(GetRunRequest(flow_run_id=run))
    assert (f"kubernetes:flows/{job['metadata']['name']}", "done") == (asked.infrastructure, asked.status)


@pytest.mark.slow
def test_a_pod_shows_a_real_server_the_token_of_its_run(
    cluster: FakeCluster, flows: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start_server(tmp_path / "server", PENSTOCK_API_KEY="of the house") as url:
        monkeypatch.setenv("PENSTOCK_API_URL", url)
        monkeypatch.setenv("PENSTOCK_API_KEY", "of the house")
        wiring.shut_down()
        history = History()
        history.ask(SaveWorkPool(name=POOL, type="kubernetes"))
        run = request(history, flows, {"PENSTOCK_API_URL": url, "PENSTOCK_HOME": str(tmp_path / "pod")})
        with working():
            wait_for(history, run, "Completed")
        wiring.shut_down()
    assert ["1 sacks"] == Ledger(flows / "ledger").lines()
    [pod] = cluster.all("pods")
    printed = [line for _, line in cluster.logs[pod["metadata"]["name"]].lines]
    assert "shows penstock-run." in printed
    assert "of the house" not in str(cluster.objects)


def test_an_image_that_is_not_there_fails_the_run(mill: Mill, cluster: FakeCluster, flows: Path, home: Path) -> None:
    state = {"waiting": {"reason": "InvalidImageName", "message": "couldn't parse image name"}}
    status = {"phase": "Pending", "containerStatuses": [{"name": "penstock", "image": "flows::1", "state": state}]}
    cluster.kubelet = show(status)
    run = request(mill.history, flows, embedded(home))
    with working(mill.new_worker()):
        failed = wait_for(mill.history, run, "Failed")
    assert "couldn't parse image name" in (failed.state.message or "")


def test_a_pod_that_was_killed_for_its_memory_crashes_the_run(
    mill: Mill, cluster: FakeCluster, flows: Path, home: Path
) -> None:
    cluster.kubelet = show(running(), terminated(137, "OOMKilled"))
    run = request(mill.history, flows, embedded(home))
    with working(mill.new_worker()):
        crashed = wait_for(mill.history, run, "Crashed")
    assert "OOMKilled" in (crashed.state.message or "")


def test_a_run_that_is_cancelled_takes_its_job_with_it(
    mill: Mill, cluster: FakeCluster, flows: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_LEASE_SECONDS", "2")  # nobody reaps leases here, and workers renew them often
    cluster.kubelet = wait_for_ever
    run = request(mill.history, flows, embedded(home))
    with working(mill.new_worker()):
        until(lambda: cluster.all("pods"), "the pod")
        mill.history.ask(CancelFlowRun(id=run, holder_alive=True))
        wait_for(mill.history, run, "Cancelled")
    assert ([], []) == (cluster.all("jobs"), cluster.all("pods"))


def test_a_run_goes_on_without_its_worker_and_is_left_alone_by_the_next(
    mill: Mill, cluster: FakeCluster, flows: Path, home: Path
) -> None:
    gate = flows / "ledger.wait"
    gate.touch()
    run = request(mill.history, flows, embedded(home), sacks=5)
    with working() as told:
        Ledger(flows / "ledger").wait_for("5 sacks")
        told.worker.stop()  # twice: what runs is left to itself
        told.worker.stop()
    settings = load_settings()
    why_over = make_why_over(wiring.open_orchestrator(settings), wiring.principal_of(settings), ended_seconds=0)
    assert [] == remove_orphans(Cluster(), "flows", POOL, why_over, worker="bob")
    assert "Running" == mill.history.flow_run(run).state.name
    gate.unlink()
    wait_for(mill.history, run, "Completed")


# ---- What is left over -------------------------------------------------------------------------------------------


def test_a_new_worker_removes_what_nobody_waits_for_and_leaves_what_goes_on(mill: Mill, cluster: FakeCluster) -> None:
    cluster.kubelet = wait_for_ever
    env = {"PENSTOCK_API_URL": SERVER}
    requeued, live = mill.claim(env=env), mill.claim(env=env)
    for claimed in (requeued, live):
        handle = mill.start(claimed)
        until(lambda: handle.name, "the job")  # noqa: B023  # called at once
    strangers = {**cluster.all("jobs")[0]["metadata"]["labels"], "penstock.dev/flow-run-id": "0" * 32}
    with cluster._lock:
        job = cluster.all("jobs")[0]
        cluster._put("jobs", {**job, "metadata": {**job["metadata"], "name": "theirs", "labels": strangers}}, "ADDED")
    mill.infrastructure.close()
    again = RunState.of("Scheduled", at=0, message="Worker ada stops.")
    mill.history.ask(EndClaim(flow_run_id=requeued.run.id, claim=requeued.request.claim, state=again))

    settings = load_settings()
    why_over = make_why_over(wiring.open_orchestrator(settings), wiring.principal_of(settings))
    [gone] = remove_orphans(Cluster(), "flows", POOL, why_over, worker="bob")
    kept = {job["metadata"]["labels"]["penstock.dev/flow-run-id"] for job in cluster.all("jobs")}
    assert {live.run.id, "0" * 32} == kept
    assert f"-{requeued.run.id[-12:]}-1" in gone


def test_a_worker_looks_for_what_is_left_over_as_it_starts(mill: Mill, cluster: FakeCluster) -> None:
    cluster.kubelet = wait_for_ever
    handle = mill.start()
    until(lambda: handle.name, "the job")
    mill.infrastructure.close()
    mill.new_worker().watch_orphans(mill.history.ask(GetWorkPool(name=POOL)), lambda *_: "it is over.")
    until(lambda: not cluster.all("jobs"), "the job to be removed")


def test_a_job_that_has_ended_goes_by_its_time_to_live(mill: Mill, cluster: FakeCluster) -> None:
    cluster.kubelet = show(running(), terminated(0, "Completed"))
    mill.end()
    [job] = cluster.all("jobs")
    cluster.finish_job(
        job["metadata"]["name"], "Complete", "CompletionsReached", "Reached expected number of succeeded pods"
    )
    assert [] == remove_orphans(Cluster(), "flows", POOL, lambda *_: "it is over.", worker="bob")


@pytest.mark.parametrize(
    ("name", "type_", "over"),
    [("Failed", StateType.FAILED, True), ("Crashed", StateType.CRASHED, False)],
)
def test_a_run_that_has_ended_needs_its_job_no_more_unless_it_may_only_be_cut_off(
    mill: Mill, cluster: FakeCluster, name: str, type_: StateType, over: bool
) -> None:
    claimed = mill.claim(env={"PENSTOCK_API_URL": SERVER})
    ended = RunState(type_, name, 0)
    mill.history.ask(EndClaim(flow_run_id=claimed.run.id, claim=claimed.request.claim, state=ended))
    settings = load_settings()
    orchestrator, by = wiring.open_orchestrator(settings), wiring.principal_of(settings)
    soon, late = (make_why_over(orchestrator, by, ended_seconds=seconds) for seconds in (60, 0))
    assert None is soon(claimed.run.id, claimed.request.claim)
    assert over == (late(claimed.run.id, claimed.request.claim) is not None)
