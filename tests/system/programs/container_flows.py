"""Flows that run in containers; /ledger is a folder of the test's."""

import ctypes
import os
import signal
import time
from pathlib import Path

from penstock import flow, get_run_logger, task
from penstock.deployments import run_deployment
from penstock.errors import NotAuthorized
from penstock.ports import ListFlows
from penstock.runtime import flow_run
from penstock.sdk import wiring

LEDGER = Path("/ledger")


def note(line: str) -> None:
    with (LEDGER / "lines").open("a") as file:
        file.write(f"{line}\n")


@task
def double(n: int) -> int:
    note(f"double {n}")
    return 2 * n


@flow
def inner(n: int) -> int:
    return double(n)


@flow
def hello(n: int = 1) -> int:
    get_run_logger().info("hello from a container")
    note(f"key {os.environ['PENSTOCK_API_KEY'].split('.')[0]}" if "PENSTOCK_API_KEY" in os.environ else "no key")
    return double(n) + inner(n + 1)


@flow(retries=1)
def curious() -> str:
    if flow_run.run_count == 1:
        raise RuntimeError("once more")
    settings = wiring.current_settings()
    try:
        wiring.open_orchestrator(settings).ask(ListFlows(), wiring.principal_of(settings))
    except NotAuthorized as error:
        return str(error)
    raise AssertionError("a run's token opened what is none of its business")


@flow
def starter() -> int:
    """Has another deployment run, and waits for it."""
    run = run_deployment("hello/there", parameters={"n": 6})
    note(f"{run.name} is {run.state.name}")
    return run.state.is_completed()


@flow
def hungry() -> None:
    double(21)
    note("hungry")
    if (LEDGER / "fed").exists():
        return
    print("eating", flush=True)
    kept = []
    while True:
        kept.append(bytearray(8_000_000))


def tell(flow, flow_run, state):
    note(f"hook {state.name}")


@flow(on_cancellation=[tell])
def patient() -> None:
    note("patient")
    while not (LEDGER / "go").exists():
        time.sleep(0.05)
    double(5)


@flow
def stuck() -> None:
    """Hears nothing: a call that holds the interpreter."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.Signals)  # nothing ends the call early
    note("stuck")
    ctypes.PyDLL(None).sleep(600)


@flow
def brief() -> None:
    double(3)
    note("brief")
    os._exit(3)
