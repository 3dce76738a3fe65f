"""The hot lists are served by an index: nothing is scanned from end to end, nothing is sorted afterwards."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from penstock.core.ids import RunId, TaskRunId
from penstock.core.states import StateType
from penstock.orchestrator.local import LocalOrchestrator
from penstock.ports import (
    FindCancellations,
    FindFlowRuns,
    FindOpenRuns,
    FindTaskRuns,
    GetArtifact,
    GetFlowRun,
    GetTaskRun,
    ListArtifacts,
    ListDatasetUses,
    ListEvents,
    ListFlowRuns,
    ListFlows,
    ListLogs,
    ListRecordedCalls,
    ListStates,
    ListTaskRuns,
    ListVariables,
    MarkCrashed,
    Request,
    RunFilter,
)
from penstock.reports import (
    CompareFlowRuns,
    GetFlowGrid,
    GetFlowSummary,
    GetOverview,
    GetRunActivity,
    GetRunGraph,
    GetTimeline,
    ListChanges,
    ListFlowSummaries,
    ListRunPoints,
)
from penstock.scheduling import ListDeployments, ListTicks
from penstock.store import open_store
from penstock.testing import FakeClock
from tests.contract.telling import Teller, began, defined, logged, moved, seen, shown, used

RUN = RunId("0" * 32)


@pytest.fixture
def statements() -> list[str]:
    return []


@pytest.fixture
def teller(path: Path, clock: FakeClock, statements: list[str]) -> Teller:
    return Teller(
        LocalOrchestrator(open_store(f"sqlite:///{path}", clock=clock, before_statement=statements.append)), clock
    )


def ask(teller: Teller, request_of: Request[Any], statements: list[str]) -> None:
    """Ask of a store that has things to find, and note the question's own statements alone."""
    prepare(teller)
    request_of = with_ids(request_of, teller)
    statements.clear()
    teller.ask(request_of)


@pytest.mark.parametrize(
    "request_of",
    [
        ListFlowRuns(),
        ListFlowRuns(filter=RunFilter(state_types=[StateType.FAILED])),
        ListFlowRuns(filter=RunFilter(flow_names=["etl"])),
        ListFlowRuns(filter=RunFilter(flow_names=["etl"], state_types=[StateType.FAILED])),
        ListFlowRuns(filter=RunFilter(parent_run_id=RUN)),
        ListFlowRuns(filter=RunFilter(since=5, until=9)),
        ListFlowRuns(filter=RunFilter(top_level=True, tags=["x"], name_contains="y")),
        ListTaskRuns(flow_run_id=RUN),
        ListTaskRuns(flow_run_id=RUN, state_types=[StateType.COMPLETED]),
        ListTaskRuns(),
        ListLogs(flow_run_id=RUN),
        ListLogs(flow_run_id=RUN, newest_first=True, level_min=30),
        ListLogs(task_run_id=TaskRunId(RUN)),
        ListLogs(),
        ListArtifacts(),
        ListArtifacts(key="report"),
        ListArtifacts(key="report", latest_only=True),
        ListArtifacts(latest_only=True),
        ListArtifacts(flow_run_id=RUN),
        GetArtifact(id_or_key="report"),
        ListDatasetUses(),
        ListDatasetUses(dataset="a"),
        ListDatasetUses(flow_run_id=RUN),
        ListDatasetUses(write_key="w"),
        ListEvents(),
        ListEvents(kinds=["a"]),
        ListEvents(newest_first=True),
        ListEvents(newest_first=True, before=9, kinds=["a"]),
        ListEvents(newest_first=True, before=9, kinds=["a", "b"]),
        ListFlows(),
        ListVariables(),
        ListStates(flow_run_id=RUN),
        ListRecordedCalls(flow_run_id=RUN),
        GetFlowRun(id=RUN),
        GetTaskRun(id=TaskRunId(RUN)),
        FindFlowRuns(text="00ab"),
        FindFlowRuns(text="brave-fox"),
        FindTaskRuns(text="00ab"),
        FindOpenRuns(writer_id=RUN),  # type: ignore[arg-type]
        FindCancellations(run_ids=[RUN]),
        ListChanges(after=1, with_events=True),
        ListRunPoints(filter=RunFilter(flow_names=["etl"])),
    ],
    ids=lambda request: f"{type(request).__name__}",
)
def test_a_read_is_served_by_indexes(
    teller: Teller, path: Path, statements: list[str], request_of: Request[Any]
) -> None:
    ask(teller, request_of, statements)
    assert ([], []) == (scans(path, statements), sortings(path, statements))


@pytest.mark.parametrize(
    "request_of",
    [
        GetRunActivity(since=5, until=9),
        GetRunActivity(since=5, until=9, top_level=False, where="flow:etl"),
        ListRunPoints(filter=RunFilter(since=5, until=9)),
        GetOverview(),
        ListFlowSummaries(since=5),
        GetFlowSummary(name="etl"),
        GetFlowGrid(name="etl"),
        GetTimeline(flow_run_id=RUN),
        GetRunGraph(flow_run_id=RUN),
        CompareFlowRuns(left=RUN, right=RUN),
        ListTaskRuns(state_types=[StateType.RUNNING]),
        ListLogs(text="words", since=5, until=9),
        ListLogs(text="words", newest_first=True),
        ListLogs(since=5, until=9, level_min=40),
        ListDeployments(flow_name="etl"),
        ListTicks(since=5, until=9),
    ],
    ids=lambda request: f"{type(request).__name__}",
)
def test_a_chart_and_a_search_are_served_by_indexes(
    teller: Teller, path: Path, statements: list[str], request_of: Request[Any]
) -> None:
    ask(teller, request_of, statements)
    assert [] == scans(path, statements)


def test_the_rest_of_a_list_is_served_by_the_same_index(teller: Teller, path: Path, statements: list[str]) -> None:
    prepare(teller)
    run_id = teller.ask(ListFlowRuns(limit=1)).items[0].id
    for request in (
        ListFlowRuns(limit=1),
        ListFlowRuns(limit=1, filter=RunFilter(flow_names=["etl"])),
        ListTaskRuns(flow_run_id=run_id, limit=1),
        ListLogs(flow_run_id=run_id, limit=1),
    ):
        cursor = teller.ask(request).cursor
        assert cursor is not None
        statements.clear()
        teller.ask(type(request)(**{name: getattr(request, name) for name in request.__slots__} | {"cursor": cursor}))
        assert ([], []) == (scans(path, statements), sortings(path, statements))


def test_taking_in_a_batch_scans_nothing(teller: Teller, path: Path, statements: list[str]) -> None:
    statements.clear()
    prepare(teller)
    teller.ask(MarkCrashed(writer_id=teller.id, message="gone"))
    assert [] == scans(path, [statement for statement in statements if "VALUES" not in statement])


def prepare(teller: Teller) -> None:
    for _ in range(2):
        run_id = teller.begin("etl")
    child = RunId(teller.new_id())
    teller.tell(
        began(child, run_id), moved(child, "Running"), defined(), seen(run_id, "1"), seen(run_id, "2", "Running")
    )
    teller.tell(logged(run_id), logged(run_id), shown(teller.new_id(), run_id=run_id), used(run_id))


def with_ids(request: Request[Any], teller: Teller) -> Request[Any]:
    """The request with ids of runs that are there."""
    run_id = teller.ask(ListFlowRuns(filter=RunFilter(top_level=True))).items[0].id
    values = {name: getattr(request, name) for name in request.__slots__}
    if isinstance(request, GetFlowRun):
        values["id"] = run_id
    elif isinstance(request, GetTaskRun):
        values["id"] = teller.ask(ListTaskRuns(limit=1)).items[0].id
    for name in {"flow_run_id", "left", "right"} & values.keys():
        values[name] = run_id if values[name] is not None else None
    return type(request)(**values)


def plan(path: Path, statement: str) -> list[str]:
    with sqlite3.connect(path) as connection:
        marks = [1] * statement.count("?")
        return [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", marks)]


def queries(statements: list[str]) -> list[str]:
    return [
        s for s in statements if s.lstrip().startswith(("SELECT", "WITH", "UPDATE", "DELETE")) and "counter" not in s
    ]


def scans(path: Path, statements: list[str]) -> list[str]:
    """Steps that read a table or index from end to end, other than a tiny one or along an index up to a limit."""
    found = []
    for statement in queries(statements):
        for step in plan(path, statement):
            harmless = ("CONSTANT", "json_each", "place", "tree", "workspace", "SUBQUERY", "(subquery")
            in_order = "LIMIT" in statement and ("USING" in step or step in ("SCAN task_run", "SCAN log", "SCAN event"))
            in_order |= "VIRTUAL TABLE INDEX" in step and ":M" in step  # what FTS5 says of a search for words
            if step.startswith("SCAN") and not any(word in step for word in harmless) and not in_order:
                found.append(f"{step}: {statement}")
    return found


def sortings(path: Path, statements: list[str]) -> list[str]:
    return [s for s in queries(statements) for step in plan(path, s) if "TEMP B-TREE" in step]
