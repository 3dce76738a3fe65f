"""Printing in a process that may outlive whoever reads what it prints: then it prints to nowhere, and goes on."""

import io
import os
import select
import sys
import threading

PRINTED_FDS = (1, 2)


def outlive_reader() -> None:
    """Have standard output and error survive the end of their reader. For processes that a worker started.

    What Python prints is written line by line, and never fails for that reason; what libraries in C and child processes
    print goes to nowhere soon after.
    """
    sys.stdout, sys.stderr = _text(1), _text(2)
    threading.Thread(target=_watch, name="penstock-output", daemon=True).start()


class _Lasting(io.FileIO):
    """A descriptor whose other end may go."""

    def write(self, data: object) -> int:
        """Write; what nobody reads counts as written."""
        try:
            return super().write(data)  # type: ignore[arg-type]  # a buffer
        except BrokenPipeError:
            _divert()
            return len(memoryview(data))  # type: ignore[arg-type]  # a buffer


def _text(fd: int) -> io.TextIOWrapper:
    raw = io.BufferedWriter(_Lasting(fd, "wb", closefd=False))
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", line_buffering=True)


def _watch() -> None:
    """Wait until nobody reads; takes no time until then."""
    poll = select.poll()
    poll.register(1, 0)  # the end of the other side is told of always
    poll.poll()
    _divert()


def _divert() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    for fd in PRINTED_FDS:
        os.dup2(nowhere, fd)
    os.close(nowhere)
