"""The JSON that `--json` prints. Shapes are stable: keys may be added, none changes its meaning or goes.

Ids are UUIDs, times ISO 8601 in UTC with microseconds, durations seconds. The schemas are in schemas/.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from penstock.cli.text import as_iso
from penstock.core.ids import as_uuid_text
from penstock.core.states import RunState
from penstock.ports import (
    Artifact,
    Attempt,
    DatasetUse,
    Flow,
    FlowRun,
    LogLine,
    StateEntry,
    StoreInfo,
    TaskRun,
    Variable,
)

Shape = dict[str, Any]


def state_shape(state: RunState) -> Shape:
    """A state with its time and reason."""
    return {
        "type": state.type.value,
        "name": state.name,
        "at": as_iso(state.at),
        "reason": None if state.reason is None else str(state.reason),
        "message": state.message,
        "is_final": state.is_final,
    }


def flow_shape(flow: Flow) -> Shape:
    """A flow."""
    return {
        "id": _id(flow.id),
        "name": flow.name,
        "created_at": as_iso(flow.created_at),
        "run_count": flow.run_count,
        "last_run_at": as_iso(flow.last_run_at),
    }


def flow_run_shape(run: FlowRun) -> Shape:
    """A flow run, as lists show it and as the head of `flow-run inspect`."""
    return {
        "id": _id(run.id),
        "name": run.name,
        "flow": {"id": _id(run.flow_id), "name": run.flow_name, "version": run.flow_version},
        "state": state_shape(run.state),
        "epoch": run.epoch,
        "parameters": run.parameters,
        "tags": list(run.tags),
        "code_version": run.code_version,
        "entrypoint": run.entrypoint,
        "parent_run_id": _id(run.parent_run_id),
        "parent_task_run_id": _id(run.parent_task_run_id),
        "upstream": [_id(id_) for id_ in run.upstream],
        "created_at": as_iso(run.created_at),
        "expected_start_at": as_iso(run.expected_start_at),
        "started_at": as_iso(run.started_at),
        "ended_at": as_iso(run.ended_at),
        "expected_end_at": as_iso(run.expected_end_at),
        "duration_seconds": _seconds(run.started_at, run.ended_at),
        "result": run.result,
        "process": {"host": run.host, "pid": run.pid, "writer_id": _id(run.writer_id)},
        "cancel_requested_at": as_iso(run.cancel_requested_at),
        "task_counts": dict(run.task_counts),
    }


def flow_run_details(
    run: FlowRun,
    *,
    states: Sequence[StateEntry],
    task_runs: Iterable[TaskRun],
    subflow_runs: Iterable[FlowRun],
    artifacts: Iterable[Artifact],
    datasets: Iterable[DatasetUse],
) -> Shape:
    """All that is known of a flow run: `flow-run inspect --json`."""
    uses = list(datasets)
    return {
        **flow_run_shape(run),
        "states": [{**state_shape(entry.state), "epoch": entry.epoch} for entry in states],
        "epochs": _epochs(states),
        "task_runs": [task_run_shape(task_run) for task_run in task_runs],
        "subflow_runs": [flow_run_shape(subflow_run) for subflow_run in subflow_runs],
        "artifacts": [artifact_shape(artifact) for artifact in artifacts],
        "datasets": {
            "read": [dataset_use_shape(use) for use in uses if use.action == "read"],
            "written": [dataset_use_shape(use) for use in uses if use.action != "read"],
        },
    }


def _epochs(states: Sequence[StateEntry]) -> list[Shape]:
    """Epochs as their states tell them; one that ended in a final state has an end. Before the first the run only waited."""
    epochs: dict[int, list[RunState]] = {}
    for entry in states:
        if entry.epoch == 0:
            continue
        epochs.setdefault(entry.epoch, []).append(entry.state)
    return [
        {
            "epoch": epoch,
            "started_at": as_iso(known[0].at),
            "ended_at": as_iso(known[-1].at) if known[-1].is_final else None,
            "last_state": known[-1].name,
        }
        for epoch, known in sorted(epochs.items())
    ]


def task_run_shape(run: TaskRun) -> Shape:
    """A task run with its attempts."""
    return {
        "id": _id(run.id),
        "name": run.name,
        "flow_run_id": _id(run.flow_run_id),
        "task": {"id": _id(run.task_id), "key": run.task_key, "name": run.task_name},
        "ordinal": run.ordinal,
        "epoch": run.epoch,
        "parent_id": _id(run.parent_id),
        "state": state_shape(run.state),
        "attempt": run.attempt,
        "attempts": [attempt_shape(attempt) for attempt in run.attempts],
        "created_at": as_iso(run.created_at),
        "started_at": as_iso(run.started_at),
        "ended_at": as_iso(run.ended_at),
        "duration_seconds": _seconds(run.started_at, run.ended_at),
        "tags": list(run.tags),
        "upstream": [_id(id_) for id_ in run.upstream],
        "result": run.result,
        "cache_key": run.cache_key,
    }


def attempt_shape(attempt: Attempt) -> Shape:
    """One try of a task run."""
    return {
        "number": attempt.number,
        "started_at": as_iso(attempt.started_at),
        "ended_at": as_iso(attempt.ended_at),
        "state_name": attempt.state_name,
        "message": attempt.message,
    }


def log_shape(line: LogLine) -> Shape:
    """A logged line."""
    return {
        "seq": line.seq,
        "at": as_iso(line.at),
        "level": line.level,
        "logger": line.logger,
        "message": line.message,
        "flow_run_id": _id(line.flow_run_id),
        "task_run_id": _id(line.task_run_id),
    }


def artifact_shape(artifact: Artifact) -> Shape:
    """An artifact with its data."""
    return {
        "id": _id(artifact.id),
        "key": artifact.key,
        "type": artifact.type,
        "description": artifact.description,
        "data": artifact.data,
        "flow_run_id": _id(artifact.flow_run_id),
        "task_run_id": _id(artifact.task_run_id),
        "created_at": as_iso(artifact.created_at),
        "updated_at": as_iso(artifact.updated_at),
    }


def dataset_use_shape(use: DatasetUse) -> Shape:
    """A version of a dataset that was read or written."""
    return {
        "dataset": use.dataset,
        "location": use.location,
        "version": use.version,
        "action": use.action,
        "at": as_iso(use.at),
        "flow_run_id": _id(use.flow_run_id),
        "task_run_id": _id(use.task_run_id),
        "write_key": use.write_key,
        "rows": use.rows,
        "bytes": use.bytes,
        "schema_digest": use.schema_digest,
        "details": use.details,
    }


def variable_shape(variable: Variable) -> Shape:
    """A variable."""
    return {
        "name": variable.name,
        "value": variable.value,
        "tags": list(variable.tags),
        "created_at": as_iso(variable.created_at),
        "updated_at": as_iso(variable.updated_at),
    }


def store_shape(info: StoreInfo) -> Shape:
    """What the database is."""
    return {
        "dialect": info.dialect,
        "location": info.location,
        "schema_version": info.schema_version,
        "bytes": info.bytes,
        "counts": dict(info.counts),
    }


def _id(identifier: str | None) -> str | None:
    """Ids of 32 digits as UUIDs; anything else as it is."""
    if identifier is None or len(identifier) != 32:
        return identifier
    return as_uuid_text(identifier)


def _seconds(started_at: int | None, ended_at: int | None) -> float | None:
    return None if started_at is None or ended_at is None else (ended_at - started_at) / 1_000_000
