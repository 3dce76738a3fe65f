"""Runs in containers, on a real Docker engine: through a server with a key, and with no server at all."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import docker
import pytest

from penstock.blocks import GitHub
from penstock.core.errors import RequestInvalid
from penstock.core.ids import RunId
from penstock.core.run_tokens import PREFIX
from penstock.integrations.docker import DockerInfrastructure
from penstock.integrations.docker.engines import EngineUnavailable
from penstock.integrations.docker.jobs import RUN_LABEL, TARGET_LABEL
from penstock.integrations.docker.orphans import OrphanWatch
from penstock.ports import CancelFlowRun, FlowRun, GetFlowRun, ListFlowRuns, ListLogs, ListTaskRuns
from penstock.scheduling import DeploymentSpec, GetRunRequest, RequestRun, RequeueRun, SaveDeployment
from penstock.sdk import wiring
from penstock.settings import load_settings
from penstock.work import ClaimRuns, SaveWorkPool, WorkerHello
from penstock.workers.infrastructure import Handle, find_infrastructure
from penstock.workers.running import make_worker
from penstock.workers.worker import Worker, WorkerOptions
from tests.fixtures.docker import DockerEngine
from tests.fixtures.servers import SOURCE, port_of, start_server
from tests.system.conftest import PROGRAMS, until

KEY = "open-sesame"


@dataclass
class Yard:
    """A pool of type docker, a worker of it, and what its containers leave."""

    image: str
    engine: docker.DockerClient
    ledger: Path
    flows: Path
    target: str
    pool: str = field(default_factory=lambda: f"containers-{uuid4().hex[:8]}")
    workers: list[tuple[Worker, threading.Thread]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    over: list[str] = field(default_factory=list)

    def ask(self, request: Any) -> Any:
        return wiring.open_orchestrator().ask(request)

    def deploy(self, flow: str, *, steps: Any = (), **variables: Any) -> None:
        volumes = [f"{self.flows}:/flows:ro", f"{self.ledger}:/ledger", *variables.pop("volumes", ())]
        spec = DeploymentSpec(
            entrypoint=f"container_flows.py:{flow}",
            path=None if steps else "/flows",
            pull_steps=steps,
            work_pool=self.pool,
            job_variables={"image": self.image, "volumes": volumes, **variables},
        )
        self.ask(SaveDeployment(flow_name=flow, name="there", spec=spec))

    def request(self, flow: str, parameters: Any = None, **variables: Any) -> str:
        self.deploy(flow, **variables)
        run = self.ask(RequestRun(deployment=f"{flow}/there", parameters=parameters or {}))
        return str(run.id)

    def start(self) -> Handle:
        """Start what waits, as a worker that says nothing more of it."""
        hello = WorkerHello(name="gone", work_pool=self.pool, host="here", pid=1, version="1")
        [claimed] = self.ask(ClaimRuns(worker=hello))
        return DockerInfrastructure().start(claimed)

    def run(self, run_id: str) -> FlowRun:
        return self.ask(GetFlowRun(id=RunId(run_id)))  # type: ignore[no-any-return]  # FlowRun

    def ended(self, run_id: str) -> FlowRun:
        until(lambda: self.run(run_id).state.is_final, f"the end of {run_id}, {self.told}")
        return self.run(run_id)

    def settled(self, run_id: str) -> FlowRun:
        """The run, when its worker has done with it too."""
        run = self.ended(run_id)
        until(lambda: self.ask(GetRunRequest(flow_run_id=run_id)).status == "done", "the end of the claim")
        return run

    def containers(self, run_id: str) -> list[Any]:
        return self.engine.containers.list(  # type: ignore[no-any-return]  # containers
            all=True, ignore_removed=True, filters={"label": f"{RUN_LABEL}={run_id}"}
        )

    def lines(self) -> list[str]:
        path = self.ledger / "lines"
        return path.read_text().splitlines() if path.exists() else []

    def wait_for(self, line: str) -> None:
        until(lambda: line in self.lines(), f"{line!r} in {self.lines()}; {self.told}")

    def work(self, **options: Any) -> Worker:
        said = WorkerOptions(name="yard", work_pool=self.pool, **options)
        worker = make_worker(load_settings(), said, tell=self.told.append)
        thread = threading.Thread(target=worker.run, daemon=True)
        thread.start()
        self.workers.append((worker, thread))
        return worker

    @contextlib.contextmanager
    def watch(self) -> Iterator[list[tuple[str, int]]]:
        """Look after orphans; gives what was asked about. `over` says why they are nobody's, once there is something in it."""
        asked: list[tuple[str, int]] = []

        def why_over(run_id: str, claim: int) -> str | None:
            asked.append((run_id, claim))
            return self.over[0] if self.over else None

        watching = OrphanWatch(
            self.engine,
            load_settings().journals_path,
            target=self.target,
            why_over=why_over,
            mine=lambda name: False,
            look_seconds=0.1,
            forgotten_seconds=0,
        )
        yield asked
        watching.close()

    def close(self) -> None:
        for worker, thread in self.workers:
            worker.stop()
            worker.stop()
            thread.join(60)
        mine = {"label": f"{TARGET_LABEL}={self.target}"}  # other tests have theirs on the same engine
        for container in self.engine.containers.list(all=True, ignore_removed=True, filters=mine):
            with contextlib.suppress(docker.errors.APIError):  # it is on its way already
                container.remove(force=True)
        self.engine.close()


@pytest.fixture
def make_yard(
    docker_engine: DockerEngine, penstock_image: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Yard]]:
    monkeypatch.setenv("DOCKER_HOST", docker_engine.url)
    made: list[Yard] = []

    def make(**environment: str) -> Yard:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        wiring.shut_down()
        flows, ledger = tmp_path / "flows", tmp_path / "ledger"
        for folder in (flows, ledger):
            folder.mkdir()
            folder.chmod(0o777)
        for above in tmp_path.parents:  # the image's user is not this one
            if above.is_relative_to("/tmp"):
                above.chmod(above.stat().st_mode | 0o011)
        shutil.copy(PROGRAMS / "container_flows.py", flows)
        target = wiring.target_of(load_settings())
        yard = Yard(penstock_image, docker_engine.client, ledger, flows, target)
        made.append(yard)
        yard.ask(SaveWorkPool(name=yard.pool, type="docker"))
        return yard

    yield make
    for yard in made:
        yard.close()
    wiring.shut_down()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that has a key and listens at all addresses; each test has a pool of its own there."""
    home = tmp_path_factory.mktemp("server")
    with start_server(home, PENSTOCK_API_KEY=KEY, PENSTOCK_SERVER_HOST="0.0.0.0") as url:
        yield url


@pytest.fixture
def yard(make_yard: Callable[..., Yard], server: str) -> Yard:
    """Behind the server."""
    return make_yard(PENSTOCK_API_URL=f"http://127.0.0.1:{port_of(server)}/api", PENSTOCK_API_KEY=KEY)


def test_a_run_in_a_container_is_recorded_and_leaves_nothing(yard: Yard, capfd: pytest.CaptureFixture[str]) -> None:
    yard.work()
    run_id = yard.request("hello", {"n": 4})
    curious = yard.request("curious")
    run = yard.settled(run_id)
    assert ("Completed", {"COMPLETED": 1}) == (run.state.name, dict(run.task_counts)), run.state
    assert {f"key {PREFIX.rstrip('.')}", "double 4", "double 5"} == set(yard.lines())
    assert "hello from a container" in [line.message for line in yard.ask(ListLogs(flow_run_id=RunId(run_id))).items]
    assert "hello from a container" in capfd.readouterr().err  # the worker shows what the container prints
    until(lambda: "hello from a container" in capfd.readouterr().err or True, "the log")
    asked = yard.ask(GetRunRequest(flow_run_id=run_id))
    assert asked.infrastructure.startswith(f"docker:{run.name}-{run_id[-8:]}")
    assert asked.infrastructure == f"docker:{run.host}"
    until(lambda: not yard.containers(run_id), "the container's removal")
    assert "Completed" == yard.settled(curious).state.name, yard.run(curious).state


def test_code_is_fetched_by_git_and_runs_ask_for_runs(yard: Yard) -> None:
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "flows"],
    ):
        subprocess.run(["git", "-C", yard.flows, *words], check=True)
    for path in (yard.flows, *yard.flows.rglob("*")):
        os.chown(path, 1000, 1000)  # git reads no stranger's repository
    yard.work()
    code = GitHub(repository="file:///flows")
    code.save("flows", overwrite=True)
    yard.deploy("hello", steps=[code.as_step()])
    run_id = yard.request("starter")
    assert "Completed" == yard.settled(run_id).state.name, yard.run(run_id).state
    [child] = [run for run in yard.ask(ListFlowRuns()).items if run.parent_run_id == run_id]
    assert ("hello", "Completed") == (child.flow_name, child.state.name)
    assert f"{child.name} is Completed" in yard.lines()


def test_a_container_is_as_the_job_says(yard: Yard) -> None:
    yard.work()
    run_id = yard.request(
        "hello",
        mem_limit="300m",
        cpus=0.5,
        labels={"team": "taxi"},
        auto_remove=False,
        env={"COLOR": "green"},
        working_dir="/tmp",
        container_create_kwargs={"shm_size": "32m"},
    )
    assert "Completed" == yard.settled(run_id).state.name, yard.run(run_id).state
    [container] = yard.containers(run_id)
    host, config = container.attrs["HostConfig"], container.attrs["Config"]
    assert (300 * 2**20, 500_000_000, 32 * 2**20) == (host["Memory"], host["NanoCpus"], host["ShmSize"])
    assert "/tmp" == config["WorkingDir"]
    assert "COLOR=green" in config["Env"]
    labels = config["Labels"]
    assert ("taxi", "hello", "there", yard.pool) == (
        labels["team"],
        labels["penstock.dev/flow"],
        labels["penstock.dev/deployment"],
        labels["penstock.dev/work-pool"],
    )
    assert not [line for line in config["Env"] if KEY in line]


def test_too_much_memory_is_said_and_nothing_done_is_lost(yard: Yard) -> None:
    yard.work()
    # So long a wait for company that what was done is in the container's journal alone when it dies.
    run_id = yard.request("hungry", mem_limit="150m", env={"PENSTOCK_JOURNAL_FLUSH_SECONDS": "600"})
    run = yard.settled(run_id)
    assert "Crashed" == run.state.name
    until(lambda: "150 MiB" in (yard.run(run_id).state.message or ""), "the explanation")
    tasks = yard.ask(ListTaskRuns(flow_run_id=RunId(run_id))).items
    assert ["Completed"] == [one.state.name for one in tasks]
    until(lambda: not yard.containers(run_id), "the container's removal")


def test_containers_with_one_home_go_on_where_others_died(yard: Yard) -> None:
    shared = {"volumes": [f"{yard.pool}:/var/lib/penstock"], "mem_limit": "150m"}
    hungry = yard.request("hungry", **shared)
    assert 137 == until(yard.start().poll, "the end of the hungry one").code
    yard.work()
    # It finds the journal of the one that died, and has no leave to speak for it.
    assert "Completed" == yard.settled(yard.request("hello", **shared)).state.name
    assert "Crashed" == yard.settled(hungry).state.name
    (yard.ledger / "fed").touch()
    yard.ask(RequeueRun(flow_run_id=RunId(hungry)))
    until(lambda: yard.run(hungry).state.name == "Completed", f"the second try; {yard.told}")
    assert 1 == yard.lines().count("double 21")  # what it returned was on the volume


def test_what_cannot_begin_fails_and_says_why(yard: Yard) -> None:
    yard.work()
    cases = {
        "never-heard-of": {"image": "penstock:never-heard-of", "image_pull_policy": "never"},
        "127.0.0.1:9/nowhere": {"image": "127.0.0.1:9/nowhere:1"},
        "no-such-program": {"command": ["no-such-program"]},
        "no-such-network": {"networks": ["no-such-network"]},
    }
    runs = {why: yard.request("hello", **variables) for why, variables in cases.items()}
    with pytest.raises(RequestInvalid):
        yard.deploy("hello", cpus="many")
    for why, run_id in runs.items():
        run = yard.settled(run_id)
        assert "Failed" == run.state.name
        assert why in (run.state.message or "")
        assert [] == yard.containers(run_id)


def test_a_process_that_ends_without_a_word_is_told_of(yard: Yard) -> None:
    yard.work()
    run = yard.settled(yard.request("brief"))
    assert "Crashed" == run.state.name
    assert "exit code 3" in (run.state.message or "")


def test_cancelling_runs_hooks_and_ends_the_container(yard: Yard) -> None:
    yard.work()
    run_id = yard.request("patient")
    yard.wait_for("patient")
    yard.ask(CancelFlowRun(id=RunId(run_id)))
    assert "Cancelled" == yard.settled(run_id).state.name
    yard.wait_for("hook Cancelled")
    until(lambda: not yard.containers(run_id), "the container's removal")


def test_a_container_that_does_not_end_is_killed(yard: Yard) -> None:
    yard.work()
    run_id = yard.request("stuck", grace_seconds=0.5)
    yard.wait_for("stuck")
    yard.ask(CancelFlowRun(id=RunId(run_id)))
    run = yard.settled(run_id)
    assert "Cancelled" == run.state.name
    until(lambda: not yard.containers(run_id), "the container's removal")


def test_a_run_whose_image_never_comes_can_be_cancelled(yard: Yard) -> None:
    with socket.create_server(("127.0.0.1", 0)) as registry:  # takes calls, and answers none
        yard.work()
        run_id = yard.request(
            "hello", image=f"127.0.0.1:{registry.getsockname()[1]}/slow:1", image_pull_policy="always"
        )
        registry.accept()
        yard.ask(CancelFlowRun(id=RunId(run_id)))
        assert "Cancelled" == yard.settled(run_id).state.name
    assert [] == yard.containers(run_id)


def test_a_container_stays_until_all_is_told(make_yard: Callable[..., Yard], tmp_path: Path) -> None:
    with start_server(tmp_path / "server", PENSTOCK_API_KEY=KEY, PENSTOCK_SERVER_HOST="0.0.0.0") as url:
        port = port_of(url)
        yard = make_yard(PENSTOCK_API_URL=f"http://127.0.0.1:{port}/api", PENSTOCK_API_KEY=KEY)
        run_id = yard.request("patient")
        handle = yard.start()
        yard.wait_for("patient")
    (yard.ledger / "go").touch()
    yard.wait_for("double 5")
    [container] = yard.containers(run_id)
    until(lambda: b"Finished in state Completed" in container.logs(), "the end of the flow")
    assert handle.poll() is None  # the server is away
    with start_server(tmp_path / "server", port, PENSTOCK_API_KEY=KEY, PENSTOCK_SERVER_HOST="0.0.0.0"):
        run = yard.ended(run_id)
        assert ("Completed", {"COMPLETED": 1}) == (run.state.name, dict(run.task_counts))
        ending = until(handle.poll, "the container's end")
        assert 0 == ending.code


def test_a_container_outlives_its_worker(yard: Yard, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "penstock", "worker", "start", "-p", yard.pool]
    with (tmp_path / "worker.log").open("wb") as log:
        worker = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(SOURCE)}, stdout=log, stderr=log)
    try:
        run_id = yard.request("patient")
        yard.wait_for("patient")
        until(lambda: yard.ask(GetRunRequest(flow_run_id=run_id)).infrastructure, "the container's name")
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    (yard.ledger / "go").touch()
    run = yard.ended(run_id)
    assert ("Completed", {"COMPLETED": 1}) == (run.state.name, dict(run.task_counts))
    [container] = yard.containers(run_id)
    container.wait()
    with yard.watch() as told:  # as the next worker does
        until(lambda: not yard.containers(run_id), "the removal of a container whose worker is gone")
    assert [] == told  # one that has ended is nobody's question


def test_a_container_whose_run_goes_on_elsewhere_is_ended(yard: Yard) -> None:
    run_id = yard.request("patient")
    yard.start()
    yard.wait_for("patient")
    with yard.watch() as told:
        until(lambda: len(told) > 1, "a second look at the container")
        assert "running" == yard.containers(run_id)[0].status
        yard.over.append("it was claimed anew")
        until(lambda: not yard.containers(run_id), "the container's end")
    assert {(run_id, 1)} == set(told)


def test_a_server_on_loopback_is_reached_too(make_yard: Callable[..., Yard], tmp_path: Path) -> None:
    with start_server(tmp_path / "server") as url:
        yard = make_yard(PENSTOCK_API_URL=f"{url}/api")
        yard.work()
        run_id = yard.request("hello", auto_remove=False)
        assert "Completed" == yard.settled(run_id).state.name, yard.run(run_id).state
        [container] = yard.containers(run_id)
        assert "host" == container.attrs["HostConfig"]["NetworkMode"]
        assert "no key" in yard.lines()


def test_without_a_server_containers_work_in_the_workers_home(make_yard: Callable[..., Yard], home: Path) -> None:
    yard = make_yard()
    yard.work()
    done, eaten = yard.request("hello", {"n": 2}), yard.request("hungry", mem_limit="150m")
    run = yard.settled(done)
    assert "Completed" == run.state.name, run.state
    assert run.result is not None
    assert 10 == wiring.result_store().get(run.result)
    crashed = yard.settled(eaten)
    assert "Crashed" == crashed.state.name
    # Another may find the process dead before its worker says what killed it.
    until(lambda: "150 MiB" in (yard.run(eaten).state.message or ""), "the worker's explanation")
    assert 1 == yard.run(eaten).task_counts["COMPLETED"]
    assert [] == [run.state.name for run in yard.ask(ListFlowRuns()).items if not run.state.is_final]


def test_no_engine_is_said_at_once(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(EngineUnavailable) as caught:
        find_infrastructure("docker")
    assert str(tmp_path) in str(caught.value)
