"""Resuming and running again from the console: real programs, a real server that starts them, real refusals."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fixtures.servers import SOURCE, start_server
from tests.system.conftest import until

PROGRAM = """
import sys
from pathlib import Path
from penstock import flow, task

HERE = Path(__file__).parent

@task
def fetch(n: int) -> int:
    with (HERE / "fetched").open("a") as file:
        file.write(f"{n}\\n")
    return n

@task
def publish(total: int) -> int:
    if (HERE / "broken").exists():
        raise RuntimeError("the target is away")
    return total

@flow
def monthly(months: int = 3) -> int:
    return publish(sum(fetch(n) for n in range(months)))

if __name__ == "__main__":
    monthly(return_state=True)
"""


@dataclass
class Place:
    """A server, and a program that is recorded in its home."""

    http: httpx.Client
    folder: Path
    home: Path

    def run_program(self) -> None:
        environ = {**os.environ, "PYTHONPATH": str(SOURCE), "PENSTOCK_HOME": str(self.home)}
        subprocess.run([sys.executable, str(self.folder / "program.py")], env=environ, check=True, timeout=60)

    def runs(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.http.post("/api/flow-runs/filter", json={}).json()["items"]
        return items

    def fetched(self) -> list[str]:
        return (self.folder / "fetched").read_text().split()

    def post(self, run: dict[str, Any], action: str, **body: object) -> httpx.Response:
        return self.http.post(f"/api/flow-runs/{run['id']}/{action}", json=body)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    folder = tmp_path / "flows"
    folder.mkdir()
    (folder / "program.py").write_text(PROGRAM)
    home = tmp_path / "home"
    with start_server(home) as url, httpx.Client(base_url=url, timeout=30) as http:
        yield Place(http, folder, home)


def test_a_failed_run_is_resumed_and_what_it_completed_is_not_done_again(place: Place) -> None:
    (place.folder / "broken").touch()
    place.run_program()
    (failed,) = place.runs()
    assert "Failed" == failed["state"]["name"]
    (place.folder / "broken").unlink()

    answer = place.post(failed, "resume")

    assert 200 == answer.status_code, answer.text
    assert answer.json()["pid"] > 0
    (run,) = until(lambda: [run for run in place.runs() if run["state"]["name"] == "Completed"], "the resumed run")
    assert (failed["id"], 2) == (run["id"], run["epoch"])
    assert ["0", "1", "2"] == place.fetched()


def test_a_flow_runs_again_with_other_parameters(place: Place) -> None:
    place.run_program()
    (first,) = place.runs()

    answer = place.post(first, "rerun", parameters={"months": 5})

    assert 200 == answer.status_code, answer.text
    ended = until(lambda: [run for run in place.runs() if run["id"] != first["id"] and run["ended_at"]], "the new run")
    assert [("Completed", {"months": 5})] == [(run["state"]["name"], run["parameters"]) for run in ended]
    assert 2 == len(place.runs())


@pytest.mark.parametrize(
    ("action", "body", "said"),
    [
        ("resume", {}, "COMPLETED"),
        ("rerun", {"parameters": {"years": 1}}, "years"),
    ],
)
def test_what_cannot_start_says_why(place: Place, action: str, body: dict[str, object], said: str) -> None:
    place.run_program()
    (run,) = place.runs()
    answer = place.post(run, action, **body)
    assert (409, "RunNotResumable") == (answer.status_code, answer.json()["error"]["type"]), answer.text
    assert said.lower() in answer.json()["error"]["message"].lower()


def test_changed_code_is_resumed_only_where_that_is_allowed(place: Place) -> None:
    (place.folder / "broken").touch()
    place.run_program()
    (run,) = place.runs()
    (place.folder / "program.py").write_text(PROGRAM.replace('if (HERE / "broken").exists():', "if False:"))

    refused = place.post(run, "resume")
    assert 409 == refused.status_code
    assert "allow-code-change" in refused.json()["error"]["message"]
    assert 200 == place.post(run, "resume", allow_code_change=True).status_code
    until(lambda: [run for run in place.runs() if run["state"]["name"] == "Completed"], "the resumed run")


def test_parameters_that_do_not_fit_are_a_failed_run_that_says_so(place: Place) -> None:
    place.run_program()
    (first,) = place.runs()
    answer = place.post(first, "rerun", parameters={"months": "many"})
    assert 200 == answer.status_code, answer.text
    (failed,) = until(lambda: [run for run in place.runs() if run["state"]["type"] == "FAILED"], "the failed run")
    assert "months" in failed["state"]["message"]


def test_a_run_that_ended_is_not_cancelled(place: Place) -> None:
    place.run_program()
    (run,) = place.runs()
    answer = place.post(run, "cancel").json()
    assert (False, "COMPLETED") == (answer["accepted"], answer["state"]["type"])


def test_a_run_whose_process_lives_is_asked_to_stop_and_does(place: Place) -> None:
    (place.folder / "program.py").write_text(PROGRAM.replace("return n", "import time; time.sleep(600)"))
    environ = {**os.environ, "PYTHONPATH": str(SOURCE), "PENSTOCK_HOME": str(place.home)}
    process = subprocess.Popen([sys.executable, str(place.folder / "program.py")], env=environ)
    try:
        (run,) = until(place.runs, "the run")
        answer = place.post(run, "cancel").json()
        assert (True, "CANCELLING") == (answer["accepted"], answer["state"]["type"])
        process.wait(60)
    finally:
        process.kill()
        process.wait()
    assert ["CANCELLED"] == [run["state"]["type"] for run in place.runs()]
