"""What charts and the pages about one run or flow are drawn from."""

import pytest

from penstock.core.errors import NotFound
from penstock.core.ids import RunId
from penstock.core.states import StateType
from penstock.ports import RunFilter
from penstock.reports import (
    CompareFlowRuns,
    GetFlowGrid,
    GetFlowSummary,
    GetOverview,
    GetRunActivity,
    GetRunGraph,
    GetTimeline,
    ListFlowSummaries,
    ListRunPoints,
)
from tests.contract.telling import Teller, began, defined, moved, seen, task_run_id, used

MINUTE = 60_000_000
NOBODY = RunId("0" * 32)


def run(
    teller: Teller, flow: str, *, minutes_ago: int, took: int = 1, state: str = "Completed", **said: object
) -> RunId:
    at = teller.clock.now_us() - minutes_ago * MINUTE
    run_id = teller.begin(flow, at=at, **said)
    if state != "Running":
        teller.tell(moved(run_id, state, at=at + took * MINUTE))
    return run_id


def test_a_sample_of_many_runs_is_spread_over_the_time_and_has_all_that_failed(teller: Teller) -> None:
    states = ["Failed" if number % 10 == 0 else "Completed" for number in range(40)]
    runs = [run(teller, "etl", minutes_ago=400 - 5 * number, state=state) for number, state in enumerate(states)]
    found = teller.ask(ListRunPoints(limit=10))
    assert (40, 4, False) == (found.total, found.every, found.truncated)
    shown = [run_id for run_id in runs if run_id in found.ids]
    failed = [run_id for run_id, state in zip(runs, states, strict=True) if state == "Failed"]
    assert set(failed) <= set(shown)
    assert 10 <= len(shown) <= 14
    assert all(set(runs[start : start + 4]) & set(shown) for start in range(0, 40, 4))
    whole = teller.ask(ListRunPoints(limit=40))
    assert (40, 1, 40) == (whole.total, whole.every, len(whole.ids))


def test_activity_counts_runs_by_time_and_state(teller: Teller) -> None:
    for minutes_ago, state in ((48, "Completed"), (47, "Failed"), (5, "Completed"), (4, "Running"), (500, "Failed")):
        run(teller, "etl", minutes_ago=minutes_ago, state=state)
    now = teller.clock.now_us()
    found = teller.ask(GetRunActivity(since=now - 60 * MINUTE, until=now, buckets=6))
    assert 10 * MINUTE == found.bucket_us
    assert {"COMPLETED": [0, 1, 0, 0, 0, 1], "FAILED": [0, 1, 0, 0, 0, 0], "RUNNING": [0, 0, 0, 0, 0, 1]} == {
        state: list(counts) for state, counts in found.counts.items()
    }
    assert {"COMPLETED": 2, "FAILED": 1, "RUNNING": 1} == found.totals
    assert 2 / 3 == pytest.approx(found.success_rate)


def test_activity_can_be_narrowed_by_a_search(teller: Teller) -> None:
    run(teller, "etl", minutes_ago=5)
    run(teller, "report", minutes_ago=5)
    now = teller.clock.now_us()
    found = teller.ask(GetRunActivity(since=now - 60 * MINUTE, until=now, where="flow:report"))
    assert {"COMPLETED": 1} == found.totals


def test_points_are_the_newest_runs_with_their_durations(teller: Teller) -> None:
    run(teller, "etl", minutes_ago=30, took=3)
    newest = run(teller, "report", minutes_ago=10, state="Running")
    points = teller.ask(ListRunPoints())
    assert (newest, ["report", "etl"], False) == (points.ids[0], list(points.flow_names), points.truncated)
    everything = teller.ask(ListRunPoints(filter=RunFilter(where="state:completed")))
    assert [3 * MINUTE] == list(everything.durations)


def test_a_flow_is_summed_up_by_its_last_runs(teller: Teller) -> None:
    run(teller, "etl", minutes_ago=30, took=3)
    run(teller, "etl", minutes_ago=20, took=5)
    last = run(teller, "etl", minutes_ago=10, state="Failed")
    run(teller, "other", minutes_ago=10)
    summary = teller.ask(GetFlowSummary(name="etl", runs=2))
    assert last == summary.recent[0].id
    assert 2 == len(summary.recent)
    assert {"COMPLETED": 2, "FAILED": 1} == summary.counts
    assert (3, 5 * MINUTE) == (summary.flow.run_count, summary.duration_median)
    page = teller.ask(ListFlowSummaries(limit=1))
    assert ["etl"] == [item.flow.name for item in page.items]
    assert ["other"] == [item.flow.name for item in teller.ask(ListFlowSummaries(cursor=page.cursor)).items]
    with pytest.raises(NotFound):
        teller.ask(GetFlowSummary(name="nothing"))


def test_the_grid_shows_each_task_in_each_run(teller: Teller) -> None:
    first, second = run(teller, "etl", minutes_ago=30), run(teller, "etl", minutes_ago=20)
    teller.tell(
        defined("etl.a"),
        defined("etl.b"),
        seen(first, "1", key="etl.a"),
        seen(second, "1", key="etl.a", state="Failed"),
        seen(second, "2", key="etl.a"),
        seen(second, "3", key="etl.b"),
    )
    grid = teller.ask(GetFlowGrid(name="etl"))
    assert [second, first] == [bar.id for bar in grid.runs]
    assert ["a", "b"] == list(grid.tasks)
    assert [[{"FAILED": 1, "COMPLETED": 1}, {"COMPLETED": 1}], [{"COMPLETED": 1}, None]] == [
        list(row) for row in grid.cells
    ]


def test_the_overview_tells_what_runs_fails_and_is_stuck(teller: Teller) -> None:
    run(teller, "etl", minutes_ago=200, took=2)
    running = run(teller, "etl", minutes_ago=100, state="Running")
    run(teller, "report", minutes_ago=60)
    run(teller, "report", minutes_ago=30, state="Failed")
    failed = run(teller, "report", minutes_ago=20, state="Crashed")
    found = teller.ask(GetOverview(window_seconds=86_400))
    assert ([running], 1) == ([item.id for item in found.running], found.running_count)
    assert [("report", failed, 2)] == [(item.flow_name, item.run.id, item.failures_in_a_row) for item in found.failing]
    assert [running] == [item.run.id for item in found.stuck]
    assert 0.5 == found.success_rate
    assert found.success_rate_before is None


def test_a_timeline_is_columns_that_point_at_each_other(teller: Teller) -> None:
    at = teller.clock.now_us()
    run_id, child = teller.begin(at=at), teller.new_id()
    teller.tell(
        defined("etl.a"),
        defined("etl.b"),
        seen(run_id, "1", key="etl.a", created_at=at + 1, started_at=at + 2, ended_at=at + 3),
        seen(run_id, "2", "Running", key="etl.b", name="special", created_at=at + 4, started_at=at + 5,
             upstream=[task_run_id(run_id, "1")], parent_id=task_run_id(run_id, "1"), ordinal=3),
        began(child, run_id, created_at=at + 6, upstream=[task_run_id(run_id, "2")]),
    )  # fmt: skip
    line = teller.ask(GetTimeline(flow_run_id=run_id))
    assert [task_run_id(run_id, "1"), task_run_id(run_id, "2"), child] == list(line.ids)
    assert (at, ["a", "b"], ["child"], [0, 1, -1]) == (
        line.origin,
        list(line.task_names),
        list(line.flow_names),
        list(line.tasks),
    )
    assert ({"1": "special", "2": "small-fox"}, [0, 3, 0]) == (line.names, list(line.ordinals))
    assert ([1, 4, 6], [2, 5, None], [3, None, None]) == (list(line.created), list(line.starts), list(line.ends))
    assert [("Completed", StateType.COMPLETED), ("Running", StateType.RUNNING), ("Pending", StateType.PENDING)] == [
        line.state_names[place] for place in line.states
    ]
    assert [-1, 0, -1] == list(line.parents)
    assert {"1": [0], "2": [1]} == {place: list(rows) for place, rows in line.upstream.items()}
    teller.tell(seen(run_id, "2", key="etl.b", created_at=at + 4, started_at=at + 5, ended_at=at + 9, ordinal=3))
    news = teller.ask(GetTimeline(flow_run_id=run_id, after=line.changed))
    assert [task_run_id(run_id, "2")] == list(news.ids)
    with pytest.raises(NotFound):
        teller.ask(GetTimeline(flow_run_id=NOBODY))


def test_a_timeline_has_the_tries_before_the_last(teller: Teller) -> None:
    at = teller.clock.now_us()
    run_id = teller.begin(at=at)
    tries = [[at + 2, at + 5, "Failed", "no"], [at + 7, at + 9, "Failed", "no"]]
    teller.tell(defined(), seen(run_id, "1"), seen(run_id, "2", attempt=3, attempts=tries, started_at=at + 11))
    line = teller.ask(GetTimeline(flow_run_id=run_id))
    assert {"1": [(2, 5), (7, 9)]} == {place: [tuple(one) for one in of_row] for place, of_row in line.tries.items()}


def test_a_graph_puts_calls_of_a_task_together(teller: Teller) -> None:
    run_id = teller.begin()
    teller.tell(
        defined("etl.a"),
        defined("etl.b"),
        seen(run_id, "1", key="etl.a"),
        seen(run_id, "2", key="etl.a", state="Failed"),
        seen(run_id, "3", key="etl.b", upstream=[task_run_id(run_id, "1"), task_run_id(run_id, "2")]),
    )
    graph = teller.ask(GetRunGraph(flow_run_id=run_id))
    assert {"task:a": {"COMPLETED": 1, "FAILED": 1}, "task:b": {"COMPLETED": 1}} == {
        n.key: n.counts for n in graph.nodes
    }
    assert [("task:a", "task:b", 1, "result")] == [(e.source, e.target, e.count, e.kind) for e in graph.edges]


def test_two_runs_are_compared(teller: Teller) -> None:
    left = teller.begin(parameters={"year": 2020, "dry": False}, code_version="c1")
    right = teller.begin(parameters={"year": 2021, "dry": False}, code_version="c2")
    teller.tell(
        defined("etl.a"),
        seen(left, "1", key="etl.a", started_at=1_000, ended_at=3_000),
        seen(right, "1", key="etl.a", state="Failed", started_at=1_000, ended_at=8_000),
        used(left, version=3, rows=10),
        used(right, version=4, rows=20),
    )
    found = teller.ask(CompareFlowRuns(left=left, right=right))
    assert ("c1", "c2") == (found.left.code_version, found.right.code_version)
    assert [("year", 2020, 2021, False), ("dry", False, False, True)] == [
        (p.name, p.left, p.right, p.same) for p in found.parameters
    ]
    (task,) = found.tasks
    assert (2_000, 7_000, {"FAILED": 1}) == (task.left.duration, task.right.duration, task.right.states)
    (dataset,) = found.datasets
    assert (3, 4, 20) == (dataset.left.version, dataset.right.version, dataset.right.rows)
    with pytest.raises(NotFound):
        teller.ask(CompareFlowRuns(left=left, right=NOBODY))
