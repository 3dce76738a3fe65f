"""`penstock demo`: real taxi data from the web to a lake to a warehouse, in seconds, with nothing to set up.

The packaged sample is served over HTTP on this machine, so that fetching is real. The runs, the lake and the warehouse
are the user's own: they are there afterwards to look at.
"""

import gzip
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

SAMPLE = Path(__file__).parent / "release"
LIBRARIES = ("deltalake", "duckdb", "pyarrow")
INSTALL = 'pip install "penstock[lake]"'
OK, FAILED, USAGE = 0, 1, 2


def run_demo() -> int:
    """Run the demo and return the exit code: 0 done, 1 a run failed, 2 the extra `lake` is not installed.

    Progress goes to standard error, what came of it to standard output.
    """
    if any(find_spec(library) is None for library in LIBRARIES):
        print(f"The demo needs the lake's libraries. Install them with\n\n    {INSTALL}", file=sys.stderr)
        return USAGE
    with _without_log_lines():
        return _run()


@contextmanager
def _without_log_lines() -> Iterator[None]:
    """The view takes the place of log lines on the terminal; they are recorded as ever."""
    variable = "PENSTOCK_LOGS_TO_TERMINAL"
    before = os.environ.get(variable)
    os.environ[variable] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before


def _run() -> int:
    from rich.console import Console  # lazy: rich, 60 ms
    from rich.live import Live  # lazy: rich, 60 ms

    from penstock.demo.flows import taxi_demo  # lazy: the lake's libraries, 300 ms
    from penstock.demo.progress import TaskView  # lazy: rich, 60 ms
    from penstock.demo.serving import serving  # lazy: http.server, 20 ms
    from penstock.sdk.wiring import open_orchestrator  # lazy: engine and store, 100 ms

    err = Console(stderr=True)
    err.print("Two months of New York's green taxis: from the web to the lake to the warehouse.\n")
    view = TaskView(open_orchestrator())

    def note_run(flow: Any, run: Any, state: Any) -> None:
        view.run_id = str(run.id)

    watched = taxi_demo.with_options(on_running=[note_run])
    with serving(SAMPLE) as source, Live(console=err, get_renderable=view.draw, refresh_per_second=8):
        state = watched(source, return_state=True)
    if not err.is_terminal:  # where what moves is written once, rich ends it with no line's end
        err.line()
    if state.is_completed():
        _show(state.result(), view.run_id)
        return OK
    err.print(f"\nThe demo failed: {state.message}\nIts log: penstock flow-run logs {view.run_id}")
    return FAILED


def _show(per_day: list[tuple[str, int]], run_id: str | None) -> None:
    from rich.console import Console  # lazy: rich, 60 ms
    from rich.table import Table  # lazy: rich, 60 ms

    from penstock.demo.charts import sparkline  # lazy: with the rest
    from penstock.demo.flows import CHART_KEY, COLOR, PERIODS, count_month  # lazy: the lake's libraries, 300 ms

    table = Table("month", title="Green taxi trips", title_justify="left")
    for column in ("rows fetched", "null passengers filled", "stored in the lake", "in the warehouse"):
        table.add_column(column, justify="right")
    totals = [0, 0, 0, 0]
    for period in PERIODS:
        counts = count_month(period)
        row = [_count_lines(period), counts["filled"], counts["stored"], counts["warehoused"]]
        totals = [total + count for total, count in zip(totals, row, strict=True)]
        table.add_row(period, *(f"{count:,}" for count in row), end_section=period == PERIODS[-1])
    table.add_row("both", *(f"{count:,}" for count in totals))
    out = Console()
    out.print(table)
    out.print(f"Trips per day, {per_day[0][0]} to {per_day[-1][0]}:  {sparkline([count for _, count in per_day])}\n")
    out.print("What to type next:")
    for command, meaning in (
        ("penstock flow-run ls", "the runs that this was"),
        (f"penstock flow-run inspect {run_id}", "what is known of the first of them"),
        (f"penstock artifact inspect {CHART_KEY}", "the chart"),
        ('penstock sql "SELECT dataset, version, action, rows FROM datasets"', "which run wrote which version"),
        (f"python -c \"from penstock.lake import Dataset; print(Dataset('taxi/{COLOR}').read())\"", "the trips"),
    ):
        out.print(f"  {command}  [dim]# {meaning}[/]", soft_wrap=True, highlight=False)


def _count_lines(period: str) -> int:
    """The trips that were published: the file's lines, without its header."""
    with gzip.open(SAMPLE / "green" / f"green_tripdata_{period}.csv.gz") as file:
        return sum(1 for _ in file) - 1
