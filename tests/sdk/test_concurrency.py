"""Concurrency limits as flows meet them, with and without a server."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock import flow, task
from penstock.concurrency import arate_limit, concurrency, rate_limit
from penstock.core.errors import SlotsNotAcquired
from penstock.limits import GetConcurrencyLimit, ListHeldSlots, SetConcurrencyLimit
from penstock.orchestrator.local import LocalOrchestrator
from penstock.ports import ListTaskRuns
from penstock.sdk import wiring
from penstock.server.app import create_app
from penstock.store import open_store
from tests.fixtures.servers import serving


@pytest.fixture(params=["embedded", "server"])
def place(
    request: pytest.FixtureRequest, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Runs are recorded in the process's own database, or by a server."""
    monkeypatch.setenv("PENSTOCK_LOGS_TO_TERMINAL", "false")
    if request.param == "embedded":
        yield
        wiring.shut_down()
        return
    local = LocalOrchestrator(open_store(f"sqlite:///{tmp_path}/server.db"))
    with serving(create_app(local)) as url:
        monkeypatch.setenv("PENSTOCK_API_URL", f"{url}/api")
        yield
        wiring.shut_down()
    local.close()


def limit(name: str, slots: int, **said: float) -> None:
    wiring.open_orchestrator().ask(SetConcurrencyLimit(name=name, slots=slots, **said))


class Crowd:
    """Counts how many are inside at once."""

    def __init__(self) -> None:
        self.inside = self.most = self.entered = 0
        self._lock = threading.Lock()
        self._pause = threading.Event()

    def enter(self) -> None:
        with self._lock:
            self.inside += 1
            self.entered += 1
            self.most = max(self.most, self.inside)
        self._pause.wait(0.02)  # so that the others come while this one is inside
        with self._lock:
            self.inside -= 1


def test_a_block_holds_its_slots_while_it_runs(place: None) -> None:
    limit("db", 2)
    crowd = Crowd()

    @task
    def query(n: int) -> None:
        with concurrency("db"):
            crowd.enter()

    @flow
    def main() -> None:
        query.map(range(8)).wait()

    main()
    assert (8, True) == (crowd.entered, crowd.most <= 2)
    assert 0 == wiring.open_orchestrator().ask(GetConcurrencyLimit(name="db")).occupied


def test_slots_that_cannot_be_had_in_time_are_an_error(place: None) -> None:
    limit("db", 1)
    with concurrency("db"):
        with pytest.raises(SlotsNotAcquired, match="db"):
            concurrency("db", timeout_seconds=0.05).__enter__()
        (slot,) = wiring.open_orchestrator().ask(ListHeldSlots(name="db"))
        assert slot.holder is not None
    with concurrency("db", timeout_seconds=5):
        pass


def test_a_limit_that_is_not_there_holds_nobody_back_unless_it_must_be(place: None) -> None:
    with concurrency("nothing"):
        pass
    rate_limit("nothing")
    with pytest.raises(SlotsNotAcquired):
        concurrency("nothing", strict=True).__enter__()


def test_async_blocks_and_rates(place: None) -> None:
    limit("db", 1)
    limit("api", 2, decay_per_second=50.0)
    crowd = Crowd()

    async def one() -> None:
        async with concurrency("db"):
            await asyncio.to_thread(crowd.enter)
        await arate_limit("api")

    async def all_of_them() -> None:
        await asyncio.gather(*(one() for _ in range(4)))

    asyncio.run(all_of_them())
    assert (4, 1) == (crowd.entered, crowd.most)


@pytest.mark.parametrize("name", ["tag:warehouse", "task:load"])
def test_tasks_wait_for_the_limits_of_their_tags_and_names(place: None, name: str) -> None:
    limit(name, 1)
    crowd = Crowd()

    @task(tags=["warehouse"])
    def load(n: int) -> int:
        crowd.enter()
        return n

    @task
    def free(n: int) -> int:
        return n

    @flow
    def main() -> list[int]:
        return [*load.map(range(4)).result(), *free.map(range(4)).result()]

    assert [0, 1, 2, 3, 0, 1, 2, 3] == main()
    assert (4, 1) == (crowd.entered, crowd.most)
    wiring.flush()
    runs = wiring.open_orchestrator().ask(ListTaskRuns()).items
    assert {"Completed"} == {run.state.name for run in runs}


def test_flows_wait_for_the_limits_of_their_names(place: None) -> None:
    limit("flow:main", 1)
    crowd = Crowd()

    @flow
    def main() -> None:
        crowd.enter()

    threads = [threading.Thread(target=main) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (3, 1) == (crowd.entered, crowd.most)
