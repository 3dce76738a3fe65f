"""A release server for the packaged sample: a folder over HTTP, on this machine only."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the demo shows what is fetched."""


PORT = 42_600
"""The same each time, so that what was fetched yesterday is known to be the same; another one if somebody has it."""


@contextmanager
def serving(folder: Path, *, port: int = PORT) -> Iterator[str]:
    """Serve a folder's files; the block gets the address."""
    with _open(partial(_QuietHandler, directory=str(folder)), port) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def _open(handler: Callable[..., _QuietHandler], port: int) -> ThreadingHTTPServer:
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError:
        return ThreadingHTTPServer(("127.0.0.1", 0), handler)
