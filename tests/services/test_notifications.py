"""Who wants to know is told: by a server, or without one at a run's end."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock import flow
from penstock.notifications import AddNotification, ListNotifications
from penstock.orchestrator.local import LocalOrchestrator
from penstock.sdk.variables import current_ports
from penstock.services.notifications import Notifications
from penstock.services.units import Aside
from penstock.store import open_store
from penstock.store.sealing import KEY_FILE, Keys
from penstock.testing import FakeClock, harness
from tests.contract.telling import Teller
from tests.fixtures.receivers import Receiver, receiving

PROGRAM = """
import os, signal
from penstock import flow

@flow(flow_run_name="doomed")
def doomed():
    os.kill(os.getpid(), signal.SIGKILL)

doomed()
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def here() -> Iterator[Path]:
    with harness() as home:
        yield home


@flow(flow_run_name="failing-one")
def failing(inside: bool = False) -> None:
    if inside:
        failing(False)
    raise ZeroDivisionError("nothing to divide by")


@flow
def fine() -> int:
    return 1


@flow(flow_run_name="async-one")
async def later() -> None:
    raise ZeroDivisionError


def add(url: str, *states: str) -> None:
    orchestrator, principal = current_ports()
    orchestrator.ask(AddNotification(url=url, states=states), principal)


def test_a_run_that_fails_without_a_server_is_told_at_its_end(here: Path, receiver: Receiver) -> None:
    add(receiver.url(), "failed", "crashed")
    fine()
    failing(True, return_state=True)
    assert ["Flow run 'failing-one' of 'failing': Failed"] == receiver.titles
    assert "nothing to divide by" in receiver.messages[0]["message"]


def test_a_run_that_completes_is_told_to_whoever_wants_that(here: Path, receiver: Receiver) -> None:
    add(receiver.url(), "completed")
    fine()
    assert 1 == len(receiver.titles)


def test_an_async_run_is_told_too(here: Path, receiver: Receiver) -> None:
    import asyncio

    add(receiver.url(), "failed")
    asyncio.run(later(return_state=True))
    assert ["Flow run 'async-one' of 'later': Failed"] == receiver.titles


def test_a_receiver_that_is_away_changes_nothing_for_the_run(here: Path) -> None:
    add("json://127.0.0.1:9/", "completed")
    assert 1 == fine()
    orchestrator, principal = current_ports()
    (known,) = orchestrator.ask(ListNotifications(), principal).items
    assert 1 == known.failures


def test_a_killed_run_is_told_by_whoever_finds_it(here: Path, receiver: Receiver) -> None:
    add(receiver.url(), "crashed")
    done = subprocess.run([sys.executable, "-c", PROGRAM], env={**os.environ, "PYTHONPATH": ":".join(sys.path)})
    assert -signal.SIGKILL == done.returncode
    assert [] == receiver.titles
    from penstock.sdk import wiring

    wiring.shut_down()
    fine()
    assert ["Flow run 'doomed' of 'doomed': Crashed"] == receiver.titles


def test_a_server_tells_in_a_thread_of_its_own(tmp_path: Path, receiver: Receiver) -> None:
    keys, clock = Keys(tmp_path / KEY_FILE), FakeClock()
    local = LocalOrchestrator(open_store(f"sqlite:///{tmp_path}/penstock.db", clock=clock), keys=lambda: keys)
    local.ask(AddNotification(url=receiver.url(), states=("failed",)))
    teller = Teller(local, clock)
    teller.end(teller.begin(name="a"), "Failed")
    unit = Aside(Notifications(local))
    assert 0 == unit.run_once()
    assert receiver.arrived.acquire(timeout=60)
    assert ["Flow run 'a' of 'etl': Failed"] == receiver.titles
    if unit._thread is not None:
        unit._thread.join()
    local.close()
