"""Where a server listens, and the file that says so. Loads nothing of the server itself: commands read it in milliseconds."""

import fcntl
import json
from dataclasses import dataclass
from pathlib import Path

from penstock.core.errors import ServerNotStarted
from penstock.server.guard import is_loopback
from penstock.settings import Settings


@dataclass(frozen=True, slots=True)
class Listening:
    """What a running server says of itself in its file."""

    pid: int
    url: str
    version: str
    started_at: int
    database: str


def server_file(settings: Settings, port: int) -> Path:
    """Where the server at a port says what it is; locked as long as it runs."""
    return settings.home / "servers" / f"{port}.json"


def find_server(settings: Settings, port: int) -> Listening | None:
    """The server of this home that runs at a port."""
    path = server_file(settings, port)
    try:
        with path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return Listening(**json.loads(file.read()))
    except (OSError, ValueError, TypeError):
        return None
    return None


def check_exposure(host: str, api_key: str | None, *, insecure: bool) -> None:
    """Refuse to listen where others can reach it without a key."""
    if not is_loopback(host) and not api_key and not insecure:
        raise ServerNotStarted(
            f"At {host} everybody who reaches this machine could read and change everything. Set PENSTOCK_API_KEY "
            "(here and where flows run), or add --insecure if the network keeps others out."
        )
