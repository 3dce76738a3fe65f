"""A flow whose first attempt fails; between two steps it waits for a file, `retried.py FILE`, to be there."""

import os
import sys
import threading
from pathlib import Path

from ledger import note

from penstock import flow, get_run_logger, task

LOOK_SECONDS = 0.01
STEPS = 20


@task
def step(number: int) -> int:
    get_run_logger().info("step %s", number)
    note(f"step {number}")
    return number


@flow(retries=1)
def retried(gate: str) -> int:
    total = sum(step(number) for number in range(STEPS))
    note("half-way")
    while not Path(gate).exists():
        threading.Event().wait(LOOK_SECONDS)
    total += sum(step(number) for number in range(STEPS, 2 * STEPS))
    if Path(os.environ["LEDGER"]).read_text().count("half-way") == 1:
        raise RuntimeError("the first attempt fails")
    return total


if __name__ == "__main__":
    print(retried(sys.argv[1]))
