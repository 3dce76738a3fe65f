"""A server and a worker as processes of their own, for benchmarks of what runs by itself."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.measure import environment
from penstock.core.ids import time_ordered_id
from penstock.orchestrator.remote import RemoteOrchestrator
from penstock.scheduling import DeploymentSpec, SaveDeployment
from penstock.work import SaveWorkPool

POOL = "bench"
FLOWS = Path(__file__).parent / "programs" / "served.py"
STOP_SECONDS = 60


@dataclass
class Server:
    """A server that runs."""

    home: Path
    url: str
    process: "subprocess.Popen[str]"

    def __post_init__(self) -> None:
        self._remote = RemoteOrchestrator(self.api_url)

    @property
    def api_url(self) -> str:
        return f"{self.url}/api"

    def ask(self, request: Any) -> Any:
        return self._remote.ask(request)

    def cpu_seconds(self) -> float:
        """What its process has computed so far."""
        return sum(psutil.Process(self.process.pid).cpu_times()[:2])

    def megabytes(self) -> float:
        """Memory that its process has for itself; on Linux with its share of what several map."""
        held = psutil.Process(self.process.pid).memory_full_info()
        return getattr(held, "pss", held.uss) / 1e6

    def deploy(self, flow: str, name: str, **job: Any) -> str:
        """Deploy a flow of `programs/served.py`."""
        spec = DeploymentSpec(
            entrypoint=f"{FLOWS.name}:{flow}", path=str(FLOWS.parent), work_pool=POOL, job_variables=job
        )
        self.ask(SaveDeployment(flow_name=flow, name=name, spec=spec))
        return f"{flow}/{name}"


@contextmanager
def server(home: Path) -> Iterator[Server]:
    """`penstock server start`, with a pool."""
    with started(home) as served:
        served.ask(SaveWorkPool(name=POOL, overwrite=True))
        yield served


@contextmanager
def started(home: Path, settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """`penstock server start`; `settings` are variables of its environment."""
    command = [sys.executable, "-m", "penstock", "server", "start", "--port", "0"]
    environ = {**environment(home), **(settings or {})}
    process = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        said = process.stderr.readline()
        found = re.search(r"http://[\d.]+:\d+", said)
        assert found is not None, said + process.stderr.read()
        yield Server(home, found.group(), process)
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
        process.stderr.close()


@contextmanager
def worker(server: Server, ledger: Path, *, limit: int = 10) -> Iterator["subprocess.Popen[bytes]"]:
    """`penstock worker start`, in a home of its own."""
    command = [sys.executable, "-m", "penstock", "worker", "start", "-p", POOL, "--limit", str(limit)]
    environ = {**environment(server.home / "worker"), "PENSTOCK_API_URL": server.api_url, "LEDGER": str(ledger)}
    process = subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def new_id() -> str:
    """An id, as processes that record make them."""
    return time_ordered_id(time.time_ns() // 1_000, os.urandom(10))
