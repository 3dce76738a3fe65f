"""The command line, called in this process or as a process of its own, in a home of its own."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from penstock.cli.main import invoke
from penstock.sdk import wiring

SOURCE = Path(__file__).resolve().parents[2] / "src"


@dataclass(frozen=True)
class Outcome:
    """What a command line did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def json_lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


class Stream(io.TextIOWrapper):
    """Standard output or error of a command; a terminal if wanted."""

    def __init__(self, *, terminal: bool, encoding: str = "utf-8"):
        super().__init__(io.BytesIO(), encoding=encoding, write_through=True)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def text(self) -> str:
        self.flush()
        content = self.buffer.getvalue()  # type: ignore[attr-defined]  # a BytesIO
        return content.decode(self.encoding)


class Cli:
    """Calls commands. The home is the test's own; nothing else of the environment is Penstock's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self._monkeypatch = monkeypatch

    def __call__(self, *arguments: str, typed: str = "", terminal: bool = False, encoding: str = "utf-8") -> Outcome:
        """Run a command in this process; `typed` is what it reads from standard input."""
        out, err = (Stream(terminal=terminal, encoding=encoding) for _ in range(2))
        entered = Stream(terminal=terminal)
        entered.buffer.write(typed.encode())
        entered.buffer.seek(0)
        with self._monkeypatch.context() as patch:
            for name, stream in (("stdin", entered), ("stdout", out), ("stderr", err)):
                patch.setattr(sys, name, stream)
            code = int(invoke(arguments))
        return Outcome(code, out.text(), err.text())

    def ok(self, *arguments: str, **options: Any) -> Outcome:
        """Run a command that must succeed."""
        outcome = self(*arguments, **options)
        assert outcome.code == 0, outcome
        return outcome

    def process(self, *arguments: str, environ: Mapping[str, str] = {}, typed: str = "") -> Outcome:
        """Run a command as a process of its own."""
        with self.start(*arguments, environ=environ) as process:
            out, err = process.communicate(typed, timeout=120)
        return Outcome(process.returncode, out, err)

    def start(self, *arguments: str, environ: Mapping[str, str] = {}) -> "subprocess.Popen[str]":
        """Start a command as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "penstock.cli.main", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": str(SOURCE), **environ},
        )


@pytest.fixture
def cli(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    for name in [name for name in os.environ if name.startswith("PENSTOCK_") and name != "PENSTOCK_HOME"]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    yield Cli(monkeypatch)
    wiring.shut_down()
