"""A run's log as a file."""

import json

import pytest

from penstock.ports import PAGE_SIZE_MAX
from tests.contract.telling import Teller, began, logged
from tests.server.conftest import Served

LINES = 2 * PAGE_SIZE_MAX + 7


def download(served: Served, run_id: str, **query: object) -> str:
    answer = served.http.get(f"/api/flow-runs/{run_id}/logs/download", params=query)  # type: ignore[arg-type]
    assert 200 == answer.status_code, answer.text
    return answer.text


def test_all_lines_come_whatever_a_page_holds(served: Served, teller: Teller) -> None:
    run_id = teller.begin()
    teller.tell(*[logged(run_id, f"line {number}") for number in range(LINES)])
    lines = [json.loads(line) for line in download(served, run_id, format="jsonl").splitlines()]
    assert [f"line {number}" for number in range(LINES)] == [line["message"] for line in lines]
    shown = served.http.post("/api/logs/filter", json={"flow_run_id": run_id, "limit": 1}).json()["items"]
    assert shown == lines[:1]
    assert LINES == len(download(served, run_id).splitlines())


def test_the_filters_are_those_of_the_list(served: Served, teller: Teller) -> None:
    run_id, child = teller.begin(), teller.new_id()
    teller.tell(
        logged(run_id, "quiet"), logged(run_id, "loud", level=40), began(child, run_id), logged(child, "LOUDER")
    )
    assert ["quiet", "loud", "LOUDER"] == messages(download(served, run_id))
    assert ["loud"] == messages(download(served, run_id, level_min=30))
    assert ["loud", "LOUDER"] == messages(download(served, run_id, text="loud"))
    assert ["loud"] == messages(download(served, run_id, text="loud", with_subflows=False))
    assert [] == messages(download(served, run_id, text="nothing like it"))


def messages(text: str) -> list[str]:
    return [line.split(maxsplit=2)[2] for line in text.splitlines()]


def test_the_file_is_named_for_the_run_and_saved_not_shown(served: Served, teller: Teller) -> None:
    run_id = teller.begin(name='a "name"\r\nX: 1/../☃')
    head = served.http.get(f"/api/flow-runs/{run_id}/logs/download", params={"format": "jsonl"}).headers
    assert 'attachment; filename="a-name-X-1-..-.jsonl"' == head["content-disposition"]
    assert "x" not in head


def test_text_is_harmless_in_a_terminal(served: Served, teller: Teller) -> None:
    run_id = teller.begin()
    teller.tell(logged(run_id, "\x1b[2Jgone\nsecond row\x00\x7f"))
    text = download(served, run_id)
    assert not set(text) & {chr(code) for code in (*range(9), *range(11, 32), 127)}
    assert "    second row" == text.splitlines()[1][:14]


@pytest.mark.parametrize(
    ("path", "status"),
    [(f"{'0' * 32}/logs/download", 404), ("x/logs/download", 422), (f"{'0' * 32}/logs/download?format=pdf", 422)],
)
def test_what_is_not_there_or_not_known_is_refused(served: Served, path: str, status: int) -> None:
    assert status == served.http.get(f"/api/flow-runs/{path}").status_code
