"""Searching for runs in the language of `core/searching.py`."""

import pytest

from penstock.core.errors import SearchInvalid
from penstock.ports import DeleteFlowRun, ListFlowRuns, ListLogs, RunFilter
from tests.contract.telling import Teller, began, logged

MINUTE = 60_000_000


@pytest.fixture
def filled(teller: Teller) -> Teller:
    """Four runs: etl-a (failed, an hour ago), etl-b (completed), report (running), and a subflow of it."""
    now = teller.clock.now_us()
    a = teller.begin(
        "web-to-lake",
        name="etl-a",
        at=now - 60 * MINUTE,
        parameters={"year": 2020, "months": [4, 5]},
        tags=("nightly",),
    )
    teller.end(a, "Failed", message="Disk is slow_100%")
    b = teller.begin(
        "web-to-lake", name="etl-b", at=now - 30 * MINUTE, parameters={"year": 2021, "deep": {"rate": 0.5}, "dry": True}
    )
    teller.end(b)
    report = teller.begin("report", name="report", at=now - 10 * MINUTE, parameters={"year": "2021", "who": None})
    teller.tell(began(teller.new_id(), report, flow="child", created_at=now, name="below"))
    return teller


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ("", "below report etl-b etl-a"),
        ("state:failed", "etl-a"),
        ("state:failed,completed", "etl-b etl-a"),
        ("-state:failed", "below report etl-b"),
        ("flow:web-to-*", "etl-b etl-a"),
        ("flow:WEB-TO-LAKE state:completed", "etl-b"),
        ("flow:nothing", ""),
        ("name:etl-*", "etl-b etl-a"),
        ("tag:nightly", "etl-a"),
        ("-tag:nightly", "below report etl-b"),
        ("started>-40m", "below report etl-b"),
        ("started<-40m", "etl-a"),
        ("started>2100-01-01", ""),
        ("duration>45m", "etl-a"),
        ("param.year=2020", "etl-a"),
        ("param.year>=2021", "etl-b"),
        ("param.year=2021", "report etl-b"),
        ("param.months=5", "etl-a"),
        ("param.deep.rate<1", "etl-b"),
        ("param.dry=true", "etl-b"),
        ("param.who=null", "report"),
        ("-param.year=2020", "below report etl-b"),
        ("is:subflow", "below"),
        ("sort:newest state:failed,completed", "etl-b etl-a"),
        ("sort:oldest state:failed,completed", "etl-a etl-b"),
        ("is:top-level is:open", "report"),
        ("slow_100%", "etl-a"),
        ('"disk is" state:failed', "etl-a"),
        ("rate", "etl-b"),
        ("100_", ""),
        ("host:here name:report", "report"),
        ("id:zz", ""),
        ("'; DROP TABLE flow_run; --", ""),
    ],
)
def test_a_search_finds_what_meets_all_its_terms(filled: Teller, search: str, names: str) -> None:
    found = filled.ask(ListFlowRuns(filter=RunFilter(where=search))).items
    assert names.split() == [run.name for run in found]


@pytest.mark.parametrize(
    "search", ["a:b", '"half', "state:gone", "started:2h", "started>soon", "param=1", "tag:", "is:big", "sort:duration"]
)
def test_a_search_that_means_nothing_is_refused(filled: Teller, search: str) -> None:
    with pytest.raises(SearchInvalid):
        filled.ask(ListFlowRuns(filter=RunFilter(where=search)))


def test_the_oldest_can_come_first(filled: Teller) -> None:
    first = filled.ask(ListFlowRuns(oldest_first=True, limit=2))
    rest = filled.ask(ListFlowRuns(filter=RunFilter(where="sort:oldest"), limit=2, cursor=first.cursor))
    assert ["etl-a", "etl-b", "report", "below"] == [run.name for run in (*first.items, *rest.items)]


def test_log_lines_are_found_by_what_they_say(teller: Teller) -> None:
    run_id, other = teller.begin(), teller.begin()
    teller.tell(logged(run_id, "Reading file_100%.csv"), logged(run_id, "done"), logged(other, "reading the other"))
    assert ["Reading file_100%.csv"] == messages(teller, flow_run_id=run_id, text="file_100%")
    assert [] == messages(teller, flow_run_id=run_id, text="file-100")
    assert ["Reading file_100%.csv", "reading the other"] == messages(teller, text="read")
    assert ["reading the other"] == messages(teller, text="OTHER reading")
    assert [] == messages(teller, text='"; DROP * NEAR( OR')
    assert ["reading the other", "Reading file_100%.csv"] == messages(teller, text="reading", newest_first=True)


def test_log_lines_are_found_by_time(teller: Teller) -> None:
    run_id = teller.begin()
    for hours in range(10):
        teller.tell(logged(run_id, f"line {hours}")._replace(at=hours * 60 * MINUTE))
    window = {"since": 3 * 60 * MINUTE, "until": 6 * 60 * MINUTE}
    assert ["line 3", "line 4", "line 5"] == messages(teller, **window)
    assert ["line 3", "line 4", "line 5"] == messages(teller, flow_run_id=run_id, text="line", **window)
    assert ["line 5", "line 4", "line 3"] == messages(teller, text="line", newest_first=True, **window)


def test_lines_that_were_deleted_are_not_found(teller: Teller) -> None:
    run_id = teller.begin()
    teller.tell(logged(run_id, "ephemeral"))
    teller.ask(DeleteFlowRun(id=run_id, force=True))
    assert [] == messages(teller, text="ephemeral")


def messages(teller: Teller, **asked: object) -> list[str]:
    return [line.message for line in teller.ask(ListLogs(**asked)).items]  # type: ignore[arg-type]
