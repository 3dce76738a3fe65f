"""What a client does while its server is away, and what it says."""

import socket
from pathlib import Path

import pytest

from penstock import flow, task
from penstock.core.errors import ServerUnreachable, SettingInvalid
from penstock.orchestrator.local import LocalOrchestrator
from penstock.orchestrator.remote import RemoteOrchestrator
from penstock.ports import BeginFlowRun, ListFlowRuns, ListLogs, ListTaskRuns
from penstock.sdk import wiring
from penstock.server.app import create_app
from penstock.store import open_store
from penstock.testing import FakeClock
from tests.contract.telling import Teller
from tests.fixtures.servers import serving
from tests.server.conftest import Served


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def test_a_question_to_a_server_that_is_away_fails_at_once() -> None:
    slept: list[float] = []
    remote = RemoteOrchestrator(f"http://127.0.0.1:{free_port()}/api", sleep=slept.append)
    with pytest.raises(ServerUnreachable, match="penstock server start"):
        remote.ask(ListFlowRuns())
    assert [] == slept


def test_a_run_that_is_to_begin_waits_for_its_server(tmp_path: Path, clock: FakeClock) -> None:
    port = free_port()
    local = LocalOrchestrator(open_store(f"sqlite:///{tmp_path}/penstock.db", clock=clock))
    told: list[str] = []
    started = []

    def start_at_the_third_try(_: float) -> None:
        if len(started) < 3:
            started.append(None)
        if len(started) == 3:
            server = serving(create_app(local), port=port)
            server.__enter__()
            started.append(server)

    remote = RemoteOrchestrator(
        f"http://127.0.0.1:{port}/api", wait_seconds=3600, on_wait=told.append, sleep=start_at_the_third_try
    )
    run_id = Teller(remote, clock).begin()
    assert [run_id] == [run.id for run in local.ask(ListFlowRuns()).items]
    assert 1 == len(told)
    started[3].__exit__(None, None, None)
    local.close()


def test_a_run_that_is_to_begin_fails_by_name_when_nobody_comes(clock: FakeClock) -> None:
    remote = RemoteOrchestrator(f"http://127.0.0.1:{free_port()}/api", wait_seconds=0)
    with pytest.raises(ServerUnreachable):
        Teller(remote, clock).begin()


def test_a_connection_that_the_server_has_closed_is_opened_anew(tmp_path: Path) -> None:
    local = LocalOrchestrator(open_store(f"sqlite:///{tmp_path}/penstock.db"))
    port = free_port()
    remote = RemoteOrchestrator(f"http://127.0.0.1:{port}/api")
    for _ in range(3):  # three servers, one after the other
        with serving(create_app(local), port=port):
            assert [] == list(remote.ask(ListFlowRuns()).items)
    local.close()


@pytest.mark.parametrize("url", ["127.0.0.1:4200", "ftp://x", "http://", ""])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(SettingInvalid):
        RemoteOrchestrator(url)


def test_beginning_twice_is_beginning_once(served: Served, clock: FakeClock) -> None:
    teller = Teller(served.remote(), clock)
    run_id = teller.begin(name="first")
    again = teller.ask(BeginFlowRun(id=run_id, flow_name="etl", name="second", writer=teller.hello))
    assert "first" == again.run.name


@pytest.mark.parametrize("back", ["before the end", "after the end"])
def test_a_run_whose_server_goes_away_loses_nothing(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, back: str
) -> None:
    port = free_port()
    monkeypatch.setenv("PENSTOCK_API_URL", f"http://127.0.0.1:{port}/api")
    monkeypatch.setenv("PENSTOCK_LOGS_TO_TERMINAL", "false")
    local = LocalOrchestrator(open_store(f"sqlite:///{tmp_path}/server.db"))
    app = create_app(local)
    first, second = serving(app, port=port), serving(app, port=port)

    @task(log_prints=True)
    def step(n: int) -> int:
        print("step", n)
        return n

    @flow
    def main() -> int:
        total = sum(step(n) for n in range(50))
        first.__exit__(None, None, None)
        total += sum(step(n) for n in range(50))
        if back == "before the end":
            second.__enter__()
        return total

    first.__enter__()
    assert 2 * sum(range(50)) == main()
    if back == "after the end":
        second.__enter__()
    wiring.sweep_dead_writers()
    wiring.shut_down()
    (run,) = local.ask(ListFlowRuns()).items
    assert ("Completed", {"COMPLETED": 100}) == (run.state.name, run.task_counts)
    assert 100 == len(local.ask(ListTaskRuns(limit=1000)).items)
    said = [line.message for line in local.ask(ListLogs(limit=1000)).items if line.message.startswith("step")]
    assert [f"step {n}" for n in (*range(50), *range(50))] == said
    second.__exit__(None, None, None)
    local.close()
