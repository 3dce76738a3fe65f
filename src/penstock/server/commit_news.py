"""News of commits, heard in a loop: what wakes the live feed, and workers that wait for work."""

import asyncio
import contextlib
from collections.abc import Callable

Listen = Callable[[Callable[[], None], Callable[[bool], None]], Callable[[], None] | None]
"""See `Database.listen`."""


class CommitNews:
    """Whether the database told of a commit since somebody last asked, and whether it can be relied on to tell."""

    def __init__(self, listen: Listen | None):
        """`listen` has the database tell of commits, where it can."""
        self._listen = listen
        self._stop: Callable[[], None] | None = None
        self._told = asyncio.Event()
        self.hearing = False

    def start(self) -> None:
        """Listen, in the loop that runs; once is enough."""
        if self._listen is None or self._stop is not None:
            return
        loop, told = asyncio.get_running_loop(), asyncio.Event()
        self._told, self.hearing = told, False

        def on_change() -> None:
            if not told.is_set():
                with contextlib.suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(told.set)

        def on_hearing(hearing: bool) -> None:
            self.hearing = hearing
            on_change()

        self._stop = self._listen(on_change, on_hearing)

    def stop(self) -> None:
        """Listen no more. May wait for a thread."""
        stop, self._stop = self._stop, None
        if stop is not None:
            stop()

    async def wait(self, seconds: float) -> bool:
        """Until a commit is told of, but no longer than that; whether there was one since the last time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._told.wait()
        heard = self._told.is_set()
        self._told.clear()
        return heard
