"""Whole processes: programs that are started, watched from outside, killed and started again, in a home of their own."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from penstock.sdk import wiring
from penstock.testing import History
from tests.fixtures.disks import small_disk

SOURCE = Path(__file__).resolve().parents[2] / "src"
PROGRAMS = Path(__file__).parent / "programs"
PATIENCE_SECONDS = 90.0
LOOK_SECONDS = 0.01

__all__ = ["small_disk"]
collect_ignore = ["programs"]  # they are run as programs, and find one another beside them


def until(condition: Callable[[], Any], what: str) -> Any:
    """Look again and again until the condition holds, and return what it returned; fails, naming `what`, if it never does."""
    pause = threading.Event()
    for _ in range(int(PATIENCE_SECONDS / LOOK_SECONDS)):
        if found := condition():
            return found
        pause.wait(LOOK_SECONDS)
    raise AssertionError(f"waited {PATIENCE_SECONDS:g} seconds for {what}")


class Ledger:
    """A file to which programs append a line for everything that they do: what happened, whatever the records say."""

    def __init__(self, path: Path):
        self.path = path

    def lines(self) -> list[str]:
        return self.path.read_text().splitlines() if self.path.exists() else []

    def wait_for(self, line: str) -> None:
        until(lambda: line in self.lines(), f"{line!r} in the ledger, which has {self.lines()[-5:]}")

    def wait_for_count(self, count: int) -> None:
        until(lambda: len(self.lines()) >= count, f"{count} lines in the ledger")


class Program:
    """A program of `programs/` that runs as a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]"):
        self.process = process

    def kill(self) -> None:
        """As the out-of-memory killer does it."""
        self.process.kill()
        self.process.communicate(timeout=PATIENCE_SECONDS)

    def interrupt(self) -> None:
        """As Ctrl-C does it."""
        self.process.send_signal(signal.SIGINT)

    def wait(self) -> tuple[int, str, str]:
        """Wait for its end: exit code, standard output, standard error."""
        out, err = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, out, err

    def ok(self) -> str:
        """Wait for its end, which must be a good one, and return what it wrote."""
        code, out, err = self.wait()
        assert code == 0, f"exit code {code}\n{out}\n{err}"
        return out


class World:
    """A home, a ledger, and programs that use both."""

    def __init__(self, home: Path, ledger: Ledger):
        self.home, self.ledger = home, ledger
        self.history = History()
        self._programs: list[Program] = []

    def start(self, name: str, *arguments: str, environ: Mapping[str, str] = {}) -> Program:
        """Start a program of `programs/`, or any other by its path."""
        path = PROGRAMS / name if (PROGRAMS / name).exists() else Path(name)
        process = subprocess.Popen(
            [sys.executable, str(path), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(SOURCE), "LEDGER": str(self.ledger.path), **environ},
        )
        program = Program(process)
        self._programs.append(program)
        return program

    def run(self, name: str, *arguments: str, environ: Mapping[str, str] = {}) -> str:
        """Run a program to its good end and return what it wrote."""
        return self.start(name, *arguments, environ=environ).ok()

    def sweep(self) -> list[str]:
        """Do what the next process that opens the database does first."""
        return wiring.sweep_dead_writers()

    def end(self) -> None:
        for program in self._programs:
            if program.process.poll() is None:
                program.kill()


@pytest.fixture
def world(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world over SQLite."""
    yield from _world(home, tmp_path, monkeypatch)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def any_world(
    request: pytest.FixtureRequest, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """A world over SQLite, and one over PostgreSQL."""
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
        monkeypatch.setenv("PENSTOCK_DATABASE_URL", url.replace("postgresql://", "postgresql+psycopg://"))
    yield from _world(home, tmp_path, monkeypatch)


def _world(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("PENSTOCK_LOGS_TO_TERMINAL", "0")
    wiring.shut_down()
    world = World(home, Ledger(tmp_path / "ledger"))
    try:
        yield world
    finally:
        world.end()
        wiring.shut_down()
