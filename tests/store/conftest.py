"""A store in a file of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.orchestrator.local import LocalOrchestrator
from penstock.store import Store, open_store
from penstock.testing import FakeClock
from tests.contract.telling import Teller


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "penstock.db"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(path: Path, clock: FakeClock) -> Iterator[Store]:
    store = open_store(f"sqlite:///{path}", clock=clock)
    yield store
    store.close()


@pytest.fixture
def teller(store: Store, clock: FakeClock) -> Teller:
    return Teller(LocalOrchestrator(store), clock)
