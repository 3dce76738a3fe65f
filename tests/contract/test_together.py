"""Many at once: what they write is there once, and who follows along misses nothing."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import Any

from penstock.core.ids import RunId
from penstock.core.states import RunState
from penstock.ports import (
    BeginFlowRun,
    Ingest,
    ListEvents,
    ListFlowRuns,
    ListFlows,
    ListLogs,
    ListStates,
    MoveFlowRun,
    Principal,
    TakeFlowRun,
)
from penstock.testing import FakeClock
from tests.contract.telling import Teller, began, defined, logged, moved, seen

AT_ONCE = 8


def at_once(acts: list[Callable[[], Any]]) -> list[Any]:
    """Do all of these at once, and return what they return or raise."""
    with ThreadPoolExecutor(len(acts)) as pool:
        futures = [pool.submit(act) for act in acts]
        return [future.exception() or future.result() for future in futures]


def test_runs_of_one_new_flow_in_a_new_workspace_begin_at_once(teller: Teller, clock: FakeClock) -> None:
    principal = Principal(workspace="new")
    tellers = [Teller(teller.orchestrator, clock, principal=principal) for _ in range(AT_ONCE)]
    run_ids = [one.new_id() for one in tellers]
    begun = at_once([lambda one=one, i=i: one.begin("etl", id=i) for one, i in zip(tellers, run_ids, strict=True)])
    assert run_ids == begun
    assert set(run_ids) == {run.id for run in tellers[0].ask(ListFlowRuns()).items}
    (flow,) = tellers[0].ask(ListFlows()).items
    assert AT_ONCE == flow.run_count


def test_one_request_to_begin_sent_many_times_at_once_begins_one_run(teller: Teller) -> None:
    request = BeginFlowRun(id=RunId(teller.new_id()), flow_name="etl", name="n", writer=teller.hello)
    answers = at_once([lambda: teller.ask(request)] * AT_ONCE)
    assert [request.id] * AT_ONCE == [answer.run.id for answer in answers]
    assert 1 == len(teller.ask(ListFlowRuns()).items)
    assert 1 == len(teller.ask(ListStates(flow_run_id=request.id)))


def test_one_batch_sent_many_times_at_once_counts_once(teller: Teller) -> None:
    run_id, child = teller.begin(), RunId(teller.new_id())
    records = teller.number(
        began(child, run_id),
        defined(),
        *(seen(child, str(n)) for n in range(50)),
        logged(run_id),
        moved(child, "Completed"),
    )
    answers = at_once([lambda: teller.ask(Ingest(writer_id=teller.id, records=records))] * AT_ONCE)
    assert [len(records)] * AT_ONCE == [answer.sequence for answer in answers]
    assert {"COMPLETED": 50} == teller.run(child).task_counts
    assert 1 == len(teller.ask(ListLogs(flow_run_id=run_id)).items)


def test_writers_with_the_same_tasks_and_subflows_ingest_at_once(teller: Teller, clock: FakeClock) -> None:
    tellers = [Teller(teller.orchestrator, clock) for _ in range(AT_ONCE)]
    runs = [(one, one.begin(), RunId(one.new_id())) for one in tellers]

    def tell(one: Teller, run_id: RunId, child: RunId) -> None:
        keys = [f"m.task{n}" for n in range(5)]
        for part in range(3):
            one.tell(
                *(defined(key, source_hash=f"h{part}") for key in keys),
                began(child, run_id, flow=f"flow{part}"),
                *(seen(run_id, f"{part}{n}", key=keys[n % 5]) for n in range(40)),
            )

    answers = at_once([lambda run=run: tell(*run) for run in runs])
    assert [None] * AT_ONCE == answers
    assert [{"COMPLETED": 120}] * AT_ONCE == [one.run(run_id).task_counts for one, run_id, _ in runs]


def test_of_moves_at_once_each_is_decided_on_what_the_others_left(teller: Teller) -> None:
    run_id = teller.begin()
    names = ["Completed", "Failed", "Cancelled", "Crashed"]
    outcomes = at_once(
        [lambda name=name: teller.ask(MoveFlowRun(id=run_id, epoch=1, state=RunState.of(name, at=9))) for name in names]
    )
    history = teller.ask(ListStates(flow_run_id=run_id))
    accepted = sum(outcome.accepted for outcome in outcomes)
    assert len(history) == 1 + accepted
    assert history[-1].state == teller.run(run_id).state
    assert 1 + accepted == teller.run(run_id).version


def test_of_processes_that_take_a_run_at_once_each_has_an_epoch_of_its_own(teller: Teller, clock: FakeClock) -> None:
    run_id = teller.begin()
    teller.end(run_id, "Failed")
    tellers = [Teller(teller.orchestrator, clock) for _ in range(4)]
    taken = at_once(
        [lambda one=one: one.ask(TakeFlowRun(id=run_id, writer=one.hello, holder_alive=False)) for one in tellers]
    )
    assert [2, 3, 4, 5] == sorted(answer.run.epoch for answer in taken)


def test_who_follows_events_sees_each_once_and_in_order(teller: Teller, clock: FakeClock) -> None:
    """Numbers are given out before transactions end: one that is passed over too early would never be seen."""
    done = Event()
    seqs: list[int] = []

    def follow() -> None:
        while True:
            finished = done.is_set()
            found = teller.ask(ListEvents(after=seqs[-1] if seqs else 0, limit=7)).items
            seqs.extend(event.seq for event in found)
            if finished and not found:
                return

    def run_flows() -> None:
        one = Teller(teller.orchestrator, clock)
        for _ in range(5):
            run_id = one.begin()
            one.tell(defined(), *(seen(run_id, str(n)) for n in range(300)), moved(run_id, "Completed"))

    follower = Thread(target=follow)
    follower.start()
    assert [None] * AT_ONCE == at_once([run_flows] * AT_ONCE)
    done.set()
    follower.join()
    assert sorted(set(seqs)) == seqs
    assert AT_ONCE * 5 * 2 == len(seqs)
