"""Many writers at once: every write is there once, none is half there."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from penstock.lake import Dataset, Version

WRITERS = 8


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset("x", location=tmp_path / "x")


def at_once(write: Callable[[int], Version]) -> list[Version]:
    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(write, range(WRITERS)))


def test_appends_that_race_to_create_a_dataset_are_all_kept(dataset: Dataset) -> None:
    versions = at_once(lambda n: dataset.write([{"n": n}]))
    assert list(range(WRITERS)) == sorted(version.number for version in versions)
    assert list(range(WRITERS)) == sorted(dataset.read()["n"].to_pylist())


def test_replacements_of_the_same_part_leave_one_of_them(dataset: Dataset) -> None:
    at_once(lambda n: dataset.write([{"part": "a", "n": n}, {"part": "a", "n": n}], replace_where={"part": "a"}))
    assert 1 == len(set(dataset.read()["n"].to_pylist()))
    assert 2 == dataset.read().num_rows


def test_replacements_of_different_parts_are_all_kept(dataset: Dataset) -> None:
    dataset.write([{"part": "none", "n": -1}], partition_by="part")
    at_once(lambda n: dataset.write([{"part": str(n), "n": n}], replace_where={"part": str(n)}))
    assert list(range(-1, WRITERS)) == sorted(dataset.read()["n"].to_pylist())


def test_merges_of_the_same_key_leave_one_row(dataset: Dataset) -> None:
    at_once(lambda n: dataset.write([{"k": 1, "n": n}], mode="merge", keys="k"))
    assert 1 == dataset.read().num_rows


def test_a_write_key_that_races_with_itself_is_committed_once(dataset: Dataset) -> None:
    versions = at_once(lambda n: dataset.write([{"n": n}], write_key="april"))
    assert 1 == dataset.read().num_rows
    assert {0} == {version.number for version in versions}
    assert WRITERS - 1 == sum(version.repeated for version in versions)


def test_columns_that_widen_and_grow_at_once_lose_no_row(dataset: Dataset) -> None:
    dataset.write([{"n": 0}])
    rows = [{"n": n, f"c{n % 3}": n} if n % 2 else {"n": n + 0.5} for n in range(WRITERS)]
    at_once(lambda n: dataset.write([rows[n]]))
    assert sorted([0, *(row["n"] for row in rows)]) == sorted(dataset.read()["n"].to_pylist())


def test_processes_write_together(dataset: Dataset) -> None:
    program = (
        f"from penstock.lake import Dataset; [Dataset('x', {dataset.location!r}).write([{{'n': n}}]) for n in range(5)]"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(3)]
    assert [0, 0, 0] == [writer.wait(60) for writer in writers]
    assert 15 == dataset.read().num_rows
    assert tuple(range(15)) == dataset.versions


def test_a_fork_of_a_process_that_used_the_lake_is_told_so(dataset: Dataset) -> None:
    dataset.write([{"n": 0}])
    program = f"""
import os
from penstock.lake import Dataset, LakeUnavailable
dataset = Dataset("x", {dataset.location!r})
before = os.fork()
if before:
    assert os.waitpid(before, 0)[1] == 0
dataset.write([{{"n": 1}}])  # in both: neither was forked from one that had used the lake
if not before:
    os._exit(0)
child = os.fork()
if child:
    raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
try:
    dataset.read()
except LakeUnavailable as error:
    os._exit(7 if "spawn" in str(error) else 1)
os._exit(2)
"""
    assert 7 == subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode
    assert dataset.read().num_rows == 3
