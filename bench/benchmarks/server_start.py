"""From `penstock server start` to its first answer, and the memory that the server then holds."""

import time
from collections.abc import Iterator
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
    yield Measurement("to the first answer, fresh home", median_of(takes, on_fresh_home), "s", BUDGET_SECONDS)
    with throw_away_home() as home:
        run_program("one_task", home=home)
        seconds = median_of(takes, lambda: seconds_to_answer(home))
        yield Measurement("to the first answer, used home", seconds, "s", BUDGET_SECONDS)
        with started(home) as served:
            time.sleep(IDLE_SECONDS)
            yield Measurement("memory, idle since the start", served.megabytes(), "MB", BUDGET_MEGABYTES)
            look_around(served)
            yield Measurement("memory, idle after some use", served.megabytes(), "MB", BUDGET_MEGABYTES)


def on_fresh_home() -> float:
    with throw_away_home() as home:
        return seconds_to_answer(home)


def seconds_to_answer(home: Path) -> float:
    begin = time.perf_counter()
    with started(home) as served:
        urlopen(f"{served.api_url}/ready").read()
        return time.perf_counter() - begin


def look_around(served: Server) -> None:
    for page in PAGES:
        urlopen(f"{served.url}{page}").read()
