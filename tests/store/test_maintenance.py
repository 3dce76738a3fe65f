"""What is done to a database as a whole."""

from pathlib import Path

import pytest

from penstock.core.errors import StoreUnavailable
from penstock.orchestrator.local import LocalOrchestrator
from penstock.ports import DeleteFlowRun, DescribeStore, ListFlowRuns, ListLogs
from penstock.store import maintenance, open_store
from penstock.testing import FakeClock
from tests.contract.telling import Teller, defined, logged, seen


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{path}"
    url: str = request.getfixturevalue("postgres_url")
    return url


def fill(url: str) -> None:
    store = open_store(url)
    teller = Teller(LocalOrchestrator(store), FakeClock())
    run_id = teller.begin()
    teller.tell(defined(), *(seen(run_id, str(n)) for n in range(3_000)), *(logged(run_id) for _ in range(100)))
    store.close()


def test_a_reset_database_is_empty_and_can_be_used(url: str) -> None:
    fill(url)
    maintenance.reset(url)
    store = open_store(url)
    assert 0 == sum(LocalOrchestrator(store).ask(DescribeStore()).counts.values())
    store.close()
    fill(url)


def test_a_database_in_use_is_not_reset(url: str) -> None:
    fill(url)
    store = open_store(url)
    orchestrator = LocalOrchestrator(store)
    orchestrator.ask(ListFlowRuns())
    with pytest.raises(StoreUnavailable):
        maintenance.reset(url)
    assert 1 == len(orchestrator.ask(ListFlowRuns()).items)
    store.close()


@pytest.mark.parametrize("content", [b"no database at all " * 100, b""])
def test_a_database_that_cannot_be_read_can_be_reset(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    maintenance.reset(f"sqlite:///{path}")
    fill(f"sqlite:///{path}")


def test_a_vacuumed_database_keeps_what_it_has_and_gives_room_back(url: str) -> None:
    fill(url)
    fill(url)
    store = open_store(url)
    orchestrator = LocalOrchestrator(store)
    kept, gone = orchestrator.ask(ListFlowRuns()).items
    orchestrator.ask(DeleteFlowRun(id=gone.id, force=True))
    store.close()
    store = open_store(url)
    before = LocalOrchestrator(store).ask(DescribeStore()).bytes
    store.close()
    maintenance.vacuum(url)
    after = LocalOrchestrator(store).ask(DescribeStore())
    assert kept.task_counts["COMPLETED"] == after.counts["task_run"]
    assert 100 == len(LocalOrchestrator(store).ask(ListLogs(flow_run_id=kept.id)).items)
    if url.startswith("sqlite"):
        assert after.bytes < before
    store.close()


def test_an_upgraded_database_is_as_it_was(url: str) -> None:
    fill(url)
    maintenance.upgrade(url)
    store = open_store(url)
    assert 1 == len(LocalOrchestrator(store).ask(ListFlowRuns()).items)
    store.close()
