"""Finding, listing and removing what is recorded."""

from collections.abc import Callable
from typing import Any

import pytest

from penstock.core.errors import Conflict, CursorInvalid, NotFound
from penstock.core.ids import RunId, TaskRunId, as_uuid_text
from penstock.core.records import WriterClosed
from penstock.core.states import StateType
from penstock.ports import (
    PAGE_SIZE_MAX,
    DeleteFlowRun,
    DescribeStore,
    FindFlowRuns,
    FindTaskRuns,
    GetFlowRun,
    GetTaskRun,
    GetVariable,
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
    Page,
    Principal,
    Prune,
    RemoveVariable,
    RunFilter,
    SetVariable,
)
from penstock.store.schema import SCHEMA_VERSION
from penstock.testing import FakeClock
from tests.contract.telling import Teller, began, defined, logged, moved, seen, shown, task_run_id, used


def test_runs_are_listed_newest_first_in_pages(teller: Teller) -> None:
    runs = [teller.begin(at=100 + n // 3) for n in range(10)]
    found = every(lambda cursor: teller.ask(ListFlowRuns(cursor=cursor, limit=4)))
    assert runs[::-1] == [run.id for run in found]


def test_a_page_ends_where_the_list_ends(teller: Teller) -> None:
    for _ in range(3):
        teller.begin()
    assert teller.ask(ListFlowRuns(limit=3)).cursor is None
    assert teller.ask(ListFlowRuns(limit=2)).cursor is not None


def test_a_page_has_at_least_one_row_and_at_most_the_limit(teller: Teller) -> None:
    run_id = teller.begin()
    teller.tell(defined(), *(seen(run_id, str(n)) for n in range(PAGE_SIZE_MAX + 50)))
    assert PAGE_SIZE_MAX == len(teller.ask(ListTaskRuns(flow_run_id=run_id, limit=10**9)).items)
    assert 1 == len(teller.ask(ListTaskRuns(flow_run_id=run_id, limit=0)).items)


NO_CURSORS = ["", "x", "!!!", "eyJhIjoxfQ", "WzEsMiwzXQ", "W1tdLDFd", "é" * 9]


def test_a_cursor_that_no_list_gave_is_refused(teller: Teller) -> None:
    for request in (ListFlowRuns, ListFlows, ListTaskRuns, ListLogs, ListArtifacts, ListVariables, ListDatasetUses):
        for cursor in NO_CURSORS:
            with pytest.raises(CursorInvalid):
                teller.ask(request(cursor=cursor))


def test_runs_are_filtered(teller: Teller) -> None:
    a = teller.begin("etl", name="brave-fox", at=100, tags=("x", "y"))
    b = teller.begin("etl", name="shy_owl%", at=200, tags=("y",))
    c = teller.begin("report", name="SHY-bear", at=300)
    teller.end(a, "Failed")
    teller.end(b, "Completed")

    def found(**conditions: Any) -> list[RunId]:
        return [run.id for run in teller.ask(ListFlowRuns(filter=RunFilter(**conditions))).items]

    assert [c, b, a] == found()
    assert [a] == found(state_types=[StateType.FAILED])
    assert [b, a] == found(state_types=[StateType.FAILED, StateType.COMPLETED])
    assert [c] == found(state_names=["Running"])
    assert [b, a] == found(flow_names=["etl"])
    assert [c, b, a] == found(flow_names=["etl", "report"])
    assert [] == found(flow_names=["missing"])
    assert [c, b] == found(name_contains="shy")
    assert [b] == found(name_contains="l%")
    assert [b] == found(name_contains="_")
    assert [b, a] == found(tags=["y"])
    assert [a] == found(tags=["y", "x"])
    assert [c, b] == found(since=200)
    assert [a] == found(until=200)
    assert [c, a] == found(ids=[a, c])
    assert [b] == found(
        state_types=[StateType.COMPLETED], flow_names=["etl"], tags=["y"], since=150, name_contains="owl"
    )


def test_runs_are_found_by_the_beginning_of_their_id_or_by_name(teller: Teller) -> None:
    a, b = teller.begin(name="brave-fox"), teller.begin(name="brave-fox")
    assert [a] == list(teller.ask(FindFlowRuns(text=a)))
    assert [a] == list(teller.ask(FindFlowRuns(text=as_uuid_text(a).upper())))
    assert [b, a] == list(teller.ask(FindFlowRuns(text=a[:8])))
    assert [b] == list(teller.ask(FindFlowRuns(text=a[:8], limit=1)))
    assert [b, a] == list(teller.ask(FindFlowRuns(text="brave-fox")))
    assert [] == list(teller.ask(FindFlowRuns(text="brave")))
    assert [] == list(teller.ask(FindFlowRuns(text="")))


def test_flows_are_listed_by_name_with_their_runs(teller: Teller) -> None:
    teller.begin("b", at=10)
    teller.begin("a", at=20)
    teller.begin("b", at=30)
    flows = every(lambda cursor: teller.ask(ListFlows(cursor=cursor, limit=1)))
    assert [("a", 1, 20), ("b", 2, 30)] == [(flow.name, flow.run_count, flow.last_run_at) for flow in flows]
    assert flows[1].id == teller.ask(ListFlowRuns(filter=RunFilter(flow_names=["b"]))).items[0].flow_id


def test_task_runs_of_a_run_are_listed_oldest_first(teller: Teller) -> None:
    run_id, other = teller.begin(), teller.begin()
    teller.tell(defined(), *(seen(run_id, str(n), "Pending") for n in range(25)), seen(other, "x"))
    teller.tell(*(seen(run_id, str(n)) for n in reversed(range(25))))
    found = every(lambda cursor: teller.ask(ListTaskRuns(flow_run_id=run_id, cursor=cursor, limit=10)))
    assert [task_run_id(run_id, str(n)) for n in range(25)] == [task_run.id for task_run in found]


def test_task_runs_of_all_runs_are_listed_newest_first(teller: Teller) -> None:
    first, second = teller.begin(), teller.begin()
    teller.tell(defined(), seen(first, "1"), seen(second, "1"), seen(first, "2"))
    found = every(lambda cursor: teller.ask(ListTaskRuns(cursor=cursor, limit=2)))
    expected = [task_run_id(first, "2"), task_run_id(second, "1"), task_run_id(first, "1")]
    assert expected == [task_run.id for task_run in found]


def test_task_runs_that_go_on_are_listed_newest_first(teller: Teller) -> None:
    first, second = teller.begin(), teller.begin()
    teller.tell(defined(), seen(first, "1", "Running"), seen(first, "2"), seen(second, "1", "Running"))
    going_on = [StateType.RUNNING, StateType.PENDING]
    found = every(lambda cursor: teller.ask(ListTaskRuns(state_types=going_on, cursor=cursor, limit=1)))
    assert [task_run_id(second, "1"), task_run_id(first, "1")] == [task_run.id for task_run in found]


def test_task_runs_are_filtered(teller: Teller) -> None:
    run_id = teller.begin()
    teller.tell(defined("m.a"), defined("m.b"))
    teller.tell(
        seen(run_id, "1", key="m.a"), seen(run_id, "2", "Failed", key="m.b"), seen(run_id, "3", "Running", key="m.a")
    )

    def found(**conditions: Any) -> list[str]:
        items = teller.ask(ListTaskRuns(flow_run_id=run_id, **conditions)).items
        return [call for task_run in items for call in "123" if task_run.id == task_run_id(run_id, call)]

    assert ["1"] == found(state_types=[StateType.COMPLETED])
    assert ["2"] == found(state_types=[StateType.FAILED])
    assert ["2", "3"] == found(state_types=[StateType.FAILED, StateType.RUNNING])
    assert ["1", "2"] == found(state_types=[StateType.FAILED, StateType.COMPLETED])
    assert ["1", "3"] == found(task_names=["a"])
    assert [] == found(task_names=["of no task"])


def test_task_runs_are_found_by_the_beginning_of_their_id(teller: Teller) -> None:
    run_id = teller.begin()
    teller.tell(defined(), seen(run_id, "1"))
    identifier = task_run_id(run_id, "1")
    assert [identifier] == list(teller.ask(FindTaskRuns(text=identifier[:20])))
    assert [] == list(teller.ask(FindTaskRuns(text="no id")))
    with pytest.raises(NotFound):
        teller.ask(GetTaskRun(id=TaskRunId("0" * 32)))


def test_a_workspace_lists_only_its_own(teller: Teller) -> None:
    run_id = teller.begin()
    teller.tell(defined(), seen(run_id), logged(run_id), shown(teller.new_id(), run_id=run_id), used(run_id))
    teller.ask(SetVariable(name="token", value=1))
    elsewhere = Teller(teller.orchestrator, teller.clock, principal=Principal(workspace="elsewhere"))
    requests = (
        ListFlowRuns,
        ListFlows,
        ListTaskRuns,
        ListLogs,
        ListArtifacts,
        ListDatasetUses,
        ListVariables,
        ListEvents,
    )
    for _ in range(2):
        for request in requests:
            assert [] == list(elsewhere.ask(request()).items)
        assert [] == list(elsewhere.ask(ListStates(flow_run_id=run_id)))
        assert [] == list(elsewhere.ask(ListRecordedCalls(flow_run_id=run_id)).items)
        assert [] == list(elsewhere.ask(ListTaskRuns(flow_run_id=run_id)).items)
        assert [] == list(elsewhere.ask(FindFlowRuns(text=run_id)))
        assert [] == list(elsewhere.ask(FindTaskRuns(text=task_run_id(run_id, "1"))))
        with pytest.raises(NotFound):
            elsewhere.ask(DeleteFlowRun(id=run_id, force=True))
        with pytest.raises(NotFound):
            elsewhere.ask(GetVariable(name="token"))
        elsewhere.tell()  # the workspace exists from now on


def test_a_variable_is_what_it_was_set_to(teller: Teller, clock: FakeClock) -> None:
    first = teller.ask(SetVariable(name="limits", value={"b": [1, None, "x"], "a": 0.5}, tags=("t",)))
    clock.move(seconds=1)
    assert first == teller.ask(GetVariable(name="limits"))
    again = teller.ask(SetVariable(name="limits", value=None))
    assert (None, (), first.created_at) == (again.value, again.tags, again.created_at)
    assert again.updated_at > first.updated_at
    with pytest.raises(Conflict):
        teller.ask(SetVariable(name="limits", value=3, overwrite=False))
    assert 4 == teller.ask(SetVariable(name="fresh", value=4, overwrite=False)).value


def test_variables_are_listed_by_name_and_removed(teller: Teller) -> None:
    for name in ("b", "a", "c"):
        teller.ask(SetVariable(name=name, value=name))
    found = every(lambda cursor: teller.ask(ListVariables(cursor=cursor, limit=2)))
    assert ["a", "b", "c"] == [variable.name for variable in found]
    teller.ask(RemoveVariable(name="b"))
    with pytest.raises(NotFound):
        teller.ask(RemoveVariable(name="b"))


def test_a_variable_that_is_missing_is_guessed_at(teller: Teller) -> None:
    teller.ask(SetVariable(name="token", value=1))
    with pytest.raises(NotFound) as raised:
        teller.ask(GetVariable(name="tokn"))
    assert ("token",) == raised.value.near


def test_a_deleted_run_takes_all_that_hangs_on_it_along(teller: Teller) -> None:
    run_id, child, kept = teller.begin(), RunId(teller.new_id()), teller.begin()
    teller.tell(
        began(child, run_id), moved(child, "Completed"), defined(), seen(child), seen(run_id, "2"), seen(kept, "3")
    )
    teller.tell(logged(child), logged(kept), shown(teller.new_id(), run_id=child), used(child))
    with pytest.raises(Conflict):
        teller.ask(DeleteFlowRun(id=run_id))
    teller.end(run_id)
    assert 2 == teller.ask(DeleteFlowRun(id=run_id))
    assert [kept] == [run.id for run in teller.ask(ListFlowRuns()).items]
    assert [kept] == [task_run.flow_run_id for task_run in teller.ask(ListTaskRuns()).items]
    assert [kept] == [line.flow_run_id for line in teller.ask(ListLogs()).items]
    assert 1 == len(teller.ask(ListEvents()).items)
    counts = teller.ask(DescribeStore()).counts
    assert {"flow_run": 1, "task_run": 1, "log": 1, "artifact": 0, "dataset_use": 0, "event": 1} == {
        name: counts[name] for name in ("flow_run", "task_run", "log", "artifact", "dataset_use", "event")
    }
    with pytest.raises(NotFound):
        teller.ask(GetFlowRun(id=run_id))


def test_retention_removes_old_ended_runs_in_small_passes(teller: Teller, clock: FakeClock) -> None:
    old = [teller.begin() for _ in range(5)]
    child, open_run = RunId(teller.new_id()), teller.begin()
    teller.tell(began(child, old[0], created_at=clock.now_us()), moved(child, "Completed", at=clock.now_us()))
    teller.tell(defined(), *(seen(run_id, "1") for run_id in old), logged(old[0]))
    for run_id in old:
        teller.end(run_id)
    clock.move(seconds=3_600)
    recent = teller.begin()
    teller.end(recent)
    limit = clock.now_us() - 1_800 * 1_000_000
    told = teller.ask(Prune(runs_older_than=limit, limit=2, dry_run=True))
    assert (3, 2, 1) == (told.rows["flow_run"], told.rows["task_run"], told.rows["log"])
    assert {old[0], child, old[1]} == set(told.run_ids)
    assert 8 == len(teller.ask(ListFlowRuns()).items)
    removed = teller.ask(Prune(runs_older_than=limit, limit=2))
    assert (3, 2, 1) == (removed.rows["flow_run"], removed.rows["task_run"], removed.rows["log"])
    assert {old[0], child, old[1]} == set(removed.run_ids)
    removed = teller.ask(Prune(runs_older_than=limit, limit=10))
    assert (3, set(old[2:])) == (removed.rows["flow_run"], set(removed.run_ids))
    assert [recent, open_run] == [run.id for run in teller.ask(ListFlowRuns()).items]
    assert 0 == sum(teller.ask(Prune(runs_older_than=limit)).rows.values())
    assert 0 == sum(teller.ask(Prune()).rows.values())


def test_retention_forgets_writers_that_have_ended_and_that_nothing_depends_on(
    teller: Teller, clock: FakeClock
) -> None:
    other, resting = Teller(teller.orchestrator, clock), Teller(teller.orchestrator, clock)
    other.end(other.begin())
    other.tell(WriterClosed(clock.now_us()))
    resting.end(resting.begin())
    teller.begin()
    clock.move(seconds=60)
    removed = teller.ask(Prune(runs_older_than=clock.now_us()))
    assert (2, 1) == (removed.rows["flow_run"], removed.rows["writer"])
    resting.end(resting.begin())
    assert 2 == len(teller.ask(ListFlowRuns()).items)


def test_the_store_describes_itself(teller: Teller) -> None:
    teller.begin()
    info = teller.ask(DescribeStore())
    assert info.dialect in ("sqlite", "postgresql")
    assert (SCHEMA_VERSION, 1, 0) == (info.schema_version, info.counts["flow_run"], info.counts["task_run"])
    assert info.bytes > 0
    assert {} == teller.ask(DescribeStore(counted=False)).counts


def every(ask: Callable[[str | None], Page[Any]]) -> list[Any]:
    """All items of a list, page by page."""
    items: list[Any] = []
    cursor = None
    while True:
        page = ask(cursor)
        items.extend(page.items)
        cursor = page.cursor
        if cursor is None:
            return items
