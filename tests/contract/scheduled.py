"""Deployments and schedules for tests, in few words."""

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.ports import FlowRun, ListEvents, ListFlowRuns, RunFilter
from penstock.scheduling import (
    Deployment,
    DeploymentSpec,
    FireSchedules,
    GetRunRequest,
    RequestRun,
    RunRequest,
    SaveDeployment,
)
from penstock.testing import FakeClock
from tests.contract.telling import Teller, moved

MINUTE, HOUR, DAY = 60, 3_600, 86_400
SECOND_US = 1_000_000
KEY = "etl/nightly"
SCHEMA = {
    "properties": {"month": {"type": "integer", "maximum": 12}, "color": {"type": "string"}},
    "required": ["month"],
    "additionalProperties": False,
}


def every(seconds: float = MINUTE, slug: str = "often", **said: Any) -> dict[str, Any]:
    """A schedule's definition."""
    return {"kind": "interval", "slug": slug, "interval_us": int(seconds * SECOND_US), **said}


def cron(text: str, slug: str = "nightly", **said: Any) -> dict[str, Any]:
    return {"kind": "cron", "slug": slug, "cron": text, **said}


def deploy(
    teller: Teller,
    *schedules: Mapping[str, Any],
    flow: str = "etl",
    name: str = "nightly",
    paused: bool | None = None,
    keep: bool = False,
    **spec: Any,
) -> Deployment:
    """Deploy; `keep` leaves the schedules as they are."""
    request = SaveDeployment(
        flow_name=flow, name=name, spec=DeploymentSpec(**spec), schedules=None if keep else schedules, paused=paused
    )
    deployed: Deployment = teller.ask(request)
    return deployed


def fire(teller: Teller) -> int:
    """Fire all that is due; answers how many runs were asked for."""
    fired = 0
    while True:
        answer = teller.ask(FireSchedules())
        fired += answer.runs
        if answer.wait_seconds != 0:
            return fired


def runs_of(teller: Teller, deployment: str = "nightly", flow: str = "etl") -> Sequence[FlowRun]:
    """Runs of a deployment, the oldest first."""
    wanted = RunFilter(flow_names=[flow], deployments=[deployment])
    runs: Sequence[FlowRun] = teller.ask(ListFlowRuns(filter=wanted, oldest_first=True, limit=1_000)).items
    return runs


def ticks_of(teller: Teller, deployment: str = "nightly") -> list[int]:
    """The ticks that have runs, sorted."""
    return sorted(request_of(teller, run).fire_at or 0 for run in runs_of(teller, deployment))


def request_of(teller: Teller, run: FlowRun) -> RunRequest:
    request: RunRequest = teller.ask(GetRunRequest(flow_run_id=run.id))
    return request


def ask_for(teller: Teller, deployment: str = KEY, **said: Any) -> FlowRun:
    run: FlowRun = teller.ask(RequestRun(deployment=deployment, **said))
    return run


ASKED_AGAIN = 10


def events_of(teller: Teller, kind: str) -> list[Any]:
    """The payloads of events, in order.

    Asked again while there are none: on PostgreSQL a transaction of anybody's that ends at this very moment keeps the newest
    events back until the next question.
    """
    for _ in range(ASKED_AGAIN):
        found = teller.ask(ListEvents(kinds=[f"penstock.{kind}"], limit=1_000)).items
        if found:
            break
    return [event.payload for event in found]


def seconds_after(clock: FakeClock, at: int | None) -> float:
    """How far ahead a time is."""
    assert at is not None
    return (at - clock.now_us()) / SECOND_US


__all__ = ["moved"]
