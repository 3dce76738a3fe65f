"""Run benchmarks, each in a process of its own, and print their table: `python -m bench.run [NAME ...] [--quick]`.

Writes bench/results/latest.md and latest.json; `--readme` puts the table into bench/README.md. Ends with 1 when a
budget is broken or a benchmark fails.
"""

import argparse
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.machine import Machine, describe_machine
from bench.measure import Measurement

HERE = Path(__file__).parent
RESULTS = HERE / "results"
NAMES = (
    "imports",
    "one_task",
    "task_cost",
    "row_size",
    "ingest",
    "subflows",
    "async_subflows",
    "many_processes",
    "memory",
    "fibonacci",
    "strict",
    "run_latency",
    "run_throughput",
    "ticks",
    "idle_service",
    "server_start",
    "served_task",
    "served_ingest",
    "crowd",
    "streams",
    "large_history",
    "timeline",
)
README_BEGIN, README_END = "<!-- results -->", "<!-- end of results -->"


@dataclass(frozen=True)
class Outcome:
    """What one benchmark gave; `failure` is the last it said if it broke."""

    name: str
    measurements: tuple[Measurement, ...]
    failure: str = ""

    @property
    def holds(self) -> bool:
        return not self.failure and all(measurement.holds for measurement in self.measurements)


def main() -> int:
    options = parse_arguments()
    if options.child:
        return run_here(options.child, quick=options.quick)
    machine = describe_machine()
    outcomes = []
    for name in options.names or NAMES:
        outcomes.append(run_apart(name, quick=options.quick))
        print("\n".join(table_lines(outcomes[-1])), flush=True)
    write_results(machine, outcomes, into_readme=options.readme)
    broken = [outcome.name for outcome in outcomes if not outcome.holds]
    print(f"\nOver budget or failed: {', '.join(broken)}" if broken else "\nEvery budget holds.")
    return 1 if broken else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all by default")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller: to see that they run, not for figures")
    parser.add_argument("--readme", action="store_true", help="put the table into bench/README.md")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        parser.error(f"no benchmark is named {', '.join(unknown)}; there are {', '.join(NAMES)}")
    return options


def run_here(name: str, *, quick: bool) -> int:
    """In the benchmark's own process: one line of JSON per figure, as it is known."""
    measurements: Iterator[Measurement] = importlib.import_module(f"bench.benchmarks.{name}").measure(quick=quick)
    for measurement in measurements:
        print(measurement.as_json(), flush=True)
    return 0


def run_apart(name: str, *, quick: bool) -> Outcome:
    command = [sys.executable, "-m", "bench.run", "--child", name, *(["--quick"] if quick else [])]
    ended = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=False)
    measurements = tuple(Measurement(**json.loads(line)) for line in ended.stdout.splitlines() if line.startswith("{"))
    failure = "" if ended.returncode == 0 else ended.stderr.strip()[-2000:] or f"ended with {ended.returncode}"
    return Outcome(name, measurements, failure)


def table_lines(outcome: Outcome) -> list[str]:
    lines = [f"\n{outcome.name}"]
    for measurement in outcome.measurements:
        budget = "" if measurement.budget is None else f"≤ {figure(measurement.budget)}"
        verdict = "" if measurement.budget is None else ("ok" if measurement.holds else "OVER")
        row = (
            f"  {measurement.what:<44} {figure(measurement.value):>10} {measurement.unit:<6} {budget:>10} {verdict:<5}"
        )
        lines.append(f"{row} {measurement.note}".rstrip())
    if outcome.failure:
        lines.append(f"  FAILED: {outcome.failure}")
    return lines


def figure(value: float) -> str:
    """Three digits that matter."""
    if value != value:  # not a number: a peer that failed
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def write_results(machine: Machine, outcomes: list[Outcome], *, into_readme: bool) -> None:
    RESULTS.mkdir(exist_ok=True)
    everything = {"machine": asdict(machine), "outcomes": [asdict(outcome) for outcome in outcomes]}
    (RESULTS / "latest.json").write_text(json.dumps(everything, indent=2, ensure_ascii=False) + "\n")
    page = as_markdown(machine, outcomes)
    (RESULTS / "latest.md").write_text(page)
    if into_readme:
        readme = HERE / "README.md"
        before, _, rest = readme.read_text().partition(README_BEGIN)
        after = rest.partition(README_END)[2]
        readme.write_text(f"{before}{README_BEGIN}\n{page}{README_END}{after}")


def as_markdown(machine: Machine, outcomes: list[Outcome]) -> str:
    rows = ["| benchmark | what | value | budget | |", "| --- | --- | ---: | ---: | --- |"]
    for outcome in outcomes:
        for it in outcome.measurements:
            budget = "" if it.budget is None else f"≤ {figure(it.budget)} {it.unit}"
            said = "; ".join(filter(None, ["" if it.holds else "**over budget**", it.note]))
            rows.append(f"| {outcome.name} | {it.what} | {figure(it.value)} {it.unit} | {budget} | {said} |")
        if outcome.failure:
            rows.append(f"| {outcome.name} | **failed** | | | {outcome.failure.splitlines()[-1]} |")
    return f"{machine.as_markdown()}\n\n" + "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.exit(main())
