"""Peers measured beside Penstock in the same run, if PENSTOCK_BENCH_PEERS names a virtual environment that has them."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.measure import HistoryLost, Measurement, ProgramFailed, median_of, run_program, throw_away_home

PEERS_VARIABLE = "PENSTOCK_BENCH_PEERS"


@dataclass(frozen=True)
class Peer:
    """`program` takes (library, kind, count) like programs/task_cost.py; `count` is what it does in some seconds."""

    library: str
    title: str
    import_statement: str
    program: str
    kinds: tuple[str, ...]
    count: int


KNOWN_PEERS = (
    Peer(
        library="prefect",
        title="Prefect",
        import_statement="from prefect import flow, task",
        program="task_cost",
        kinds=("called", "submitted", "mapped"),
        count=1_000,
    ),
    Peer(
        library="dagster",
        title="Dagster",
        import_statement="from dagster import job, op",
        program="dagster_cost",
        kinds=("called",),
        count=100,
    ),
    Peer(
        library="luigi",
        title="Luigi",
        import_statement="import luigi",
        program="luigi_cost",
        kinds=("called",),
        count=1_000,
    ),
)


def find_python() -> str | None:
    """The peers' interpreter."""
    named = os.environ.get(PEERS_VARIABLE)
    if not named:
        return None
    path = Path(named)
    return str(path / "bin" / "python" if path.is_dir() else path)


def list_peers() -> list[tuple[Peer, str]]:
    """The peers that can be imported, each with the interpreter that can."""
    python = find_python()
    if python is None:
        return []
    return [(peer, python) for peer in KNOWN_PEERS if is_there(peer, python)]


def is_there(peer: Peer, python: str) -> bool:
    probe = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({peer.library!r}) is None)"
    return subprocess.run([python, "-c", probe], capture_output=True, check=False).returncode == 0


def measure_process(peer: Peer, python: str) -> Iterator[Measurement]:
    """The whole process of a flow of one task."""

    def take() -> float:
        with throw_away_home() as home:
            return run_program(peer.program, peer.library, peer.kinds[0], 1, home=home, python=python).process_seconds

    yield from or_why_not(f"{peer.title}: process, one task", "s", lambda: median_of(3, take))


def measure_task_cost(peer: Peer, python: str) -> Iterator[Measurement]:
    """The marginal cost of one more no-op task. Whether the peer keeps its history is not looked at."""
    for kind in peer.kinds:

        def take(kind: str = kind) -> float:
            with throw_away_home() as home:
                said = run_program(peer.program, peer.library, kind, peer.count, home=home, python=python).said
            return (said["seconds"] - said["seconds_of_one"]) / (peer.count - 1) * 1e6

        yield from or_why_not(f"{peer.title}: task {kind}, {peer.count:,}", "µs", take)


def or_why_not(what: str, unit: str, take: object) -> Iterator[Measurement]:
    """A peer that does not start today is told of, and stops nobody."""
    assert callable(take)
    try:
        yield Measurement(what, take(), unit)
    except (ProgramFailed, HistoryLost) as error:
        yield Measurement(what, float("nan"), unit, note=f"failed: {str(error).splitlines()[-1][:120]}")
