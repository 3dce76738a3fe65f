"""Many processes on one file, forks among them: everybody waits their turn, and nobody sees a locked database."""

import fcntl
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from penstock.orchestrator.local import LocalOrchestrator
from penstock.ports import CancelFlowRun, FindCancellations, ListFlowRuns, ListVariables, SetVariable
from penstock.store import Store, open_store
from penstock.store.gate import Gate
from penstock.testing import FakeClock
from tests.contract.telling import Teller

PROCESSES, WRITES = 8, 10

PROGRAM = """
import sys
from penstock.orchestrator.local import LocalOrchestrator
from penstock.ports import ListVariables, SetVariable
from penstock.store import open_store
path, who, writes = sys.argv[1:]
sys.stdin.read(1)
for n in range(int(writes)):
    orchestrator = LocalOrchestrator(open_store(f"sqlite:///{path}"))
    orchestrator.ask(SetVariable(name=f"{who}-{n}", value=n))
    orchestrator.ask(ListVariables(limit=1))
    orchestrator.close()
"""


def test_processes_that_open_write_and_close_at_once_lose_nothing(path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(path), str(who), str(WRITES)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
        for who in range(PROCESSES)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write(b"x")
        process.stdin.close()
        process.stdin = None
    assert [b""] * PROCESSES == [process.communicate()[1] for process in started]
    orchestrator = LocalOrchestrator(open_store(f"sqlite:///{path}"))
    assert PROCESSES * WRITES == len(orchestrator.ask(ListVariables(limit=1_000)).items)


def test_threads_that_write_at_once_lose_nothing(store: Store) -> None:
    orchestrator = LocalOrchestrator(store)

    def write(who: int) -> None:
        for n in range(WRITES):
            orchestrator.ask(SetVariable(name=f"{who}-{n}", value=n))
            orchestrator.ask(ListVariables(limit=1))

    threads = [threading.Thread(target=write, args=(who,)) for who in range(PROCESSES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert PROCESSES * WRITES == len(orchestrator.ask(ListVariables(limit=1_000)).items)


def test_readers_do_not_wait_for_the_gate(store: Store, teller: Teller) -> None:
    run_id = teller.begin()
    with store.write():
        assert run_id == teller.run(run_id).id
        teller.ask(FindCancellations(run_ids=[run_id]))


def test_a_forked_child_has_connections_of_its_own(store: Store, teller: Teller) -> None:
    teller.begin()
    teller.ask(ListFlowRuns())
    assert 0 == forked(lambda: teller.ask(SetVariable(name="child", value=len(teller.ask(ListFlowRuns()).items))))
    teller.begin()
    assert 2 == len(teller.ask(ListFlowRuns()).items)
    assert ["child"] == [variable.name for variable in teller.ask(ListVariables()).items]
    assert is_whole(store)


def test_a_fork_waits_until_other_threads_have_written(store: Store, teller: Teller) -> None:
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            teller.ask(SetVariable(name="parent", value=1))
            teller.ask(ListVariables())

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    for n in range(20):
        assert 0 == forked(lambda: teller.ask(SetVariable(name=f"child-{n}", value=n)))  # noqa: B023 - called at once
    stop.set()
    for thread in threads:
        thread.join()
    assert 21 == len(teller.ask(ListVariables()).items)
    assert is_whole(store)


def test_a_child_forked_from_within_a_transaction_is_told_so(store: Store, teller: Teller) -> None:
    with store.write():
        assert 1 == forked(lambda: teller.ask(SetVariable(name="child", value=1)))
    teller.begin()
    assert is_whole(store)


def test_children_keep_their_own_locks_while_the_parent_comes_and_goes(store: Store, teller: Teller) -> None:
    """A child that believed in its parent's locks would write into a log that others have removed."""

    def write(who: int) -> None:
        for n in range(WRITES):
            teller.ask(SetVariable(name=f"{who}-{n}", value=n))
            if n % 5 == who % 5:
                store.close()

    teller.begin()
    children = [start_fork(lambda: write(who)) for who in range(PROCESSES)]  # noqa: B023 - called at once
    for _ in range(WRITES):
        teller.ask(ListVariables())
        store.close()
    assert [0] * PROCESSES == [exit_code(child) for child in children]
    assert PROCESSES * WRITES == len(teller.ask(ListVariables(limit=1_000)).items)
    assert is_whole(store)


def test_a_gate_is_free_when_its_holder_dies(path: Path, store: Store, teller: Teller) -> None:
    child = os.fork()
    if child == 0:
        with Gate(path).passing():
            os._exit(0)
    os.waitpid(child, 0)
    teller.begin()


def test_whoever_has_passed_the_gate_does_not_pass_in_front_again(tmp_path: Path) -> None:
    """The one who waits comes in between two passings of another, however quickly these follow."""
    first, second = Gate(tmp_path / "db"), Gate(tmp_path / "db")
    order: list[str] = []
    waiting, done = threading.Event(), threading.Event()

    def wait() -> None:
        waiting.set()
        with second.passing():
            order.append("second")
        done.set()

    with first.passing():
        thread = threading.Thread(target=wait)
        thread.start()
        waiting.wait()
        while not turnstile_is_taken(tmp_path):
            pass
        order.append("first")
    with first.passing():
        order.append("first again")
    thread.join()
    assert ["first", "second", "first again"] == order


def turnstile_is_taken(folder: Path) -> bool:
    with (folder / "db-turn").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def test_cancellations_asked_for_by_another_process_are_seen(store: Store, teller: Teller, clock: FakeClock) -> None:
    run_id = teller.begin()
    assert [] == teller.ask(FindCancellations(run_ids=[run_id])).run_ids
    assert 0 == forked(lambda: teller.ask(CancelFlowRun(id=run_id, holder_alive=True)))
    assert [run_id] == teller.ask(FindCancellations(run_ids=[run_id])).run_ids


def is_whole(store: Store) -> bool:
    with sqlite3.connect(store.database.location()) as connection:
        return ("ok",) == connection.execute("PRAGMA integrity_check").fetchone()


def start_fork(act: Callable[[], object]) -> int:
    child = os.fork()
    if child == 0:
        try:
            act()
        except BaseException as error:
            os.write(2, repr(error).encode())
            os._exit(1)
        os._exit(0)
    return child


def exit_code(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def forked(act: Callable[[], object]) -> int:
    return exit_code(start_fork(act))
