"""What processes print, and signals to them."""

import contextlib
import os
import signal
import sys
import threading
from collections import deque
from functools import partial
from typing import IO

from penstock.workers.infrastructure import OUTPUT_CHARACTERS_MAX

LINES_KEPT = 200
LINE_BYTES_MAX = 8_192
"""What is longer is taken as several: a bar that moves prints no end of line for hours."""


def send_signal(pid: int, number: signal.Signals, *, group: bool) -> None:
    """Signal a process or its whole session; one that is gone is none to signal."""
    if group:
        try:
            os.killpg(pid, number)
            return
        except (ProcessLookupError, PermissionError):
            pass  # a fork that has only just begun has no session yet
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


class Output:
    """What a process prints: shown as it comes, and its last lines kept. Read by a thread, so that no process waits."""

    def __init__(self, stream: IO[bytes], *, shown: bool):
        self._stream, self._shown = stream, shown
        self._lines: deque[bytes] = deque(maxlen=LINES_KEPT)
        self._thread = threading.Thread(target=self._read, name="penstock-output", daemon=True)
        self._thread.start()

    def text(self) -> str:
        """The last that was printed."""
        return b"".join(self._lines).decode(errors="replace")[-OUTPUT_CHARACTERS_MAX:]

    def forget(self) -> None:
        """What comes from now on is another run's."""
        self._lines.clear()

    def close(self) -> None:
        """Read what is left; somebody that the process started may go on printing, and is not waited for."""
        self._thread.join(0.5)

    def _read(self) -> None:
        with self._stream:
            for line in iter(partial(self._stream.readline, LINE_BYTES_MAX), b""):
                self._lines.append(line)
                if self._shown:
                    with contextlib.suppress(
                        OSError, ValueError
                    ):  # nobody listens any more: what is printed is read on
                        sys.stderr.buffer.write(line)
                        sys.stderr.buffer.flush()
