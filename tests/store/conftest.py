"""A store in a file of the test's own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.orchestrator.local import LocalOrchestrator
from penstock.store import Store, open_store
from penstock.testing import FakeClock
from tests.contract.telling import Teller


@pytest.fixture(autouse=True)
def opened_stores(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Store]]:
    """The stores that a test opens. They are closed after it: some open hundreds."""
    opened: list[Store] = []
    init = Store.__init__

    def remember(store: Store, *args: Any, **options: Any) -> None:
        init(store, *args, **options)
        opened.append(store)

    monkeypatch.setattr(Store, "__init__", remember)
    yield opened
    for store in opened:
        store.close()


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
