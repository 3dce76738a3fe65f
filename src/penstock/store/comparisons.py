"""Two runs side by side."""

from collections.abc import Mapping
from typing import Any, TypeVar

from sqlalchemy import Connection, func, select

from penstock.ports import PAGE_SIZE_MAX, DatasetUse, FlowRun, GetFlowRun, ListDatasetUses
from penstock.reports import (
    CompareFlowRuns,
    DatasetDifference,
    ParameterDifference,
    RunComparison,
    TaskDifference,
    TaskMeasure,
)
from penstock.store.database import Store
from penstock.store.facts import list_dataset_uses
from penstock.store.flow_runs import find_run, get_flow_run
from penstock.store.tables import task, task_run

K = TypeVar("K")


def compare_flow_runs(store: Store, request: CompareFlowRuns, workspace: str) -> RunComparison:
    """Answer `CompareFlowRuns`."""
    left = get_flow_run(store, GetFlowRun(id=request.left), workspace)
    right = get_flow_run(store, GetFlowRun(id=request.right), workspace)
    with store.read() as connection:
        workspace_id = store.workspace_id(connection, workspace)
        tasks = [_measure(connection, find_run(connection, workspace_id, run.id)) for run in (left, right)]
    uses = [_uses(store, run, workspace) for run in (left, right)]
    return RunComparison(
        left=left,
        right=right,
        parameters=_parameters(left.parameters, right.parameters),
        tasks=[TaskDifference(name=name, left=tasks[0].get(name), right=tasks[1].get(name)) for name in _keys(*tasks)],
        datasets=[
            DatasetDifference(dataset=key[0], action=key[1], left=uses[0].get(key), right=uses[1].get(key))
            for key in _keys(*uses)
        ],
    )


def _parameters(left: Any, right: Any) -> list[ParameterDifference]:
    ours, theirs = (value if isinstance(value, dict) else {} for value in (left, right))
    return [
        ParameterDifference(
            name=name,
            left=ours.get(name),
            right=theirs.get(name),
            same=(name in ours) == (name in theirs) and ours.get(name) == theirs.get(name),
        )
        for name in _keys(ours, theirs)
    ]


def _measure(connection: Connection, run_seq: int) -> Mapping[str, TaskMeasure]:
    t = task_run.c
    rows = connection.execute(
        select(task.c.name, t.state_type, func.count(), func.sum(t.ended_at - t.started_at))
        .join(task, task.c.seq == t.task_seq)
        .where(t.flow_run_seq == run_seq)
        .group_by(task.c.name, t.state_type)
        .order_by(task.c.name)
    ).all()
    found: dict[str, TaskMeasure] = {}
    for name, state_type, count, took in rows:
        before = found.get(name, TaskMeasure(count=0, duration=0, states={}))
        found[name] = TaskMeasure(
            count=before.count + count,
            duration=before.duration + int(took or 0),
            states={**before.states, state_type: count},
        )
    return found


def _uses(store: Store, run: FlowRun, workspace: str) -> Mapping[tuple[str, str], DatasetUse]:
    newest_first = list_dataset_uses(store, ListDatasetUses(flow_run_id=run.id, limit=PAGE_SIZE_MAX), workspace).items
    return {(use.dataset, use.action): use for use in reversed(newest_first)}


def _keys(left: Mapping[K, Any], right: Mapping[K, Any]) -> list[K]:
    return list(dict.fromkeys([*left, *right]))
