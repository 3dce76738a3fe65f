"""A server with a work pool and deployments, asked by HTTP as anybody's program would, and a worker's process."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.browser.conftest import Console
from tests.browser.deployed import load, release
from tests.fixtures.servers import SOURCE

HERE = Path(__file__).parent
POOL = "mill"
NIGHTLY = {"kind": "cron", "slug": "nightly", "cron": "0 12 * * *", "timezone": "UTC"}


def deploy(console: Console, name: str, *schedules: dict[str, Any], flow: Any = load, **spec: Any) -> str:
    """Deploy a flow of `deployed.py`; answers its key."""
    values = {
        "entrypoint": f"deployed.py:{flow.fn.__name__}",
        "path": str(HERE),
        "parameter_schema": flow.parameters_schema(),
        "work_pool": POOL,
        **spec,
    }
    body = {"flow_name": flow.name, "name": name, "spec": values, "schedules": schedules}
    return f"{flow.name}/{deployed_name(ask(console, 'POST', '/deployments', body))}"


def deployed_name(deployment: dict[str, Any]) -> str:
    name: str = deployment["name"]
    return name


def furnish(console: Console) -> None:
    """A pool with two queues, and deployments: scheduled, on demand, one that asks, one of which nobody takes care."""
    ask(console, "PUT", f"/work-pools/{POOL}", {"type": "process", "description": "Under the desk", "overwrite": False})
    ask(console, "PUT", "/work-pools/empty", {"type": "process", "overwrite": False})
    ask(console, "PUT", f"/work-pools/{POOL}/queues/urgent", {"priority": 1})
    deploy(console, "nightly", NIGHTLY, parameters={"year": 2020, "months": [4]}, tags=["taxi"])
    deploy(console, "nightly", NIGHTLY, parameters={"year": 2020, "months": [4, 5]}, tags=["taxi"])
    deploy(console, "by-hand")
    deploy(console, "by-week", flow=release)
    deploy(console, "nobody", work_pool="empty", parameters={"year": 2020, "months": []})


def ask(console: Console, method: str, path: str, body: Any = None) -> Any:
    answer = httpx.request(method, f"{console.url}/api{path}", json=body, timeout=30)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


@contextmanager
def working(console: Console, pool: str = POOL) -> Iterator[None]:
    """`penstock worker start`, until the end of the block."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(SOURCE),
        "PENSTOCK_HOME": str(console.home / "worker"),
        "PENSTOCK_API_URL": f"{console.url}/api",
    }
    command = [sys.executable, "-m", "penstock", "worker", "start", "-p", pool, "--name", "desk"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)
