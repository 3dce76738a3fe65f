"""The whole story with whole processes: a flow is deployed, run by a worker elsewhere, asked for, cancelled, let rest; and served."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.servers import SOURCE, start_server
from tests.system.conftest import PATIENCE_SECONDS, Ledger, until

KEY = "open-sesame"
FLOWS = '''
"""Trips of a colour of taxis, month by month."""
import os
import time
from penstock import flow, serve, suspend_flow_run, task
from penstock.deployments import run_deployment

def note(line: str) -> None:
    fd = os.open(os.environ["LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, f"{line}\\n".encode())
    os.close(fd)

@task
def web_to_lake(color: str, year: int, month: int) -> int:
    assert os.environ.get("PENSTOCK_API_KEY") != "open-sesame"
    note(f"{color} {year}-{month:02}")
    if year == 1999:
        time.sleep(3600)
    return 1

@flow
def parent(color: str = "yellow", year: int = 2021, months: list[int] = [1, 2]) -> int:
    return sum(web_to_lake(color, year, month) for month in months)

@flow
def all_colors(year: int = 2020) -> int:
    runs = [run_deployment("parent/served", {"color": color, "year": year}) for color in ("green", "yellow")]
    note("both are there")
    return sum(run.result() for run in runs) + suspend_flow_run(int, message="How many were lost?")

@flow
def tick() -> None:
    note("tick")

if __name__ == "__main__":
    serve(
        parent.to_deployment("served"),
        all_colors.to_deployment("served"),
        tick.to_deployment("served", interval=1),
    )
'''


class Place:
    """A folder with flows, and the commands that people type there."""

    def __init__(self, folder: Path, environ: dict[str, str]):
        self.folder, self.ledger = folder, Ledger(folder / "ledger")
        self._environ = {**os.environ, **environ, "PYTHONPATH": str(SOURCE), "LEDGER": str(self.ledger.path)}
        (folder / "flows.py").write_text(FLOWS)

    def type(self, *words: str, code: int = 0) -> str:
        """Type a command, which is to exit with `code`; answers what it printed."""
        with self.start("-m", "penstock", *words) as process:
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
        assert code == process.returncode, f"{words}: exit code {process.returncode}\n{out}\n{err}"
        return out

    def json(self, *words: str) -> Any:
        return json.loads(self.type(*words, "--json"))

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """Start Python."""
        return subprocess.Popen(
            [sys.executable, *words],
            cwd=self.folder,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @contextmanager
    def started(self, *words: str, says: str) -> "Iterator[subprocess.Popen[str]]":
        """A program that goes on, from when it has said so on; stopped at the end."""
        process = self.start(*words)
        assert process.stderr is not None
        said = ""
        try:
            while says not in said:
                line = process.stderr.readline()
                assert line, f"it ended: {said}"
                said += line
            threading.Thread(target=process.stderr.read, daemon=True).start()  # so that it is never held up
            yield process
        finally:
            process.kill()
            process.wait(PATIENCE_SECONDS)  # not for the end of its output, which what it left to itself may still have

    def state(self, run: str) -> str:
        name: str = self.json("flow-run", "inspect", run)["state"]["name"]
        return name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "taxi"
    made.mkdir()
    return made


@pytest.mark.parametrize("with_server", [True, False], ids=["server", "embedded"])
def test_a_script_is_deployed_and_run_by_a_worker_in_another_process(
    home: Path, folder: Path, with_server: bool
) -> None:
    if with_server:
        with start_server(home, PENSTOCK_API_KEY=KEY) as url:
            settings = {"PENSTOCK_API_URL": f"{url}/api", "PENSTOCK_API_KEY": KEY}
            tell_the_story(Place(folder, {**settings, "PENSTOCK_HOME": str(folder / "home")}))
    else:
        tell_the_story(Place(folder, {}))


def tell_the_story(place: Place) -> None:
    place.type("init")
    place.type("work-pool", "create", "local")
    monthly = ("-n", "monthly", "--pool", "local", "--cron", "0 5 1 * *", "--timezone", "Europe/Berlin")
    place.type("deploy", "flows.py:parent", *monthly, "-p", "color=green", "--save")
    assert "monthly" in (place.folder / "penstock.yaml").read_text()
    deployed = place.json("deployment", "inspect", "parent/monthly")
    assert ["0 5 1 * *"] == [each["rule"] for each in deployed["schedules"]]
    assert deployed["schedules"][0]["next_at"] is not None

    with place.started("-m", "penstock", "worker", "start", "-p", "local", says="works for pool") as worker:
        place.type(
            "deployment", "run", "monthly", "-p", "year=2020", "-p", "months=[4,5]", "--name", "ad-hoc", "--watch"
        )
        assert ["green 2020-04", "green 2020-05"] == place.ledger.lines()

        place.type("deployment", "run", "monthly", "-p", "year=1999", "--name", "endless")
        place.ledger.wait_for("green 1999-01")
        place.type("flow-run", "cancel", "endless")
        place.type("flow-run", "watch", "endless", code=3)
        assert "Cancelled" == place.state("endless")

        place.type("deployment", "pause", "monthly")
        assert place.json("deployment", "inspect", "monthly")["paused"]

        worker.send_signal(signal.SIGTERM)
        assert 0 == worker.wait(PATIENCE_SECONDS)
    (known,) = place.json("worker", "ls")
    assert (False, True) == (known["online"], known["left_at"] is not None)

    place.type("deployment", "run", "monthly", "--in", "1d", "--name", "tomorrow")
    (first, *_) = place.json("flow-run", "why", "tomorrow")
    assert "not_due" == first["code"]
    assert 3 == len(place.ledger.lines())


def test_a_program_serves_its_flows_which_ask_for_one_another_and_for_people(home: Path, folder: Path) -> None:
    place = Place(folder, {})
    with place.started("flows.py", says="Serving") as program:
        place.ledger.wait_for("tick")
        place.type("deployment", "run", "all-colors/served", "-p", "year=2020", "--name", "colors")
        until(lambda: place.state("colors") == "Suspended", "the run to ask")
        below = place.json("flow-run", "ls", "--parent", "colors")
        assert [("parent", "Completed")] * 2 == [(run["flow"]["name"], run["state"]["name"]) for run in below]
        place.type("flow-run", "answer", "colors", "-p", "value=3")
        place.type("flow-run", "watch", "colors")
        assert "7" == place.type("result", "show", "colors").strip()
        assert 2 == len(place.json("flow-run", "ls", "--parent", "colors"))  # the same runs, when it went on
        assert 4 == sum(line.endswith(("2020-01", "2020-02")) for line in place.ledger.lines())

        program.send_signal(signal.SIGINT)
        assert 0 == program.wait(PATIENCE_SECONDS)
    ticks = place.json("flow-run", "ls", "--flow", "tick", "--all")
    assert len(ticks) == len({run["expected_start_at"] for run in ticks})
    done = [run for run in ticks if run["state"]["name"] == "Completed"]
    assert len(done) == place.ledger.lines().count("tick")
    assert {"Completed", "Scheduled"} >= {run["state"]["name"] for run in ticks}


def test_a_worker_that_is_told_to_stop_waits_for_its_run_and_told_twice_leaves_it(home: Path, folder: Path) -> None:
    place = Place(folder, {})
    place.type("work-pool", "create", "local")
    place.type("deploy", "flows.py:parent", "-n", "monthly", "--pool", "local", "-p", "months=[1]")
    with place.started("-m", "penstock", "worker", "start", "-p", "local", says="works for pool") as worker:
        place.type("deployment", "run", "monthly", "-p", "year=1999", "--name", "endless")
        place.ledger.wait_for("yellow 1999-01")
        worker.send_signal(signal.SIGTERM)
        place.type("deployment", "run", "monthly", "--name", "next")
        assert "Running" == place.state("endless")
        assert worker.poll() is None
        worker.send_signal(signal.SIGTERM)
        assert 0 == worker.wait(PATIENCE_SECONDS)
    assert ("Running", "Scheduled") == (place.state("endless"), place.state("next"))
    assert ["yellow 1999-01"] == place.ledger.lines()
    place.type("flow-run", "cancel", "endless")
    place.type("flow-run", "watch", "endless", code=3)
