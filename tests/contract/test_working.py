"""Work pools, queues, and the claims of workers."""

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from penstock.core.errors import Conflict, NotFound, RequestInvalid, RunNotResumable
from penstock.core.states import StateType
from penstock.ports import CancelFlowRun, DeleteFlowRun, ListStates, MarkCrashed, Principal, TakeFlowRun
from penstock.reports import ListChanges
from penstock.scheduling import AnswerRun, ExplainRun, ListRunInputs, PauseRun, RequestRun, RequeueRun
from penstock.testing import FakeClock
from penstock.work import (
    ClaimRuns,
    DeleteWorkPool,
    DeleteWorkQueue,
    EndClaim,
    GetWorkPool,
    ListWorkers,
    ListWorkPools,
    NoteInfrastructure,
    ReapClaims,
    RenewClaims,
    SaveWorkPool,
    SaveWorkQueue,
)
from tests.contract.scheduled import events_of
from tests.contract.telling import Teller, moved
from tests.contract.working import Office


@pytest.fixture
def office(teller: Teller) -> Office:
    office = Office(teller)
    office.deploy()
    return office


# ---- Pools and queues -------------------------------------------------------------------------------------------


def test_a_pool_has_a_queue_a_template_and_no_limit(teller: Teller) -> None:
    pool = teller.ask(SaveWorkPool(name="mill"))
    assert ("mill", "process", None, False) == (pool.name, pool.type, pool.concurrency_limit, pool.paused)
    assert [("default", 1)] == [(queue.name, queue.priority) for queue in pool.queues]
    assert "working_dir" in pool.base_job_template["variables"]["properties"]
    assert pool == teller.ask(GetWorkPool(name="mill"))


def test_what_is_left_out_keeps_its_value(teller: Teller) -> None:
    teller.ask(SaveWorkPool(name="mill", concurrency_limit=3, description="big"))
    with pytest.raises(Conflict):
        teller.ask(SaveWorkPool(name="mill"))
    pool = teller.ask(SaveWorkPool(name="mill", paused=True, overwrite=True))
    assert (3, "big", True) == (pool.concurrency_limit, pool.description, pool.paused)
    assert teller.ask(SaveWorkPool(name="mill", concurrency_limit=0, overwrite=True)).concurrency_limit is None
    with pytest.raises(Conflict):
        teller.ask(SaveWorkPool(name="mill", type="docker", overwrite=True))


def test_pools_are_listed_by_name_and_gone_when_deleted(teller: Teller) -> None:
    for name in ("b", "a", "c"):
        teller.ask(SaveWorkPool(name=name))
    page = teller.ask(ListWorkPools(limit=2))
    assert ["a", "b"] == [pool.name for pool in page.items]
    assert ["c"] == [pool.name for pool in teller.ask(ListWorkPools(cursor=page.cursor)).items]
    teller.ask(DeleteWorkPool(name="b"))
    with pytest.raises(NotFound):
        teller.ask(GetWorkPool(name="b"))
    teller.ask(SaveWorkQueue(work_pool="a", name="slow"))
    assert ["b", "a", "c"] == [told["name"] for told in events_of(teller, "work-pool.created")]
    assert [{"name": "b"}] == events_of(teller, "work-pool.deleted")
    assert [{"name": "a", "queue": "slow"}] == events_of(teller, "work-pool.updated")


def test_unknown_pools_and_queues_are_told_with_near_names(office: Office) -> None:
    office.teller.ask(SaveWorkQueue(work_pool="mill", name="urgent"))
    with pytest.raises(NotFound) as pool:
        office.claim(work_pool="mil")
    with pytest.raises(NotFound) as queue:
        office.claim(queues=("urgnt",))
    assert (("mill",), ("urgent",)) == (pool.value.near, queue.value.near)


@pytest.mark.parametrize(
    "said",
    [
        {"type": "proces"},
        {"base_job_template": {"variables": {"type": "nothing!"}}},
        {"base_job_template": {"job_configuration": {"image": "{{ image }}"}}},
        {"name": "a/b"},
        {"name": " "},
    ],
)
def test_what_makes_no_pool_is_refused(teller: Teller, said: dict[str, object]) -> None:
    with pytest.raises(RequestInvalid):
        teller.ask(SaveWorkPool(**({"name": "mill"} | said)))  # type: ignore[arg-type]  # a test's table


def test_a_pool_that_deployments_use_is_deleted_by_force_only(office: Office) -> None:
    with pytest.raises(Conflict):
        office.teller.ask(DeleteWorkPool(name="mill"))
    run = office.request()
    office.teller.ask(DeleteWorkPool(name="mill", force=True))
    assert ["no_pool"] == office.why(run.id)


def test_what_waits_in_a_queue_that_is_deleted_goes_to_the_default_one(office: Office) -> None:
    office.teller.ask(SaveWorkQueue(work_pool="mill", name="urgent", paused=True))
    run = office.request(work_queue="urgent")
    assert [] == office.claim()
    office.teller.ask(DeleteWorkQueue(work_pool="mill", name="urgent"))
    assert [run.id] == [claimed.run.id for claimed in office.claim()]
    with pytest.raises(Conflict):
        office.teller.ask(DeleteWorkQueue(work_pool="mill", name="default"))


def test_a_pool_says_what_waits_and_runs(office: Office) -> None:
    for _ in range(3):
        office.request()
    office.claim(count=1)
    pool = office.teller.ask(GetWorkPool(name="mill"))
    assert (2, 1, 1) == (pool.waiting, pool.running, pool.workers_online)
    assert (2, 1) == (pool.queues[0].waiting, pool.queues[0].running)


def test_workers_are_known_and_gone_offline_by_silence(office: Office, clock: FakeClock) -> None:
    office.request()
    office.claim("ada", limit=4, queues=("default",))
    (worker,) = office.teller.ask(ListWorkers(work_pool="mill"))
    assert ("ada", 4, ("default",), 1, True) == (
        worker.name, worker.limit, tuple(worker.queues), worker.running, worker.online
    )  # fmt: skip
    clock.move(seconds=31)
    assert [(False, None)] == [(one.online, one.left_at) for one in office.teller.ask(ListWorkers())]


def test_a_worker_that_says_that_it_goes_is_gone(office: Office, clock: FakeClock) -> None:
    run = office.request(at=clock.now_us() + 1)
    office.teller.ask(RenewClaims(worker=office.hello()))
    assert "no_worker" not in office.why(run.id)
    office.teller.ask(RenewClaims(worker=office.hello(), leaving=True))
    (worker,) = office.teller.ask(ListWorkers())
    assert (False, worker.seen_at) == (worker.online, worker.left_at)
    assert 0 == office.teller.ask(GetWorkPool(name="mill")).workers_online
    assert "no_worker" in office.why(run.id)
    office.claim()
    assert [True] == [one.online for one in office.teller.ask(ListWorkers())]
    office.teller.ask(RenewClaims(worker=office.hello()))
    came, went = (events_of(office.teller, f"worker.{what}") for what in ("online", "left"))
    assert (2, [{"name": worker.name, "work_pool": "mill"}]) == (len(came), went)


def test_who_serves_its_own_deployments_is_a_worker_of_no_pool(office: Office) -> None:
    office.deploy("own", work_pool=None)
    office.request("etl/own")
    office.claim("serving", work_pool="", queues=("etl/own",), limit=sys.maxsize)
    (worker,) = office.teller.ask(ListWorkers())
    assert ("serving", "", ("etl/own",), 1, None, True) == (
        worker.name, worker.work_pool, tuple(worker.queues), worker.running, worker.limit, worker.online
    )  # fmt: skip
    assert [] == list(office.teller.ask(ListWorkers(work_pool="mill")))
    elsewhere = Teller(office.teller.orchestrator, office.teller.clock, principal=Principal(workspace="other"))
    assert [] == list(elsewhere.ask(ListWorkers()))


# ---- Claiming ---------------------------------------------------------------------------------------------------


def test_a_deleted_run_leaves_nothing_to_the_run_that_has_its_number_next(office: Office) -> None:
    teller, paused = office.teller, office.request(idempotency_key="april")
    (claimed,) = office.claim()
    office.take(claimed)
    teller.ask(PauseRun(flow_run_id=paused.id, epoch=1, key="rate"))
    teller.ask(AnswerRun(flow_run_id=paused.id, answer=3))
    follower = office.request()
    teller.ask(DeleteFlowRun(id=paused.id, force=True))
    teller.ask(DeleteFlowRun(id=follower.id, force=True))

    anew = office.request(idempotency_key="april")

    assert anew.id != paused.id
    assert [] == list(teller.ask(ListRunInputs(flow_run_id=anew.id)))
    assert ("waiting", 0) == (office.asked(anew.id).status, office.asked(anew.id).claim)
    assert [anew.id] == [one.run.id for one in office.claim()]


def test_a_claimed_run_is_pending_and_nobody_elses(office: Office) -> None:
    run = office.request(parameters={"year": 2020})
    (claimed,) = office.claim("ada")
    assert (run.id, StateType.PENDING, 0) == (claimed.run.id, claimed.run.state.type, claimed.run.epoch)
    assert ("claimed", 1, "ada", "mill") == (
        claimed.request.status, claimed.request.claim, claimed.request.worker, claimed.request.work_pool
    )  # fmt: skip
    assert ("etl.py:etl", {"year": 2020}) == (claimed.request.spec.entrypoint, claimed.run.parameters)
    assert claimed.job_template["variables"]
    assert [] == office.claim("bob")


def test_a_run_is_claimed_when_its_time_has_come(office: Office, clock: FakeClock) -> None:
    run = office.request(at=clock.now_us() + 60_000_000)
    assert [] == office.claim()
    assert ["not_due", "next"][:1] == office.why(run.id)[:1]
    clock.move(seconds=61)
    assert [run.id] == [claimed.run.id for claimed in office.claim()]


def test_ten_thousand_of_one_deployment_do_not_hide_another(office: Office, clock: FakeClock) -> None:
    office.deploy("other")
    for _ in range(30):
        office.request()
    clock.move(seconds=60)
    late = office.request("etl/other")
    claimed = office.claim(count=2)
    assert late.id in [one.run.id for one in claimed]


def test_limits_of_pool_queue_and_deployment_hold_across_claims(office: Office) -> None:
    office.deploy("small", concurrency_limit=1)
    office.teller.ask(SaveWorkPool(name="mill", concurrency_limit=4, overwrite=True))
    office.teller.ask(SaveWorkQueue(work_pool="mill", name="narrow", concurrency_limit=1))
    small = [office.request("etl/small") for _ in range(3)]
    narrow = [office.request(work_queue="narrow") for _ in range(3)]
    wide = [office.request() for _ in range(3)]
    claimed = [one.run.id for _ in range(5) for one in office.claim(count=2)]
    assert 4 == len(claimed)
    assert (1, 1) == (
        len({run.id for run in small} & set(claimed)),
        len({run.id for run in narrow} & set(claimed)),
    )
    waits = next(run for run in wide if run.id not in claimed)
    assert "pool_limit" == office.why(waits.id)[0]
    waiting = next(run for run in small if run.id not in claimed)
    assert "deployment_limit" == office.why(waiting.id)[0]


def test_a_slot_is_free_when_the_run_has_ended_whoever_says_so(office: Office) -> None:
    office.teller.ask(SaveWorkPool(name="mill", concurrency_limit=1, overwrite=True))
    first, second = office.request(), office.request()
    (claimed,) = office.claim()
    office.take(claimed)
    assert [] == office.claim()
    office.teller.end(first.id)
    assert [second.id] == [one.run.id for one in office.claim()]


def test_beyond_a_limit_that_cancels_a_new_run_is_cancelled(office: Office) -> None:
    office.deploy("strict", concurrency_limit=1, collision="cancel_new")
    first = office.request("etl/strict")
    second = office.request("etl/strict")
    assert [first.id] == [one.run.id for one in office.claim()]
    assert "Cancelled" == office.teller.run(second.id).state.name
    assert "done" == office.asked(second.id).status


def test_paused_pools_and_queues_give_nothing(office: Office) -> None:
    run = office.request()
    office.teller.ask(SaveWorkPool(name="mill", paused=True, overwrite=True))
    assert [] == office.claim()
    assert ["pool_paused"] == office.why(run.id)
    office.teller.ask(SaveWorkPool(name="mill", paused=False, overwrite=True))
    office.teller.ask(SaveWorkQueue(work_pool="mill", name="default", paused=True))
    assert [] == office.claim()
    assert ["queue_paused"] == office.why(run.id)


def test_a_worker_serves_the_queues_that_it_names(office: Office) -> None:
    office.teller.ask(SaveWorkQueue(work_pool="mill", name="urgent"))
    office.request(name="usual")
    office.request(name="now", work_queue="urgent")
    assert ["now"] == office.claim_names(queues=("urgent",))
    assert ["usual"] == office.claim_names()


def test_a_queue_of_higher_priority_goes_first(office: Office) -> None:
    office.teller.ask(SaveWorkQueue(work_pool="mill", name="low", priority=5))
    office.request(name="low", work_queue="low")
    office.request(name="usual")
    assert ["usual", "low"] == office.claim_names()


# ---- From the claim to the run ----------------------------------------------------------------------------------


def test_the_runs_process_takes_it_in_epoch_one(office: Office) -> None:
    office.request()
    (claimed,) = office.claim()
    run = office.take(claimed)
    assert (1, "Running", None, office.teller.id) == (run.epoch, run.state.name, run.state.reason, run.writer_id)
    assert office.asked(run.id).lease_until is None
    assert ["running"] == office.why(run.id)


def test_a_process_of_an_older_claim_is_refused(office: Office, clock: FakeClock) -> None:
    office.request()
    (old,) = office.claim("ada")
    clock.move(seconds=31)
    office.teller.ask(ReapClaims())
    (new,) = office.claim("bob")
    assert (1, 2) == (old.request.claim, new.request.claim)
    with pytest.raises(RunNotResumable):
        office.take(old)
    assert 1 == office.take(new).epoch
    with pytest.raises(RunNotResumable):
        office.take(old)


def test_a_claim_without_its_lease_takes_nothing(office: Office, clock: FakeClock) -> None:
    run = office.request()
    (claimed,) = office.claim()
    clock.move(seconds=31)
    assert 1 == office.teller.ask(ReapClaims())
    assert ("Scheduled", "lease_expired") == (
        office.teller.run(run.id).state.name, office.teller.run(run.id).state.reason
    )  # fmt: skip
    with pytest.raises(RunNotResumable):
        office.take(claimed)
    assert ((), (run.id,)) == (
        tuple(office.renew(claimed).cancelled), tuple(office.renew(claimed).lost)
    )  # fmt: skip


def test_a_renewed_claim_is_kept(office: Office, clock: FakeClock) -> None:
    office.request()
    (claimed,) = office.claim()
    for _ in range(4):
        clock.move(seconds=20)
        assert ((), ()) == (tuple(office.renew(claimed).cancelled), tuple(office.renew(claimed).lost))
        assert 0 == office.teller.ask(ReapClaims())
    assert "Running" == office.take(claimed).state.name


def test_a_run_that_was_taken_outlives_its_worker(office: Office, clock: FakeClock) -> None:
    run = office.request()
    (claimed,) = office.claim()
    office.take(claimed)
    clock.move(seconds=600)
    assert 0 == office.teller.ask(ReapClaims())
    assert [] == office.claim("bob")
    office.teller.end(run.id)
    assert 1 == office.teller.ask(ReapClaims())
    assert ("done", "Completed") == (office.asked(run.id).status, office.teller.run(run.id).state.name)


def test_whoever_holds_a_claim_hears_of_cancellations(office: Office) -> None:
    office.request()
    (claimed,) = office.claim()
    office.take(claimed)
    assert [] == list(office.renew(claimed).cancelled)
    office.teller.ask(CancelFlowRun(id=claimed.run.id, holder_alive=True))
    assert [claimed.run.id] == list(office.renew(claimed).cancelled)


def test_a_run_that_is_cancelled_before_it_began_never_begins(office: Office) -> None:
    waiting, taken = office.request(), office.request()
    office.teller.ask(CancelFlowRun(id=waiting.id))
    (claimed,) = office.claim()
    assert taken.id == claimed.run.id
    office.teller.ask(CancelFlowRun(id=taken.id, holder_alive=False))
    with pytest.raises(RunNotResumable):
        office.take(claimed)
    assert "Cancelled" == office.end(claimed, "Crashed").state.name
    assert [] == office.claim()


def test_infrastructure_is_noted_by_who_holds_the_claim(office: Office) -> None:
    run = office.request()
    (claimed,) = office.claim()
    note = NoteInfrastructure(flow_run_id=run.id, claim=claimed.request.claim, infrastructure="process:42")
    before = office.teller.ask(ListChanges()).cursor
    assert office.teller.ask(note)
    assert "process:42" == office.asked(run.id).infrastructure
    assert [run.id] == [told.id for told in office.teller.ask(ListChanges(after=before)).flow_runs]
    assert not office.teller.ask(NoteInfrastructure(flow_run_id=run.id, claim=9, infrastructure="process:1"))


def test_what_was_started_for_a_short_run_is_said_with_its_end(office: Office) -> None:
    run = office.request()
    (claimed,) = office.claim()
    office.take(claimed)
    office.teller.end(run.id)
    before = office.teller.ask(ListChanges()).cursor
    office.teller.ask(EndClaim(flow_run_id=run.id, claim=claimed.request.claim, infrastructure="process:42"))
    assert ("process:42", "done") == (office.asked(run.id).infrastructure, office.asked(run.id).status)
    assert [run.id] == [told.id for told in office.teller.ask(ListChanges(after=before)).flow_runs]


def test_a_run_whose_code_cannot_be_loaded_failed(office: Office) -> None:
    office.request()
    (claimed,) = office.claim()
    run = office.end(claimed, "Failed", "There is no file etl.py.")
    assert ("Failed", "There is no file etl.py.") == (run.state.name, run.state.message)
    assert "done" == office.asked(run.id).status
    assert ["ended"] == office.why(run.id)


def test_a_worker_that_drains_gives_its_claims_back(office: Office) -> None:
    office.request()
    (claimed,) = office.claim("ada")
    assert "Scheduled" == office.end(claimed, "Scheduled", "The worker stops.").state.name
    (again,) = office.claim("bob")
    assert 2 == again.request.claim
    assert "Pending" == office.end(claimed, "Failed").state.name  # of an older claim: nothing happens


# ---- Crashes ----------------------------------------------------------------------------------------------------


def crash(office: Office) -> str:
    (claimed,) = office.claim()
    run = office.take(claimed)
    office.teller.ask(MarkCrashed(writer_id=office.teller.id, message="gone"))
    return run.id


def test_a_crashed_run_rests_unless_its_deployment_says_otherwise(office: Office) -> None:
    office.request()
    run_id = crash(office)
    assert ("Crashed", "done") == (office.teller.run(run_id).state.name, office.asked(run_id).status)


@pytest.mark.parametrize(
    ("on_crash", "state", "anew"), [("resume", "Resuming", False), ("retry", "AwaitingRetry", True)]
)
def test_a_crashed_run_goes_on_by_itself_so_often(
    office: Office, clock: FakeClock, on_crash: str, state: str, anew: bool
) -> None:
    office.deploy("tough", on_crash=on_crash, on_crash_limit=2)
    office.request("etl/tough")
    for _ in range(2):
        run_id = crash(office)
        assert state == office.teller.run(run_id).state.name
        assert ("waiting", anew) == (office.asked(run_id).status, office.asked(run_id).anew)
        clock.move(seconds=10)
    run_id = crash(office)
    assert ("Crashed", "done", 3) == (
        office.teller.run(run_id).state.name, office.asked(run_id).status, office.teller.run(run_id).epoch
    )  # fmt: skip


def test_a_process_that_was_only_cut_off_is_not_run_twice(office: Office, clock: FakeClock) -> None:
    office.deploy("tough", on_crash="resume")
    office.request("etl/tough")
    run_id = crash(office)
    office.teller.tell(moved(run_id, "Completed", at=clock.now_us(), epoch=1))
    clock.move(seconds=60)
    assert [] == office.claim()
    assert "Completed" == office.teller.run(run_id).state.name
    office.teller.ask(ReapClaims())
    assert "done" == office.asked(run_id).status


def test_a_process_that_ends_without_a_word_is_told_of_by_its_worker(office: Office) -> None:
    office.request()
    (claimed,) = office.claim()
    run = office.end(claimed, "Crashed", "It was killed by SIGKILL.")
    assert ("Crashed", "It was killed by SIGKILL.") == (run.state.name, run.state.message)


# ---- Waiting again ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("resume", "state"), [(True, "Resuming"), (False, "AwaitingRetry")])
def test_a_run_that_ended_is_given_to_a_worker_again(office: Office, resume: bool, state: str) -> None:
    office.request()
    (claimed,) = office.claim()
    office.take(claimed)
    office.teller.end(claimed.run.id, "Failed")
    run = office.teller.ask(RequeueRun(flow_run_id=claimed.run.id, resume=resume, message="again"))
    assert (state, None) == (run.state.name, run.ended_at)
    (again,) = office.claim()
    assert (2, not resume) == (again.request.claim, again.request.anew)
    assert 2 == office.take(again).epoch


def test_a_run_is_not_given_to_a_worker_for_nothing(office: Office) -> None:
    by_hand = office.teller.begin()
    waits = office.request()
    for run_id in (by_hand, waits.id):
        with pytest.raises(RunNotResumable):
            office.teller.ask(RequeueRun(flow_run_id=run_id))
    (claimed,) = office.claim()
    office.take(claimed)
    with pytest.raises(RunNotResumable):
        office.teller.ask(RequeueRun(flow_run_id=waits.id))
    office.teller.end(waits.id)
    with pytest.raises(RunNotResumable):
        office.teller.ask(RequeueRun(flow_run_id=waits.id))


def test_a_run_that_somebody_takes_by_hand_waits_for_no_worker(office: Office) -> None:
    run = office.request()
    office.teller.ask(TakeFlowRun(id=run.id, writer=office.teller.hello, holder_alive=False))
    assert [] == office.claim()
    assert "done" == office.asked(run.id).status


def test_a_run_that_waits_past_its_time_is_late(office: Office, clock: FakeClock) -> None:
    run = office.request()
    clock.move(seconds=14)
    assert 0 == office.teller.ask(ReapClaims())
    clock.move(seconds=2)
    assert 1 == office.teller.ask(ReapClaims())
    assert ("Late", StateType.SCHEDULED) == (
        office.teller.run(run.id).state.name, office.teller.run(run.id).state.type
    )  # fmt: skip
    assert 1 == office.teller.ask(GetWorkPool(name="mill")).queues[0].late
    assert [run.id] == [claimed.run.id for claimed in office.claim()]


def test_what_is_missing_for_a_run_is_told_in_order(office: Office, clock: FakeClock) -> None:
    run = office.request()
    assert "no_worker" == office.why(run.id)[0]
    office.claim(count=0)
    assert ["next"] == office.why(run.id)
    clock.move(seconds=120)
    assert ["no_worker"] == office.why(run.id)[:1]
    assert 1 == len(office.claim())
    assert ["claimed"] == office.why(run.id)
    with pytest.raises(NotFound):
        office.teller.ask(ExplainRun(flow_run_id=office.teller.new_id()))  # type: ignore[arg-type]  # an unknown one


def test_who_serves_deployments_of_no_pool_claims_their_runs(office: Office) -> None:
    mine = office.deploy("served", work_pool=None)
    other = office.deploy("elsewhere", work_pool=None)
    run = office.request(mine)
    office.request(other)
    request = ClaimRuns(worker=office.hello(work_pool="", queues=(mine,)), count=5)
    assert [run.id] == [claimed.run.id for claimed in office.teller.ask(request)]


def test_a_run_that_waits_again_is_not_crashed_by_the_end_of_its_process_before(office: Office) -> None:
    office.deploy("tough", on_crash="resume")
    office.request("etl/tough")
    run_id = crash(office)
    office.teller.clock.move(seconds=10)
    (claimed,) = office.claim()
    assert [] == list(office.teller.ask(MarkCrashed(writer_id=office.teller.id, message="gone")))
    assert ("Pending", None) == (office.teller.run(run_id).state.name, office.teller.run(run_id).writer_id)
    assert 2 == office.take(claimed, Teller(office.teller.orchestrator, office.teller.clock)).epoch


def test_a_run_that_was_to_be_cancelled_and_whose_process_died_is_cancelled_and_never_goes_on(office: Office) -> None:
    office.deploy("tough", on_crash="resume")
    office.request("etl/tough")
    (claimed,) = office.claim()
    run = office.take(claimed)
    office.teller.ask(CancelFlowRun(id=run.id, holder_alive=True))
    office.teller.ask(MarkCrashed(writer_id=office.teller.id, message="killed"))
    office.end(claimed, "Crashed", "killed")
    assert ("Cancelled", "done") == (office.teller.run(run.id).state.name, office.asked(run.id).status)


def test_what_killed_a_process_is_told_by_its_worker_though_others_found_it_dead_first(office: Office) -> None:
    office.request()
    (claimed,) = office.claim()
    run = office.take(claimed)
    office.teller.ask(MarkCrashed(writer_id=office.teller.id, message="ended without a final word"))
    office.end(claimed, "Crashed", "needed more than 150 MiB")
    assert "needed more than 150 MiB" == office.teller.run(run.id).state.message
    told = [(one.state.name, one.state.message) for one in office.teller.ask(ListStates(flow_run_id=run.id))]
    assert ("Crashed", "needed more than 150 MiB") == told[-1]
    assert ["Crashed"] == [name for name, _ in told if name == "Crashed"]


def test_a_lease_is_as_long_as_the_worker_says(office: Office, clock: FakeClock) -> None:
    office.request()
    office.claim("ada", lease_seconds=2)
    clock.move(seconds=1.9)
    assert 0 == office.teller.ask(ReapClaims())
    clock.move(seconds=0.2)
    assert 1 == office.teller.ask(ReapClaims())


def test_deployments_of_one_pool_share_it_fairly(office: Office) -> None:
    office.deploy("busy")
    office.deploy("modest")
    for _ in range(6):
        office.request("etl/busy")
    modest = [office.request("etl/modest").id for _ in range(2)]
    claimed = [one.run.id for one in office.claim(count=4)]
    assert set(modest) < set(claimed)


def test_asked_at_once_with_one_key_there_is_one_run(office: Office) -> None:
    with ThreadPoolExecutor(8) as many:
        asked = [
            many.submit(office.teller.ask, RequestRun(deployment="etl/nightly", idempotency_key="k")) for _ in range(8)
        ]
        runs = {one.result().id for one in asked}
    assert 1 == len(runs)
    assert [*runs] == [one.run.id for one in office.claim()]


def test_two_workers_that_claim_at_once_never_get_the_same_run(office: Office) -> None:
    wanted = {office.request().id for _ in range(20)}
    with ThreadPoolExecutor(4) as many:
        claims = [many.submit(office.claim, f"worker-{number % 4}", 3) for number in range(12)]
        claimed = [one.run.id for claim in claims for one in claim.result()]
    claimed += [one.run.id for one in office.claim(count=20)]
    assert (20, wanted) == (len(claimed), set(claimed))
