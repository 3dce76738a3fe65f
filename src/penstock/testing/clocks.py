"""A clock that stands still until it is moved."""

from threading import Condition
from typing import Protocol


class Interrupted(Protocol):
    """What a sleep looks at: an `Event`, or what can be asked like one."""

    def is_set(self) -> bool:
        """Whether to sleep no longer."""


class FakeClock:
    """Time in a test's hand; microseconds UTC.

    >>> clock = FakeClock(now_us=1_000_000)
    >>> clock.move(seconds=2.5)
    >>> clock.now_us()
    3500000
    """

    def __init__(self, now_us: int = 1_700_000_000_000_000):
        self._now = now_us
        self._moved = Condition()
        self.slept: list[float] = []

    def now_us(self) -> int:
        """What the clock shows."""
        return self._now

    def move(self, *, seconds: float) -> None:
        """Move the clock, also backwards, and wake whoever sleeps by it."""
        with self._moved:
            self._now += int(seconds * 1_000_000)
            self._moved.notify_all()

    def sleep(self, seconds: float) -> None:
        """Pass the time at once, and remember that it was slept."""
        self.slept.append(seconds)
        self.move(seconds=seconds)

    def sleep_unless(self, seconds: float, interrupted: Interrupted) -> bool:
        """The same, for waits that can be interrupted: tells whether the whole time passed."""
        if interrupted.is_set():
            return False
        self.sleep(seconds)
        return True
