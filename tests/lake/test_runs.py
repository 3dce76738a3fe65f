"""Writes inside of runs: done once however often a run is retried or resumed, signed, and recorded without any data."""

import os
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from penstock import flow, get_run_logger, task
from penstock.lake import Dataset
from penstock.ports import DatasetUse, ListDatasetUses
from penstock.sdk.wiring import open_orchestrator
from penstock.testing import harness

pytestmark = pytest.mark.usefixtures("run_home")


@pytest.fixture
def run_home() -> Iterator[Path]:
    with harness() as home:
        yield home


@pytest.fixture
def trips() -> Dataset:
    return Dataset("trips")


def uses(**which: Any) -> Sequence[DatasetUse]:
    return open_orchestrator().ask(ListDatasetUses(**which)).items


class Mishap(Exception):
    """Something that goes wrong after the write."""


def test_a_write_of_a_task_that_is_retried_is_done_once(trips: Dataset) -> None:
    tries: list[int] = []

    @task(retries=2)
    def store() -> list[int]:
        first, second = trips.write([{"n": 1}]), trips.write([{"n": 1}])
        tries.append(len(tries))
        if len(tries) < 3:
            raise Mishap
        return [first.number, second.number, first.repeated + second.repeated]

    @flow
    def pipeline() -> list[int]:
        return store()

    assert [0, 1, 2] == pipeline()
    assert [0, 1, 2] == tries
    assert 2 == trips.read().num_rows


def test_a_write_of_a_flow_that_is_retried_is_done_once(trips: Dataset) -> None:
    tries: list[int] = []

    @flow(retries=1)
    def pipeline() -> None:
        trips.write([{"n": 1}])
        tries.append(1)
        if len(tries) < 2:
            raise Mishap

    pipeline()
    assert 2 == len(tries)
    assert 1 == trips.read().num_rows


def test_the_same_write_of_another_run_is_another_write(trips: Dataset) -> None:
    @flow
    def pipeline() -> None:
        trips.write([{"n": 1}])

    pipeline()
    pipeline()
    assert 2 == trips.read().num_rows


def test_mapped_tasks_write_once_each(trips: Dataset) -> None:
    @task
    def store(n: int) -> int:
        return trips.write([{"n": n}]).number

    @flow
    def pipeline() -> list[int]:
        return [future.result() for future in store.map(range(12))]

    assert list(range(12)) == sorted(pipeline())
    assert list(range(12)) == sorted(trips.read()["n"].to_pylist())


PROGRAM = """
    import os, sys
    from penstock import flow, task
    from penstock.lake import Dataset

    @task
    def store(n):
        version = Dataset("trips").write([{"n": n}])
        if n == 1 and not os.path.exists(sys.argv[1]):
            open(sys.argv[1], "w").close()
            os.kill(os.getpid(), 9)          # committed, and dead before anybody was told
        return version.number, version.repeated

    @flow
    def pipeline():
        return [store(n) for n in range(3)]

    if __name__ == "__main__":
        print(pipeline.resume(sys.argv[2]) if len(sys.argv) > 2 else pipeline())
"""


def test_a_write_that_was_committed_before_its_process_was_killed_is_not_repeated_by_resume(
    trips: Dataset, tmp_path: Path
) -> None:
    from penstock.ports import ListFlowRuns

    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, program, tmp_path / "dead", *arguments], capture_output=True, text=True)

    assert -9 == run().returncode
    (killed,) = open_orchestrator().ask(ListFlowRuns()).items
    resumed = run(killed.id)
    assert "[(0, False), (1, True), (2, False)]" == resumed.stdout.strip(), resumed.stderr
    assert [0, 1, 2] == sorted(trips.read()["n"].to_pylist())
    writes = uses(dataset="trips", action="write")
    assert {0, 1, 2} == {use.version for use in writes}


def test_a_commit_says_which_run_made_it(trips: Dataset) -> None:
    @task
    def store() -> None:
        trips.write([{"n": 1}])

    @flow
    def pipeline() -> None:
        store()

    pipeline()
    (version,) = trips.history()
    (use,) = uses()
    assert (use.flow_run_id, use.task_run_id, use.write_key) == (
        version.flow_run_id,
        version.task_run_id,
        version.write_key,
    )
    assert 1 == version.epoch
    assert version.code_version


def test_what_a_run_reads_and_writes_is_recorded(trips: Dataset, run_home: Path) -> None:
    @flow
    def pipeline() -> None:
        trips.write([{"month": "2020-04", "n": n} for n in range(3)])
        trips.read(filter={"n": 1})
        trips.scan()

    pipeline()
    recorded = sorted(uses(), key=lambda use: use.at)
    assert [("write", 0, 3), ("read", 0, 1), ("read", 0, None)] == [
        (use.action, use.version, use.rows) for use in recorded
    ]
    write = recorded[0]
    assert [["month", "string"], ["n", "int64"]] == write.details["columns"]
    assert str(run_home / "lake/trips") == write.location
    assert 1 == len({use.schema_digest for use in recorded})


def test_no_value_of_the_data_is_in_the_database(trips: Dataset, run_home: Path) -> None:
    canary = "canary-4711"

    @task
    def store(rows: list[dict[str, Any]]) -> None:
        trips.write(rows, mode="merge", keys="name")
        for bad in ([{"name": canary, "n": "x"}], [{"name": canary}, {"name": canary}]):
            try:
                trips.write(bad, mode="merge", keys="name")
            except Exception as error:
                get_run_logger().error("%s", error)

    @flow
    def pipeline() -> None:
        store([{"name": canary, "n": 1}])
        trips.read(columns=["n"]).num_rows  # noqa: B018

    pipeline()
    open_orchestrator()
    with sqlite3.connect(run_home / "penstock.db") as database:
        assert canary not in "\n".join(database.iterdump())
    assert not [file for file in (run_home / "journals").glob("*") if canary.encode() in file.read_bytes()]


def test_the_lake_lies_where_the_runs_settings_say(tmp_path: Path) -> None:
    @flow
    def pipeline() -> None:
        Dataset("a/b").write([{"n": 1}])

    with harness(lake_path=str(tmp_path / "lake")):
        pipeline()
    assert os.path.isdir(tmp_path / "lake/a/b/_delta_log")
