"""What the server does not start, and what it says then; what it does start is in tests/system."""

from penstock.core.ids import RunId
from tests.contract.telling import Teller
from tests.server.conftest import Served


def test_a_run_of_another_machine_is_left_to_that_machine(served: Served, teller: Teller) -> None:
    run_id = teller.begin(entrypoint="/srv/flows/etl.py:etl")
    answer = served.http.post(f"/api/flow-runs/{run_id}/resume", json={})
    assert 409 == answer.status_code
    assert f"Run `penstock flow-run resume {run_id}` on here" in answer.json()["error"]["message"]


def test_a_run_that_does_not_say_where_its_flow_is_cannot_be_started(served: Served, teller: Teller) -> None:
    run_id = teller.begin()
    answer = served.http.post(f"/api/flow-runs/{run_id}/rerun", json={})
    assert 409 == answer.status_code
    assert "not recorded" in answer.json()["error"]["message"]


def test_an_unknown_run_is_not_found(served: Served) -> None:
    assert 404 == served.http.post(f"/api/flow-runs/{RunId('0' * 32)}/resume", json={}).status_code
