"""Small flows that processes of the tests run; `flows.py NAME [ARGUMENT...]` runs one and prints what it returns."""

import asyncio
import multiprocessing
import os
import sys
import threading
import time
from typing import Any

from ledger import note

from penstock import flow, get_run_logger, task

FOREVER = 3600.0


@task
def increment(n: int) -> int:
    return n + 1


@task
def sleeps() -> None:
    note("sleeps")
    time.sleep(FOREVER)


@task
def spins() -> None:
    note("spins")
    while True:
        pass


@task
async def waits() -> None:
    note("waits")
    await asyncio.sleep(FOREVER)


@flow
def quick(n: int = 1) -> int:
    return increment(n)


@flow
def many(count: int) -> int:
    return sum(increment.map(range(count)).result())


@flow
def many_flows(count: int) -> int:
    return sum(quick(n) for n in range(count))


@flow
def sleeping() -> None:
    note("begun")
    time.sleep(FOREVER)


@flow
def sleeping_in_a_task() -> None:
    sleeps()


@flow
def waiting_for_tasks() -> None:
    spins.submit()
    sleeps.submit()


@flow
async def sleeping_async() -> None:
    await waits()


@flow
def swallowing() -> None:
    note("begun")
    try:
        time.sleep(FOREVER)
    except Exception:  # as careless code does
        note("swallowed")
    increment(1)
    note("went on")


@flow
def leaving(how: str) -> None:
    increment(1)
    note("begun")
    if how == "exit":
        sys.exit(3)
    if how == "hard":
        os._exit(4)
    time.sleep(FOREVER)


@flow
def filling(size: int) -> int:
    """Logs until there is no room."""
    for n in range(1_000_000):
        get_run_logger().info("%s %s", n, "x" * size)
        note(n)
    return 0


@flow
def locked_out(count: int) -> int:
    """Runs tasks while somebody else holds the database."""
    increment(0)
    note("begun")
    while not os.path.exists(os.environ["GO"]):
        time.sleep(0.01)
    total = sum(increment.map(range(count)).result())
    note("worked")
    return total


# ---- Processes inside of flows ----


def double(n: int) -> int:
    return 2 * n


def run_quick(queue: Any) -> None:
    try:
        queue.put(quick(41))
    except Exception as error:
        queue.put(f"{type(error).__name__}: {error}")


@flow
def pooling(method: str) -> list[int]:
    with multiprocessing.get_context(method).Pool(2) as pool:
        doubled = pool.map(double, [1, 2, 3])
    return [increment(n) for n in doubled]


@flow
def forking(method: str) -> Any:
    """Runs a flow in a child process, begun in the midst of this one."""
    increment(1)
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    child = context.Process(target=run_quick, args=(queue,))
    child.start()
    answer = queue.get(timeout=60)
    child.join()
    increment(2)
    return answer


@flow
def targeting(method: str) -> int | None:
    """Has a flow itself as the target of a process."""
    child = multiprocessing.get_context(method).Process(target=quick, args=(1,))
    child.start()
    child.join()
    return child.exitcode


@flow
def forking_bare() -> int:
    """A child that says something, raises and ends as any program does, while threads of the parent are at work."""
    futures = increment.map(range(50))
    children = []
    for _ in range(5):
        pid = os.fork()
        if pid == 0:
            try:
                get_run_logger().info("from the child")
            except Exception:
                note("refused")
            sys.exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
    return sum(futures.result())


def abandoning() -> str:
    """A program that ends while a flow goes on in a thread that nobody waits for."""
    threading.Thread(target=sleeping_in_a_task, daemon=True).start()
    while not os.path.exists(os.environ["LEDGER"]):
        time.sleep(0.01)
    return "left"


def in_threads(count: int) -> list[int]:
    """Flows that begin at once in the threads of one process."""
    results: list[int] = []
    threads = [threading.Thread(target=lambda n=n: results.append(quick(n))) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(results)


if __name__ == "__main__":
    name, *given = sys.argv[1:]
    arguments = [int(text) if text.isdigit() else text for text in given]
    outcome = globals()[name](*arguments)
    print(asyncio.run(outcome) if asyncio.iscoroutine(outcome) else outcome)
