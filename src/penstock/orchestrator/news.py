"""News of one run from a server's stream: whoever follows the run is woken when there is something to read.

Only that there is something is taken from the stream; what it is, is asked for, so that a lost connection loses nothing.
"""

import http.client
import threading
from collections.abc import Callable

from penstock.core.errors import PenstockError
from penstock.core.ids import RunId

WAIT_SECONDS_IF_LIVE = 5.0
"""While the stream lives, a follower looks so often by itself."""
AGAIN_SECONDS = 1.0

Open = Callable[[], http.client.HTTPResponse]
"""Opens the stream; raises a `PenstockError` or what sockets raise."""


class News:
    """Listens in a thread of its own until it is closed."""

    def __init__(self, open_stream: Open, *, wait_seconds_if_live: float = WAIT_SECONDS_IF_LIVE):
        self._open, self._wait_seconds_if_live = open_stream, wait_seconds_if_live
        self._closing = threading.Event()
        self._some, self._live = threading.Event(), False
        threading.Thread(target=self._run, name="penstock-news", daemon=True).start()

    def wait(self, seconds: float) -> None:
        """Wait for news: `seconds` at most where the stream cannot be had."""
        self._some.wait(self._wait_seconds_if_live if self._live else seconds)
        self._some.clear()

    def close(self) -> None:
        """Listen no more; the thread ends with the server's next word, or with the process."""
        self._closing.set()

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                with self._open() as response:
                    self._listen(response)
            except (PenstockError, http.client.HTTPException, OSError, ValueError):
                pass  # whoever waits looks by himself meanwhile
            self._live = False
            self._closing.wait(AGAIN_SECONDS)

    def _listen(self, response: http.client.HTTPResponse) -> None:
        for line in response:
            if self._closing.is_set():
                return
            if line.startswith(b"event:"):
                self._live = True
                self._some.set()


def stream_path(run_id: RunId) -> str:
    """Where the server streams what happens to a run."""
    return f"/stream?run={run_id}"
