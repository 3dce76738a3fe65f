"""What the process of a run may ask with its token, over HTTP."""

import re
from dataclasses import dataclass
from typing import Any

import pytest

from penstock.core.errors import NotAuthorized, RunNotResumable
from penstock.core.ids import MessageId, RunId
from penstock.core.run_tokens import LIFE_US, RunToken, write_token
from penstock.limits import AcquireSlots, ListConcurrencyLimits, ReleaseSlots, SetConcurrencyLimit
from penstock.ports import (
    CancelFlowRun,
    FindCancellations,
    FindOpenRuns,
    GetFlowRun,
    GetVariable,
    Ingest,
    ListFlowRuns,
    ListFlows,
    ListRecordedCalls,
    MarkCrashed,
    Principal,
    SetVariable,
    TakeFlowRun,
)
from penstock.scheduling import GetRunRequest, ListRunMessages, RequestRun, RequeueRun, SendToRun
from penstock.sdk.wiring import SystemClock
from penstock.server.guard import Door
from penstock.server.run_scope import AFTER_END_US, RunScope
from penstock.testing import FakeClock
from penstock.work import ClaimedRun, ClaimRuns, EndClaim
from tests.contract.telling import Teller, began, logged, moved, seen
from tests.contract.working import Office
from tests.server.conftest import Serve, Served

KEY = "open-sesame"


@dataclass
class Scene:
    """A server with a key, a run that a worker claimed there, and the run's process with its token."""

    served: Served
    office: Office
    claimed: ClaimedRun
    process: Teller

    @property
    def token(self) -> str:
        assert self.claimed.token is not None
        return self.claimed.token

    @property
    def run_id(self) -> RunId:
        return self.claimed.run.id

    def others_run(self) -> RunId:
        """A run that is none of the process's business."""
        return self.office.teller.begin("theirs")


@pytest.fixture
def scene(serve: Serve, clock: FakeClock) -> Scene:
    clock.move(seconds=(SystemClock().now_us() - clock.now_us()) / 1_000_000)  # the server goes by the host's
    served = serve(door=Door(api_key=KEY))
    office = Office(Teller(served.remote(api_key=KEY), clock))
    office.deploy()
    office.request()
    [claimed] = office.claim()
    assert claimed.token is not None
    process = Teller(served.remote(api_key=claimed.token), clock)
    return Scene(served, office, claimed, process)


def test_without_a_key_there_are_no_tokens(serve: Serve, clock: FakeClock) -> None:
    office = Office(Teller(serve().remote(), clock))
    office.deploy()
    office.request()
    assert [None] == [claimed.token for claimed in office.claim()]


def test_a_run_lives_by_its_token_alone(scene: Scene) -> None:
    process, run_id = scene.process, scene.run_id
    assert "etl.py:etl" == process.ask(GetRunRequest(flow_run_id=run_id)).spec.entrypoint
    scene.office.take(scene.claimed, process)
    child = process.new_id()
    process.tell(
        logged(run_id),
        seen(run_id),
        began(child, run_id),
        seen(child, "2"),
        moved(child, "Completed"),
    )
    process.tell(logged(child))
    assert [] == list(process.ask(FindCancellations(run_ids=[run_id, RunId(child)], writer_id=process.id)).run_ids)
    assert 2 == len(process.ask(ListRecordedCalls(flow_run_id=run_id)).items)
    assert [run_id] == [held for held, _ in process.ask(FindOpenRuns(writer_id=process.id)).runs]
    process.ask(SetVariable(name="mark", value=7))
    assert 7 == process.ask(GetVariable(name="mark")).value
    process.ask(AcquireSlots(id=process.new_id(), names=["db"]))
    asked = process.ask(RequestRun(deployment="etl/nightly", parent_run_id=run_id))
    assert "Scheduled" == process.ask(GetFlowRun(id=asked.id)).state.name
    assert process.ask(CancelFlowRun(id=asked.id)).accepted
    process.end(run_id)
    assert "Completed" == process.run(run_id).state.name
    assert (1, "run:" + run_id) == (process.run(run_id).task_counts["COMPLETED"], actor_of(scene, asked.id))


def actor_of(scene: Scene, run_id: str) -> str | None:
    """Who asked for a run, as the event log has it."""
    page = scene.served.http.get("/api/events", headers=bearer(KEY)).json()
    return next(event["actor"] for event in page["items"] if run_id in event["resource"])


def test_another_runs_affairs_are_refused(scene: Scene) -> None:
    process, other = scene.process, scene.others_run()
    scene.office.take(scene.claimed, process)
    theirs = scene.office.teller
    refused: list[Any] = [
        CancelFlowRun(id=other),
        ListRecordedCalls(flow_run_id=other),
        FindCancellations(run_ids=[scene.run_id, other]),
        FindCancellations(run_ids=[scene.run_id], writer_id=theirs.id),
        FindOpenRuns(writer_id=theirs.id),
        MarkCrashed(writer_id=theirs.id, message="ha"),
        Ingest(writer_id=theirs.id, records=theirs.number(logged(scene.run_id))),
        Ingest(writer_id=process.id, records=process.number(logged(other))),
        Ingest(writer_id=process.id, records=[(1, moved(other, "Failed"))]),
        Ingest(writer_id=process.id, records=[(1, seen(other))]),
        Ingest(writer_id=process.id, records=[(1, began(process.new_id(), other))]),
        Ingest(writer_id=process.id, records=[(1, began(process.new_id(), None))]),
        RequestRun(deployment="etl/nightly", parent_run_id=other),
        ListRunMessages(flow_run_id=other, key="int"),
        SendToRun(flow_run_id=other, id=MessageId("1" * 32), key="int", value=1, sender=other),
        TakeFlowRun(id=other, writer=process.hello, holder_alive=False, claim=1),
        TakeFlowRun(id=scene.run_id, writer=process.hello, holder_alive=False, claim=99),
        EndClaim(flow_run_id=scene.run_id, claim=99),
    ]
    for request in refused:
        with pytest.raises(NotAuthorized) as caught:
            process.ask(request)
        assert type(request).__name__ in str(caught.value)
    process.ask(SendToRun(flow_run_id=other, id=MessageId("1" * 32), key="int", value=1, sender=scene.run_id))
    assert "Running" == theirs.run(other).state.name


def test_what_no_run_needs_is_refused_by_name(scene: Scene) -> None:
    for request in (
        ListFlowRuns(),
        ListFlows(),
        ClaimRuns(worker=scene.office.hello()),
        SetConcurrencyLimit(name="db", slots=99),
    ):
        with pytest.raises(NotAuthorized) as caught:
            scene.process.ask(request)
        assert "PENSTOCK_API_KEY" in str(caught.value)


def test_only_routes_that_runs_need_are_open(scene: Scene) -> None:
    """Routes that are no verbs, and those to come, are shut until somebody opens them."""
    document = scene.served.http.get("/api/openapi.json", headers=bearer(KEY)).json()
    shut = set()
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            address = re.sub(r"\{\w+(:path)?\}", "0" * 32, path)
            answer = scene.served.http.request(method, address, headers=bearer(scene.token))
            if answer.status_code == 401:
                shut.add(said["operationId"])
    assert {
        "ResumeFlowRun",
        "RerunFlowRun",
        "Stream",
        "DownloadLogs",
        "ListFlowRuns",
        "ClaimRuns",
        "SaveBlock",
        "ListBlocks",
    } <= shut
    for path in ("/metrics", "/docs", "/api/openapi.json", "/api/version"):
        assert 401 == scene.served.http.get(path, headers=bearer(scene.token)).status_code
    assert {"GetHealth", "GetVariable", "GetBlock", "MakeDurable"}.isdisjoint(shut)


def test_a_workspace_in_the_header_is_not_heeded(scene: Scene) -> None:
    scene.process.ask(SetVariable(name="here", value=1))
    elsewhere = Teller(scene.process.orchestrator, scene.process.clock, principal=Principal(workspace="elsewhere"))
    assert 1 == elsewhere.ask(GetVariable(name="here")).value


def test_a_later_claim_ends_what_an_earlier_token_opens(scene: Scene) -> None:
    process, office = scene.process, scene.office
    office.take(scene.claimed, process)
    process.ask(MarkCrashed(writer_id=process.id, message="gone"))
    office.teller.ask(RequeueRun(flow_run_id=scene.run_id))
    [again] = office.claim("bob")
    assert again.request.claim > scene.claimed.request.claim
    with pytest.raises(NotAuthorized) as caught:
        process.ask(GetVariable(name="mark"))
    assert str(again.request.claim) in str(caught.value)
    with pytest.raises((NotAuthorized, RunNotResumable)):
        office.take(scene.claimed, process)
    # What it has to tell of its own epoch is heard all the same: a process that was only cut off.
    process.tell(logged(scene.run_id))


def test_a_run_that_has_long_ended_opens_nothing(scene: Scene) -> None:
    process = scene.process
    scene.office.take(scene.claimed, process)
    scene.process.ask(TakeFlowRun(id=scene.run_id, writer=process.hello, holder_alive=False))  # tries again
    process.end(scene.run_id, epoch=2)
    process.ask(ListConcurrencyLimits())  # hooks go on for a while
    run = scene.served.local.ask(GetFlowRun(id=scene.run_id))
    assert run.ended_at is not None
    later = RunScope(scene.served.local, FakeClock(run.ended_at + AFTER_END_US + 1))
    token = RunToken(scene.run_id, scene.claimed.request.claim, "default", run.ended_at + LIFE_US)
    by = Principal(token=token)
    with pytest.raises(NotAuthorized):
        later.ask(ListConcurrencyLimits(), by)
    later.ask(Ingest(writer_id=process.id, records=process.number(logged(scene.run_id))), by)


def test_a_token_of_another_server_or_run_is_refused(scene: Scene) -> None:
    for run_id, key in ((scene.run_id, "another key"), (RunId("0" * 32), KEY)):
        token = RunToken(run_id, 1, "default", SystemClock().now_us() + 1_000_000)
        remote = scene.served.remote(api_key=write_token(token, key))
        with pytest.raises(NotAuthorized):
            remote.ask(GetVariable(name="mark"))
    assert 200 == scene.served.http.get("/api/health", headers=bearer(write_token(token, "another key"))).status_code
    stale = RunToken(scene.run_id, scene.claimed.request.claim, "default", SystemClock().now_us() - 1)
    with pytest.raises(NotAuthorized):
        scene.served.remote(api_key=write_token(stale, KEY)).ask(ReleaseSlots(id="1"))


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
