"""Warm processes: one zygote for each code version, environment and folder, and what it forks.

Whatever cannot be forked starts cold: a module that starts threads as it is imported, code that cannot be loaded (its own
process says why), a zygote that died. The worker sees handles, and not how they came to be.
"""

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from penstock.core.errors import PenstockError
from penstock.scheduling import DeploymentSpec
from penstock.wire import encoder
from penstock.work import ClaimedRun
from penstock.workers.infrastructure import Ending, Handle, explain_code
from penstock.workers.outputs import Output, send_signal
from penstock.workers.zygote import make_message, receive, send, wait_readable

LOOK_SECONDS = 1.0
ZYGOTES_MAX = 4
"""The one that was used least recently goes first."""
IDLE_SECONDS_MAX = 60.0
"""After which a process that is kept for further runs goes."""
COLD_SECONDS = 60.0
"""So long after a zygote could not be had none is tried again: by then somebody may have mended the code."""

Key = tuple[Any, ...]
StartCold = Callable[[ClaimedRun, Mapping[str, Any], Mapping[str, str]], Handle]


class WarmPool:
    """The zygotes of one worker, and a thread that hears what they say."""

    def __init__(self, start_cold: StartCold):
        self.start_cold = start_cold
        self.lock = threading.RLock()
        self._zygotes: dict[Key, _Zygote] = {}
        self._cold: dict[Key, float] = {}
        self._leaving: list[subprocess.Popen[bytes]] = []
        self._selector = selectors.DefaultSelector()
        self._thread: threading.Thread | None = None
        self._closed = False

    def start(self, claimed: ClaimedRun, job: Mapping[str, Any], environment: Mapping[str, str]) -> Handle | None:
        """Start a run in a fork; none if it cannot be."""
        key = _key_of(claimed.request.spec, job, environment)
        with self.lock:
            if self._closed or self._cold.get(key, 0.0) > time.monotonic():
                return None
            zygote = self._zygotes.pop(key, None)
            if zygote is None:
                try:
                    zygote = self._make(key, claimed.request.spec, job, environment)
                except OSError:  # no such sockets on this system, or no more processes
                    self._cold[key] = time.monotonic() + COLD_SECONDS
                    return None
            self._zygotes[key] = zygote  # the one used last stands last
            handle = WarmHandle(self, claimed, job, environment)
            zygote.begin(handle)
            while len(self._zygotes) > ZYGOTES_MAX:
                self._zygotes.pop(next(iter(self._zygotes))).retire()
            return handle

    def close(self) -> None:
        """End the zygotes. What they forked goes on."""
        with self.lock:
            self._closed = True
            for zygote in self._zygotes.values():
                zygote.retire()
            self._zygotes.clear()

    def _make(
        self, key: Key, spec: DeploymentSpec, job: Mapping[str, Any], environment: Mapping[str, str]
    ) -> "_Zygote":
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-m", "penstock.workers.zygote", str(theirs.fileno())],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        send(ours, {"spec": encoder(DeploymentSpec)(spec), "working_dir": job.get("working_dir")})
        zygote = _Zygote(self, key, ours, process)
        self.listen(ours, zygote.hear)
        return zygote

    def listen(self, line: socket.socket, hear: Callable[[], bool]) -> None:
        """Have `hear` called whenever something is said on a line, until it answers False."""
        self._selector.register(line, selectors.EVENT_READ, hear)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="penstock-warm", daemon=True)
            self._thread.start()

    def forget(self, key: Key, zygote: "_Zygote", *, cold: bool) -> None:
        """Start no more runs from a zygote."""
        with self.lock:
            if self._zygotes.get(key) is zygote:
                del self._zygotes[key]
            if cold:
                self._cold[key] = time.monotonic() + COLD_SECONDS

    def reap(self, process: "subprocess.Popen[bytes]") -> None:
        """Wait for the end of a zygote that says nothing any more."""
        self._leaving.append(process)

    def _run(self) -> None:
        while not self._is_through():
            for found, _ in self._selector.select(LOOK_SECONDS):
                hear: Callable[[], bool] = found.data
                with self.lock:
                    if not hear():
                        self._selector.unregister(found.fileobj)
                        found.fileobj.close()  # type: ignore[union-attr]  # sockets are registered only
            with self.lock:
                self._leaving = [process for process in self._leaving if process.poll() is None]
                for zygote in self._zygotes.values():
                    zygote.let_go_of_idle()
        self._selector.close()

    def _is_through(self) -> bool:
        with self.lock:
            return self._closed and not self._leaving and not self._selector.get_map()


class _Runner:
    """A fork that runs one after another. `key` is that of its first run, by which the zygote speaks of it."""

    def __init__(self, zygote: "_Zygote", key: str, output: Output, line: socket.socket):
        self.zygote, self.key, self.output, self.line = zygote, key, output, line
        self.pid: int | None = None
        self.handle: WarmHandle | None = None
        self.idle_since = 0.0

    def hear(self) -> bool:
        """What the fork says: that a run is over and it is ready for the next; or that its code is out of date, and it goes."""
        said = receive(self.line)
        if said is None:  # how it ended the zygote tells
            if self in self.zygote.idle:
                self.zygote.idle.remove(self)
            return False
        message = said[0]
        handle, self.handle = self.handle, None
        if "stale" in message:
            self.zygote.replace()
            if handle is not None:
                handle.begin_elsewhere()
        elif handle is not None:
            handle.pid = None
            handle.end(message["code"])
            self.idle_since = time.monotonic()
            if self.zygote.is_retired:
                self.let_go()
            else:
                self.zygote.idle.append(self)
        return True

    def end(self, code: int) -> None:
        """It has ended, and with it the run that it was at; what it said before comes first."""
        while self.line.fileno() >= 0 and wait_readable([self.line], 0) and self.hear():
            pass
        self.output.close()
        handle, self.handle = self.handle, None
        if handle is not None:
            handle.end(code)

    def let_go(self) -> None:
        """Nothing more is to come: it ends."""
        _say_no_more(self.line)


class _Zygote:
    """One zygote, as the worker sees it. All of it happens under the pool's lock."""

    def __init__(self, pool: WarmPool, key: Key, line: socket.socket, process: "subprocess.Popen[bytes]"):
        self.pool, self.key, self.line, self.process = pool, key, line, process
        self.handles: dict[str, WarmHandle] = {}
        """Runs that were given to it, each in a fork of its own or one that is about to begin."""
        self.runners: dict[str, _Runner] = {}
        self.idle: list[_Runner] = []
        self.is_retired = self._is_gone = False

    def begin(self, handle: "WarmHandle") -> None:
        """Have a run begun, in a fork that is there already or a new one."""
        message = make_message(handle.key, handle.claimed)
        if handle.is_reusing and self._begin_in_idle(handle, message):
            return
        out, out_in = os.pipe()
        handle.output = Output(os.fdopen(out, "rb"), shown=handle.shown)
        fds: tuple[int, ...] = (out_in,)
        theirs: socket.socket | None = None
        if handle.is_reusing:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            runner = self.runners[handle.key] = _Runner(self, handle.key, handle.output, ours)
            runner.handle = handle
            self.pool.listen(ours, runner.hear)
            fds = (out_in, theirs.fileno())
        else:
            self.handles[handle.key] = handle
        try:
            send(self.line, message, fds)
        except OSError:
            self.gone()
        finally:
            os.close(out_in)
            if theirs is not None:
                theirs.close()

    def _begin_in_idle(self, handle: "WarmHandle", message: Mapping[str, Any]) -> bool:
        while self.idle:
            runner = self.idle.pop()
            try:
                send(runner.line, message)
            except OSError:  # it died meanwhile
                continue
            runner.handle, handle.output = handle, runner.output
            runner.output.forget()
            if runner.pid is not None:
                handle.started(runner.pid)
            return True
        return False

    def hear(self) -> bool:
        """What the zygote says; False if it says nothing any more."""
        said = receive(self.line)
        if said is None:
            self.gone()
            return False
        message = said[0]
        if "started" in message:
            self._started(message["started"], message["pid"])
        elif "ended" in message:
            runner = self.runners.pop(message["ended"], None)
            handle = self.handles.pop(message["ended"], None)
            if runner is not None:
                runner.end(message["code"])
            elif handle is not None:
                handle.end(message["code"])
        elif "stale" in message:
            self.replace()
            for handle in self._take(message["stale"]):
                handle.begin_elsewhere()
        elif "cold" in message:
            self.pool.forget(self.key, self, cold=True)
            self.gone()
        return True

    def _started(self, key: str, pid: int) -> None:
        runner, handle = self.runners.get(key), self.handles.get(key)
        if runner is not None:
            runner.pid, handle = pid, runner.handle
        if handle is not None:
            handle.started(pid)

    def _take(self, key: str) -> "list[WarmHandle]":
        """The run of that key, which is not this zygote's any more."""
        runner = self.runners.pop(key, None)
        handle = self.handles.pop(key, None) if runner is None else runner.handle
        if runner is not None:
            runner.handle = None
            runner.let_go()
        return [] if handle is None else [handle]

    def replace(self) -> None:
        """Its code is out of date: the next run begins in another one."""
        self.pool.forget(self.key, self, cold=False)
        self.retire()

    def gone(self) -> None:
        """It is no more: what it has not begun begins cold, what it forked is watched from here."""
        self.pool.forget(self.key, self, cold=False)
        self.is_retired = True
        if not self._is_gone:
            self._is_gone = True
            self.pool.reap(self.process)
        for key in [*self.handles, *self.runners]:
            for handle in self._take(key):
                if handle.pid is None:
                    handle.begin_elsewhere(cold=True)
                else:
                    handle.watch()

    def retire(self) -> None:
        """Have it go once nothing more is to be begun from it; forks that are idle go, others end by themselves."""
        self.is_retired = True
        while self.idle:
            self.idle.pop().let_go()
        _say_no_more(self.line)

    def let_go_of_idle(self) -> None:
        """End the forks that wait for a run in vain."""
        now = time.monotonic()
        for runner in [one for one in self.idle if now - one.idle_since > IDLE_SECONDS_MAX]:
            self.idle.remove(runner)
            runner.let_go()


class WarmHandle:
    """A run that began, or is to begin, in a fork; or in the end cold after all."""

    def __init__(self, pool: WarmPool, claimed: ClaimedRun, job: Mapping[str, Any], environment: Mapping[str, str]):
        self.claimed, self.key = claimed, f"{claimed.run.id}/{claimed.request.claim}"
        self.is_reusing, self.shown = job.get("isolation") == "reuse", bool(job.get("stream_output", True))
        self.pid: int | None = None
        self.output: Output | None = None
        self._pool, self._job, self._environment = pool, job, environment
        self._name: str | None = None
        self._ending: Ending | None = None
        self._instead: Handle | None = None
        self._watching = self._stopping = self._killing = False

    @property
    def name(self) -> str | None:
        """As people know it."""
        return self._name if self._instead is None else self._instead.name

    def poll(self) -> Ending | None:
        """How it ended."""
        if self._instead is not None:
            return self._instead.poll()
        if self._watching and self._ending is None and not _is_there(self.pid or 0):
            self._ending = Ending(None, explain_code(None, what=f"Process {self.pid}"), self._text())
        return self._ending

    def stop(self) -> None:
        """Ask it to end."""
        with self._pool.lock:
            self._stopping = True
            if self._instead is not None:
                self._instead.stop()
            elif self.pid is not None:
                send_signal(self.pid, signal.SIGTERM, group=False)

    def kill(self) -> None:
        """End it and all that it started."""
        with self._pool.lock:
            self._killing = True
            if self._instead is not None:
                self._instead.kill()
            elif self.pid is not None:
                send_signal(self.pid, signal.SIGKILL, group=True)

    # ---- What the zygote tells ----

    def started(self, pid: int) -> None:
        """It is a process now."""
        self.pid, self._name = pid, f"process:{pid}"
        if self._killing:
            self.kill()
        elif self._stopping:
            self.stop()

    def end(self, code: int) -> None:
        """It has ended."""
        if self._ending is None:
            if self.output is not None and not self.is_reusing:
                self.output.close()
            what = self._name.replace("process:", "Process ") if self._name else "Its process"
            self._ending = Ending(code, explain_code(code, what=what), self._text())

    def watch(self) -> None:
        """Nobody tells of its end: look."""
        self._watching = True

    def begin_elsewhere(self, *, cold: bool = False) -> None:
        """Begin in a fork of another zygote, or cold."""
        if self._killing:
            self._ending = Ending(None, "It was ended before it began.")
            return
        try:
            instead = None if cold else self._pool.start(self.claimed, self._job, self._environment)
            self._instead = instead or self._pool.start_cold(self.claimed, self._job, self._environment)
            if self._stopping:
                self._instead.stop()
        except PenstockError as error:
            self._ending = Ending(None, str(error))

    def _text(self) -> str:
        return "" if self.output is None else self.output.text()


def _key_of(spec: DeploymentSpec, job: Mapping[str, Any], environment: Mapping[str, str]) -> Key:
    where = (spec.path, spec.entrypoint, spec.code_version, job.get("working_dir"))
    return (*where, frozenset(environment.items()))


def _say_no_more(line: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the other side has gone already
        line.shutdown(socket.SHUT_WR)


def _is_there(pid: int) -> bool:
    """Whether a process that is nobody's child here is alive; one that nobody has waited for is not."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except OSError:
        return not os.path.isdir("/proc/self") and _takes_signals(pid)


def _takes_signals(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
