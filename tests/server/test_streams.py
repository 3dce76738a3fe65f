"""Live streams: what comes, in which order, and how they go on after a lost connection."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from penstock.orchestrator.local import LocalOrchestrator
from penstock.ports import Principal
from penstock.settings import Settings
from penstock.store import open_store
from penstock.testing import FakeClock
from tests.contract.scheduled import deploy, every
from tests.contract.telling import Teller, began, defined, logged, seen
from tests.server.conftest import Served


class Stream:
    """Reads server-sent events."""

    def __init__(self, response: httpx.Response):
        self._lines = response.iter_lines()
        self.cursor = ""

    def next(self, kind: str) -> Any:
        """The data of the next event of a kind."""
        found, data = "", ""
        for line in self._lines:
            name, _, value = line.partition(": ")
            if name == "id":
                self.cursor = value
            elif name == "event":
                found = value
            elif name == "data":
                data = value
            elif not line and found == kind:
                return json.loads(data)
        raise AssertionError(f"the stream ended before `{kind}`")


@contextmanager
def stream(served: Served, *, last: str = "", **query: Any) -> Iterator[Stream]:
    headers = {"Last-Event-ID": last} if last else {}
    with served.http.stream("GET", "/api/stream", params=query, headers=headers) as response:
        assert 200 == response.status_code
        found = Stream(response)
        if not last and "after" not in query:
            found.next("hello")
        yield found


def test_a_stream_tells_of_runs_that_begin_and_move(served: Served, teller: Teller) -> None:
    with stream(served) as live:
        run_id = teller.begin("etl")
        assert [(run_id, "RUNNING")] == [(run["id"], run["state"]["type"]) for run in live.next("flow-runs")]
        teller.end(run_id)
        assert [(run_id, "COMPLETED")] == [(run["id"], run["state"]["type"]) for run in live.next("flow-runs")]


def test_a_stream_tells_what_another_process_wrote(served: Served, clock: FakeClock) -> None:
    other = LocalOrchestrator(open_store(served.database_url, clock=clock))
    with stream(served) as live:
        run_id = Teller(other, clock).begin("etl")
        assert [run_id] == [run["id"] for run in live.next("flow-runs")]
    other.close()


def test_a_stream_goes_on_where_it_was_lost(served: Served, teller: Teller) -> None:
    with stream(served) as live:
        first = teller.begin()
        live.next("flow-runs")
        cursor = live.cursor
    second, third = teller.begin(), teller.begin()
    with stream(served, last=cursor) as live:
        assert [second, third] == [run["id"] for run in live.next("flow-runs")]
    with stream(served, after=0) as live:
        assert {first, second, third} == {run["id"] for run in live.next("flow-runs")}


def test_the_stream_of_a_run_has_its_lines_and_those_of_its_subflows_once(served: Served, teller: Teller) -> None:
    run_id, other, child = teller.begin(), teller.begin(), teller.new_id()
    with stream(served, run=run_id) as live:
        teller.tell(defined(), seen(run_id), logged(other, "not mine"), logged(run_id, "one"), logged(run_id, "two"))
        assert ["one", "two"] == [line["message"] for line in live.next("logs")]
        teller.tell(began(child, run_id), logged(child, "below"))
        assert {run_id, child} >= {run["id"] for run in live.next("flow-runs")}
        assert ["below"] == [line["message"] for line in live.next("logs")]


def test_events_come_where_they_are_asked_for(served: Served, teller: Teller) -> None:
    with stream(served, events=True) as live:
        teller.begin()
        assert ["penstock.flow-run.Running"] == [event["kind"] for event in live.next("events")]


def test_what_else_changes_is_told_by_its_kind(served: Served, teller: Teller) -> None:
    run_id = teller.begin()
    with stream(served) as live, stream(served, run=run_id) as of_run:
        deploy(teller, every(60))
        assert {"deployment", "schedule"} == {*live.next("topics")}
        assert {"deployment", "schedule"} == {*of_run.next("topics")}


def test_a_stream_that_joins_others_hears_what_comes_after(served: Served, teller: Teller) -> None:
    earlier = teller.begin()
    with stream(served) as first:
        teller.end(earlier)
        first.next("flow-runs")
        with stream(served) as second:
            run_id = teller.begin()
            for live in (first, second):
                assert [run_id] == [run["id"] for run in live.next("flow-runs")]


def test_another_workspaces_runs_are_not_told(served: Served, teller: Teller, clock: FakeClock) -> None:
    with stream(served) as live:
        Teller(served.local, clock, principal=Principal(workspace="elsewhere")).begin()
        mine = teller.begin()
        assert [mine] == [run["id"] for run in live.next("flow-runs")]


def test_all_lines_of_the_largest_batch_are_told(served: Served, teller: Teller) -> None:
    run_id = teller.begin()
    with stream(served, run=run_id) as live:
        teller.tell(*[logged(run_id, str(n)) for n in range(Settings().journal_batch_records)])
        assert Settings().journal_batch_records == len(live.next("logs"))


def test_a_stream_that_missed_too_much_is_told_to_start_over(served: Served, teller: Teller) -> None:
    for _ in range(12):  # more than ten steps of 500 runs
        teller.tell(*[began(teller.new_id(), None) for _ in range(500)])
    with stream(served, after=0) as live:
        live.next("reset")
        run_id = teller.begin()
        assert run_id in [run["id"] for run in live.next("flow-runs")]


@pytest.mark.parametrize("query", [{"run": "zz"}, {"after": -1}, {"after": "x"}])
def test_a_stream_of_nothing_is_refused(served: Served, query: dict[str, Any]) -> None:
    assert 422 == served.http.get("/api/stream", params=query).status_code
