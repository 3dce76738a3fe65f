"""Taking in what writers journal."""

import pytest

from penstock.core.errors import JournalError, NotFound
from penstock.core.ids import RunId, TaskRunId
from penstock.core.records import SUPERSEDED, EventSeen, WriterClosed
from penstock.core.states import Reason, StateType
from penstock.ports import (
    DeleteFlowRun,
    GetArtifact,
    Ingest,
    ListArtifacts,
    ListDatasetUses,
    ListEvents,
    ListFlowRuns,
    ListLogs,
    ListRecordedCalls,
    ListStates,
    ListTaskRuns,
    MakeDurable,
    MarkCrashed,
    RunFilter,
    TakeFlowRun,
)
from penstock.testing import FakeClock
from tests.contract.telling import (
    Teller,
    began,
    defined,
    logged,
    moved,
    seen,
    shown,
    task_id,
    task_run_id,
    used,
)


def test_a_task_run_is_what_was_last_said_of_it(teller: Teller) -> None:
    run_id = teller.begin()
    upstream = (task_run_id(run_id, "x"), task_run_id(run_id, "y"))
    attempts = [(1_000, 1_500, "AwaitingRetry", "flaky")]
    teller.tell(
        defined(tags=("io",)),
        seen(run_id, "1", "Running"),
        seen(run_id, "1", attempt=2, attempts=attempts, upstream=upstream, reason="returned", cache_key="k", ordinal=3),
    )
    task_run = teller.task_run(run_id, "1")
    assert run_id == task_run.flow_run_id
    assert ("etl.fetch", "fetch", "fetch-3") == (task_run.task_key, task_run.task_name, task_run.name)
    assert (StateType.COMPLETED, Reason.RETURNED, 3_000) == (
        task_run.state.type,
        task_run.state.reason,
        task_run.state.at,
    )
    assert upstream == task_run.upstream
    assert ("io",) == task_run.tags
    assert [(1, "AwaitingRetry", "flaky"), (2, "Completed", None)] == [
        (attempt.number, attempt.state_name, attempt.message) for attempt in task_run.attempts
    ]
    assert (1_000, 2_000, 3_000) == (task_run.created_at, task_run.started_at, task_run.ended_at)
    assert ("pack:1", "k") == (task_run.result, task_run.cache_key)


def test_counts_follow_the_task_runs(teller: Teller) -> None:
    run_id = teller.begin()
    teller.tell(defined(), *(seen(run_id, str(n), "Pending") for n in range(500)))
    assert {"PENDING": 500} == teller.run(run_id).task_counts
    teller.tell(*(seen(run_id, str(n), "Running") for n in range(300)), seen(run_id, "500"))
    assert {"PENDING": 200, "RUNNING": 300, "COMPLETED": 1} == teller.run(run_id).task_counts
    teller.tell(*(seen(run_id, str(n), "Failed" if n % 2 else "Completed") for n in range(500)))
    assert {"FAILED": 250, "COMPLETED": 251} == teller.run(run_id).task_counts


def test_records_that_are_in_already_are_passed_over(teller: Teller) -> None:
    run_id = teller.begin()
    records = teller.number(defined(), seen(run_id), logged(run_id), moved(run_id, "Completed"))
    for _ in range(3):
        assert 4 == teller.ask(Ingest(writer_id=teller.id, records=records)).sequence
    assert 4 == teller.ask(Ingest(writer_id=teller.id, records=records[1:3])).sequence
    assert {"COMPLETED": 1} == teller.run(run_id).task_counts
    assert 1 == len(teller.ask(ListLogs(flow_run_id=run_id)).items)
    assert 2 == len(teller.ask(ListStates(flow_run_id=run_id)))
    assert 2 == len(teller.ask(ListEvents()).items)


def test_a_batch_may_begin_with_what_is_in_already(teller: Teller) -> None:
    run_id = teller.begin()
    records = teller.number(defined(), seen(run_id, "1"), seen(run_id, "2"), seen(run_id, "3"))
    teller.ask(Ingest(writer_id=teller.id, records=records[:2]))
    teller.ask(Ingest(writer_id=teller.id, records=records[1:]))
    assert {"COMPLETED": 3} == teller.run(run_id).task_counts


def test_nothing_at_all_may_be_taken_in(teller: Teller) -> None:
    assert 0 == teller.ask(Ingest(writer_id=teller.id, records=())).sequence


def test_a_gap_is_refused_and_nothing_of_the_batch_is_kept(teller: Teller) -> None:
    run_id = teller.begin()
    records = teller.number(defined(), seen(run_id, "1"), seen(run_id, "2"), seen(run_id, "3"))
    with pytest.raises(JournalError):
        teller.ask(Ingest(writer_id=teller.id, records=[*records[:2], records[3]]))
    with pytest.raises(JournalError):
        teller.ask(Ingest(writer_id=teller.id, records=records[1:]))
    assert {} == teller.run(run_id).task_counts


def test_what_is_superseded_holds_its_place_in_the_sequence_and_says_nothing(teller: Teller) -> None:
    run_id = teller.begin()
    records = teller.number(defined(), SUPERSEDED, seen(run_id, "1"), SUPERSEDED, SUPERSEDED)
    with pytest.raises(JournalError):
        teller.ask(Ingest(writer_id=teller.id, records=[records[0], *records[2:]]))
    assert 5 == teller.ask(Ingest(writer_id=teller.id, records=records)).sequence
    assert 5 == teller.ask(Ingest(writer_id=teller.id, records=records[3:])).sequence
    assert {"COMPLETED": 1} == teller.run(run_id).task_counts


def test_writers_count_by_themselves(teller: Teller, clock: FakeClock) -> None:
    other = Teller(teller.orchestrator, clock)
    run_id, other_id = teller.begin(), other.begin()
    teller.tell(defined(), seen(run_id))
    other.tell(defined(), seen(other_id))
    assert {"COMPLETED": 1} == teller.run(run_id).task_counts == teller.run(other_id).task_counts


def test_an_older_epoch_is_history_only(teller: Teller, clock: FakeClock) -> None:
    run_id = teller.begin()
    teller.tell(defined(), seen(run_id, "1", "Failed"))
    teller.end(run_id, "Failed")
    other = Teller(teller.orchestrator, clock)
    other.ask(TakeFlowRun(id=run_id, writer=other.hello, holder_alive=False))
    other.tell(defined(), seen(run_id, "1", "Running", epoch=2))
    teller.tell(seen(run_id, "1", "Crashed"), seen(run_id, "2"), moved(run_id, "Completed"))
    run = teller.run(run_id)
    assert (2, "Running") == (run.epoch, run.state.name)
    assert ("Running", 2) == (teller.task_run(run_id, "1").state.name, teller.task_run(run_id, "1").epoch)
    assert {"RUNNING": 1, "COMPLETED": 1} == run.task_counts
    history = [(entry.epoch, entry.state.name) for entry in teller.ask(ListStates(flow_run_id=run_id))]
    assert [(1, "Running"), (1, "Failed"), (1, "Completed"), (2, "Running")] == history


def test_one_batch_may_hold_two_epochs(teller: Teller) -> None:
    run_id = teller.begin()
    teller.ask(TakeFlowRun(id=run_id, writer=teller.hello, holder_alive=False))
    teller.tell(defined(), seen(run_id, "1", "Running", epoch=2), seen(run_id, "1", "Failed", epoch=1))
    assert "Running" == teller.task_run(run_id, "1").state.name
    teller.tell(seen(run_id, "1", "Failed", epoch=1), seen(run_id, "2", "Failed", epoch=1))
    assert {"RUNNING": 1, "FAILED": 1} == teller.run(run_id).task_counts


def test_a_dead_writers_runs_are_presumed_crashed(teller: Teller) -> None:
    run_id, done = teller.begin(), teller.begin()
    child = RunId(teller.new_id())
    teller.tell(
        defined(), began(child, run_id), moved(child, "Running"), seen(run_id, "1"), seen(run_id, "2", "Running")
    )
    teller.tell(seen(run_id, "3", "Pending"), seen(run_id, "4", "NotReady"), seen(run_id, "5", "Failed"))
    teller.end(done)
    assert [run_id, child] == list(teller.ask(MarkCrashed(writer_id=teller.id, message="its process is gone")))
    run = teller.run(run_id)
    assert (StateType.CRASHED, Reason.PROCESS_DIED) == (run.state.type, run.state.reason)
    assert "its process is gone" == run.state.message
    assert run.ended_at is not None
    assert "Crashed" == teller.run(child).state.name
    assert "Completed" == teller.run(done).state.name
    assert {"COMPLETED": 1, "CRASHED": 2, "PENDING": 1, "FAILED": 1} == run.task_counts
    assert "Crashed" == teller.task_run(run_id, "3").state.name
    assert "NotReady" == teller.task_run(run_id, "4").state.name
    assert [] == list(teller.ask(MarkCrashed(writer_id=teller.id, message="again")))


def test_a_dead_writers_runs_ended_when_it_was_last_seen_and_not_when_that_was_found_out(
    teller: Teller, clock: FakeClock
) -> None:
    run_id = teller.begin()
    began_at = clock.now_us()
    teller.tell(defined(), seen(run_id, "1", "Running", started_at=began_at + 2_000_000))
    clock.move(seconds=3_600)
    teller.ask(MarkCrashed(writer_id=teller.id, message="gone", last_seen_at=began_at + 1_000_000))
    run, task = teller.run(run_id), teller.task_run(run_id, "1")
    assert (clock.now_us(), began_at + 1_000_000) == (run.state.at, run.ended_at)
    assert began_at + 2_000_000 == task.ended_at  # it has not ended before it began, whatever the clocks say


def test_nobody_was_last_seen_in_the_future_or_before_the_run_began(teller: Teller, clock: FakeClock) -> None:
    for said, seconds in ((clock.now_us() + 10**9, 5.0), (1, 0.0)):
        run_id = teller.begin()
        began_at = clock.now_us()
        clock.move(seconds=5)
        teller.ask(MarkCrashed(writer_id=teller.id, message="gone", last_seen_at=said))
        assert began_at + int(seconds * 1_000_000) == teller.run(run_id).ended_at


def test_nothing_is_known_of_an_unknown_writer(teller: Teller) -> None:
    assert [] == list(teller.ask(MarkCrashed(writer_id=teller.id, message="gone")))


def test_a_later_fact_of_the_same_epoch_replaces_a_presumed_crash(teller: Teller) -> None:
    run_id = teller.begin()
    teller.tell(defined(), seen(run_id, "1", "Running"))
    teller.ask(MarkCrashed(writer_id=teller.id, message="presumed"))
    teller.tell(seen(run_id, "1"), moved(run_id, "Completed", at=9_000, result="pack:9"))
    run = teller.run(run_id)
    assert ("Completed", 9_000, "pack:9") == (run.state.name, run.ended_at, run.result)
    assert {"COMPLETED": 1} == run.task_counts
    assert "Completed" == teller.task_run(run_id, "1").state.name


def test_a_suspended_run_belongs_to_nobody(teller: Teller) -> None:
    run_id = teller.begin()
    teller.tell(moved(run_id, "Suspended", type="PAUSED"))
    assert [] == list(teller.ask(MarkCrashed(writer_id=teller.id, message="gone")))
    assert "Suspended" == teller.run(run_id).state.name


def test_a_subflow_is_a_run_of_its_own(teller: Teller) -> None:
    run_id, child = teller.begin(), RunId(teller.new_id())
    caller = task_run_id(run_id, "1")
    teller.tell(
        began(child, run_id, parent_task_run_id=caller, tags=("t",), upstream=(caller,), version="2"),
        moved(child, "Running", at=4_100),
        defined(),
        seen(child, "1"),
        moved(child, "Completed", at=4_900, result="pack:7", reason="returned"),
    )
    run = teller.run(child)
    assert ("child", "small-fox", "2", "c1") == (run.flow_name, run.name, run.flow_version, run.code_version)
    assert (run_id, caller, (caller,), ("t",)) == (run.parent_run_id, run.parent_task_run_id, run.upstream, run.tags)
    assert (4_000, 4_100, 4_900) == (run.created_at, run.started_at, run.ended_at)
    assert ("Completed", Reason.RETURNED, "pack:7") == (run.state.name, run.state.reason, run.result)
    assert {"n": 1} == run.parameters
    assert teller.id == run.writer_id
    assert {"COMPLETED": 1} == run.task_counts
    assert [child] == [run.id for run in teller.ask(ListFlowRuns(filter=RunFilter(parent_run_id=run_id))).items]
    assert [run_id] == [run.id for run in teller.ask(ListFlowRuns(filter=RunFilter(top_level=True))).items]
    kinds = [event.kind for event in teller.ask(ListEvents()).items if child in event.resource]
    assert ["penstock.flow-run.Running", "penstock.flow-run.Completed"] == kinds


def test_a_subflow_that_was_only_announced_is_pending(teller: Teller) -> None:
    run_id, child = teller.begin(), RunId(teller.new_id())
    teller.tell(began(child, run_id))
    assert "Pending" == teller.run(child).state.name


def test_a_new_epoch_begins_a_subflow_anew(teller: Teller, clock: FakeClock) -> None:
    run_id, child = teller.begin(), RunId(teller.new_id())
    teller.tell(began(child, run_id), moved(child, "Running"), moved(child, "Failed", result="pack:1"))
    teller.end(run_id, "Failed")
    other = Teller(teller.orchestrator, clock)
    other.ask(TakeFlowRun(id=run_id, writer=other.hello, holder_alive=False))
    other.tell(began(child, run_id, epoch=2, code_version="c2"), moved(child, "Running", epoch=2))
    teller.tell(began(child, run_id), moved(child, "Completed"))
    run = other.run(child)
    assert (2, "Running", None, None, "c2") == (run.epoch, run.state.name, run.ended_at, run.result, run.code_version)
    assert other.id == run.writer_id


def test_many_subflows_in_one_batch(teller: Teller) -> None:
    run_id = teller.begin()
    children = [RunId(teller.new_id()) for _ in range(300)]
    teller.tell(
        defined(),
        *(
            record
            for child in children
            for record in (began(child, run_id), moved(child, "Running"), seen(child), moved(child, "Completed"))
        ),
    )
    runs = teller.ask(ListFlowRuns(filter=RunFilter(parent_run_id=run_id), limit=1_000)).items
    assert set(children) == {run.id for run in runs}
    assert all({"COMPLETED": 1} == run.task_counts for run in runs)


def test_completed_calls_are_listed_for_the_next_epoch(teller: Teller, clock: FakeClock) -> None:
    run_id, child, unfinished = teller.begin(), RunId(teller.new_id()), RunId(teller.new_id())
    teller.tell(
        defined(source_hash="h1"),
        seen(run_id, "1", result="pack:1", upstream=(task_run_id(run_id, "0"),)),
        seen(run_id, "2", "Failed"),
        seen(run_id, "3", "Cached", result="pack:3"),
        began(child, run_id),
        moved(child, "Completed", result="pack:9"),
        began(unfinished, run_id),
        seen(child, "deep"),
    )
    calls = teller.ask(ListRecordedCalls(flow_run_id=run_id)).items
    assert {task_run_id(run_id, "1"), task_run_id(run_id, "3"), child} == {call.id for call in calls}
    by_id = {call.id: call for call in calls}
    first, subflow = by_id[task_run_id(run_id, "1")], by_id[child]
    assert ("task", "etl.fetch", "pack:1", "h1", 1) == (
        first.kind,
        first.task_key,
        first.result,
        first.source_hash,
        first.epoch,
    )
    assert (task_run_id(run_id, "0"),) == first.upstream
    assert ("flow", "child", "pack:9") == (subflow.kind, subflow.task_key, subflow.result)
    assert "Cached" == by_id[task_run_id(run_id, "3")].state_name


def test_recorded_calls_come_in_pages(teller: Teller) -> None:
    run_id = teller.begin()
    children = [RunId(teller.new_id()) for _ in range(5)]
    teller.tell(defined(), *(seen(run_id, str(n)) for n in range(12)))
    teller.tell(*(record for child in children for record in (began(child, run_id), moved(child, "Completed"))))
    found: list[str] = []
    cursor = None
    while True:
        page = teller.ask(ListRecordedCalls(flow_run_id=run_id, cursor=cursor, limit=4))
        found.extend(call.id for call in page.items)
        cursor = page.cursor
        if cursor is None:
            break
    assert [*(task_run_id(run_id, str(n)) for n in range(12)), *children] == found


def test_a_call_knows_the_source_that_it_ran(teller: Teller, clock: FakeClock) -> None:
    run_id = teller.begin()
    teller.tell(defined(source_hash="old"), seen(run_id, "1"))
    other = Teller(teller.orchestrator, clock)
    other_id = other.begin()
    other.tell(defined(source_hash="new"), seen(other_id, "1"))
    teller.tell(seen(run_id, "2"))
    teller.tell(defined(source_hash="new"), seen(run_id, "3"), defined(source_hash="newer"), seen(run_id, "4"))
    hashes = {call.id: call.source_hash for call in teller.ask(ListRecordedCalls(flow_run_id=run_id)).items}
    assert ["old", "old", "new", "newer"] == [hashes[task_run_id(run_id, call)] for call in "1234"]
    assert 4 == teller.run(run_id).task_counts["COMPLETED"]
    assert task_id() == teller.task_run(run_id, "3").task_id


def test_a_task_that_nobody_defined_is_kept_all_the_same(teller: Teller) -> None:
    run_id = teller.begin()
    teller.tell(seen(run_id, "1"))
    assert task_id() == teller.task_run(run_id, "1").task_id
    teller.tell(defined())
    teller.tell(seen(run_id, "2"))
    assert "etl.fetch" == teller.task_run(run_id, "2").task_key


def test_logs_keep_their_order(teller: Teller) -> None:
    run_id = teller.begin()
    teller.tell(*(logged(run_id, f"line {n}", level=10 * (n % 5 + 1)) for n in range(450)))
    teller.tell(logged(run_id, "last", call="1"))
    lines: list[str] = []
    cursor = None
    while True:
        page = teller.ask(ListLogs(flow_run_id=run_id, cursor=cursor, limit=200))
        lines.extend(line.message for line in page.items)
        cursor = page.cursor
        if cursor is None:
            break
    assert [*(f"line {n}" for n in range(450)), "last"] == lines
    newest = teller.ask(ListLogs(flow_run_id=run_id, newest_first=True, limit=2)).items
    assert ["last", "line 449"] == [line.message for line in newest]
    assert 90 == len(teller.ask(ListLogs(flow_run_id=run_id, level_min=50, limit=1_000)).items)
    (line,) = teller.ask(ListLogs(task_run_id=task_run_id(run_id, "1"))).items
    assert (run_id, task_run_id(run_id, "1"), 7_000, 20) == (line.flow_run_id, line.task_run_id, line.at, line.level)


def test_logs_of_subflows_are_asked_for(teller: Teller) -> None:
    run_id, child, grandchild = teller.begin(), RunId(teller.new_id()), RunId(teller.new_id())
    teller.tell(began(child, run_id), began(grandchild, child), logged(run_id, "a"), logged(grandchild, "b"))
    teller.tell(logged(child, "c"), logged(run_id, "d"))
    other = teller.begin()
    teller.tell(logged(other, "other"))
    assert ["a", "d"] == [line.message for line in teller.ask(ListLogs(flow_run_id=run_id)).items]
    with_subflows = teller.ask(ListLogs(flow_run_id=run_id, with_subflows=True)).items
    assert ["a", "b", "c", "d"] == [line.message for line in with_subflows]
    assert ["b", "c"] == [line.message for line in teller.ask(ListLogs(flow_run_id=child, with_subflows=True)).items]
    assert 5 == len(teller.ask(ListLogs()).items)


@pytest.mark.parametrize("text", ["half \ud83d", "nul \0 inside", "snow ☃ 🚰", "x" * 25_000, "'; DROP TABLE log; --"])
def test_any_text_can_be_logged(teller: Teller, text: str) -> None:
    run_id = teller.begin(name=text[:50], parameters={"text": text, text: 1}, tags=(text[:50],))
    teller.tell(
        defined(tags=(text,)),
        logged(run_id, text),
        seen(run_id, message=text, name=text, tags=(text,), attempts=[(1, 2, "Failed", text)]),
        shown(teller.new_id(), run_id=run_id, key=text, description=text, data={"text": text}),
        moved(run_id, "Failed", message=text),
    )
    readable = text.replace("\0", "\ufffd").replace("\ud83d", "\ufffd")
    assert readable == teller.ask(ListLogs(flow_run_id=run_id)).items[0].message
    task_run, run = teller.task_run(run_id, "1"), teller.run(run_id)
    assert (readable, readable, (readable,)) == (task_run.state.message, task_run.name, task_run.tags)
    assert (readable[:50], readable, (readable[:50],)) == (run.name, run.state.message, run.tags)
    assert {"text": readable, readable: 1} == run.parameters
    assert [run_id] == [found.id for found in teller.ask(ListFlowRuns(filter=RunFilter(tags=run.tags))).items]
    assert {"text": readable} == teller.ask(GetArtifact(id_or_key=readable)).data


def test_an_artifact_is_what_was_last_shown(teller: Teller) -> None:
    run_id, bar = teller.begin(), teller.new_id()
    teller.tell(*(shown(bar, run_id=run_id, key=None, type="progress", data=n, at=n) for n in (10, 50)))
    teller.tell(shown(bar, run_id=run_id, key=None, type="progress", data=100, at=90))
    artifact = teller.ask(GetArtifact(id_or_key=bar))
    assert (100, "progress", 10, 90) == (artifact.data, artifact.type, artifact.created_at, artifact.updated_at)
    assert run_id == artifact.flow_run_id


def test_artifacts_with_one_key_are_versions(teller: Teller) -> None:
    run_id = teller.begin()
    ids = [teller.new_id() for _ in range(4)]
    teller.tell(
        shown(ids[0], run_id=run_id, data=1), shown(ids[1], data=2), shown(ids[2], key="other"), shown(ids[3], key=None)
    )
    assert [ids[1], ids[0]] == [artifact.id for artifact in teller.ask(ListArtifacts(key="report")).items]
    assert 2 == teller.ask(GetArtifact(id_or_key="report")).data
    assert ids[3:0:-1] == [artifact.id for artifact in teller.ask(ListArtifacts(latest_only=True)).items]
    assert [ids[0]] == [artifact.id for artifact in teller.ask(ListArtifacts(flow_run_id=run_id)).items]
    first = teller.ask(ListArtifacts(limit=3))
    rest = teller.ask(ListArtifacts(limit=3, cursor=first.cursor))
    assert ids[::-1] == [artifact.id for artifact in [*first.items, *rest.items]]
    with pytest.raises(NotFound):
        teller.ask(GetArtifact(id_or_key="missing"))


def test_dataset_uses_are_found_by_run_dataset_and_key(teller: Teller) -> None:
    run_id = teller.begin()
    teller.tell(
        used(run_id, "a", action="read", version=3, details={"files": 2}),
        used(run_id, "b", write_key="w1", version=4),
        used(None, "b", version=5),
    )
    uses = teller.ask(ListDatasetUses(flow_run_id=run_id)).items
    assert [("b", 4, "write"), ("a", 3, "read")] == [(use.dataset, use.version, use.action) for use in uses]
    assert ({"files": 2}, 10, 1_000, "d") == (uses[1].details, uses[1].rows, uses[1].bytes, uses[1].schema_digest)
    assert [5, 4] == [use.version for use in teller.ask(ListDatasetUses(dataset="b")).items]
    assert [3] == [use.version for use in teller.ask(ListDatasetUses(action="read")).items]
    assert [4] == [use.version for use in teller.ask(ListDatasetUses(write_key="w1")).items]
    page = teller.ask(ListDatasetUses(limit=2))
    assert [3] == [use.version for use in teller.ask(ListDatasetUses(limit=2, cursor=page.cursor)).items]


def test_an_event_is_there_once(teller: Teller) -> None:
    event = EventSeen(teller.new_id(), 5, "order.placed", "order.1", ["shop"], "me", None, {"sum": 3}, None)
    teller.tell(event, event)
    (found,) = teller.ask(ListEvents()).items
    assert (5, "order.placed", "order.1", ("shop",), "me", {"sum": 3}) == (
        found.at,
        found.kind,
        found.resource,
        found.related,
        found.actor,
        found.payload,
    )


def test_an_events_payload_has_a_limit(teller: Teller) -> None:
    teller.tell(EventSeen(teller.new_id(), 5, "big", "big", (), None, None, {"text": "x" * 70_000}, None))
    (found,) = teller.ask(ListEvents()).items
    assert ["$penstock"] == list(found.payload)


def test_what_is_said_of_a_deleted_run_is_passed_over(teller: Teller) -> None:
    run_id, child = teller.begin(), RunId(teller.new_id())
    teller.ask(DeleteFlowRun(id=run_id, force=True))
    sequence = teller.tell(
        defined(),
        seen(run_id),
        logged(run_id),
        began(child, run_id),
        moved(child, "Running"),
        moved(run_id, "Completed"),
        shown(teller.new_id(), run_id=run_id),
        used(run_id),
        EventSeen(teller.new_id(), 5, "k", "r", (), None, None, None, run_id),
        WriterClosed(9),
    )
    assert 10 == sequence
    assert [] == list(teller.ask(ListFlowRuns()).items)
    assert [] == list(teller.ask(ListTaskRuns()).items)
    assert [] == list(teller.ask(ListEvents()).items)


def test_a_task_run_of_another_run_is_not_overwritten(teller: Teller) -> None:
    run_id, other = teller.begin(), teller.begin()
    teller.tell(defined(), seen(run_id, "1", "Running"))
    teller.tell(seen(other, "1", task_run_id=TaskRunId(task_run_id(run_id, "1"))))
    assert run_id == teller.task_run(run_id, "1").flow_run_id
    assert {"RUNNING": 1} == teller.run(run_id).task_counts
    assert {} == teller.run(other).task_counts


def test_records_that_no_writer_wrote_are_refused_whole(teller: Teller) -> None:
    run_id = teller.begin()
    with pytest.raises(JournalError):
        teller.tell(defined(), seen(run_id, "1"), seen(run_id, "2", state_type="SLEEPING"))
    teller.sequence = 0
    with pytest.raises(JournalError):
        teller.tell(defined(), seen(run_id, "1"), moved(run_id, "Napping", type="SLEEPING"))
    teller.sequence = 0
    with pytest.raises(JournalError):
        teller.tell(defined(), seen(run_id, "1", task_run_id="no id"))
    assert {} == teller.run(run_id).task_counts


def test_what_was_answered_can_be_brought_to_the_disk(teller: Teller) -> None:
    """That it is there is told in tests/sdk/test_durability.py; here: that anyone may ask, at any time, again and again."""
    assert teller.ask(MakeDurable(writer_id=teller.id)) is None
    run_id = teller.begin()
    for _ in range(2):
        assert teller.ask(MakeDurable(writer_id=teller.id)) is None
    assert "Running" == teller.run(run_id).state.name
