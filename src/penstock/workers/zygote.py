"""The process that warm runs are forked from: `python -m penstock.workers.zygote FD`.

It has one thread, has imported the engine and the flow's module, and has opened no connection: what it hands on is memory alone.
It forks a child for each run (or one that runs several, one after another), and tells its worker how each ended. Once a file
that it imported has changed it forks no more: the worker starts a new one.
"""

import atexit
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import sysconfig
import threading
import time
from collections.abc import Mapping, Sequence, Set
from typing import Any, NoReturn

from penstock.loading import leave_uncollected
from penstock.ports import FlowRun
from penstock.scheduling import DeploymentSpec
from penstock.wire import decoder, encoder
from penstock.work import ClaimedRun
from penstock.workers.execute import Job, Loaded, find_job, load, run_job
from penstock.workers.infrastructure import API_KEY_VARIABLE
from penstock.workers.printing import outlive_reader

MESSAGE_BYTES_MAX = 256 * 1024
RUN_BYTES_MAX = 64 * 1024
Stamp = tuple[int, int]
NEVER: Stamp = (-1, -1)


def main(fd: int) -> int:
    """Serve until the worker closes the line."""
    line = socket.socket(fileno=fd)
    said = receive(line)
    if said is None:
        return 0
    message, _ = said
    spec: DeploymentSpec = decoder(DeploymentSpec)(message["spec"])
    _import_engine()
    known, begun = set(sys.modules), time.time_ns()
    loaded = load(spec, working_dir=message["working_dir"])
    if loaded.flow is None or threading.active_count() > 1:
        why = "its code cannot be loaded" if loaded.flow is None else "its module starts threads as it is imported"
        send(line, {"cold": why})
        return 0
    loaded.flow.signature.build()
    stamps = _stamp_files(known, since=begun)
    gc.collect()
    gc.freeze()  # what is here already is never moved about, so that the forks go on sharing it
    try:
        _Zygote(line, loaded, known, stamps).serve()
    except BrokenPipeError:  # the worker died: nobody wants to hear of ends
        return 0
    return 0


class _Zygote:
    def __init__(self, line: socket.socket, loaded: Loaded, known: Set[str], stamps: Mapping[str, Stamp]):
        """`known`: the modules of Penstock, which are not looked after."""
        self._line, self._loaded, self._known, self._stamps = line, loaded, known, stamps
        self._keys: dict[int, str] = {}
        self._wake, self._wake_in = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._wake_in, False)
        signal.set_wakeup_fd(self._wake_in, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def serve(self) -> None:
        """Fork until the worker is through; then wait for those that go on, to tell of their ends."""
        send(self._line, {"ready": os.getpid()})
        open_ = True
        while open_ or self._keys:
            asked: list[Any] = [self._wake, self._line] if open_ else [self._wake]
            ready = wait_readable(asked)
            if self._wake in ready:
                self._drain()
                self._reap()
            if self._line in ready:
                said = receive(self._line)
                if said is None:
                    open_ = False
                else:
                    self._begin(*said)

    def _begin(self, message: dict[str, Any], fds: list[int]) -> None:
        if _are_stale(self._stamps):
            send(self._line, {"stale": message["key"]})
            for fd in fds:
                os.close(fd)
            return
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = self._run_child(message, fds)
            except BaseException as error:
                os.write(2, f"{type(error).__name__}: {error}\n".encode())
            finally:
                _leave(code)
        self._keys[pid] = message["key"]
        for fd in fds:
            os.close(fd)
        send(self._line, {"started": message["key"], "pid": pid})

    def _run_child(self, message: dict[str, Any], fds: list[int]) -> int:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setsid()
        self._line.close()
        os.close(self._wake)
        os.close(self._wake_in)
        os.dup2(fds[0], 1)
        os.dup2(fds[0], 2)
        os.close(fds[0])
        outlive_reader()
        gc.unfreeze()
        if len(fds) == 1:
            if message.get("token"):
                os.environ.setdefault(API_KEY_VARIABLE, message["token"])
            return run_job(read_job(message), self._loaded)
        return self._run_several(message, socket.socket(fileno=fds[1]))

    def _run_several(self, message: dict[str, Any], line: socket.socket) -> int:
        """Run one after another, for as long as the worker keeps the line open."""
        from penstock.sdk import wiring  # lazy: the engine, loaded by now

        stamps = dict(self._stamps)
        try:
            while True:
                begun = time.time_ns()
                code = run_job(read_job(message), self._loaded, keep=True)
                stamps = {**_stamp_files(self._known, since=begun), **stamps}  # what was known before keeps its stamp
                send(line, {"done": message["run"], "code": code})
                said = receive(line)
                if said is None:
                    return 0
                message = said[0]
                if _are_stale(stamps):
                    send(line, {"stale": message["key"]})
                    return 0
        finally:
            wiring.shut_down()

    def _drain(self) -> None:
        try:
            while os.read(self._wake, 4096):
                pass
        except BlockingIOError:
            return

    def _reap(self) -> None:
        while self._keys:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            key = self._keys.pop(pid, None)
            if key is not None:
                send(self._line, {"ended": key, "code": os.waitstatus_to_exitcode(status)})


def _leave(code: int) -> NoReturn:
    """End a fork as an interpreter ends, but for its taking all modules apart, which takes longer than a short run."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]  # waits for the user's threads, as multiprocessing has it
        atexit.unregister(leave_uncollected)  # nobody collects
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


# ---- Messages ---------------------------------------------------------------------------------------------------


def make_message(key: str, claimed: ClaimedRun) -> dict[str, Any]:
    """What a fork has to know to begin a run: the run with it, unless its parameters are too large for a message."""
    message = {"key": key, "run": claimed.run.id, "claim": claimed.request.claim, "token": claimed.token}
    whole = {**message, "flow_run": encoder(FlowRun)(claimed.run), "anew": claimed.request.anew}
    return whole if len(json.dumps(whole)) < RUN_BYTES_MAX else message


def read_job(message: Mapping[str, Any]) -> Job:
    """The run to begin; asked for if the message does not have it."""
    if "flow_run" not in message:
        return find_job(message["run"], message["claim"])
    run: FlowRun = decoder(FlowRun)(message["flow_run"])
    return Job(run, message["claim"], DeploymentSpec(), message["anew"])


def wait_readable(sources: Sequence[Any], seconds: float | None = None) -> list[Any]:
    """Wait until something can be read, and answer from what. Of any number, which `select` is not for: see FD_SETSIZE."""
    poll = select.poll()
    by_fd = {source if isinstance(source, int) else source.fileno(): source for source in sources}
    for fd in by_fd:
        poll.register(fd, select.POLLIN)
    return [by_fd[fd] for fd, _ in poll.poll(None if seconds is None else seconds * 1_000)]


def send(line: socket.socket, message: Mapping[str, Any], fds: tuple[int, ...] = ()) -> None:
    """Send a message whole, with descriptors."""
    socket.send_fds(line, [json.dumps(message).encode()], list(fds))


def receive(line: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """The next message and its descriptors; none if the other side has gone."""
    try:
        content, fds, _, _ = socket.recv_fds(line, MESSAGE_BYTES_MAX, 2)
    except ConnectionError:
        return None
    return (json.loads(content), fds) if content else None


# ---- What was imported ------------------------------------------------------------------------------------------


def _import_engine() -> None:
    """What every run needs, so that no fork imports it."""
    for name in (
        "engine.slots",
        "orchestrator.local",
        "orchestrator.remote",
        "orchestrator.scheduling",
        "sdk.calls",
        "sdk.launching",
        "store.claims",
    ):
        importlib.import_module(f"penstock.{name}")


def _stamp_files(known: Set[str], *, since: int) -> dict[str, Stamp]:
    """The files of the user's modules, imported from some time on: those of the installation change only with a new environment.

    One that was written after that time may have been imported before it was written: its stamp is none of any file's.
    """
    own = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")})
    stamps = {}
    for name, module in list(sys.modules.items()):
        path = None if name in known else getattr(module, "__file__", None)
        if isinstance(path, str) and not path.startswith(own) and (stamp := _stamp(path)) is not None:
            stamps[path] = stamp if stamp[0] < since else NEVER
    return stamps


def _are_stale(stamps: Mapping[str, Stamp]) -> bool:
    return any(_stamp(path) != stamp for path, stamp in stamps.items())


def _stamp(path: str) -> Stamp | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
