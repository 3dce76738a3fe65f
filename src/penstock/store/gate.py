"""The gate: one writer at a time, among all threads and processes of a host, in fair order.

Two lock files stand beside the database. Who wants to write takes the turnstile, waits for the gate, and lets go of
the turnstile: the head of the queue waits at the gate alone, so that a process that has just written cannot pass in
front of it again. The kernel frees both when a process dies. Nothing is ever written into the files.
"""

import fcntl
import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GATE_SUFFIX = "-gate"
TURNSTILE_SUFFIX = "-turn"

_gates: "weakref.WeakSet[Gate]" = weakref.WeakSet()


class Gate:
    """The gate of one database file. Not reentrant."""

    def __init__(self, database: Path):
        self._paths = (Path(f"{database}{TURNSTILE_SUFFIX}"), Path(f"{database}{GATE_SUFFIX}"))
        self._lock = threading.Lock()
        self._files: tuple[int, int] | None = None
        _gates.add(self)

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Be the only one who writes. Raises `OSError` if the lock files cannot be made."""
        with self._lock:
            turnstile, gate = self._open()
            fcntl.flock(turnstile, fcntl.LOCK_EX)
            try:
                fcntl.flock(gate, fcntl.LOCK_EX)
            finally:
                fcntl.flock(turnstile, fcntl.LOCK_UN)
            try:
                yield
            finally:
                # In a child that was forked while we were inside, the files are closed already.
                if self._files == (turnstile, gate):
                    fcntl.flock(gate, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the files."""
        files, self._files = self._files, None
        for file in files or ():
            os.close(file)

    def leave_to_parent(self) -> None:
        """In a forked child: close our copies, which the kernel counts as the parent's own lock, and begin anew."""
        self._lock = threading.Lock()
        self.close()

    def _open(self) -> tuple[int, int]:
        if self._files is None:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            turnstile = os.open(self._paths[0], flags, 0o600)
            try:
                self._files = (turnstile, os.open(self._paths[1], flags, 0o600))
            except BaseException:
                os.close(turnstile)
                raise
        return self._files


def _leave_all_to_parent() -> None:
    for gate in list(_gates):
        gate.leave_to_parent()


os.register_at_fork(after_in_child=_leave_all_to_parent)
