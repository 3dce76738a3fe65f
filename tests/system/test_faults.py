"""Workers and servers that die, stop, or are cut off: every run ends with the truth, and what it did is in the ledger once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.core.ids import RunId
from penstock.scheduling import ExplainRun
from tests.fixtures.servers import port_of
from tests.system.conftest import Ledger, until
from tests.system.service import POOL, Service, Wire, continue_all, has_ended, stop_all


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    gates = tmp_path / "gates"
    gates.mkdir()
    service = Service(tmp_path, Ledger(gates / "ledger"))
    try:
        yield service
    finally:
        service.end()


def steps(service: Service) -> list[str]:
    return sorted(line for line in service.ledger.lines() if line.endswith((" first", " second")))


def states(service: Service, run_id: RunId) -> list[str]:
    """States that a run went through, without those of waiting."""
    return [name for name in service.state_names(run_id) if name not in ("Scheduled", "Late", "Pending")]


def test_a_worker_that_is_killed_takes_no_run_with_it_and_leaks_no_slot(service: Service) -> None:
    with service.server():
        service.make_pool(concurrency_limit=2)
        gated = service.deploy()
        slow = service.deploy(name="slow", job_variables={"env": {"IMPORT_GATE": "imported"}, "warm": False})
        first = service.start_worker("first")
        running, claimed = service.request(gated, name="running"), service.request(slow, name="claimed")
        service.ledger.wait_for("running first")
        service.ledger.wait_for("imports imported")
        first.kill()

        service.start_worker("second")
        until(lambda: service.asked(claimed).claim == 2, "the second worker's claim")
        waiting = service.request(gated, name="waiting")
        assert "Scheduled" == service.run(waiting).state.name  # two run: the pool is full
        for gate in ("imported", "running", "claimed", "waiting"):
            service.open_gate(gate)
        runs = [service.wait_for(run, "Completed") for run in (running, claimed, waiting)]

        assert [1, 1, 1] == [run.epoch for run in runs]
        assert [
            f"{name} {step}" for name in ("claimed", "running", "waiting") for step in ("first", "second")
        ] == steps(service)


def test_a_worker_that_slept_beyond_its_lease_finds_its_runs_gone_and_changes_nothing(service: Service) -> None:
    with service.server():
        service.make_pool()
        gated = service.deploy(on_crash="resume")
        sleeper = service.start_worker("sleeper")
        run = service.request(gated, name="run")
        until(lambda: [line for line in service.ledger.lines() if line.startswith("run is")], "the first process")
        until(
            lambda: [one for one in service.task_runs(run) if one.state.name == "Completed"], "the record of its step"
        )
        family = sleeper.family()
        stop_all(family)

        service.start_worker("other")
        until(
            lambda: len([line for line in service.ledger.lines() if line.startswith("run is")]) == 2,
            "the second process",
        )
        service.open_gate("run")
        done = service.wait_for(run, "Completed")
        continue_all(family)
        runner = next(one for one in family if str(one.pid) == service.ledger.lines()[1].split()[-1])
        until(lambda: has_ended(runner), "the end of the process that slept")

        assert 2 == done.epoch == service.run(run).epoch
        assert ("Completed", done.ended_at) == (service.run(run).state.name, service.run(run).ended_at)
        assert 1 == service.ledger.lines().count("run first")
        assert {("step", "Completed")} == {(one.task_name, one.state.name) for one in service.task_runs(run)}
        assert 2 == len(service.task_runs(run))


def test_a_run_that_was_only_cut_off_runs_again_once_it_is_heard_of(service: Service) -> None:
    with service.server() as url:
        service.make_pool()
        gated = service.deploy()
        wire = Wire(port_of(url))
        service.start_worker("remote", url=wire.url)
        long, short = service.request(gated, name="long"), service.request(gated, name="short")
        service.ledger.wait_for("long first")
        service.ledger.wait_for("short first")
        wire.cut()
        service.wait_for(long, "Crashed")  # nobody can know better
        service.wait_for(short, "Crashed")
        service.open_gate("short")
        service.ledger.wait_for("short second")
        wire.mend()

        service.wait_for(long, "Running")
        assert "Completed" == service.wait_for(short, "Completed").state.name
        service.open_gate("long")
        runs = [service.wait_for(one, "Completed") for one in (long, short)]
        wire.close()
        assert [1, 1] == [run.epoch for run in runs]
        assert ["long first", "long second", "short first", "short second"] == steps(service)
        assert ["Completed"] * 4 == [one.state.name for run in runs for one in service.task_runs(run.id)]


def test_a_server_may_be_killed_whatever_a_run_is_at(service: Service) -> None:
    service.lease_seconds = 30  # nobody is presumed dead here
    with service.server():
        service.make_pool()
        gated = service.deploy()
        slow = service.deploy(name="slow", job_variables={"env": {"IMPORT_GATE": "imported"}, "warm": False})
        service.start_worker("remote")
        begun = {name: service.request(gated, name=name) for name in ("running", "ending")}
        begun["claimed"] = service.request(slow, name="claimed")
        for line in ("running first", "ending first", "imports imported"):
            service.ledger.wait_for(line)
        begun["waiting"] = service.request(gated, name="waiting")  # the worker has room for three
        service.kill_server()
    service.open_gate("ending")
    service.ledger.wait_for("ending second")
    service.open_gate("imported")

    with service.server():
        for name in ("running", "claimed", "waiting"):
            service.open_gate(name)
        runs = {name: service.wait_for(run, "Completed") for name, run in begun.items()}
        assert {1} == {run.epoch for run in runs.values()}
        wanted = [
            f"{name} {step}" for name in ("claimed", "ending", "running", "waiting") for step in ("first", "second")
        ]
        assert wanted == steps(service)
        assert ["Running", "Completed"] == states(service, begun["ending"])
        until(lambda: all(service.asked(run).status == "done" for run in begun.values()), "all claims to be given up")


def test_a_run_that_nobody_can_take_says_why(service: Service) -> None:
    with service.server():
        service.make_pool()
        run = service.request(service.deploy(), name="alone")
        why = service.ask(ExplainRun(flow_run_id=run))
        assert "no_worker" == why[0].code
        assert POOL in why[0].message


@pytest.mark.postgres
def test_with_two_servers_of_which_one_dies_every_tick_runs_once_also_across_a_deploy(
    service: Service, postgres_url: str, tmp_path: Path
) -> None:
    url = postgres_url.replace("postgresql://", "postgresql+psycopg://")
    every: dict[str, Any] = {"kind": "interval", "slug": "often", "interval_us": 1_000_000, "catchup": "all"}
    every["parameters"] = {"at": "{{ scheduled_at }}"}

    def ticks() -> list[str]:
        return [line for line in service.ledger.lines() if line.startswith("tick")]

    with service.server(PENSTOCK_DATABASE_URL=url):
        other = Service(tmp_path / "other", service.ledger)
        with other.server(PENSTOCK_DATABASE_URL=url):
            service.make_pool()
            service.start_worker("one")
            service.start_worker("two", url=other.url)
            service.deploy("tick", schedules=[every], job_variables={"isolation": "reuse"})
            until(lambda: len(ticks()) >= 3, "ticks")
            service.deploy(
                "tick", schedules=[every], job_variables={"isolation": "reuse"}, description="another version"
            )
            until(lambda: len(ticks()) >= 6, "ticks")
        until(lambda: len(ticks()) >= 9, "ticks of the server that is left")
        service.deploy("tick", schedules=[])
        fired = ticks()
        assert len(fired) == len(set(fired))
