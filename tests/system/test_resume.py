"""Runs whose process was killed go on from what they completed."""

from collections import Counter

import pytest

from penstock.core.states import StateType
from tests.system.conftest import World, until

COUNT = 1_000


def completed(world: World, run_id: str) -> set[str]:
    """What the records say has finished, by the task's input, which its ordinal is here."""
    return {f"ran {t.ordinal}" for t in world.history.task_runs(run_id) if t.state.type is StateType.COMPLETED}


@pytest.mark.parametrize("runner", ["threads", "processes", "inline"])
def test_a_thousand_mapped_tasks_killed_half_way_are_resumed_and_none_that_finished_runs_again(
    world: World, runner: str
) -> None:
    program = world.start("mapped.py", "run", str(COUNT), runner, environ={"HOLD": "700"})
    world.ledger.wait_for_count(COUNT // 2)
    program.kill()

    before = Counter(line for line in world.ledger.lines() if line.startswith("ran"))
    assert len(before) < COUNT
    (run_id,) = world.sweep()
    finished = completed(world, run_id)
    assert "Crashed" == world.history.flow_run(run_id).state.name
    assert len(before) - len(finished) <= 9  # at most what the workers were at

    total = int(world.run("mapped.py", "resume", run_id, runner))

    ran = Counter(line for line in world.ledger.lines() if line.startswith("ran"))
    assert sum(n * n for n in range(COUNT)) == total
    assert COUNT == len(ran)
    assert {1} == {ran[line] for line in finished}
    assert {1} == set((ran - before).values())
    run = world.history.flow_run(run_id)
    assert ("Completed", 2, {"COMPLETED": COUNT}) == (run.state.name, run.epoch, run.task_counts)


def test_the_same_over_any_database(any_world: World) -> None:
    world = any_world
    program = world.start("mapped.py", "run", "100", "threads", environ={"HOLD": "60"})
    world.ledger.wait_for("holds")
    program.kill()
    (run_id,) = world.sweep()
    finished = completed(world, run_id)

    world.run("mapped.py", "resume", run_id, "threads")

    ran = Counter(line for line in world.ledger.lines() if line.startswith("ran"))
    assert ({1}, 100) == ({ran[line] for line in finished}, len(ran))
    assert "Completed" == world.history.flow_run(run_id).state.name


def test_a_run_can_be_killed_and_resumed_many_times(world: World) -> None:
    program = world.start("mapped.py", "run", "200", "threads", environ={"HOLD": "60"})
    for deaths in (1, 2, 3):
        until(lambda: world.ledger.lines().count("holds") >= 8 * deaths, "all workers to hold")  # noqa: B023  # at once
        program.kill()
        (run_id,) = world.sweep()
        program = world.start("mapped.py", "resume", run_id, "threads", environ={"HOLD": str(60 + 60 * deaths)})

    assert sum(n * n for n in range(200)) == int(program.ok())
    run = world.history.flow_run()
    assert ("Completed", 4, {"COMPLETED": 200}) == (run.state.name, run.epoch, run.task_counts)
    ran = Counter(line for line in world.ledger.lines() if line.startswith("ran"))
    assert (200, 200) == (len(ran), sum(ran.values()))


def test_a_run_that_nobody_swept_is_resumed_by_its_id_all_the_same(world: World) -> None:
    """The process that resumes is the first to find the dead one's journal."""
    program = world.start("mapped.py", "run", "100", "inline", environ={"HOLD": "50"})
    world.ledger.wait_for("holds")
    program.kill()
    run_id = world.history.flow_run().id

    world.run("mapped.py", "resume", run_id, "inline")

    ran = Counter(line for line in world.ledger.lines() if line.startswith("ran"))
    assert (100, 100) == (len(ran), sum(ran.values()))
