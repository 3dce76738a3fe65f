"""Take journal records of task runs into the store, and say what one costs.

`ingest.py COUNT RECORDS_EACH busy|alone`: with `busy`, another thread wants Python's global lock all the while.
"""

import json
import os
import sys
import threading
import time

from penstock.core.ids import RunId, WriterId, call_id, definition_id, time_ordered_id
from penstock.core.records import Record, TaskDefined, TaskSeen
from penstock.orchestrator.local import LocalOrchestrator
from penstock.ports import BeginFlowRun, Ingest, WriterHello
from penstock.settings import load_settings
from penstock.store import open_store

BATCH_RECORDS = 2_000
NOW = time.time_ns() // 1_000
RUN, WRITER = RunId(time_ordered_id(NOW, os.urandom(10))), WriterId(time_ordered_id(NOW, os.urandom(10)))
TASK = definition_id("default", "bench.nothing")


def main() -> None:
    count, each, company = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    orchestrator = LocalOrchestrator(open_store(load_settings().effective_database_url))
    hello = WriterHello(writer_id=WRITER, host="bench", boot_id="", pid=os.getpid())
    orchestrator.ask(BeginFlowRun(id=RUN, flow_name="bench", name="bench", writer=hello))
    records: list[Record] = [TaskDefined(TASK, "bench.nothing", "nothing", (), "h", 0, None)]
    records += [seen(number, ended=part == each) for part in range(1, each + 1) for number in range(count)]
    numbered = list(enumerate(records, start=1))
    spinner = Spinner()
    if company == "busy":
        spinner.start()
    alone = spinner.rate(seconds=1.0) if company == "busy" else 0.0
    begin, cpu, turns = time.perf_counter(), time.thread_time(), spinner.turns
    for start in range(0, len(numbered), BATCH_RECORDS):
        orchestrator.ask(Ingest(writer_id=WRITER, records=numbered[start : start + BATCH_RECORDS]))
    seconds, cpu = time.perf_counter() - begin, time.thread_time() - cpu
    left = (spinner.turns - turns) / seconds / alone if alone else 1.0
    spinner.done = True
    orchestrator.close()
    print(json.dumps({"wall_us": seconds / count * 1e6, "cpu_us": cpu / count * 1e6, "left_to_others": left}))


def seen(number: int, *, ended: bool) -> TaskSeen:
    at = NOW + number * 40
    state = ("COMPLETED", "Completed", "returned") if ended else ("PENDING", "Pending", None)
    times = (1, at + 5, at + 20, f"pack:{RUN[:12]}/{number}:678") if ended else (0, None, None, None)
    identifier = call_id(RUN, b"%d" % number)
    return TaskSeen(RUN, 1, identifier, TASK, None, number, None, None, None, at, *state, None, *times, None, None)


class Spinner(threading.Thread):
    """A thread that counts, and so shows how much of Python's global lock is left to it."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.turns, self.done = 0, False

    def run(self) -> None:
        while not self.done:
            self.turns += 1

    def rate(self, *, seconds: float) -> float:
        begin, turns = time.perf_counter(), self.turns
        time.sleep(seconds)
        return (self.turns - turns) / (time.perf_counter() - begin)


main()
