"""Hearing of commits as they happen: one connection that listens, and a thread that waits at it.

Listeners that cannot hear are told so, and look by themselves until the connection is there again.
"""

import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy.engine import URL

CHANNEL = "penstock"
LISTEN_SECONDS = 0.5
"""The thread looks so often whether it is to end."""
AGAIN_SECONDS = 1.0
"""After a lost connection."""
CONNECT_TIMEOUT_SECONDS = 10
CLOSE_SECONDS_MAX = 5.0


class PostgresListener:
    """Calls `on_change` after each commit of anybody who writes for Penstock in this database."""

    def __init__(self, url: URL, on_change: Callable[[], None], on_hearing: Callable[[bool], None]):
        self._url = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._on_change, self._on_hearing = on_change, on_hearing
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="penstock-listen", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        self._closing.set()
        self._thread.join(CLOSE_SECONDS_MAX)

    def _run(self) -> None:
        import psycopg  # lazy: an extra, and 60 ms

        while not self._closing.is_set():
            try:
                with psycopg.connect(
                    self._url,
                    autocommit=True,
                    application_name="penstock-listener",
                    connect_timeout=CONNECT_TIMEOUT_SECONDS,
                ) as connection:
                    connection.execute(f"LISTEN {CHANNEL}".encode())
                    self._on_hearing(True)
                    self._on_change()  # what was committed before it listened
                    self._hear(connection)
            except psycopg.Error:
                self._on_hearing(False)
                self._closing.wait(AGAIN_SECONDS)

    def _hear(self, connection: Any) -> None:  # the driver is optional
        while not self._closing.is_set():
            for _ in connection.notifies(timeout=LISTEN_SECONDS, stop_after=1):
                self._on_change()
