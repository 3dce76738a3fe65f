"""PostgreSQL tells the server of commits: streams move at once, and nothing is asked while nothing happens."""

import threading
from collections.abc import Iterator

import httpx
import psycopg
import pytest

from penstock.orchestrator.local import LocalOrchestrator
from penstock.ports import SetVariable
from penstock.server.app import create_app
from penstock.server.feed import Feed
from penstock.store import open_store
from penstock.testing import FakeClock
from tests.contract.telling import Teller
from tests.fixtures.servers import serving
from tests.server.test_streams import Stream

PATIENCE_SECONDS = 30.0


@pytest.fixture
def local(postgres_url: str) -> Iterator[LocalOrchestrator]:
    orchestrator = LocalOrchestrator(open_store(postgres_url))
    yield orchestrator
    orchestrator.close()


class Heard:
    """What a listener was told."""

    def __init__(self) -> None:
        self.changes = threading.Semaphore(0)
        self.hearing: list[bool] = []
        self.hears = threading.Event()

    def on_hearing(self, hearing: bool) -> None:
        self.hearing.append(hearing)
        (self.hears.set if hearing else self.hears.clear)()

    def wait(self) -> bool:
        return self.changes.acquire(timeout=PATIENCE_SECONDS)


def test_a_commit_is_told_and_a_lost_connection_is_made_anew(local: LocalOrchestrator, postgres_url: str) -> None:
    heard = Heard()
    stop = local.listen(heard.changes.release, heard.on_hearing)
    assert stop is not None
    assert heard.hears.wait(PATIENCE_SECONDS)
    assert heard.wait()  # it may have missed something before
    local.ask(SetVariable(name="a", value=1))
    assert heard.wait()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'penstock-listener'"
            " AND datname = current_database()"
        )
    assert heard.wait()  # again, as soon as it listens again
    assert [True, False, True] == heard.hearing
    stop()


def test_a_file_tells_of_what_this_process_writes(tmp_path: object) -> None:
    url = f"sqlite:///{tmp_path}/penstock.db"
    local, other = LocalOrchestrator(open_store(url)), LocalOrchestrator(open_store(url))
    heard: list[str] = []
    stop = local.listen(lambda: heard.append("a commit"), lambda hearing: heard.append(f"hearing: {hearing}"))
    assert stop is not None
    other.ask(SetVariable(name="a", value=1))
    assert [] == heard
    local.ask(SetVariable(name="a", value=2))
    assert ["a commit"] == heard
    stop()
    local.ask(SetVariable(name="a", value=3))
    assert ["a commit"] == heard
    for one in (local, other):
        one.close()


def test_streams_move_by_what_the_database_tells(local: LocalOrchestrator) -> None:
    feed = Feed(local, listen=local.listen, look_seconds_if_told=3_600)
    teller = Teller(local, FakeClock())
    with (
        serving(create_app(local, feed=feed), on_stop=feed.close) as url,
        httpx.stream("GET", f"{url}/api/stream", timeout=PATIENCE_SECONDS) as response,
    ):
        stream = Stream(response)
        stream.next("hello")
        for _ in range(3):
            run_id = teller.begin("etl")
            assert run_id in [run["id"] for run in stream.next("flow-runs")]
