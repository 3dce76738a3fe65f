"""Runs a flow with one of everything, killed at its n-th step, and then goes on with it: for one n after another.

everything.py FOLDER FIRST STEP SECOND [DATABASE_URL...]

n is FIRST, FIRST + STEP and so on, until a life ends before its n-th step (or there is no URL left). With a SECOND
that is not 0 the life that goes on is killed too, at that step, and another one goes on.

Each life is a fork of this process, which has imported everything and used nothing: an interpreter of its own would
take half a second. A life's steps are the records that it appends, the results that it keeps, and the statements that
it sends to the database. Prints one line of JSON for each n: what the ledger and the records say afterwards.
"""

import json
import os
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import penstock.store
from penstock import Skip, flow, get_run_logger, task
from penstock.artifacts import create_markdown_artifact
from penstock.cache_policies import INPUTS
from penstock.core.states import StateType
from penstock.engine.journal import Journal
from penstock.orchestrator.local import LocalOrchestrator
from penstock.results.folder import FolderResultStore
from penstock.sdk import launching, wiring
from penstock.task_runners import ThreadPoolTaskRunner
from penstock.testing import Failpoints, History
from penstock.transactions import transaction

MAPPED = 4
NONE_KILLED = 0
READY = (LocalOrchestrator, launching)  # imported here, once, in place of in each life


def note(line: object) -> None:
    fd = os.open(os.environ["LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(fd, f"{line}\n".encode())
    finally:
        os.close(fd)


@task
def square(n: int) -> int:
    note(f"square {n}")
    return n * n


@task(retries=1)
def flaky() -> int:
    from penstock.runtime import task_run

    if task_run.run_count == 1:
        raise ValueError("first attempt")
    note("flaky")
    return 7


@task
def numbers() -> Iterator[int]:
    note("numbers")
    yield from (1, 2, 3)


@task(cache_policy=INPUTS)
def large(size: int) -> str:
    note("large")
    return "x" * size


@task
def skips() -> None:
    note("skips")
    raise Skip("nothing to do")


@task
def stored() -> int:
    note("stored")
    return 1


@flow
def sub() -> int:
    get_run_logger().info("from the subflow")
    return flaky()


@flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
def everything() -> int:
    create_markdown_artifact("# shown", key="report")
    total = sum(square.map(range(MAPPED)).result()) + sub() + sum(numbers())
    skips(return_state=True)
    with transaction(key=f"stored-{os.environ['LEDGER']}"):
        total += len(large.submit(100_000).result()) + stored()
    return total


# ---- Lives ----


def live(body: Callable[[], Any]) -> int:
    """Run something in a fork and return its exit code, negative for a signal."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            body()
            wiring.shut_down()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def die_at(number: int) -> None:
    """Have this process killed at its n-th step."""
    points = Failpoints(fail_at=number or None, kill=True)
    append, put, open_store = Journal.append, FolderResultStore.put, penstock.store.open_store

    def appending(self: Journal, tag: str, body: str) -> int:
        points(f"before {tag}")
        sequence = append(self, tag, body)
        points(f"after {tag}")
        return sequence

    def putting(self: FolderResultStore, *args: Any, **kwargs: Any) -> str:
        points("before put")
        reference = put(self, *args, **kwargs)
        points("after put")
        return reference

    Journal.append, FolderResultStore.put = appending, putting  # type: ignore[method-assign]  # to watch them
    penstock.store.open_store = lambda url, **options: open_store(url, before_statement=points, **options)


def begin(number: int) -> None:
    die_at(number)
    everything()


def go_on(number: int = NONE_KILLED) -> None:
    """Resume the run if there is one that is not complete; begin one if there is none."""
    die_at(number)
    wiring.sweep_dead_writers()
    runs = History().flow_runs("everything")
    if not runs:
        everything()
    elif runs[0].state.type is not StateType.COMPLETED:
        everything.resume(runs[0].id)


def go_on_and_report(folder: Path, number: int) -> None:
    finished, before = list_finished(), count_ledger(folder)
    go_on()
    wiring.shut_down()
    history = History()
    run = history.flow_run()
    subflows = history.subflow_runs()
    tasks = [t for run_id in [run.id, *(s.id for s in subflows)] for t in history.task_runs(run_id)]
    found = {
        "number": number,
        "runs": len(history.flow_runs("everything")),
        "state": run.state.name,
        "subflows": [[s.flow_name, s.state.name, s.task_counts] for s in subflows],
        "tasks": sorted([t.task_name, t.state.name] for t in tasks),
        "result": wiring.result_store().get(run.result or "none"),
        "ran": count_ledger(folder),
        "again": sorted(name for name in finished if count_ledger(folder)[name] != before[name]),
        "artifacts": sorted({a.data for a in history.artifacts()}),
        "journals": [path.name for path in (folder / "home" / "journals").iterdir()],
    }
    print(json.dumps(found), flush=True)


def count_ledger(folder: Path) -> Counter[str]:
    path = folder / "ledger"
    return Counter(path.read_text().splitlines() if path.exists() else ())


def list_finished() -> list[str]:
    """What the records say had finished when the process died, by the names that the ledger has for it."""
    wiring.sweep_dead_writers()
    history = History()
    tasks = [t for run in history.flow_runs() for t in history.task_runs(run.id)]
    done = [t for t in tasks if t.state.type is StateType.COMPLETED]
    return [f"square {t.ordinal}" if t.task_name == "square" else t.task_name for t in done]


def examine(folder: Path, first: int, second: int, url: str | None) -> bool:
    """Kill at `first`, and at `second` of the life after that if it is not 0; tells whether `first` was ever reached."""
    folder.mkdir(parents=True)
    os.environ |= {"PENSTOCK_HOME": str(folder / "home"), "LEDGER": str(folder / "ledger")}
    if url is not None:
        os.environ["PENSTOCK_DATABASE_URL"] = url
    killed = live(lambda: begin(first)) != 0
    if second:
        live(lambda: go_on(second))
    code = live(lambda: go_on_and_report(folder, first))
    assert code == 0, f"it did not go on after {first} and {second}"
    return killed


def main() -> None:
    folder, first, step, second, *urls = sys.argv[1:]
    for turn, number in enumerate(range(int(first), 10_000, int(step))):
        url = urls[turn] if turn < len(urls) else None
        if (urls and url is None) or not examine(Path(folder, str(number)), number, int(second), url):
            return


if __name__ == "__main__":
    os.environ |= {"PENSTOCK_LOGS_TO_TERMINAL": "0"}
    main()
