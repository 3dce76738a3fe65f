"""A server and workers as processes of their own, each in its own home, and a wire between them that can be cut."""

import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from penstock.core.ids import RunId
from penstock.orchestrator.remote import RemoteOrchestrator
from penstock.ports import FlowRun, GetFlowRun, ListStates, ListTaskRuns, StateEntry, TaskRun
from penstock.scheduling import DeploymentSpec, GetRunRequest, RequestRun, RunRequest, SaveDeployment
from penstock.work import SaveWorkPool
from tests.fixtures.servers import SOURCE, port_of, start_server
from tests.system.conftest import PATIENCE_SECONDS, PROGRAMS, Ledger, until

POOL = "mill"


class WorkerProcess:
    """`penstock worker start`."""

    def __init__(self, process: "subprocess.Popen[bytes]"):
        self.process = process

    def family(self) -> list[psutil.Process]:
        """The worker, and all that it started."""
        me = psutil.Process(self.process.pid)
        return [me, *me.children(recursive=True)]

    def kill(self) -> None:
        """The worker alone, as the out-of-memory killer does it."""
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)

    def stop(self) -> None:
        """As systemd does it: it waits for what runs."""
        self.process.terminate()
        self.process.wait(PATIENCE_SECONDS)


class Service:
    """What the tests talk to."""

    def __init__(self, folder: Path, ledger: Ledger, *, lease_seconds: float = 4):
        """`lease_seconds` is that of processes; half of it is that of claims."""
        self.folder, self.ledger, self.lease_seconds = folder, ledger, lease_seconds
        self.url = ""
        self._workers: list[WorkerProcess] = []

    @contextmanager
    def server(self, **environment: str) -> Iterator[str]:
        """A server, at the same address each time."""
        port = port_of(self.url) if self.url else 0
        lease = str(self.lease_seconds)
        with start_server(self.folder / "server", port, PENSTOCK_LEASE_SECONDS=lease, **environment) as url:
            self.url = url
            yield url

    def kill_server(self) -> None:
        """As the out-of-memory killer does it."""
        for process in psutil.Process().children():
            with suppress(psutil.ZombieProcess):  # another test's
                if process.environ().get("PENSTOCK_HOME") == str(self.folder / "server"):
                    process.kill()

    def ask(self, request: Any) -> Any:
        remote = RemoteOrchestrator(f"{self.url}/api")
        try:
            return remote.ask(request)
        finally:
            remote.close()

    def deploy(self, flow: str = "gated", name: str = "one", *, schedules: Any = None, **spec: Any) -> str:
        values = {"entrypoint": f"service.py:{flow}", "path": str(PROGRAMS), "work_pool": POOL} | spec
        self.ask(SaveDeployment(flow_name=flow, name=name, spec=DeploymentSpec(**values), schedules=schedules))
        return f"{flow}/{name}"

    def make_pool(self, **said: Any) -> None:
        self.ask(SaveWorkPool(name=POOL, **said))

    def request(self, deployment: str, **parameters: Any) -> RunId:
        run_id: RunId = self.ask(RequestRun(deployment=deployment, parameters=parameters)).id
        return run_id

    def open_gate(self, name: str) -> None:
        (self.ledger.path.parent / name).touch()

    def start_worker(self, name: str, *, url: str | None = None, **environment: str) -> WorkerProcess:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PENSTOCK_")}
        environ = {
            **kept,
            "PYTHONPATH": str(SOURCE),
            "LEDGER": str(self.ledger.path),
            "PENSTOCK_HOME": str(self.folder / name),
            "PENSTOCK_API_URL": f"{url or self.url}/api",
            "PENSTOCK_RESULTS_PATH": str(self.folder / "results"),
            "PENSTOCK_LEASE_SECONDS": str(self.lease_seconds),
            "PENSTOCK_LOGS_TO_TERMINAL": "0",
            **environment,
        }
        command = [sys.executable, "-m", "penstock", "worker", "start", "-p", POOL, "-n", name, "--limit", "3"]
        worker = WorkerProcess(subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL))
        self._workers.append(worker)
        return worker

    def run(self, run_id: RunId) -> FlowRun:
        run: FlowRun = self.ask(GetFlowRun(id=run_id))
        return run

    def asked(self, run_id: RunId) -> RunRequest:
        asked: RunRequest = self.ask(GetRunRequest(flow_run_id=run_id))
        return asked

    def state_names(self, run_id: RunId) -> list[str]:
        entries: list[StateEntry] = self.ask(ListStates(flow_run_id=run_id))
        return [entry.state.name for entry in entries]

    def task_runs(self, run_id: RunId) -> list[TaskRun]:
        return list(self.ask(ListTaskRuns(flow_run_id=run_id)).items)

    def wait_for(self, run_id: RunId, state: str) -> FlowRun:
        until(lambda: self.run(run_id).state.name == state, f"{state} of a run that began as {self.run(run_id).state}")
        return self.run(run_id)

    def end(self) -> None:
        for worker in self._workers:
            with suppress(psutil.NoSuchProcess):
                for one in worker.family():
                    one.kill()
            worker.process.wait(PATIENCE_SECONDS)
        for process in psutil.process_iter(["environ"]):  # runs outlive their workers
            if (process.info["environ"] or {}).get("LEDGER") == str(self.ledger.path):
                with suppress(psutil.NoSuchProcess):
                    process.kill()


def has_ended(process: psutil.Process) -> bool:
    """Also if nobody has waited for it yet."""
    try:
        return not process.is_running() or bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def stop_all(processes: list[psutil.Process]) -> None:
    """As Ctrl-Z does it, or a machine that sleeps."""
    for process in processes:
        process.send_signal(signal.SIGSTOP)


def continue_all(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGCONT)


class Wire:
    """A line to a server, which can be cut: then nobody is answered, and nobody is told."""

    def __init__(self, port: int):
        self._port = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listening, selectors.EVENT_READ)
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._is_cut = self._closed = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        with self._lock:
            self._is_cut = True
            for one in list(self._pairs):
                self._drop(one)

    def mend(self) -> None:
        with self._lock:
            self._is_cut = False

    def close(self) -> None:
        self.cut()
        self._closed = True
        self._thread.join(10)
        self._listening.close()
        self._selector.close()

    def _run(self) -> None:
        while not self._closed:
            for key, _ in self._selector.select(0.1):
                with self._lock, suppress(OSError):
                    if key.fileobj is self._listening:
                        self._accept()
                    elif key.fileobj in self._pairs:
                        self._pass_on(key.fileobj)  # type: ignore[arg-type]  # sockets only

    def _accept(self) -> None:
        caller, _ = self._listening.accept()
        if self._is_cut:
            caller.close()
            return
        other = socket.create_connection(("127.0.0.1", self._port))
        self._pairs[caller], self._pairs[other] = other, caller
        for one in (caller, other):
            self._selector.register(one, selectors.EVENT_READ)

    def _pass_on(self, source: socket.socket) -> None:
        try:
            content = source.recv(65_536)
            if content:
                self._pairs[source].sendall(content)
                return
        except OSError:
            pass
        self._drop(source)

    def _drop(self, one: socket.socket) -> None:
        for each in (one, self._pairs.get(one)):
            if each is not None and self._pairs.pop(each, None) is not None:
                self._selector.unregister(each)
                each.close()
