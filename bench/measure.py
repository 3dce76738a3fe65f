"""How a figure is taken: a program in a fresh process and a throw-away home, its history counted afterwards.

A benchmark that is quick because it forgot something has measured nothing: `HistoryLost` fails it.
"""

import json
import math
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PROGRAMS = Path(__file__).parent / "programs"
PROGRAM_SECONDS_MAX = 900


@dataclass(frozen=True)
class Measurement:
    """One row of the table. `budget` is the most that the value may be; None where there is none."""

    what: str
    value: float
    unit: str
    budget: float | None = None
    note: str = ""

    @property
    def holds(self) -> bool:
        return self.budget is None or self.value <= self.budget

    def as_json(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Finished:
    """A program that ended well: what it said, and how long its whole process took."""

    said: dict[str, Any]
    process_seconds: float


class ProgramFailed(Exception):
    def __init__(self, command: list[str], code: int, stderr: str) -> None:
        super().__init__(f"{' '.join(command)} ended with {code}:\n{stderr[-3000:]}")


class HistoryLost(Exception):
    def __init__(self, table: str, *, expected: int, found: int) -> None:
        super().__init__(f"{expected:,} rows were due in {table}, {found:,} are there")


@contextmanager
def throw_away_home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as home:
        yield Path(home)


def run_program(
    name: str, *arguments: object, home: Path, python: str = sys.executable, api_url: str | None = None
) -> Finished:
    """Run programs/NAME.py to its end, through the server at `api_url` if there is one; its last line on stdout is JSON."""
    command = [python, str(PROGRAMS / f"{name}.py"), *map(str, arguments)]
    environ = environment(home) | ({"PENSTOCK_API_URL": api_url} if api_url else {})
    begin = time.perf_counter()
    ended = subprocess.run(
        command, env=environ, capture_output=True, text=True, timeout=PROGRAM_SECONDS_MAX, check=False
    )
    seconds = time.perf_counter() - begin
    if ended.returncode != 0:
        raise ProgramFailed(command, ended.returncode, ended.stderr)
    lines = ended.stdout.strip().splitlines()
    return Finished(json.loads(lines[-1]) if lines else {}, seconds)


def environment(home: Path) -> dict[str, str]:
    """A clean environment in which every tool, ours and the peers', writes below `home`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PENSTOCK_", "PREFECT_"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)  # else what was edited since is compiled anew in each process
    peers = {
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "ERROR",
        "DAGSTER_HOME": str(home),
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }
    return kept | peers | {"PENSTOCK_HOME": str(home)}


def median_of(times: int, take: Callable[[], float]) -> float:
    """The median of several takes, after one that warms the disk's cache and Python's."""
    take()
    return statistics.median(take() for _ in range(times))


def count_rows(home: Path, table: str) -> int:
    with sqlite3.connect(home / "penstock.db") as connection:
        found: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    return found


def expect_rows(home: Path, table: str, expected: int) -> None:
    """Nothing may be missing and nothing doubled."""
    found = count_rows(home, table)
    if found != expected:
        raise HistoryLost(table, expected=expected, found=found)


def percentile(values: Iterable[float], share: float) -> float:
    """The value that this share of the values does not exceed: 0.99 for the 99th percentile."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def database_bytes(home: Path) -> int:
    """The size of the database with its log folded in."""
    connection = sqlite3.connect(home / "penstock.db")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return sum(file.stat().st_size for file in home.glob("penstock.db*"))


def home_bytes(home: Path) -> int:
    """Everything below the home, in bytes taken on disk."""
    return sum(file.stat().st_blocks * 512 for file in home.rglob("*") if file.is_file())
