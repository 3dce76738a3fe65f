"""Programs that record through a server which goes away while they run: facts are delivered later, each once."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.fixtures.servers import SOURCE, port_of, start_server
from tests.system.conftest import World, until

STEPS = 40


def records_in_journals(world: World, text: bytes) -> bool:
    """Whether a process has written this down, wherever it was delivered to."""
    return any(text in path.read_bytes() for path in (world.home / "journals").glob("*"))


def penstock(world: World, *arguments: str, environ: Mapping[str, str]) -> None:
    """Run a command, as a person does on the machine that the flow ran on."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "LEDGER": str(world.ledger.path), **environ}
    done = subprocess.run(
        [sys.executable, "-m", "penstock", *arguments], env=environment, capture_output=True, text=True, timeout=60
    )
    assert 0 == done.returncode, done.stderr


def ask(url: str, route: str, **body: object) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = httpx.post(f"{url}/api{route}", json={"limit": 1_000, **body}).json()["items"]
    return items


def expect_each_step_once(url: str) -> None:
    assert ["COMPLETED"] * STEPS == [task["state"]["type"] for task in ask(url, "/task-runs/filter")]
    said = [line["message"] for line in ask(url, "/logs/filter") if str(line["message"]).startswith("step")]
    assert [f"step {number}" for number in range(STEPS)] == said


def test_a_flow_that_retries_while_its_server_is_away_goes_on_when_it_is_back(world: World, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with start_server(tmp_path / "server") as url:
        program = world.start("retried.py", str(gate), environ={"PENSTOCK_API_URL": f"{url}/api"})
        world.ledger.wait_for("half-way")
    gate.touch()
    until(lambda: records_in_journals(world, b"AwaitingRetry"), "the retry")
    with start_server(tmp_path / "server", port_of(url)):
        assert f"{sum(range(STEPS))}\n" == program.ok()
        (run,) = ask(url, "/flow-runs/filter")
        assert ("Completed", 2) == (run["state"]["name"], run["epoch"])
        expect_each_step_once(url)
        states = httpx.get(f"{url}/api/flow-runs/{run['id']}/states").json()
        assert ["Running", "AwaitingRetry", "Retrying", "Completed"] == [entry["state"]["name"] for entry in states]
    assert STEPS == len([line for line in world.ledger.lines() if line.startswith("step")])


def test_a_flow_whose_server_stays_away_fails_with_its_own_error_and_is_resumed_later(
    world: World, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    with start_server(tmp_path / "server") as url:
        environ = {"PENSTOCK_API_URL": f"{url}/api", "PENSTOCK_API_WAIT_SECONDS": "1"}
        program = world.start("retried.py", str(gate), environ=environ)
        world.ledger.wait_for("half-way")
    gate.touch()
    code, _, err = program.wait()
    assert (1, "RuntimeError: the first attempt fails") == (code, err.strip().splitlines()[-1])
    with start_server(tmp_path / "server", port_of(url)):
        penstock(world, "journal", "replay", environ=environ)
        (run,) = ask(url, "/flow-runs/filter")
        penstock(world, "resume", str(run["id"]), environ=environ)
        (run,) = ask(url, "/flow-runs/filter")
        assert ("Completed", 2) == (run["state"]["name"], run["epoch"])
        expect_each_step_once(url)
        states = httpx.get(f"{url}/api/flow-runs/{run['id']}/states").json()
        assert ["Running", "AwaitingRetry", "Failed", "Running", "Completed"] == [
            entry["state"]["name"] for entry in states
        ]
    assert STEPS == len([line for line in world.ledger.lines() if line.startswith("step")])
