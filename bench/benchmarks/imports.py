"""What `from penstock import flow, task` adds to a bare interpreter."""

import subprocess
import sys
import time
from collections.abc import Iterator

from bench.measure import Measurement, environment, median_of, throw_away_home
from bench.peers import list_peers

BUDGET_MILLISECONDS = 60
TAKES = 15


def measure(*, quick: bool) -> Iterator[Measurement]:
    takes = 3 if quick else TAKES
    yield Measurement(
        "from penstock import flow, task",
        milliseconds_of("from penstock import flow, task", python=sys.executable, takes=takes),
        "ms",
        BUDGET_MILLISECONDS,
    )
    for peer, python in list_peers():
        milliseconds = milliseconds_of(peer.import_statement, python=python, takes=3)
        yield Measurement(f"{peer.title}: {peer.import_statement}", milliseconds, "ms")


def milliseconds_of(statement: str, *, python: str, takes: int) -> float:
    """The whole process with the statement, less the whole process without it."""
    with throw_away_home() as home:

        def take(code: str) -> float:
            begin = time.perf_counter()
            subprocess.run([python, "-c", code], check=True, env=environment(home), capture_output=True)
            return (time.perf_counter() - begin) * 1_000

        return median_of(takes, lambda: take(statement)) - median_of(takes, lambda: take("pass"))
