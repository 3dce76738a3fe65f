"""Many processes, threads and forks on one database."""

import json
import sqlite3
from pathlib import Path

import pytest

from tests.system.conftest import World

CROWD = """
import os, sys, traceback
from pathlib import Path
sys.path.insert(0, {programs!r})
import flows
from penstock.orchestrator.local import LocalOrchestrator
from penstock.sdk import launching, wiring

start, end = os.pipe()
children = []
for n in range({count}):
    pid = os.fork()
    if pid == 0:
        os.close(end)
        os.read(start, 1)                      # until all of them are there
        code = 1
        try:
            code = 0 if flows.many(20) == 210 and flows.many_flows(3) == 6 else 2
            wiring.shut_down()
        except BaseException:
            code = 1
            traceback.print_exc()
        finally:
            os._exit(code)
    children.append(pid)
os.close(end)
codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
print(codes)
sys.exit(any(codes))  # then what they wrote to standard error is shown
"""


def crowd(world: World, tmp_path: Path, count: int) -> list[int]:
    from tests.system.conftest import PROGRAMS

    script = tmp_path / "crowd.py"
    script.write_text(CROWD.format(programs=str(PROGRAMS), count=count))
    return json.loads(world.run(str(script)))  # type: ignore[no-any-return]  # a list of codes


def test_sixty_four_processes_at_once_run_flows_on_one_file(world: World, tmp_path: Path) -> None:
    assert [0] * 64 == crowd(world, tmp_path, 64)

    runs = world.history.flow_runs()
    assert 64 * (1 + 1 + 3) == len(runs)
    assert {"Completed"} == {run.state.name for run in runs}
    assert {20} == {sum(run.task_counts.values()) for run in runs if run.flow_name == "many"}
    assert [] == list((world.home / "journals").iterdir())


def test_sixteen_processes_at_once_on_any_database(any_world: World, tmp_path: Path) -> None:
    assert [0] * 16 == crowd(any_world, tmp_path, 16)

    assert {"Completed"} == {run.state.name for run in any_world.history.flow_runs()}
    assert 16 * 5 == len(any_world.history.flow_runs())


def test_processes_of_their_own_share_a_new_home(world: World) -> None:
    programs = [world.start("flows.py", "many", "10") for _ in range(6)]

    assert ["55\n"] * 6 == [program.ok() for program in programs]
    assert 6 == len(world.history.flow_runs("many"))


def test_threads_of_one_process_run_flows_at_once(world: World) -> None:
    assert f"{list(range(1, 13))}\n" == world.run("flows.py", "in_threads", "12")

    assert 12 == len(world.history.flow_runs("quick"))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_flow_uses_a_pool_of_processes(world: World, method: str) -> None:
    assert "[3, 5, 7]\n" == world.run("flows.py", "pooling", method)

    assert {"COMPLETED": 3} == world.history.flow_run().task_counts
    assert "Completed" == world.history.flow_run().state.name


def test_a_spawned_process_runs_flows_of_its_own(world: World) -> None:
    assert "42\n" == world.run("flows.py", "forking", "spawn")

    assert ["Completed"] == [run.state.name for run in world.history.flow_runs("quick")]
    assert None is world.history.flow_runs("quick")[0].parent_run_id


def test_a_forked_process_cannot_record_for_its_parent_and_is_told_so(world: World) -> None:
    said = world.run("flows.py", "forking", "fork")

    assert said.startswith("JournalError")
    assert ("Completed", {"COMPLETED": 2}) == (
        world.history.flow_run().state.name,
        world.history.flow_run().task_counts,
    )


def test_a_flow_itself_is_the_target_of_a_spawned_process(world: World) -> None:
    assert "0\n" == world.run("flows.py", "targeting", "spawn")

    assert ["Completed"] == [run.state.name for run in world.history.flow_runs("quick")]


def test_bare_forks_leave_the_parents_run_alone(world: World) -> None:
    assert f"{sum(range(1, 51))}\n" == world.run("flows.py", "forking_bare")

    run = world.history.flow_run()
    assert ("Completed", {"COMPLETED": 50}) == (run.state.name, run.task_counts)
    assert [] == list((world.home / "journals").iterdir())


def test_the_database_is_whole_afterwards(world: World, tmp_path: Path) -> None:
    crowd(world, tmp_path, 8)

    with sqlite3.connect(world.home / "penstock.db") as connection:
        assert [("ok",)] == connection.execute("PRAGMA integrity_check").fetchall()
