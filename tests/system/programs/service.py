"""Flows that workers of the tests run; each step is in the ledger, and waits for its gate: a file that the test makes."""

import os
import time
from pathlib import Path

from ledger import note

from penstock import flow, task

GATES = Path(os.environ["LEDGER"]).parent

if "IMPORT_GATE" in os.environ:
    note(f"imports {os.environ['IMPORT_GATE']}")
    while not (GATES / os.environ["IMPORT_GATE"]).exists():
        time.sleep(0.01)


@task
def step(name: str) -> str:
    note(name)
    return name


@flow
def gated(name: str) -> None:
    """Two steps with a gate between them."""
    step(f"{name} first")
    note(f"{name} is {os.getpid()}")
    while not (GATES / name).exists():
        time.sleep(0.01)
    print(f"{name} goes on")
    step(f"{name} second")


@flow
def tick(at: str) -> None:
    note(f"tick {at}")
