"""A server and a worker as processes of their own, for benchmarks of what runs by itself."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measure import environment
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
        self._remote = RemoteOrchestrator(f"{self.url}/api")

    def ask(self, request: Any) -> Any:
        return self._remote.ask(request)

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
    command = [sys.executable, "-m", "penstock", "server", "start", "--port", "0"]
    process = subprocess.Popen(command, env=environment(home), stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        said = process.stderr.readline()
        found = re.search(r"http://[\d.]+:\d+", said)
        assert found is not None, said + process.stderr.read()
        started = Server(home, found.group(), process)
        started.ask(SaveWorkPool(name=POOL, overwrite=True))
        yield started
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
        process.stderr.close()


@contextmanager
def worker(server: Server, ledger: Path, *, limit: int = 10) -> Iterator["subprocess.Popen[bytes]"]:
    """`penstock worker start`, in a home of its own."""
    command = [sys.executable, "-m", "penstock", "worker", "start", "-p", POOL, "--limit", str(limit)]
    environ = {**environment(server.home / "worker"), "PENSTOCK_API_URL": f"{server.url}/api", "LEDGER": str(ledger)}
    process = subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
