"""Take journal records of task runs into the store, and say what one costs.

`ingest.py COUNT RECORDS_EACH busy|alone`: with `busy`, another thread wants Python's global lock all the while.
"""

import json
import sys
import threading
import time

from task_records import batches_of, begin_run

from penstock.engine.journal import JournalOptions
from penstock.orchestrator.local import LocalOrchestrator
from penstock.settings import load_settings
from penstock.store import open_store


def main() -> None:
    count, each, company = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    orchestrator = LocalOrchestrator(open_store(load_settings().effective_database_url))
    batches = batches_of(begin_run(orchestrator), count, each, size=JournalOptions().batch_records)
    spinner = Spinner()
    if company == "busy":
        spinner.start()
    alone = spinner.rate(seconds=1.0) if company == "busy" else 0.0
    begin, cpu, turns = time.perf_counter(), time.thread_time(), spinner.turns
    for batch in batches:
        orchestrator.ask(batch)
    seconds, cpu = time.perf_counter() - begin, time.thread_time() - cpu
    left = (spinner.turns - turns) / seconds / alone if alone else 1.0
    spinner.done = True
    orchestrator.close()
    print(json.dumps({"wall_us": seconds / count * 1e6, "cpu_us": cpu / count * 1e6, "left_to_others": left}))


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
