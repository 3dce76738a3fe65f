"""64 clients that create flow runs at once: none is refused, each is answered soon, every run is there."""

import statistics
from collections.abc import Iterator

from bench.measure import Measurement, expect_rows, percentile, run_program, throw_away_home
from bench.service import started

CLIENTS = 64
EACH = 20
BUDGET_MILLISECONDS = 500


def measure(*, quick: bool) -> Iterator[Measurement]:
    each = 3 if quick else EACH
    with throw_away_home() as home, started(home) as served:
        before = served.cpu_seconds()
        finished = run_program("crowd", CLIENTS, each, home=home / "client", api_url=served.api_url)
        computed = served.cpu_seconds() - before
        expect_rows(home, "flow_run", CLIENTS * each)
    took = [seconds * 1_000 for seconds in finished.said["took"]]
    note = f"{len(took):,} runs, no error; median {statistics.median(took):.0f}, most {max(took):.0f} ms"
    yield Measurement(
        f"{CLIENTS} clients create runs, 99th percentile", percentile(took, 0.99), "ms", BUDGET_MILLISECONDS, note
    )
    yield Measurement("the same: processor time of the server per run", computed / len(took) * 1_000, "ms")
