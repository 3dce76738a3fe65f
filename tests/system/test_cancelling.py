"""Runs that somebody ends from outside: by the store, from the keyboard, by a signal, by leaving."""

import signal
import time

import pytest

from penstock.core.ids import RunId, WriterId, time_ordered_id
from penstock.ports import CancelFlowRun, RunFilter, TakeFlowRun, WriterHello
from penstock.ports import ListFlowRuns as List
from tests.system.conftest import World, until


def begun_run(world: World) -> RunId:
    """The run that another process has begun."""
    return until(lambda: [run.id for run in world.history.ask(List(filter=RunFilter(top_level=True))).items], "a run")[
        0
    ]  # type: ignore[no-any-return]  # RunId


def wait_for_all(world: World, lines: str) -> None:
    for line in lines.split(" and "):
        world.ledger.wait_for(line)


def states_of_tasks(world: World) -> set[tuple[str, str]]:
    return {(t.task_name, t.state.name) for t in world.history.task_runs()}


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("sleeping", "begun"),
        ("sleeping_in_a_task", "sleeps"),
        ("sleeping_async", "waits"),
        ("waiting_for_tasks", "spins and sleeps"),
        ("swallowing", "begun"),
    ],
)
def test_another_process_cancels_a_run_whatever_it_is_at(world: World, name: str, line: str) -> None:
    program = world.start("flows.py", name, environ={"PENSTOCK_CANCEL_GRACE_SECONDS": "0.5"})
    wait_for_all(world, line)

    outcome = world.history.ask(CancelFlowRun(id=begun_run(world), holder_alive=True))
    code, _, err = program.wait()

    assert ("Cancelling", 1) == (outcome.state.name, code)
    assert "RunCancelled" in err
    assert ["Running", "Cancelling", "Cancelled"] == world.history.state_names()
    assert {"Cancelled"} >= {state for _, state in states_of_tasks(world)}
    assert "went on" not in world.ledger.lines()


def test_another_process_cancels_a_run_over_any_database(any_world: World) -> None:
    world = any_world
    program = world.start("flows.py", "sleeping")
    world.ledger.wait_for("begun")

    world.history.ask(CancelFlowRun(id=begun_run(world), holder_alive=True))

    assert 1 == program.wait()[0]
    assert "Cancelled" == world.history.flow_run().state.name


def test_cancelling_a_dead_processes_run_needs_no_process(world: World) -> None:
    program = world.start("flows.py", "sleeping")
    world.ledger.wait_for("begun")
    program.kill()

    outcome = world.history.ask(CancelFlowRun(id=begun_run(world), holder_alive=False))

    assert "Cancelled" == outcome.state.name == world.history.flow_run().state.name


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("sleeping", "begun"),
        ("sleeping_in_a_task", "sleeps"),
        ("sleeping_async", "waits"),
        ("waiting_for_tasks", "spins and sleeps"),
        ("swallowing", "begun"),
    ],
)
def test_ctrl_c_records_the_run_as_cancelled(world: World, name: str, line: str) -> None:
    program = world.start("flows.py", name, environ={"PENSTOCK_CANCEL_GRACE_SECONDS": "0.5"})
    wait_for_all(world, line)
    program.interrupt()
    code, _, err = program.wait()

    assert -signal.SIGINT == code
    assert "KeyboardInterrupt" in err
    assert ("Cancelled", "interrupted") == (
        world.history.flow_run().state.name,
        world.history.flow_run().state.reason,
    )
    assert {"Cancelled"} >= {state for _, state in states_of_tasks(world)}


def test_a_second_ctrl_c_waits_for_nothing(world: World) -> None:
    program = world.start("flows.py", "waiting_for_tasks", environ={"PENSTOCK_CANCEL_GRACE_SECONDS": "3600"})
    wait_for_all(world, "spins and sleeps")  # a task that never began has nothing to record
    program.interrupt()
    until(lambda: ("spins", "Cancelled") in states_of_tasks(world), "the first Ctrl-C to be heard")
    program.interrupt()

    assert -signal.SIGINT == program.wait()[0]
    assert "Cancelled" == world.history.flow_run().state.name
    assert {"Cancelled"} == {state for _, state in states_of_tasks(world)}


def test_leaving_by_sys_exit_is_a_failure_with_its_code(world: World) -> None:
    code, _, _ = world.start("flows.py", "leaving", "exit").wait()

    assert (3, "Failed") == (code, world.history.flow_run().state.name)
    assert {("increment", "Completed")} == states_of_tasks(world)


@pytest.mark.parametrize("how", ["hard", "term", "kill"])
def test_a_process_that_ends_without_a_word_crashed_and_the_next_one_says_so(world: World, how: str) -> None:
    program = world.start("flows.py", "leaving", how)
    world.ledger.wait_for("begun")
    if how == "term":
        program.process.terminate()
    if how == "kill":
        program.process.kill()
    assert program.wait()[0] in (4, -signal.SIGTERM, -signal.SIGKILL)
    over_at = time.time_ns() // 1000

    world.run("flows.py", "quick", "1")

    crashed = world.history.flow_runs("leaving")[0]
    assert ("Crashed", "process_died") == (crashed.state.name, crashed.state.reason)
    assert str(program.process.pid) in str(crashed.state.message)
    assert crashed.started_at is not None
    assert crashed.ended_at is not None
    assert crashed.started_at <= crashed.ended_at <= over_at < crashed.state.at
    assert ["Completed"] == [t.state.name for t in world.history.task_runs(crashed.id)]


def test_a_program_that_ends_while_a_flow_goes_on_says_so_itself(world: World) -> None:
    assert "left\n" == world.run("flows.py", "abandoning")

    assert ("Crashed", "process_died") == (world.history.flow_run().state.name, world.history.flow_run().state.reason)
    assert {("sleeps", "Crashed")} == states_of_tasks(world)
    assert [] == list((world.home / "journals").iterdir())


def test_a_run_that_another_process_took_over_stops_and_changes_nothing(any_world: World) -> None:
    """Whoever took it believed its process dead: two must not go on with one run."""
    world = any_world
    program = world.start("flows.py", "sleeping")
    world.ledger.wait_for("begun")
    writer = WriterHello(writer_id=WriterId(time_ordered_id(1, bytes(10))), host="elsewhere", boot_id="", pid=1)

    world.history.ask(TakeFlowRun(id=begun_run(world), writer=writer, holder_alive=False))
    code, _, err = program.wait()

    assert (1, True) == (code, "Another process has taken the run over" in err)
    assert ("Running", 2) == (world.history.flow_run().state.name, world.history.flow_run().epoch)


def test_a_living_processes_run_is_left_alone_by_the_next_one(world: World) -> None:
    program = world.start("flows.py", "sleeping")
    world.ledger.wait_for("begun")

    world.run("flows.py", "quick", "1")

    assert "Running" == world.history.flow_runs("sleeping")[0].state.name
    program.kill()
