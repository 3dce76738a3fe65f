"""What a server and a worker take that have nothing to do, over SQLite."""

import time
from collections.abc import Iterator

import psutil

from bench.measure import Measurement, throw_away_home
from bench.service import server, worker


def measure(*, quick: bool) -> Iterator[Measurement]:
    seconds = 5 if quick else 30
    with throw_away_home() as home, server(home) as served, worker(served, home / "ledger") as working:
        time.sleep(5)
        both = [("server", psutil.Process(served.process.pid)), ("worker", psutil.Process(working.pid))]
        before = [sum(process.cpu_times()[:2]) for _, process in both]
        time.sleep(seconds)
        for (name, process), used in zip(both, before, strict=True):
            percent = 100 * (sum(process.cpu_times()[:2]) - used) / seconds
            megabytes = process.memory_info().rss / 1e6
            yield Measurement(f"an idle {name}", percent, "% CPU", 1, f"{megabytes:.0f} MB")
