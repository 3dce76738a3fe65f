"""Failures on purpose: the n-th time that something happens, it fails, or the process dies.

failpoints = Failpoints(fail_at=3)
store = open_store(url, before_statement=failpoints)
"""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field


class Injected(Exception):
    """What a failpoint raises."""


@dataclass
class Failpoints:
    """Counts what passes; at number `fail_at` (from 1) it raises, or kills the process with `kill=True`."""

    fail_at: int | None = None
    kill: bool = False
    error: Callable[[str], BaseException] = Injected
    seen: list[str] = field(default_factory=list)

    def __call__(self, name: str) -> None:
        """Let one occurrence of `name` pass, or not."""
        self.seen.append(name)
        if self.fail_at is not None and len(self.seen) == self.fail_at:
            if self.kill:
                os.kill(os.getpid(), signal.SIGKILL)
            raise self.error(f"failpoint {len(self.seen)}: {name}")
