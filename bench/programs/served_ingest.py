"""Send a server the journals of several writers at once: served_ingest.py WRITERS TASK_RUNS_EACH.

Says when it began and ended to send, in seconds since 1970. Each record is a task run, and a row, of its own.
"""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from task_records import batches_of, begin_run

from penstock.orchestrator.remote import RemoteOrchestrator
from penstock.ports import Ingest
from penstock.sdk.wiring import SENT_RECORDS_MAX

writers, count = int(sys.argv[1]), int(sys.argv[2])
remote = RemoteOrchestrator(os.environ["PENSTOCK_API_URL"])


def send(batches: list[Ingest]) -> None:
    for batch in batches:
        remote.ask(batch)


if __name__ == "__main__":
    journals = [batches_of(begin_run(remote), count, 1, size=SENT_RECORDS_MAX) for _ in range(writers)]
    begun = time.time()
    with ThreadPoolExecutor(writers) as threads:
        list(threads.map(send, journals))
    print(json.dumps({"begun": begun, "ended": time.time()}))
