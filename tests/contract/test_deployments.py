"""Deployments: versions that never change, and runs that keep the one that they were asked with."""

import pytest

from penstock.core.errors import NotFound, ParameterInvalid, RequestInvalid, ScheduleInvalid, TemplateInvalid
from penstock.core.states import Reason
from penstock.ports import TakeFlowRun
from penstock.scheduling import (
    DeleteDeployment,
    GetDeployment,
    ListDeployments,
    ListDeploymentVersions,
    PauseDeployment,
    RequestRun,
    UseDeploymentVersion,
)
from penstock.testing import FakeClock
from tests.contract.scheduled import KEY, SCHEMA, ask_for, deploy, events_of, every, fire, request_of, runs_of
from tests.contract.telling import Teller


def test_a_deployment_is_what_was_said(teller: Teller) -> None:
    made = deploy(
        teller, every(60), entrypoint="flows.py:etl", path="/code", parameters={"month": 4}, tags=["a", "b"],
        concurrency_limit=2, deadline_seconds=60.5, description="Nightly.",
    )  # fmt: skip
    assert ("etl", "nightly", 1, False) == (made.flow_name, made.name, made.version, made.paused)
    spec = made.spec
    assert ("flows.py:etl", {"month": 4}, ["a", "b"], 2, 60.5) == (
        spec.entrypoint, dict(spec.parameters), list(spec.tags), spec.concurrency_limit, spec.deadline_seconds,
    )  # fmt: skip
    assert ["often"] == [schedule.slug for schedule in made.schedules]
    assert made == teller.ask(GetDeployment(key=KEY)) == teller.ask(GetDeployment(key=made.id))


def test_each_deploy_that_says_something_new_makes_a_version(teller: Teller) -> None:
    assert 1 == deploy(teller, parameters={"a": 1, "b": 2}).version
    assert 1 == deploy(teller, parameters={"a": 1, "b": 2}).version
    assert 2 == deploy(teller, parameters={"a": 2}).version
    versions = teller.ask(ListDeploymentVersions(key=KEY)).items
    assert [(2, {"a": 2}, True), (1, {"a": 1, "b": 2}, False)] == [
        (version.number, dict(version.spec.parameters), version.current) for version in versions
    ]
    assert ["created", "updated"] == [
        kind for kind in ("created", "updated", "deleted") if events_of(teller, f"deployment.{kind}")
    ]


def test_rolling_back_is_choosing_an_older_version(teller: Teller) -> None:
    deploy(teller, parameters={"month": 1})
    deploy(teller, parameters={"month": 2})
    before = ask_for(teller)
    rolled_back = teller.ask(UseDeploymentVersion(key=KEY, number=1))
    assert (1, {"month": 1}) == (rolled_back.version, dict(rolled_back.spec.parameters))
    after = ask_for(teller)
    assert [(2, {"month": 2}), (1, {"month": 1})] == [(r.deployment_version, r.parameters) for r in (before, after)]
    assert 2 == request_of(teller, before).version
    assert 3 == deploy(teller, parameters={"month": 2}).version
    with pytest.raises(NotFound):
        teller.ask(UseDeploymentVersion(key=KEY, number=9))


def test_a_run_waits_until_its_time(teller: Teller, clock: FakeClock) -> None:
    deployed = deploy(
        teller, tags=["a"], parameters={"month": 1, "color": "green"}, code_version="c0ffee", entrypoint="f.py:etl"
    )
    at = clock.now_us() + 3_600_000_000
    run = ask_for(teller, parameters={"month": 2}, at=at, name="by-hand", tags=["b"])
    assert ("SCHEDULED", "Scheduled", 0, at) == (run.state.type, run.state.name, run.epoch, run.expected_start_at)
    assert ("by-hand", ("a", "b"), {"month": 2, "color": "green"}) == (run.name, tuple(run.tags), run.parameters)
    assert ("nightly", 1, "c0ffee", "f.py:etl") == (
        run.deployment,
        run.deployment_version,
        run.code_version,
        run.entrypoint,
    )
    request = request_of(teller, run)
    assert ("waiting", at, 0, deployed.id) == (request.status, request.due_at, request.claim, request.deployment_id)
    assert [run.id] == [run.id for run in runs_of(teller)]
    assert ["by-hand"] == [payload["name"] for payload in events_of(teller, "flow-run.requested")]


def test_parameters_are_checked_when_a_run_is_asked_for(teller: Teller) -> None:
    deploy(teller, parameters={"color": "green"}, parameter_schema=SCHEMA)
    assert {"color": "green", "month": 3} == ask_for(teller, parameters={"month": 3}).parameters
    for wrong, named in (
        ({"month": "april"}, "month"),
        ({}, "month"),
        ({"month": 13}, "month"),
        ({"month": 1, "x": 1}, "x"),
    ):
        with pytest.raises(ParameterInvalid) as raised:
            ask_for(teller, parameters=wrong)
        assert [named] == [problem[0] for problem in raised.value.problems]
    with pytest.raises(ParameterInvalid, match="`month` must be integer, not string, got 'april'"):
        ask_for(teller, parameters={"month": "april"})
    assert 1 == len(runs_of(teller))
    deploy(teller, parameters={"color": "green"}, parameter_schema=SCHEMA, enforce_parameter_schema=False)
    assert {"color": "green", "month": "april"} == ask_for(teller, parameters={"month": "april"}).parameters


def test_templates_of_a_deployment_mean_the_run_s_own_time(teller: Teller) -> None:
    deploy(teller, parameters={"year": "{{ period.start.year }}", "kept": "as is"})
    assert {"year": 2023, "kept": "as is"} == ask_for(teller).parameters
    assert {"year": "{{ 1 }}", "kept": "as is"} == ask_for(teller, parameters={"year": "{{ 1 }}"}).parameters


def test_a_request_with_a_key_makes_one_run(teller: Teller) -> None:
    deploy(teller)
    deploy(teller, name="other")
    first = ask_for(teller, idempotency_key="order-17")
    assert first.id == ask_for(teller, idempotency_key="order-17", parameters={"x": 1}).id
    assert first.id != ask_for(teller, idempotency_key="order-18").id
    assert first.id != ask_for(teller, "etl/other", idempotency_key="order-17").id
    assert 2 == len(runs_of(teller))
    for key in ("", "x" * 501):
        with pytest.raises(RequestInvalid):
            ask_for(teller, idempotency_key=key)


def test_what_nobody_has_deployed_is_not_found_and_near_names_are_told(teller: Teller) -> None:
    deploy(teller)
    for key in ("etl/nigthly", "nightly", "0" * 32, ""):
        with pytest.raises(NotFound):
            teller.ask(GetDeployment(key=key or "x"))
    with pytest.raises(NotFound) as raised:
        teller.ask(RequestRun(deployment="etl/nigthly"))
    assert (KEY,) == tuple(raised.value.near)
    with pytest.raises(NotFound):
        deploy(teller, work_pool="nowhere")


@pytest.mark.parametrize(
    "spec",
    [
        {"name": "a/b"},
        {"name": " "},
        {"flow": ""},
        {"collision": "explode"},
        {"on_crash": "cry"},
        {"concurrency_limit": 0},
        {"deadline_seconds": 0.0},
        {"work_queue": "fast"},
        {"parameter_schema": {"type": "nonsense"}},
    ],
)
def test_what_no_deployment_can_be_is_refused(teller: Teller, spec: dict[str, object]) -> None:
    with pytest.raises(RequestInvalid):
        deploy(teller, **spec)  # type: ignore[arg-type]
    assert [] == list(teller.ask(ListDeployments()).items)


def test_defaults_that_do_not_fit_are_refused_when_it_is_deployed(teller: Teller) -> None:
    with pytest.raises(ParameterInvalid):
        deploy(teller, parameters={"month": "april"}, parameter_schema=SCHEMA)
    with pytest.raises(ParameterInvalid):
        deploy(teller, every(60, parameters={"month": "april"}), parameter_schema=SCHEMA)
    with pytest.raises(ParameterInvalid, match="month"):
        deploy(teller, every(60, parameters={"month": "{{ period.start.year }}"}), parameter_schema=SCHEMA)
    with pytest.raises(TemplateInvalid, match="yeer"):
        deploy(teller, every(60), parameters={"month": "{{ period.start.yeer }}"})
    with pytest.raises(TemplateInvalid):
        deploy(teller, parameters={"month": "{{ open('/etc/passwd') }}"})
    with pytest.raises(ScheduleInvalid):
        deploy(teller, {"kind": "cron", "slug": "x", "cron": "61 * * * *"})
    assert [] == list(teller.ask(ListDeployments()).items)
    deploy(teller, parameters={"month": "{{ period.start.month }}"}, parameter_schema=SCHEMA)


def test_deployments_are_listed_by_flow_and_name_with_their_last_runs(teller: Teller) -> None:
    for flow, name in (("b", "x"), ("a", "y"), ("a", "x"), ("a/c", "x")):
        deploy(teller, flow=flow, name=name, tags=["slow"] if flow == "b" else [])
    run = ask_for(teller, "a/c/x")
    first = teller.ask(ListDeployments(limit=3))
    rest = teller.ask(ListDeployments(limit=3, cursor=first.cursor))
    found = [*first.items, *rest.items]
    assert [("a", "x"), ("a", "y"), ("a/c", "x"), ("b", "x")] == [(one.flow_name, one.name) for one in found]
    assert [None, None, run.id, None] == [one.last_run and one.last_run.id for one in found]
    assert rest.cursor is None

    def names(**wanted: object) -> list[str]:
        return [f"{one.flow_name}/{one.name}" for one in teller.ask(ListDeployments(**wanted)).items]  # type: ignore[arg-type]

    assert ["a/x", "a/y"] == names(flow_name="a")
    assert ["b/x"] == names(tag="slow")
    assert ["a/c/x"] == names(name_contains="C/")
    with pytest.raises(NotFound):
        names(work_pool="nowhere")


def test_a_run_for_later_is_not_the_last_one(teller: Teller, clock: FakeClock) -> None:
    deploy(teller)
    now = ask_for(teller)
    ask_for(teller, at=clock.now_us() + 3_600_000_000)
    last = teller.ask(GetDeployment(key=KEY)).last_run
    assert last is not None
    assert now.id == last.id


def test_deleting_cancels_what_waits_and_keeps_what_was(teller: Teller) -> None:
    deploy(teller, every(60), parameters={"month": 1})
    begun, waiting = ask_for(teller), ask_for(teller)
    teller.ask(TakeFlowRun(id=begun.id, writer=teller.hello, holder_alive=False))
    teller.ask(DeleteDeployment(key=KEY))
    with pytest.raises(NotFound):
        teller.ask(GetDeployment(key=KEY))
    with pytest.raises(NotFound):
        teller.ask(DeleteDeployment(key=KEY))
    state = teller.run(waiting.id).state
    assert ("CANCELLED", Reason.CANCEL_REQUESTED) == (state.type, state.reason)
    assert "RUNNING" == teller.run(begun.id).state.type
    kept = request_of(teller, begun)
    assert ("nightly", None, {"month": 1}) == (kept.deployment_name, kept.deployment_id, dict(kept.spec.parameters))
    assert [1] == [payload["cancelled_runs"] for payload in events_of(teller, "deployment.deleted")]


def test_a_deployment_of_the_same_name_later_is_another_one(teller: Teller) -> None:
    first = deploy(teller, parameters={"month": 1})
    old = ask_for(teller, idempotency_key="k")
    teller.ask(DeleteDeployment(key=KEY))
    second = deploy(teller, parameters={"month": 2})
    assert first.id != second.id
    assert (1, 1) == (second.version, len(teller.ask(ListDeploymentVersions(key=KEY)).items))
    assert {"month": 1} == dict(request_of(teller, old).spec.parameters)
    assert old.id != ask_for(teller, idempotency_key="k").id


def test_a_paused_deployment_fires_nothing_and_goes_on_without_what_it_missed(teller: Teller, clock: FakeClock) -> None:
    deploy(teller, every(60, catchup="all"))
    assert teller.ask(PauseDeployment(key=KEY, paused=True)).paused
    assert teller.ask(PauseDeployment(key=KEY, paused=True)).schedules[0].next_at is None
    clock.move(seconds=600)
    assert 0 == fire(teller)
    ask_for(teller)  # by hand it runs
    teller.ask(PauseDeployment(key=KEY, paused=False))
    assert 0 == fire(teller)
    clock.move(seconds=60)
    assert 1 == fire(teller)
    assert [1, 1] == [len(events_of(teller, f"deployment.{kind}")) for kind in ("paused", "resumed")]


def test_a_deploy_may_say_whether_it_is_paused(teller: Teller, clock: FakeClock) -> None:
    assert deploy(teller, every(60), paused=True).paused
    clock.move(seconds=120)
    assert 0 == fire(teller)
    assert deploy(teller, every(60)).paused
    assert not deploy(teller, every(60), paused=False).paused
    assert 0 == fire(teller)
    clock.move(seconds=60)
    assert 1 == fire(teller)
