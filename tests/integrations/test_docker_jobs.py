"""How a claimed run's container is made: its name, its network, its environment. No engine is asked for these."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import RequestInvalid
from penstock.core.job_templates import DEFAULTS, check_template, fill_in
from penstock.integrations.docker.jobs import Container, describe_container, name_of
from penstock.integrations.docker.networks import Network, plan_network
from penstock.orchestrator.local import LocalOrchestrator
from penstock.settings import Settings
from penstock.store import open_store
from penstock.testing import FakeClock
from penstock.work import ClaimedRun
from tests.contract.telling import Teller
from tests.contract.working import Office

NO_BRIDGE: Any = SimpleNamespace(
    info=lambda: {"OperatingSystem": "Debian"},
    networks=SimpleNamespace(get=lambda name: SimpleNamespace(attrs={"IPAM": {"Config": []}})),
)
"""An engine on this machine, whose own network leads nowhere."""
DESKTOP: Any = SimpleNamespace(info=lambda: {"OperatingSystem": "Docker Desktop"})


@pytest.fixture
def claimed(tmp_path: Path) -> ClaimedRun:
    clock = FakeClock()
    local = LocalOrchestrator(open_store(f"sqlite:///{tmp_path}/penstock.db", clock=clock))
    office = Office(Teller(local, clock), type="docker")
    office.deploy()
    office.request(name="brave-fox")
    [claimed] = office.claim()
    local.close()
    return claimed


def made(claimed: ClaimedRun, client: Any, settings: Settings, **variables: Any) -> Container:
    job, problems = fill_in(DEFAULTS["docker"], variables)
    assert [] == problems
    return describe_container(client, claimed, job, settings, target="here")


def test_the_template_holds_and_takes_what_prefect_calls_the_policies() -> None:
    assert check_template(DEFAULTS["docker"]) is None
    assert [] == fill_in(DEFAULTS["docker"], {"image_pull_policy": "IfNotPresent", "mem_limit": "2g", "cpus": 0.5})[1]
    wrong = {"mem_limit": "much", "cpus": 0, "volumes": "/data", "gpus": 1}
    assert {"mem_limit", "cpus", "volumes", "gpus"} == {name for name, _, _ in fill_in(DEFAULTS["docker"], wrong)[1]}


@given(name=st.text(max_size=200))
def test_any_runs_name_makes_a_containers_name(name: str) -> None:
    run: Any = SimpleNamespace(id="01" * 16, name=name)
    claimed: Any = SimpleNamespace(run=run, request=SimpleNamespace(claim=12))
    made = name_of(claimed)
    assert made.endswith("-01010101-12")
    assert 2 < len(made) <= 63
    assert made[0].isalnum()
    assert made.isascii()


@pytest.mark.parametrize(
    ("client", "job", "expected"),
    [
        (NO_BRIDGE, {}, "http://127.0.0.1:4200/api"),  # by the host's network
        (DESKTOP, {}, "http://host.docker.internal:4200/api"),
        (NO_BRIDGE, {"networks": ["flows"]}, "http://host.docker.internal:4200/api"),
        (NO_BRIDGE, {"network_mode": "bridge"}, "http://host.docker.internal:4200/api"),
        (NO_BRIDGE, {"network_mode": "host"}, "http://127.0.0.1:4200/api"),
    ],
)
def test_a_server_called_localhost_is_found(client: Any, job: Any, expected: str) -> None:
    url = "http://127.0.0.1:4200/api"
    assert expected == plan_network(client, job, url).address(url)


def test_a_server_with_a_name_keeps_it() -> None:
    url = "https://penstock.example.org/api"
    network = plan_network(NO_BRIDGE, {"networks": ["a", "b"]}, url)
    assert (url, Network(None, ("a", "b"))) == (network.address(url), network)


def test_a_database_keeps_its_password_on_the_way() -> None:
    network = plan_network(DESKTOP, {}, "postgresql+psycopg://me:pw@localhost/db")
    expected = "postgresql+psycopg://me:pw@host.docker.internal/db"
    assert expected == network.address("postgresql+psycopg://me:pw@localhost/db")


def test_what_cannot_be_is_refused(claimed: ClaimedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RequestInvalid):
        plan_network(NO_BRIDGE, {"networks": ["a"], "network_mode": "host"}, "http://example.org/api")
    monkeypatch.setenv("DOCKER_HOST", "tcp://builder:2375")
    with pytest.raises(RequestInvalid):
        plan_network(NO_BRIDGE, {}, "http://localhost:4200/api")
    with pytest.raises(RequestInvalid):  # no server: the home folder is not there
        made(claimed, NO_BRIDGE, Settings())


def test_behind_a_server_a_container_has_its_token_and_nothing_of_the_workers(
    claimed: ClaimedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_ENCRYPTION_KEY", "canary")
    settings = Settings(api_url="http://penstock.example.org/api", api_key="canary")
    wanted = made(replace(claimed, token="token"), NO_BRIDGE, settings, env={"COLOR": "green"})
    environment = wanted.options["environment"]
    assert ("token", "green", "1") == (
        environment["PENSTOCK_API_KEY"],
        environment["COLOR"],
        environment["PENSTOCK_FLOW_RUN_CLAIM"],
    )
    assert "canary" not in str(wanted.options)
    assert {"volumes", "user"}.isdisjoint(wanted.options)


def test_without_a_server_a_container_shares_the_home_and_other_folders(
    claimed: ClaimedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_LOG_PRINTS", "1")
    settings = Settings(home=tmp_path / "home", results_path=str(tmp_path / "results"), lake_path="s3://lake")
    wanted = made(claimed, NO_BRIDGE, settings, volumes=["/data:/data:ro"])
    home, results = str(tmp_path / "home"), str(tmp_path / "results")
    assert [f"{home}:{home}", f"{results}:{results}", "/data:/data:ro"] == wanted.options["volumes"]
    environment = wanted.options["environment"]
    assert (home, "1") == (environment["PENSTOCK_HOME"], environment["PENSTOCK_LOG_PRINTS"])
    assert (results, "s3://lake") == (environment["PENSTOCK_RESULTS_PATH"], environment["PENSTOCK_LAKE_PATH"])
