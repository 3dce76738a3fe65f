"""Tasks in processes of their own: what they return, record and log arrives, and the death of one is not that of others."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from penstock import flow, get_run_logger, task
from penstock.core.errors import RunCrashed, RunTimedOut
from penstock.core.states import Reason, StateType
from penstock.engine.context import current_flow_run
from penstock.ports import CancelFlowRun, ListLogs, ListTaskRuns, TaskRun
from penstock.sdk import wiring
from penstock.task_runners import ProcessPoolTaskRunner
from penstock.testing import harness
from tests.core.values import Point

PATIENCE = 30.0


@pytest.fixture(autouse=True)
def home() -> Iterator[Path]:
    before = set(psutil.Process().children(recursive=True))
    with harness(cancel_poll_seconds="0.01", cancel_grace_seconds="5") as home:
        yield home
    left = [child for child in psutil.Process().children(recursive=True) if child not in before]
    _, alive = psutil.wait_procs(left, timeout=PATIENCE)
    assert [] == alive


def run(body: Callable[[], Any], *, workers: int = 1, return_state: bool = False) -> Any:
    return flow(body, name="body", task_runner=ProcessPoolTaskRunner(max_workers=workers))(return_state=return_state)


def recorded() -> dict[str, TaskRun]:
    """The task runs in the store, by name."""
    wiring.flush()
    page = wiring.open_orchestrator().ask(ListTaskRuns(limit=1_000))
    return {run.name: run for run in page.items}


def logged() -> list[str]:
    wiring.flush()
    return [line.message for line in wiring.open_orchestrator().ask(ListLogs(limit=1_000)).items]


@task
def where() -> int:
    return os.getpid()


@task
def give_back(value: Any) -> Any:
    return value


@task
def die(how: str) -> None:
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(3)


# ---- What arrives ----


def test_a_task_runs_in_another_process_and_its_value_comes_back() -> None:
    values = [1, (1, 2), {"a": {1}}, None, Point(1, [2]), "x" * 200_000]
    assert values == run(lambda: [give_back.submit(value).result() for value in values])
    assert os.getpid() != run(lambda: where.submit().result())


def test_no_more_processes_are_started_than_there_are_workers() -> None:
    assert len(set(run(lambda: [where.submit() for _ in range(12)], workers=2))) <= 2


def test_as_many_processes_work_at_once_as_there_are_workers(home: Path) -> None:
    @task
    def meet(n: int) -> bool:
        Path(home, f"here-{n}").touch()
        end = time.monotonic() + PATIENCE
        while not all(Path(home, f"here-{m}").exists() for m in range(2)):
            if time.monotonic() > end:
                return False
        return True

    assert [True, True] == run(lambda: meet.map([0, 1]).result(), workers=2)


def test_an_error_comes_back_as_it_was_raised() -> None:
    @task
    def fail() -> None:
        raise KeyError("which")

    def body() -> Any:
        return fail.submit().result(raise_on_failure=False)

    error = run(body, return_state=True).result(raise_on_failure=False)
    assert (KeyError, ("which",)) == (type(error), error.args)


def test_attempts_are_made_and_recorded_there() -> None:
    @task(retries=2)
    def flaky(marker: str) -> str:
        with open(marker, "a") as file:
            file.write("x")
        if Path(marker).stat().st_size < 3:
            raise ValueError("not yet")
        return "at last"

    marker = str(wiring.current_settings().home / "marker")
    assert "at last" == run(lambda: flaky.submit(marker).result())
    assert (3, 3) == (recorded()["flaky-0"].attempt, len(recorded()["flaky-0"].attempts))


def test_what_is_logged_and_printed_there_arrives_with_its_task_run() -> None:
    @task(log_prints=True)
    def talk() -> None:
        get_run_logger().warning("from the logger")
        print("from print")

    run(lambda: talk.submit().result())
    assert {"from the logger", "from print"} <= set(logged())


def test_tasks_that_are_called_there_are_recorded_below_the_one_that_called() -> None:
    @task
    def inner(n: int) -> int:
        get_run_logger().info("inside")
        return n * 2

    @task
    def outer() -> int:
        return inner(20) + inner.submit(1).result()

    assert 42 == run(lambda: outer.submit().result())
    runs = recorded()
    assert {runs["outer-0"].id} == {runs[name].parent_id for name in ("inner-0", "inner-1")}
    assert 2 == logged().count("inside")


def test_what_a_task_keeps_there_is_found_from_here() -> None:
    run(lambda: give_back.submit([1, (2, 3)]).result())
    reference = recorded()["give_back-0"].result
    assert reference is not None
    assert [1, (2, 3)] == wiring.result_store().get(reference)


def test_a_time_out_strikes_there() -> None:
    @task(timeout_seconds=0.05)
    def slow() -> None:
        threading.Event().wait()

    state = run(lambda: slow.submit().wait().state, return_state=True)
    assert StateType.FAILED is state.type
    assert "TimedOut" == recorded()["slow-0"].state.name


# ---- What does not travel ----


@pytest.mark.parametrize("value", [threading.Lock(), (n for n in range(3))], ids=["lock", "generator"])
def test_an_argument_that_cannot_travel_fails_its_task_and_is_named(value: Any) -> None:
    state = run(lambda: give_back.submit(value), return_state=True)
    assert StateType.FAILED is state.type
    failed = recorded()["give_back-0"]
    assert StateType.FAILED is failed.state.type
    assert "give_back-0" in str(failed.state.message)


def test_a_value_that_cannot_travel_fails_its_task() -> None:
    @task(persist_result=False)
    def make_lock() -> Any:
        return threading.Lock()

    assert StateType.FAILED is run(lambda: make_lock.submit(), return_state=True).type


def test_an_error_that_cannot_travel_is_still_told() -> None:
    class Held(Exception):
        def __init__(self) -> None:
            super().__init__("held")
            self.lock = threading.Lock()

    @task
    def fail() -> None:
        raise Held

    state = run(lambda: fail.submit(), return_state=True)
    assert StateType.FAILED is state.type
    assert "held" in str(recorded()["fail-0"].state.message)


# ---- Death ----


@pytest.mark.parametrize("how", ["kill", "exit"])
def test_a_task_whose_process_dies_has_crashed_and_the_others_have_not(how: str) -> None:
    def body() -> list[Any]:
        before, dead = give_back.submit(1), die.submit(how)
        after = give_back.submit(2)
        return [before.result(), dead.wait().state.type, after.result()]

    assert [1, StateType.CRASHED, 2] == run(body)
    crashed = recorded()["die-0"]
    assert (StateType.CRASHED, Reason.PROCESS_DIED) == (crashed.state.type, crashed.state.reason)


def test_whoever_asks_for_the_value_of_a_crashed_task_hears_of_it() -> None:
    def body() -> str:
        with pytest.raises(RunCrashed) as raised:
            die.submit("kill").result()
        return str(raised.value)

    assert "9" in run(body)


def test_a_flow_whose_task_crashed_has_failed() -> None:
    def body() -> None:
        die.submit("exit")

    assert StateType.FAILED is run(body, return_state=True).type


def test_a_journal_that_takes_no_more_does_not_mix_up_what_processes_say(home: Path) -> None:
    """The call that could not be recorded ends there and then; the next one gets its own answer, not that one's."""

    @task
    def shout(size: int) -> str:
        get_run_logger().info("x" * size)
        return f"shouted {size}"

    def body() -> list[str]:
        run_context = current_flow_run.get()
        assert run_context is not None
        journal = run_context.services.journal
        run_context.services.journal = Failing(journal)  # type: ignore[assignment]
        first = shout.submit(10).wait().state
        run_context.services.journal = journal
        return [first.type.value, shout.submit(20).result()]

    assert ["FAILED", "shouted 20"] == run(body)


class Failing:
    """A journal that fails at the first log line."""

    def __init__(self, journal: Any):
        self._journal = journal

    def append(self, tag: str, body: str) -> int:
        if tag == "log" and "xxxxxxxxxx" in body:
            raise ValueError("no room")
        return int(self._journal.append(tag, body))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)


# ---- Being stopped ----


def cancel(flow_run_id: str) -> None:
    wiring.open_orchestrator().ask(CancelFlowRun(id=flow_run_id, holder_alive=True))  # type: ignore[arg-type]


def wait_for_file(path: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < end


def test_cancelling_ends_the_processes_and_begins_no_further_task(home: Path) -> None:
    @task
    def hang(n: int) -> None:
        Path(home, f"begun-{n}").touch()
        threading.Event().wait()

    def body() -> None:
        futures = hang.map(range(4))
        wait_for_file(home / "begun-0")
        run_context = current_flow_run.get()
        assert run_context is not None
        cancel(run_context.id)
        futures.result()

    assert StateType.CANCELLED is run(body, return_state=True).type
    assert ["begun-0"] == [path.name for path in home.glob("begun-*")]
    assert {StateType.CANCELLED} == {run.state.type for run in recorded().values()}


# ---- isolation="process" ----


@task(isolation="process")
def where_isolated() -> int:
    return os.getpid()


def test_an_isolated_task_runs_in_a_process_of_its_own_wherever_it_is_called() -> None:
    @flow
    def body() -> list[int]:
        return [where_isolated(), where_isolated.submit().result(), os.getpid()]

    assert 3 == len(set(body()))


def test_an_isolated_task_fails_with_the_users_own_error() -> None:
    @task(isolation="process")
    def fail() -> None:
        raise KeyError("which")

    @flow
    def body() -> None:
        fail()

    with pytest.raises(KeyError):
        body()


@pytest.mark.parametrize("called", ["here", "in a pool"])
def test_an_isolated_task_whose_time_is_up_is_killed_with_its_process(home: Path, called: str) -> None:
    @task(isolation="process", timeout_seconds=1)
    def deaf() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals) - {signal.SIGKILL})
        Path(home, "pid").write_text(str(os.getpid()))
        threading.Event().wait()

    @flow
    def body() -> Any:
        return deaf() if called == "here" else deaf.submit().result()

    with pytest.raises(RunTimedOut):
        body()
    assert not lives(home / "pid")
    assert "TimedOut" == recorded()["deaf-0"].state.name


def lives(path: Path) -> bool:
    """Whether the process lives that wrote its id there; on a busy machine its time may be up before it could."""
    return path.exists() and psutil.pid_exists(int(path.read_text()))


def test_an_isolated_task_that_left_a_process_behind_still_times_out(home: Path) -> None:
    """The process that it forked holds a copy of the pipe, so that its end alone tells nobody."""

    @task(isolation="process", timeout_seconds=1)
    def fork_and_hang() -> None:
        pid = os.fork()
        if pid:
            Path(home, "pid").write_text(str(pid))
        threading.Event().wait()

    @flow
    def body() -> None:
        fork_and_hang()

    try:
        with pytest.raises(RunTimedOut):
            body()
    finally:
        if lives(home / "pid"):
            os.kill(int((home / "pid").read_text()), signal.SIGKILL)


def test_cancelling_kills_an_isolated_task_in_a_pool(home: Path) -> None:
    @task(isolation="process")
    def hang() -> None:
        Path(home, "pid.new").write_text(str(os.getpid()))
        Path(home, "pid.new").rename(home / "pid")
        threading.Event().wait()

    @flow
    def body() -> None:
        future = hang.submit()
        wait_for_file(home / "pid")
        run_context = current_flow_run.get()
        assert run_context is not None
        cancel(run_context.id)
        future.result()

    assert StateType.CANCELLED is body(return_state=True).type
    assert not lives(home / "pid")


def test_an_isolated_task_whose_process_dies_fails_and_says_so() -> None:
    @task(isolation="process")
    def dies() -> None:
        os._exit(3)

    @flow
    def body() -> None:
        dies()

    with pytest.raises(RunCrashed):
        body()


# ---- Scripts ----

SCRIPT = """
import os
from penstock import flow, task
from penstock.task_runners import ProcessPoolTaskRunner

print("imported")
FACTOR = 3

class Thing:
    def __init__(self, n):
        self.n = n

@task
def triple(thing):
    return Thing(thing.n * FACTOR)

@flow(task_runner=ProcessPoolTaskRunner(max_workers=2))
def script():
    return [future.result().n for future in triple.map([Thing(1), Thing(2)])]

print(script())
"""


def test_a_script_without_a_guard_runs_once_and_its_own_functions_and_classes_travel(home: Path) -> None:
    path = home / "script.py"
    path.write_text(textwrap.dedent(SCRIPT))
    ended = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False)
    assert (0, "imported\n[3, 6]\n") == (ended.returncode, ended.stdout)
