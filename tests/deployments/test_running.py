"""`run_deployment` and what serving refuses: without a worker, which the stories in tests/system have."""

import os
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from penstock import flow, serve
from penstock.core.errors import NotFound, ParameterInvalid, RequestInvalid, RunCancelled
from penstock.core.ids import RunId, parse_id
from penstock.deployments import NotDeployable, run_deployment
from penstock.flow_runs import wait_for_flow_run
from penstock.ports import CancelFlowRun, FlowRun, ListFlowRuns, RunFilter
from penstock.scheduling import DeploymentSpec, ExplainRun, GetDeployment, SaveDeployment
from penstock.testing import History, harness
from penstock.work import SaveWorkPool

SCHEMA = {"properties": {"year": {"type": "integer"}}, "additionalProperties": False}


@pytest.fixture(autouse=True)
def history(monkeypatch: pytest.MonkeyPatch) -> Iterator[History]:
    """A home with a deployment in it, whose runs wait."""
    monkeypatch.setenv("PENSTOCK_CANCEL_POLL_SECONDS", "0.02")
    with harness():
        known = History()
        known.ask(SaveWorkPool(name="local"))
        spec = DeploymentSpec(entrypoint="etl.py:etl", work_pool="local", parameter_schema=SCHEMA)
        known.ask(SaveDeployment(flow_name="etl", name="nightly", spec=spec))
        yield known


def asked_for(history: History) -> list[FlowRun]:
    return list(history.ask(ListFlowRuns(filter=RunFilter(flow_names=["etl"]))).items)


def test_a_run_is_asked_for_as_it_is_said(history: History) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    run = run_deployment(
        "etl/nightly", {"year": 1999}, scheduled_time=tomorrow, flow_run_name="late", tags=["x"], timeout=0
    )
    (known,) = asked_for(history)
    assert (run.id.replace("-", ""), "late", {"year": 1999}) == (known.id, run.name, run.parameters)
    assert "x" in known.tags
    assert abs((known.expected_start_at or 0) / 1e6 - tomorrow.timestamp()) < 1
    assert run.state.is_scheduled()


def test_the_same_key_is_the_same_run(history: History) -> None:
    first, again = (run_deployment("etl/nightly", idempotency_key="once", timeout=0) for _ in range(2))
    assert first.id == again.id


def test_it_is_waited_for_no_longer_than_said() -> None:
    run = run_deployment("etl/nightly", timeout=0.05)
    assert not run.state.is_final()
    with pytest.raises(TimeoutError):
        wait_for_flow_run(run.id, timeout=0.05)


@pytest.mark.parametrize(
    ("name", "said", "error"),
    [
        ("etl/nightl", {}, NotFound),
        ("nightly", {}, NotFound),
        ("etl/nightly", {"parameters": {"year": "soon"}}, ParameterInvalid),
        ("etl/nightly", {"parameters": {"jear": 1999}}, ParameterInvalid),
        ("etl/nightly", {"parameters": {"year": threading.Lock()}}, NotDeployable),
        ("etl/nightly", {"job_variables": {"worm": True}}, RequestInvalid),
        ("etl/nightly", {"work_queue_name": "nowhere"}, NotFound),
    ],
)
def test_what_cannot_be_asked_for_is_refused(
    history: History, name: str, said: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        run_deployment(name, **said, timeout=0)
    assert [] == asked_for(history)


def test_within_a_flow_it_is_a_subflow_and_asked_for_once_however_often_the_parent_is_tried(history: History) -> None:
    tries = []

    @flow(retries=1)
    def parent() -> list[str]:
        ids = [run_deployment("etl/nightly", {"year": year}, timeout=0).id for year in (1, 1, 2)]
        tries.append(ids)
        if len(tries) == 1:
            raise ConnectionError("not today")
        return ids

    parent()
    assert tries[0] == tries[1]
    assert 3 == len(set(tries[0]))
    assert {history.flow_run().id} == {run.parent_run_id for run in asked_for(history)}


def test_not_as_a_subflow_it_has_no_parent(history: History) -> None:
    @flow
    def parent() -> None:
        run_deployment("etl/nightly", timeout=0, as_subflow=False)

    parent()
    assert [None] == [run.parent_run_id for run in asked_for(history)]


def test_a_parent_that_is_cancelled_takes_along_what_it_waits_for(history: History) -> None:
    def cancel() -> None:
        for _ in range(3_000):
            waiting = [run for run in asked_for(history) if run.parent_run_id]
            if waiting:
                history.ask(CancelFlowRun(id=waiting[0].parent_run_id, holder_alive=True))  # type: ignore[arg-type]
                return
            threading.Event().wait(0.01)

    @flow
    def parent() -> None:
        run_deployment("etl/nightly")

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(RunCancelled):
        parent()
    thread.join(60)
    assert ["Cancelled"] == [run.state.name for run in asked_for(history)]


@flow
def served() -> None: ...


def test_what_cannot_be_served_is_refused_before_anything_is_saved(history: History) -> None:
    for given in (
        (),
        (served,),
        (served.to_deployment("a", work_pool_name="local"),),
        (served.to_deployment("a"), served.to_deployment("a")),
    ):
        with pytest.raises(NotDeployable):
            serve(*given)  # type: ignore[arg-type]


@pytest.mark.parametrize("rests", [True, False])
def test_serving_ends_when_it_is_told_to_and_schedules_rest_meanwhile_if_that_is_wanted(
    history: History, rests: bool
) -> None:
    served.to_deployment("a", interval=3600, paused=True).apply()
    run = run_deployment("served/a", scheduled_time=datetime.now(UTC) + timedelta(days=1), timeout=0)
    paused: list[bool] = []

    def stop() -> None:
        request = ExplainRun(flow_run_id=RunId(parse_id(run.id)))
        while "no_worker" in [reason.code for reason in history.ask(request)]:
            threading.Event().wait(0.01)
        paused.append(history.ask(GetDeployment(key="served/a")).paused)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=stop)
    thread.start()
    serve(served.to_deployment("a"), pause_on_shutdown=rests, print_starting_message=False)
    thread.join(60)
    assert [not rests] == paused  # who lets them rest at the end lets them go on at the beginning
    assert history.ask(GetDeployment(key="served/a")).paused
