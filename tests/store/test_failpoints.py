"""Every statement fails once: what a verb was to write is there whole or not at all, and asking again completes it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.core.ids import RunId
from penstock.core.states import RunState
from penstock.orchestrator.local import LocalOrchestrator
from penstock.ports import (
    BeginFlowRun,
    CancelFlowRun,
    DeleteFlowRun,
    Ingest,
    MarkCrashed,
    MoveFlowRun,
    Prune,
    RemoveVariable,
    Request,
    SetVariable,
    TakeFlowRun,
)
from penstock.store import open_store
from penstock.store.tables import metadata
from penstock.testing import Failpoints, FakeClock
from penstock.testing.failpoints import Injected
from tests.contract.telling import Teller, began, defined, logged, moved, seen, shown, used

STATEMENTS_MAX = 200
Dump = dict[str, list[tuple[Any, ...]]]


def prepared(path: Path) -> tuple[Teller, RunId, Failpoints]:
    """A run with a bit of everything; the failpoints are armed later."""
    failpoints, clock = Failpoints(), FakeClock()
    orchestrator = LocalOrchestrator(open_store(f"sqlite:///{path}", clock=clock, before_statement=failpoints))
    teller = Teller(orchestrator, clock)
    teller.id = teller.id[:12] + "0" * 20  # type: ignore[assignment]  # the same in every round
    run_id = teller.begin(id="01" * 16)
    teller.tell(defined(), seen(run_id, "1"), seen(run_id, "2", "Running"), logged(run_id))
    return teller, run_id, failpoints


def begin(teller: Teller, run_id: RunId) -> Request[Any]:
    return BeginFlowRun(id=RunId("02" * 16), flow_name="other", name="n", writer=teller.hello, parameters={"a": 1})


def ingest(teller: Teller, run_id: RunId) -> Request[Any]:
    child = RunId("03" * 16)
    records = teller.number(
        began(child, run_id),
        moved(child, "Running"),
        defined("m.other"),
        seen(run_id, "2"),
        *(seen(child, str(n), key="m.other") for n in range(230)),
        logged(child),
        shown("04" * 16, run_id=child),
        used(child),
        moved(child, "Completed"),
        defined("m.other", source_hash="h2"),
        seen(run_id, "3", key="m.other"),
        moved(run_id, "Completed"),
    )
    return Ingest(writer_id=teller.id, records=records)


def take(teller: Teller, run_id: RunId) -> Request[Any]:
    return TakeFlowRun(id=run_id, writer=teller.hello, holder_alive=False)


REQUESTS: list[Callable[[Teller, RunId], Request[Any]]] = [
    begin,
    ingest,
    take,
    lambda teller, run_id: MoveFlowRun(id=run_id, epoch=1, state=RunState.of("Completed", at=9)),
    lambda teller, run_id: CancelFlowRun(id=run_id, holder_alive=False),
    lambda teller, run_id: MarkCrashed(writer_id=teller.id, message="gone"),
    lambda teller, run_id: SetVariable(name="a", value=1),
]


@pytest.mark.parametrize("request_of", REQUESTS)
def test_a_failing_statement_leaves_nothing_half_written(
    tmp_path: Path, request_of: Callable[[Teller, RunId], Request[Any]]
) -> None:
    teller, run_id, _ = prepared(tmp_path / "whole.db")
    before = dump(tmp_path / "whole.db")
    teller.ask(request_of(teller, run_id))
    after = dump(tmp_path / "whole.db")
    assert before != after
    for n in range(1, STATEMENTS_MAX):
        path = tmp_path / f"{n}.db"
        teller, run_id, failpoints = prepared(path)
        request = request_of(teller, run_id)
        failpoints.seen.clear()
        failpoints.fail_at = n
        try:
            teller.ask(request)
        except Injected:
            failpoints.fail_at = None
            assert before == dump(path), failpoints.seen[n - 1]
            teller.ask(request)
            assert after == dump(path)
            continue
        assert after == dump(path)
        return
    pytest.fail("it never came to an end")


@pytest.mark.parametrize("request_of", [DeleteFlowRun, Prune, RemoveVariable])
def test_a_removal_that_fails_can_be_asked_for_again(tmp_path: Path, request_of: type[Request[Any]]) -> None:
    """Removing goes by small steps, of which those that were done stay done."""
    for n in range(1, STATEMENTS_MAX):
        teller, run_id, failpoints = prepared(tmp_path / f"{n}.db")
        teller.end(run_id)
        teller.ask(SetVariable(name="a", value=1))
        teller.clock.move(seconds=60)
        request = {
            DeleteFlowRun: DeleteFlowRun(id=run_id),
            Prune: Prune(runs_older_than=teller.clock.now_us()),
            RemoveVariable: RemoveVariable(name="a"),
        }[request_of]  # type: ignore[type-abstract]
        failpoints.seen.clear()
        failpoints.fail_at = n
        try:
            teller.ask(request)
        except Injected:
            failpoints.fail_at = None
            teller.ask(request)
        else:
            return
        left = {table: rows for table, rows in dump(tmp_path / f"{n}.db").items() if rows}
        gone = (
            {"variable"} if request_of is RemoveVariable else {"flow_run", "task_run", "log", "event", "flow_run_state"}
        )
        assert not gone & left.keys(), failpoints.seen[n - 1]
    pytest.fail("it never came to an end")


def test_a_failing_statement_while_the_database_is_made_leaves_an_empty_one(tmp_path: Path) -> None:
    for n in range(1, STATEMENTS_MAX):
        url = f"sqlite:///{tmp_path}/{n}.db"
        try:
            store = open_store(url, before_statement=Failpoints(fail_at=n))
        except Injected:
            store = open_store(url)
            assert isinstance(Teller(LocalOrchestrator(store), FakeClock()).begin(), str)
            store.close()
        else:
            return
    pytest.fail("it never came to an end")


def dump(path: Path) -> Dump:
    """All rows, as a reader sees them who was never there before."""
    store = open_store(f"sqlite:///{path}")
    with store.read() as connection:
        rows = {t.name: [tuple(row) for row in connection.execute(t.select())] for t in metadata.sorted_tables}
    store.close()
    del rows["counter"]
    return rows
