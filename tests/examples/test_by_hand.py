"""The example flows from the command line: as scripts, by `penstock run`, and from another folder."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.release import REPOSITORY, ReleaseServer

pytestmark = pytest.mark.slow

TAXI = REPOSITORY / "examples" / "taxi"


def run(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True, cwd=cwd)


def test_each_flow_runs_as_a_script(release_server: ReleaseServer, home: Path, tmp_path: Path) -> None:
    source = release_server.url
    for command, said in [
        (
            ["web_to_lake.py", *["--color", "green", "--year", "2020", "--months", "4", "5", "--source"], source],
            "92,972 green trips of 2020",
        ),
        (
            ["lake_to_warehouse.py", *["--color", "green", "--year", "2020", "--months", "4", "5"]],
            "92,972 green rides of 2020",
        ),
        (["ingest.py", f"{source}/yellow/yellow_tripdata_2021-01.csv.gz"], "22,303 trips"),
        (["branching.py", *["--year", "2020", "--month", "4", "--source"], source], "35,612 in all"),
    ]:
        done = run(TAXI / command[0], *command[1:], cwd=tmp_path)
        assert 0 == done.returncode, done.stderr
        assert said in done.stderr


def test_a_script_that_fails_exits_with_1_and_names_the_file(release_server: ReleaseServer, home: Path) -> None:
    done = run(TAXI / "web_to_lake.py", "--year", 2031, "--source", release_server.url, cwd=REPOSITORY)
    assert 1 == done.returncode
    assert "green_tripdata_2031-04.csv.gz" in done.stderr


def test_each_flow_runs_by_penstock_run(release_server: ReleaseServer, home: Path, tmp_path: Path) -> None:
    source = release_server.url
    for file, parameters in [
        ("web_to_lake.py:web_to_lake", ["-p", "months=[4]", "-p", f"source={source}"]),
        ("lake_to_warehouse.py:lake_to_warehouse", ["-p", "months=[4]"]),
        ("ingest.py:ingest", ["-p", f"url={source}/yellow/yellow_tripdata_2020-01.csv.gz"]),
        ("branching.py:branching", ["-p", f"source={source}"]),
    ]:
        done = run("-m", "penstock.cli.main", "run", TAXI / file, *parameters, cwd=tmp_path)
        assert 0 == done.returncode, done.stderr
