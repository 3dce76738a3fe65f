"""`kill -9` at every step of a run: whatever the moment, nothing that was recorded is lost, and the run can be finished."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.system.conftest import World

TASKS = sorted(
    [["flaky", "Completed"], ["large", "Completed"], ["numbers", "Completed"], ["skips", "Skipped"]]
    + [["square", "Completed"]] * 4
    + [["stored", "Completed"]]
)
NAMES = {"flaky", "large", "numbers", "skips", "stored", *(f"square {n}" for n in range(4))}
RESULT = sum(n * n for n in range(4)) + 7 + 6 + 100_000 + 1


def assert_whole(found: dict[str, Any]) -> None:
    """A run that was killed and resumed is complete, every step ran, and none that had finished ran again."""
    number = found["number"]
    assert (1, "Completed", RESULT) == (found["runs"], found["state"], found["result"]), number
    assert ([["sub", "Completed", {"COMPLETED": 1}]], TASKS) == (found["subflows"], found["tasks"]), number
    assert (["# shown"], []) == (found["artifacts"], found["journals"]), number
    assert (NAMES, []) == (set(found["ran"]), found["again"]), number


def examine(world: World, folder: Path, *, first: int, step: int, second: int = 0, urls: Sequence[str] = ()) -> int:
    lines = world.run("everything.py", str(folder), str(first), str(step), str(second), *urls).splitlines()
    for line in lines:
        assert_whole(json.loads(line))
    return len(lines)


@pytest.mark.parametrize(("first", "step", "lives"), [(1, 3, 50), (2, 6, 25)])
def test_a_run_killed_at_any_step_is_finished_by_resuming_it(
    world: World, tmp_path: Path, first: int, step: int, lives: int
) -> None:
    """Every other step: neighbours differ by little, and each costs half a second."""
    assert examine(world, tmp_path / "lives", first=first, step=step) > lives


@pytest.mark.parametrize("second", [20, 45, 70])
def test_a_resumed_run_killed_once_more_is_finished_by_resuming_it_again(
    world: World, tmp_path: Path, second: int
) -> None:
    assert examine(world, tmp_path / "lives", first=10 + second % 7, step=31, second=second) > 4


@pytest.mark.postgres
def test_the_same_over_postgresql(world: World, tmp_path: Path, postgres: Any) -> None:
    urls = [postgres.fresh_database().replace("postgresql://", "postgresql+psycopg://") for _ in range(12)]

    assert 12 == examine(world, tmp_path / "lives", first=3, step=14, urls=urls)
