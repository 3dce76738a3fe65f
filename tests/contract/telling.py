"""A process that journals, as the orchestrator sees it: it begins runs and tells of them by numbered records."""

from collections.abc import Sequence
from hashlib import blake2b
from itertools import count
from typing import Any

from penstock.core.ids import RunId, TaskRunId, WriterId, call_id, definition_id, time_ordered_id
from penstock.core.records import ArtifactSeen, DatasetSeen, FlowSeen, LogSeen, Record, StateSeen, TaskDefined, TaskSeen
from penstock.core.states import Reason, StateType
from penstock.ports import (
    LOCAL,
    BeginFlowRun,
    FlowRun,
    GetFlowRun,
    GetTaskRun,
    Ingest,
    Orchestrator,
    Principal,
    TaskRun,
    WriterHello,
)
from penstock.testing import FakeClock

_counted = count(1)


class Teller:
    """One writer."""

    def __init__(self, orchestrator: Orchestrator, clock: FakeClock, *, principal: Principal = LOCAL):
        self.orchestrator, self.clock, self.principal = orchestrator, clock, principal
        self.id = WriterId(self.new_id())
        self.sequence = 0

    def new_id(self) -> str:
        self.clock.move(seconds=0.001)
        return time_ordered_id(self.clock.now_us(), blake2b(b"%d" % next(_counted), digest_size=10).digest())

    @property
    def hello(self) -> WriterHello:
        environment = {"python": "3.11.9", "penstock": "0.1.0"}
        return WriterHello(writer_id=self.id, host="here", boot_id="boot", pid=42, environment=environment)

    def ask(self, request: Any) -> Any:
        return self.orchestrator.ask(request, self.principal)

    def begin(self, flow: str = "etl", **said: Any) -> RunId:
        """Begin a run and return its id."""
        run_id = RunId(said.pop("id", None) or self.new_id())
        request = BeginFlowRun(id=run_id, flow_name=flow, name=said.pop("name", "brave-fox"), writer=self.hello, **said)
        self.ask(request)
        return run_id

    def number(self, *records: Record) -> list[tuple[int, Record]]:
        """Give the records this writer's next numbers."""
        numbered = list(enumerate(records, start=self.sequence + 1))
        self.sequence += len(records)
        return numbered

    def tell(self, *records: Record) -> int:
        """Have records taken in, and return up to where they are."""
        return self.tell_numbered(self.number(*records))

    def tell_numbered(self, records: Sequence[tuple[int, Record]]) -> int:
        """Have numbered records taken in, as often as need be."""
        return self.ask(Ingest(writer_id=self.id, records=records)).sequence

    def end(self, run_id: RunId, name: str = "Completed", *, epoch: int = 1, **said: Any) -> None:
        self.tell(moved(run_id, name, at=self.clock.now_us(), epoch=epoch, **said))

    def run(self, run_id: str) -> FlowRun:
        return self.ask(GetFlowRun(id=RunId(run_id)))

    def task_run(self, run_id: RunId, call: str) -> TaskRun:
        return self.ask(GetTaskRun(id=task_run_id(run_id, call)))


def task_run_id(run_id: str, call: str) -> TaskRunId:
    return call_id(RunId(run_id), call.encode())


def task_id(key: str = "etl.fetch") -> str:
    return definition_id("default", key)


def defined(key: str = "etl.fetch", *, source_hash: str | None = "h1", tags: Sequence[str] = ()) -> TaskDefined:
    return TaskDefined(task_id(key), key, key.rpartition(".")[2], tags, source_hash, 0, None)


def seen(run_id: str, call: str = "1", state: str = "Completed", *, key: str = "etl.fetch", **said: Any) -> TaskSeen:
    """A snapshot of the task run that `call` stands for."""
    types = {"Cached": "COMPLETED", "NotReady": "PENDING"}
    ended = state in ("Completed", "Failed", "Cached", "Crashed", "Cancelled")
    values: dict[str, Any] = {
        "flow_run_id": run_id,
        "epoch": 1,
        "task_run_id": task_run_id(run_id, call),
        "task_id": task_id(key),
        "parent_id": None,
        "ordinal": 0,
        "name": None,
        "tags": None,
        "upstream": None,
        "created_at": 1_000,
        "state_type": types.get(state, state.upper()),
        "state_name": state,
        "reason": None,
        "message": None,
        "attempt": 0 if state in ("Pending", "NotReady") else 1,
        "started_at": None if state == "Pending" else 2_000,
        "ended_at": 3_000 if ended else None,
        "result": "pack:1" if state == "Completed" else None,
        "cache_key": None,
        "attempts": None,
    }
    return TaskSeen(**(values | said))


def moved(run_id: str, name: str, *, at: int = 5_000, epoch: int = 1, **said: Any) -> StateSeen:
    values = {"reason": None, "message": None, "result": None} | said
    type_ = values.pop("type", None) or StateType(name.upper())
    return StateSeen(run_id, epoch, at, str(type_), name, **values)


def began(run_id: str, parent: str | None, *, epoch: int = 1, flow: str = "child", **said: Any) -> FlowSeen:
    values: dict[str, Any] = {
        "flow_name": flow,
        "name": "small-fox",
        "version": None,
        "parameters": {"n": 1},
        "parent_run_id": parent,
        "parent_task_run_id": None,
        "created_at": 4_000,
        "tags": (),
        "code_version": "c1",
        "entrypoint": None,
        "upstream": None,
    }
    return FlowSeen(flow_run_id=run_id, epoch=epoch, **(values | said))


def logged(run_id: str, message: str = "hello", *, level: int = 20, call: str | None = None) -> LogSeen:
    return LogSeen(run_id, None if call is None else task_run_id(run_id, call), 1, 7_000, level, "penstock", message)


def shown(artifact_id: str, *, run_id: str | None = None, key: str | None = "report", **said: Any) -> ArtifactSeen:
    values = {"type": "markdown", "description": None, "data": "# Hello", "at": 6_000} | said
    return ArtifactSeen(flow_run_id=run_id, task_run_id=None, artifact_id=artifact_id, key=key, **values)


def used(
    run_id: str | None, dataset: str = "taxi/green", *, action: str = "write", version: int = 1, **said: Any
) -> DatasetSeen:
    values = {
        "task_run_id": None,
        "at": 8_000,
        "location": "file:///lake/green",
        "write_key": None,
        "rows": 10,
        "bytes": 1_000,
        "schema_digest": "d",
        "details": None,
    }
    return DatasetSeen(flow_run_id=run_id, action=action, dataset=dataset, version=version, **(values | said))


__all__ = ["Reason", "Teller", "began", "defined", "logged", "moved", "seen", "shown", "task_id", "task_run_id", "used"]
