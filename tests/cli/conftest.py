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
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

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


PROGRAM = """
import sys, threading
from penstock import flow, get_run_logger, task
from penstock.artifacts import create_markdown_artifact, create_table_artifact


@task(retries=1)
def fetch(n: int) -> int:
    get_run_logger().info("fetching %s", n)
    if n == 13:
        raise LookupError("thirteen is not there")
    return n


@task
def add(numbers: list) -> int:
    return sum(numbers)


@flow
def inner(n: int) -> int:
    get_run_logger().warning("inside \\x1b[31m%s", n)
    return fetch(n)


@flow
def numbers(n: int = 2, label: str = "none") -> int:
    print("label", label)
    create_markdown_artifact("# Numbers", key="summary", description="What there was")
    create_table_artifact([{"n": i, "square": i * i} for i in range(n)], key="squares")
    return add([fetch(i) for i in range(n)]) + inner(n)


@flow
async def later(n: int = 1) -> int:
    return n + 1


@flow
def failing() -> None:
    deeper()


def deeper() -> None:
    raise ZeroDivisionError("nothing \\x1b[2J to divide by")


@flow
def waiting() -> None:
    fetch(1)
    print("waiting", flush=True)
    threading.Event().wait(60)


@flow
def stubborn(path: str) -> int:
    fetch(1)
    if open(path).read() != "go":
        raise RuntimeError("not yet")
    return fetch(2)
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A file of flows."""
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


@pytest.fixture
def schemas() -> Any:
    """Checks what a command printed against the committed schemas: `schemas("flow-run ls", value)`."""
    folder = SOURCE / "penstock" / "cli" / "schemas"
    contents = [json.loads(path.read_text()) for path in folder.glob("*.json")]
    registry: Any = Registry().with_resources((c["$id"], Resource.from_contents(c)) for c in contents)

    def check(command: str, value: Any) -> None:
        place = f"cli.schema.json#/$defs/{command.replace(' ', '%20')}"
        Draft202012Validator({"$ref": place}, registry=registry).validate(value)

    return check
