"""From `penstock server start` to its first answer, and the memory that the server then holds."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.request import urlopen

from bench.measure import Measurement, median_of, run_program, throw_away_home
from bench.service import Server, started

BUDGET_SECONDS = 2
BUDGET_MEGABYTES = 120
TAKES = 7
IDLE_SECONDS = 5
PAGES = ("/", "/docs", "/api/overview", "/api/flow-summaries", "/api/openapi.json", "/metrics")


def measure(*, quick: bool) -> Iterator[Measurement]:
    takes = 1 if quick else TAKES
    computed: list[float] = []
    for name, take in (("fresh home", on_fresh_home), ("used home", on_used_home)):
        seconds = median_of(takes, partial(take, computed))
        note = f"{computed[-1]:.2f} s of processor time"
        yield Measurement(f"to the first answer, {name}", seconds, "s", BUDGET_SECONDS, note)
    with throw_away_home() as home:
        with started(home) as served:
            time.sleep(IDLE_SECONDS)
            yield Measurement("memory, idle since the start", served.megabytes(), "MB", BUDGET_MEGABYTES)
            look_around(served)
            yield Measurement("memory, idle after some use", served.megabytes(), "MB", BUDGET_MEGABYTES)


def on_fresh_home(computed: list[float]) -> float:
    with throw_away_home() as home:
        return seconds_to_answer(home, computed)


def on_used_home(computed: list[float]) -> float:
    with throw_away_home() as home:
        run_program("one_task", home=home)
        return seconds_to_answer(home, computed)


def seconds_to_answer(home: Path, computed: list[float]) -> float:
    """From the command to the answer; `computed` gets what the server computed until then."""
    begin = time.perf_counter()
    with started(home) as served:
        urlopen(f"{served.api_url}/ready").read()
        seconds = time.perf_counter() - begin
        computed.append(served.cpu_seconds())
        return seconds


def look_around(served: Server) -> None:
    for page in PAGES:
        urlopen(f"{served.url}{page}").read()
