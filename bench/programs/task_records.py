"""Journal records of task runs, made beforehand: for the programs that have them taken in."""

import os
import time

from penstock.core.ids import RunId, WriterId, call_id, definition_id, time_ordered_id
from penstock.core.records import Record, TaskDefined, TaskSeen
from penstock.ports import BeginFlowRun, Ingest, Orchestrator, WriterHello

NOW = time.time_ns() // 1_000
TASK = definition_id("default", "bench.nothing")


def begin_run(orchestrator: Orchestrator) -> BeginFlowRun:
    """Begin a run of a writer of its own."""
    hello = WriterHello(writer_id=WriterId(new_id()), host="bench", boot_id="", pid=os.getpid(), lease_seconds=60.0)
    begun = BeginFlowRun(id=RunId(new_id()), flow_name="bench", name="bench", writer=hello)
    orchestrator.ask(begun)
    return begun


def batches_of(begun: BeginFlowRun, count: int, each: int, *, size: int) -> list[Ingest]:
    """What the journal of a run with `count` task runs says, `each` records of every one, `size` at once."""
    records: list[Record] = [TaskDefined(TASK, "bench.nothing", "nothing", (), "h", 0, None)]
    records += [seen(begun.id, number, ended=part == each) for part in range(1, each + 1) for number in range(count)]
    numbered = list(enumerate(records, start=1))
    return [
        Ingest(writer_id=begun.writer.writer_id, records=numbered[start : start + size])
        for start in range(0, len(numbered), size)
    ]


def seen(run: RunId, number: int, *, ended: bool) -> TaskSeen:
    at = NOW + number * 40
    state = ("COMPLETED", "Completed", "returned") if ended else ("PENDING", "Pending", None)
    times = (1, at + 5, at + 20, f"pack:{run[:12]}/{number}:678") if ended else (0, None, None, None)
    identifier = call_id(run, b"%d" % number)
    return TaskSeen(run, 1, identifier, TASK, None, number, None, None, None, at, *state, None, *times, None, None)


def new_id() -> str:
    return time_ordered_id(time.time_ns() // 1_000, os.urandom(10))
