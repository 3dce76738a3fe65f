"""A real server over a real database, and clients that speak HTTP to it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.orchestrator.local import LocalOrchestrator
from penstock.orchestrator.remote import RemoteOrchestrator
from penstock.server.app import create_app
from penstock.server.feed import Feed
from penstock.server.guard import Door
from penstock.services.scheduler import Scheduler
from penstock.services.units import Services
from penstock.store import open_store
from penstock.testing import FakeClock
from tests.contract.telling import Teller
from tests.fixtures.servers import serving


@dataclass
class Served:
    """A server, what is behind it, and a client of it."""

    url: str
    local: LocalOrchestrator
    http: httpx.Client
    feed: Feed
    database_url: str
    services: Services
    """Of which each test calls what is due."""

    def remote(self, **options: Any) -> RemoteOrchestrator:
        return RemoteOrchestrator(f"{self.url}/api", **options)


Serve = Callable[..., Served]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def serve(tmp_path: Path, clock: FakeClock) -> Iterator[Serve]:
    """Starts servers; `door` says what they let in."""
    with ExitStack() as stack:

        def start(*, door: Door | None = None, port: int = 0) -> Served:
            database_url = f"sqlite:///{tmp_path}/penstock.db"
            local = LocalOrchestrator(open_store(database_url, clock=clock))
            stack.callback(local.close)
            feed = Feed(local)
            services = Services([Scheduler(local)])
            app = create_app(local, door=door, feed=feed, services=services)
            url = stack.enter_context(serving(app, port=port, on_stop=feed.close))
            http = stack.enter_context(httpx.Client(base_url=url, timeout=30))
            return Served(url, local, http, feed, database_url, services)

        yield start


@pytest.fixture
def served(serve: Serve) -> Served:
    return serve()


@pytest.fixture
def teller(served: Served, clock: FakeClock) -> Teller:
    """A process that records straight into the database behind the server."""
    return Teller(served.local, clock)
