"""Running the server: where it listens, the file that says so, and the order in which things start and stop."""

import contextlib
import fcntl
import gc
import json
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import uvicorn

from penstock import __version__
from penstock.core.errors import ServerNotStarted
from penstock.engine.replay import is_alive
from penstock.loading import collecting_later
from penstock.orchestrator.local import LocalOrchestrator
from penstock.sdk.wiring import SystemClock, make_home, open_keys, result_store, target_of
from penstock.server.app import create_app
from penstock.server.claiming import ClaimDesk
from penstock.server.feed import Feed
from penstock.server.guard import Door, is_loopback
from penstock.server.listening import Listening, check_exposure, server_file
from penstock.services.crashes import DeadWriters, SilentWriters
from penstock.services.notifications import Notifications
from penstock.services.retention import Retention
from penstock.services.scheduler import make_scheduling_units
from penstock.services.units import Aside, Services, Unit
from penstock.settings import Settings
from penstock.store import open_store

KEEP_ALIVE_SECONDS = 75
SWITCH_SECONDS = 0.001
"""How long a thread may keep Python for itself while others want it: with the usual 5 ms, whoever asks while journals are
taken in waits twice as long."""
SHUTDOWN_SECONDS = 2
BACKLOG = 1024


def serve(
    settings: Settings,
    *,
    host: str,
    port: int,
    insecure: bool = False,
    with_services: bool = True,
    on_ready: Callable[[Listening], None] = lambda _: None,
) -> None:
    """Run a server until it is told to stop. Raises `ServerNotStarted`, or what opening the database raises."""
    sys.setswitchinterval(SWITCH_SECONDS)
    check_exposure(host, settings.api_key, insecure=insecure)
    make_home(settings)
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(_listen(host, port))
        said = _describe(settings, listening, host)
        stack.enter_context(_announced(server_file(settings, listening.getsockname()[1]), said))
        orchestrator = open_orchestrator(settings)
        stack.callback(orchestrator.close)
        services = make_services(settings, orchestrator) if with_services else Services([])
        feed, desk = Feed(orchestrator, listen=orchestrator.listen), ClaimDesk(orchestrator, listen=orchestrator.listen)
        with collecting_later():
            app = create_app(
                orchestrator, door=_door(settings, host), feed=feed, desk=desk, services=services, settings=settings
            )
        server = _Server(
            uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                server_header=False,
                lifespan="off",
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            ),
            on_ready=lambda: on_ready(said),
            on_stop=[feed.close, desk.close],
        )
        services.start()
        stack.callback(services.stop)
        # What a server is made of stays. To look at it again would stop everything for 50 ms, whenever journals are taken in.
        gc.collect()
        gc.freeze()
        server.run(sockets=[listening])


def open_orchestrator(settings: Settings) -> LocalOrchestrator:
    """The orchestrator of a server: it knows which of this host's writers live."""
    return LocalOrchestrator(
        open_store(settings.effective_database_url),
        is_alive=lambda writer_id, host: is_alive(settings.journals_path, writer_id, host=host),
        keys=lambda: open_keys(settings),
    )


def make_units(settings: Settings, orchestrator: LocalOrchestrator) -> list[Unit]:
    """The units that a server, or `penstock server services start`, runs."""
    return [
        DeadWriters(orchestrator, settings.journals_path, target_of(settings)),
        SilentWriters(orchestrator, SystemClock(), settings.lease_seconds, listening_since=SystemClock().now_us()),
        Retention(orchestrator, result_store(), SystemClock(), settings.retention_days),
        Aside(Notifications(orchestrator)),
    ]


def make_services(settings: Settings, orchestrator: LocalOrchestrator) -> Services:
    """The units of a server; those that schedule are not to wait for the others."""
    return Services(
        make_units(settings, orchestrator),
        prompt=make_scheduling_units(orchestrator, patience_seconds=settings.claim_seconds),
    )


def run_services(settings: Settings) -> Services:
    """Start the units alone, beside servers that have none."""
    make_home(settings)
    services = make_services(settings, open_orchestrator(settings))
    services.start()
    return services


class _Server(uvicorn.Server):
    """Says when it is ready, and when it is about to stop."""

    def __init__(self, config: uvicorn.Config, *, on_ready: Callable[[], None], on_stop: Sequence[Callable[[], None]]):
        super().__init__(config)
        self._on_ready, self._on_stop = on_ready, on_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for stop in self._on_stop:  # live streams, and workers that wait, would keep it waiting
            stop()
        await super().shutdown(sockets)


@contextlib.contextmanager
def _listen(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is said, for asyncio asks the socket for it: unless it is TCP, an answer's body waits 40 ms for its head's ACK.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
        listening.set_inheritable(True)
        yield listening
    except OSError as error:
        raise ServerNotStarted(
            f"The server cannot listen at {host}:{port}: {error.strerror or error}. "
            "Is another one running (`penstock server status`)? Choose another port with --port."
        ) from error
    finally:
        listening.close()


@contextlib.contextmanager
def _announced(path: Path, said: Listening) -> Iterator[None]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)  # the port is ours: nobody holds this for long
        os.ftruncate(fd, 0)
        os.write(fd, json.dumps(asdict(said)).encode())
        yield
        path.unlink(missing_ok=True)
    finally:
        os.close(fd)


def _describe(settings: Settings, listening: socket.socket, host: str) -> Listening:
    port = listening.getsockname()[1]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return Listening(
        pid=os.getpid(),
        url=f"http://{shown}:{port}",
        version=__version__,
        started_at=time.time_ns() // 1_000,
        database=target_of(settings),
    )


def _door(settings: Settings, host: str) -> Door:
    # With a key, or with --insecure, a foreign name in the Host header gives nobody more than they have.
    hosts = frozenset(settings.server_allowed_hosts) | ({"*"} if not is_loopback(host) else frozenset())
    return Door(api_key=settings.api_key, hosts=hosts)


def log_to_stderr() -> None:
    """Where the server says what goes on."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
