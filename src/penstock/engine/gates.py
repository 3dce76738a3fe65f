"""Waiting that may be ended at any byte code, by a signal or by an exception that another thread throws.

Python's own `Event` and `Condition` are written in Python: who is ended within leaves them locked for everybody. And a
thread that waits for a lock without a limit does not hear what came in the moment before it began to wait: neither a
Ctrl-C nor an exception. So threads meet by plain locks, whose steps are whole, and wait in short turns.
"""

import threading
import time
from collections import deque
from contextlib import suppress

LOOK_SECONDS = 0.25
"""How often a thread that waits looks whether it is to stop."""


def wait_for(gate: threading.Lock, seconds: float | None = None) -> bool:
    """Wait until a gate is open, for so long at most; tells whether it is. The gate is then the caller's."""
    if seconds is None:
        while not gate.acquire(timeout=LOOK_SECONDS):
            continue
        return True
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if gate.acquire(timeout=min(left, LOOK_SECONDS)):
            return True
    return gate.acquire(blocking=False)


class Flag:
    """Something that is said once, and that others may wait for."""

    __slots__ = ("_said", "_gates")

    def __init__(self) -> None:
        self._said = False
        self._gates: deque[threading.Lock] = deque()

    def is_set(self) -> bool:
        """Whether it was said."""
        return self._said

    def set(self) -> None:
        """Say it, and wake who waits."""
        self._said = True
        with suppress(IndexError):
            while True:
                self._gates.popleft().release()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it is said, for so long at most; tells whether it was."""
        end = None if seconds is None else time.monotonic() + seconds
        gate = threading.Lock()
        gate.acquire()
        self._gates.append(gate)
        try:
            while not self._said:
                left = LOOK_SECONDS if end is None else min(LOOK_SECONDS, end - time.monotonic())
                if left <= 0:
                    break
                gate.acquire(timeout=left)
        finally:
            with suppress(ValueError):
                self._gates.remove(gate)
        return self._said
