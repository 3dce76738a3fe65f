"""A worker in this process, over a database in a home of its own, and real processes for the runs that it starts."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from penstock.core.ids import RunId
from penstock.ports import FlowRun
from penstock.scheduling import DeploymentSpec, GetRunRequest, RequestRun, RunRequest, SaveDeployment
from penstock.sdk import wiring
from penstock.settings import load_settings
from penstock.testing import History
from penstock.work import SaveWorkPool
from penstock.workers.infrastructure import Infrastructure
from penstock.workers.running import make_worker
from penstock.workers.worker import Worker, WorkerOptions
from tests.system.conftest import SOURCE, Ledger, until

POOL = "mill"
TOOLS = """
import os
import signal
import subprocess
import sys
import threading
import time
from penstock import flow, task

def note(line):
    fd = os.open(os.environ["LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(fd, f"{line}\\n".encode())
    os.close(fd)

def wait_for(path):
    while not os.path.exists(path):
        time.sleep(0.01)
"""
"""At the beginning of every file of flows."""


class Shop:
    """A pool, flows in files, deployments of them, and workers."""

    def __init__(self, folder: Path, ledger: Ledger):
        self.folder, self.ledger, self.history = folder, ledger, History()
        self.told: list[str] = []
        self.history.ask(SaveWorkPool(name=POOL))

    def write(self, text: str, name: str = "flows.py") -> Path:
        """Write a file of flows."""
        path = self.folder / name
        path.write_text(TOOLS + dedent(text))
        return path

    def deploy(self, entrypoint: str, name: str = "one", *, flow: str | None = None, **spec: Any) -> str:
        """Deploy a flow of a file; job variables are given as such."""
        values: dict[str, Any] = {"entrypoint": entrypoint, "path": str(self.folder), "work_pool": POOL} | spec
        flow = flow or entrypoint.rpartition(":")[2]
        self.history.ask(SaveDeployment(flow_name=flow, name=name, spec=DeploymentSpec(**values)))
        return f"{flow}/{name}"

    def request(self, deployment: str, **parameters: Any) -> RunId:
        return self.history.ask(RequestRun(deployment=deployment, parameters=parameters)).id

    def run(self, run_id: RunId) -> FlowRun:
        return self.history.flow_run(run_id)

    def asked(self, run_id: RunId) -> RunRequest:
        return self.history.ask(GetRunRequest(flow_run_id=run_id))

    def wait_for(self, run_id: RunId, state: str) -> FlowRun:
        def look() -> FlowRun | None:
            run = self.run(run_id)
            if run.state.is_final and run.state.name != state and not self.asked(run_id).status == "waiting":
                raise AssertionError(f"expected {state}, got {run.state}; the worker said {self.told}")
            return run if run.state.name == state else None

        found: FlowRun = until(look, state)
        return found

    def make(self, infrastructure: Infrastructure | None = None, *, limit: int = 4, once: bool = False) -> Worker:
        options = WorkerOptions(name="ada", work_pool=POOL, limit=limit, once=once)
        return make_worker(load_settings(), options, infrastructure=infrastructure, tell=self.told.append)

    def work(self, *, limit: int = 4) -> None:
        """Run what waits, to its end."""
        self.make(limit=limit, once=True).run()

    @contextmanager
    def working(self, worker: Worker | None = None, *, limit: int = 4) -> Iterator[Worker]:
        """Have a worker work until the block ends; then it waits for what runs."""
        worker = worker or self.make(limit=limit)
        thread = threading.Thread(target=worker.run, daemon=True)
        thread.start()
        try:
            yield worker
        finally:
            worker.stop()
            thread.join(120)
            assert not thread.is_alive(), self.told


@pytest.fixture
def shop(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setenv("PENSTOCK_LOGS_TO_TERMINAL", "0")
    monkeypatch.setenv("PENSTOCK_LEASE_SECONDS", "2")  # nobody reaps leases here, and workers renew them often
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))
    monkeypatch.setenv("LEDGER", str(tmp_path / "ledger"))
    wiring.shut_down()
    folder = tmp_path / "code"
    folder.mkdir()
    yield Shop(folder, Ledger(tmp_path / "ledger"))
    wiring.shut_down()


Until = Callable[[Callable[[], Any], str], Any]
PYTHON = sys.executable
