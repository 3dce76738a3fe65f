"""Ending code at each point where Python lets a signal or another thread end it, one point after another.

Python looks for interruptions when a function begins, after each call and when a loop goes round; a trace function finds
the same points, so that a test can strike at the n-th of them, for every n, in place of hoping to hit the bad one.
"""

import dis
import gc
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from penstock.engine.interrupts import Interrupted

WHERE = ("/penstock/", "/threading.py", "/queue.py", "/logging/")
AFTER = ("CALL", "RESUME", "JUMP_BACKWARD")
POINTS_MAX = 2_000
GROWING_SECONDS = [0.05 * 4**n for n in range(6)]
"""Time-outs to try one after another, until what is within has begun in time: a busy machine needs longer for that."""


class Struck(Interrupted):
    """What ends the code."""


def strike(point: int, function: Callable[[], Any]) -> bool:
    """Call a function and end it at its n-th point; tells whether it has so many."""
    return strike_with(point, function, error=Struck, due=lambda: True)


def strike_with(
    point: int, function: Callable[[], Any], *, error: Callable[[], BaseException], due: Callable[[], bool]
) -> bool:
    """Call a function and raise an error of one's own at the n-th of those points at which that is due.

    Tells whether what was raised came out of the function.
    """
    passed = 0
    raised: list[BaseException] = []
    last: dict[FrameType, str] = defaultdict(str)

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal passed
        if event == "call":
            if not any(part in frame.f_code.co_filename for part in WHERE):
                return None
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        elif event == "opcode":
            now = dis.opname[frame.f_code.co_code[frame.f_lasti]]
            if (
                now == "NOP"
            ):  # Python looks before it, where it knows who catches: of a `try` within a `try` nobody does
                return trace
            before, last[frame] = last[frame], now
            if before.startswith(AFTER) and due():
                passed += 1
                if passed == point:
                    raised.append(error())
                    raise raised[0]
        return trace

    outer = sys.gettrace()
    sys.settrace(trace)
    try:
        next(_apart(function))
    except Interrupted as struck:
        return struck in raised
    finally:
        sys.settrace(outer)
    return False


def _apart(function: Callable[[], Any]) -> Iterator[Any]:
    """Call a function in a generator, which has its own notion of what is being handled: Python 3.11 may take an error that
    struck at the beginning of a handler for handled for ever, and all later errors of the thread for its consequences."""
    yield function()


def points() -> Iterator[int]:
    """Points to strike at; the test breaks off where there are no more."""
    yield from range(1, POINTS_MAX)
    raise AssertionError(f"more than {POINTS_MAX} points: the function does not come to an end")


@contextmanager
def switching_often() -> Iterator[None]:
    """Have threads take turns after microseconds, in place of 5 ms, so that they meet in more ways.

    Without collections: Hypothesis has itself called at each, in Python, and what is thrown into that is nobody's to
    catch. Pytest then fails the test, for its own hook is struck as well.
    """
    before, collecting = sys.getswitchinterval(), gc.isenabled()
    gc.disable()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
        if collecting:
            gc.enable()


def ends(function: Callable[[], Any]) -> bool:
    """Tell whether a function comes to its end in another thread, or waits for what is locked for ever."""
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    thread.join(20)
    return not thread.is_alive()
