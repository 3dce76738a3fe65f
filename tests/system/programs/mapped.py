"""Maps a task over many numbers; `resume RUN` goes on with a run.

mapped.py run COUNT RUNNER | mapped.py resume RUN RUNNER

With HOLD=n in the environment, the tasks from number n on never end: whoever starts the program kills it.
"""

import os
import sys
import time

from ledger import note

from penstock import as_completed, flow, task
from penstock.task_runners import InlineTaskRunner, ProcessPoolTaskRunner, ThreadPoolTaskRunner

RUNNERS = {
    "threads": ThreadPoolTaskRunner(max_workers=8),
    "processes": ProcessPoolTaskRunner(max_workers=2),
    "inline": InlineTaskRunner(),
}


@task
def square(n: int) -> int:
    if n >= int(os.environ.get("HOLD", sys.maxsize)):
        note("holds")
        time.sleep(3600)
    note(f"ran {n}")
    return n * n


@flow
def mapped(count: int) -> int:
    total = 0
    for future in as_completed(square.map(range(count))):
        total += future.result()
        note(f"done {total}")
    return total


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["run", count, runner]:
            print(mapped.with_options(task_runner=RUNNERS[runner])(int(count)))
        case ["resume", run_id, runner]:
            print(mapped.with_options(task_runner=RUNNERS[runner]).resume(run_id))
