"""Clients of a server that create flow runs all at once: crowd.py CLIENTS EACH.

Says how long each took in seconds. One that is refused or fails ends the program.
"""

import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from task_records import new_id

from penstock.core.ids import RunId, WriterId
from penstock.orchestrator.remote import RemoteOrchestrator
from penstock.ports import BeginFlowRun, WriterHello

clients, each = int(sys.argv[1]), int(sys.argv[2])
remote = RemoteOrchestrator(os.environ["PENSTOCK_API_URL"])
ready = threading.Barrier(clients)


def create_runs(client: int) -> list[float]:
    """Each thread of a `RemoteOrchestrator` has a connection of its own, and is a process of its own to the server."""
    hello = WriterHello(writer_id=WriterId(new_id()), host="bench", boot_id="", pid=client + 1, lease_seconds=60.0)
    ready.wait()
    took = []
    for number in range(each):
        begin = time.perf_counter()
        remote.ask(BeginFlowRun(id=RunId(new_id()), flow_name=f"crowd-{client % 8}", name=f"{number}", writer=hello))
        took.append(time.perf_counter() - begin)
    return took


if __name__ == "__main__":
    with ThreadPoolExecutor(clients) as threads:
        took = [seconds for of_client in threads.map(create_runs, range(clients)) for seconds in of_client]
    print(json.dumps({"took": took}))
