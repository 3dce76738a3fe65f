"""The orchestrators that the suite runs over. A new adapter adds a parameter here, and no tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.orchestrator.local import LocalOrchestrator
from penstock.orchestrator.remote import RemoteOrchestrator
from penstock.ports import Orchestrator
from penstock.server.app import create_app
from penstock.store import open_store
from penstock.store.sealing import KEY_FILE, Keys
from penstock.testing import FakeClock
from tests.contract.telling import Teller
from tests.fixtures.servers import serving

ADAPTERS = ("sqlite", "postgres", "http")


@pytest.fixture(params=ADAPTERS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database with our schema."""
    if request.param in ("sqlite", "http"):
        yield f"sqlite:///{tmp_path}/penstock.db"
        return
    server = request.getfixturevalue("postgres")
    template = server.template("penstock_empty", lambda url: open_store(url).close())
    url = server.fresh_database(template=template)
    yield url
    server.drop_database(url)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def orchestrator(
    request: pytest.FixtureRequest, database_url: str, clock: FakeClock, tmp_path: Path
) -> Iterator[Orchestrator]:
    local = LocalOrchestrator(open_store(database_url, clock=clock), keys=lambda: Keys(tmp_path / KEY_FILE))
    if request.node.callspec.params["database_url"] == "http":
        with serving(create_app(local)) as url:
            remote = RemoteOrchestrator(f"{url}/api")
            yield remote
            remote.close()
    else:
        yield local
    local.close()


@pytest.fixture
def teller(orchestrator: Orchestrator, clock: FakeClock) -> Teller:
    """A process that runs flows and journals them."""
    return Teller(orchestrator, clock)
