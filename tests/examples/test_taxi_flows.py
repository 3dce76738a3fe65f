"""The four flows of examples/taxi on real trips, through a real HTTP server that fails on purpose."""

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from examples.taxi.branching import branching
from examples.taxi.ingest import ingest
from examples.taxi.lake_to_warehouse import lake_to_warehouse
from examples.taxi.web_to_lake import web_to_lake
from penstock.core.states import StateType
from penstock.demo.trips import TripColumnsWrong, TripFileDamaged, TripFileMissing
from penstock.integrations.duckdb import DuckDBWarehouse
from penstock.integrations.sqlalchemy import SqlWarehouse
from penstock.lake import Dataset
from penstock.ports import FlowRun, ListDatasetUses, ListFlowRuns, ListTaskRuns, RunFilter
from penstock.sdk.wiring import open_orchestrator
from tests.fixtures.release import Fault, ReleaseServer

pytestmark = pytest.mark.usefixtures("run_home")

APRIL = "/green/green_tripdata_2020-04.csv.gz"
YELLOW = "/yellow/yellow_tripdata_2021-01.csv.gz"


def runs(name: str) -> list[FlowRun]:
    return list(open_orchestrator().ask(ListFlowRuns(filter=RunFilter(flow_names=[name]))).items)


def task_states(run: FlowRun) -> Mapping[str, str]:
    tasks = open_orchestrator().ask(ListTaskRuns(flow_run_id=run.id)).items
    return {task.name: task.state.name for task in tasks}


def test_months_travel_from_the_web_to_the_lake_to_the_warehouse(release_server: ReleaseServer) -> None:
    assert 35612 + 57360 == web_to_lake("green", 2020, (4, 5), release_server.url)
    trips = Dataset("taxi/green").read()
    assert 35612 + 57360 == trips.num_rows
    assert 11110 + 26074 == trips["passenger_count"].null_count
    assert 35612 + 57360 == lake_to_warehouse("green", 2020, (4, 5))
    ((rows, empty, total),) = [
        tuple(row.values())
        for row in DuckDBWarehouse()
        .query("SELECT count(*), count(*) FILTER (passenger_count IS NULL), round(sum(total_amount), 2) FROM rides")
        .to_pylist()
    ]
    assert (35612 + 57360, 0, round(701002.26 + 1225120.75, 2)) == (rows, empty, total)


def test_running_twice_fetches_once_and_doubles_nothing(release_server: ReleaseServer) -> None:
    for _ in range(2):
        web_to_lake("green", 2020, (4,), release_server.url)
        lake_to_warehouse("green", 2020, (4,))
    assert 1 == release_server.hits[APRIL]
    assert 35612 == Dataset("taxi/green").read(columns=["VendorID"]).num_rows
    assert [{"rows": 35612}] == DuckDBWarehouse().query("SELECT count(*) AS rows FROM rides").to_pylist()
    assert [35612, 35612] == [version.rows for version in Dataset("taxi/green").history()]


def test_a_download_that_was_tidied_away_is_fetched_again(release_server: ReleaseServer, run_home: Path) -> None:
    web_to_lake("green", 2020, (4,), release_server.url)
    for path in (run_home / "downloads").rglob("*.gz"):
        path.unlink()
    assert 35612 == web_to_lake("green", 2020, (4,), release_server.url)
    assert 2 == release_server.hits[APRIL]


def test_the_server_may_fail_before_it_answers(release_server: ReleaseServer) -> None:
    release_server.faults[APRIL] = Fault(status=500)
    assert 35612 == web_to_lake("green", 2020, (4,), release_server.url)
    (run,) = runs("month-to-lake")
    (fetch, *_) = open_orchestrator().ask(ListTaskRuns(flow_run_id=run.id)).items
    assert 2 == fetch.attempt


def test_a_download_that_is_cut_off_is_fetched_again(release_server: ReleaseServer) -> None:
    release_server.faults[APRIL] = Fault(cut_after_bytes=1_000)
    assert 35612 == web_to_lake("green", 2020, (4,), release_server.url)
    assert 2 == release_server.hits[APRIL]


def test_a_year_that_nobody_published_fails_by_name_and_is_asked_for_once(release_server: ReleaseServer) -> None:
    with pytest.raises(TripFileMissing, match=r"green_tripdata_2031-04\.csv\.gz"):
        web_to_lake("green", 2031, (4,), release_server.url)
    assert [1] == list(release_server.hits.values())
    (run,) = runs("web-to-lake")
    assert StateType.FAILED == run.state.type
    assert "green_tripdata_2031-04.csv.gz" in (run.state.message or "")
    assert not Dataset("taxi/green").exists()


def test_an_address_of_a_kind_that_is_not_fetched_is_not_tried_again(release_server: ReleaseServer) -> None:
    address = release_server.url.replace("http://", "gopher://")
    with pytest.raises(TripFileMissing, match=r"green_tripdata_2020-04\.csv\.gz: gopher:// addresses"):
        web_to_lake("green", 2020, (4,), address)
    (month,) = runs("month-to-lake")
    (fetched,) = open_orchestrator().ask(ListTaskRuns(flow_run_id=month.id)).items
    assert 1 == fetched.attempt


def test_a_month_that_fails_leaves_the_months_before_it_and_its_own_old_version(release_server: ReleaseServer) -> None:
    web_to_lake("green", 2020, (4, 5), release_server.url)
    whole = gzip.decompress((release_server.root / APRIL.lstrip("/")).read_bytes())
    release_server.files["/again/green/green_tripdata_2020-04.csv.gz"] = gzip.compress(whole[: len(whole) // 2])
    with pytest.raises(TripFileDamaged, match="line"):
        web_to_lake("green", 2020, (4, 5), f"{release_server.url}/again")
    assert 35612 == Dataset("taxi/green").read(columns=["VendorID"], filter={"source_month": "2020-04"}).num_rows
    assert 2 == len(Dataset("taxi/green").history())


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"<html><body>Moved</body></html>", TripFileDamaged),
        (b"VendorID,lpep_pickup_datetime,passenger_count\n2,2020-04-01 00:00:00,1\n", TripColumnsWrong),
        (b"", TripFileDamaged),
    ],
    ids=["html", "columns", "empty"],
)
def test_what_is_no_month_of_trips_fails_by_name_and_nothing_is_written(
    release_server: ReleaseServer, body: bytes, error: type[Exception]
) -> None:
    release_server.files[APRIL] = body
    with pytest.raises(error, match=r"green_tripdata_2020-04\.csv\.gz"):
        web_to_lake("green", 2020, (4,), release_server.url)
    assert not Dataset("taxi/green").exists()


def test_both_colours_and_years_that_drift_go_into_one_warehouse(release_server: ReleaseServer) -> None:
    web_to_lake("green", 2020, (4,), release_server.url)
    web_to_lake("yellow", 2020, (1, 4), release_server.url)
    web_to_lake("yellow", 2019, (3,), release_server.url)
    lake_to_warehouse("green", 2020, (4,))
    lake_to_warehouse("yellow", 2020, (1, 4))
    lake_to_warehouse("yellow", 2019, (3,))
    answer = DuckDBWarehouse().query(
        "SELECT color, count(*) AS n, count(trip_type) AS t FROM rides GROUP BY color ORDER BY color"
    )
    assert [
        {"color": "green", "n": 35612, "t": 35612 - 11110},
        {"color": "yellow", "n": 30000, "t": 0},
    ] == answer.to_pylist()


def test_a_source_may_be_a_folder(shared_data: Path) -> None:
    assert 10_000 == web_to_lake("yellow", 2020, (1,), str(shared_data / "release"))


def test_what_each_run_read_and_wrote_is_known(release_server: ReleaseServer) -> None:
    web_to_lake("green", 2020, (4,), release_server.url)
    lake_to_warehouse("green", 2020, (4,))
    uses = sorted(open_orchestrator().ask(ListDatasetUses()).items, key=lambda use: use.at)
    assert [("write", "taxi/green", 35612), ("read", "taxi/green", 35612), ("write", "duckdb/rides", 35612)] == [
        (use.action, use.dataset, use.rows) for use in uses
    ]


def test_ingest_drops_trips_without_passengers_and_adds_nothing_twice(release_server: ReleaseServer) -> None:
    for _ in range(2):
        assert 22303 == ingest(release_server.url + YELLOW)
    answer = SqlWarehouse().query("SELECT count(*) AS n, round(sum(total_amount), 2) AS total FROM yellow_taxi_trips")
    assert 22303 == answer.to_pylist()[0]["n"]
    assert 1 == release_server.hits[YELLOW]


def test_ingest_keeps_trips_whose_passengers_nobody_counted(release_server: ReleaseServer) -> None:
    assert 10_000 - 183 == ingest(f"{release_server.url}/yellow/yellow_tripdata_2020-01.csv.gz", "trips")
    nulls = SqlWarehouse().query("SELECT count(*) - count(passenger_count) AS n FROM trips")
    assert [{"n": 95}] == nulls.to_pylist()


def test_ingest_fills_a_postgresql(release_server: ReleaseServer, postgres_url: str) -> None:
    for _ in range(2):
        assert 10_000 - 183 == ingest(
            f"{release_server.url}/yellow/yellow_tripdata_2020-01.csv.gz", "trips", postgres_url
        )
    assert [{"n": 10_000 - 183}] == SqlWarehouse(postgres_url).query("SELECT count(*) AS n FROM trips").to_pylist()


@pytest.mark.parametrize(
    "file",
    [
        "yellow_tripdata_2021-01.truncated.csv",
        "yellow_tripdata_2021-01.truncated.parquet",
        "green_tripdata_2020-11.wrongcolumns.parquet",
        "yellow_2017_mixed_dates.csv",
    ],
)
def test_ingest_of_a_damaged_file_writes_not_even_its_good_rows(shared_data: Path, run_home: Path, file: str) -> None:
    with pytest.raises((TripFileDamaged, TripColumnsWrong), match=file):
        ingest(str(shared_data / "messy" / file))
    assert not (run_home / "warehouse.sqlite").exists()
    (run,) = runs("ingest")
    assert StateType.FAILED == run.state.type


def test_a_month_branches_to_two_lakes_and_a_warehouse(release_server: ReleaseServer, tmp_path: Path) -> None:
    branching("green", 2020, 4, release_server.url, ("primary", f"{tmp_path}/mirror"))
    assert 35612 == Dataset("primary/green").read(columns=["VendorID"]).num_rows
    assert 35612 == Dataset("x", location=tmp_path / "mirror/green").read(columns=["VendorID"]).num_rows
    assert [{"n": 35612}] == DuckDBWarehouse().query("SELECT count(*) AS n FROM branched_rides").to_pylist()


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        (0, {"to-first": "Failed", "to-second": "Completed", "to_warehouse-0": "NotReady"}),
        (1, {"to-first": "Completed", "to-second": "Failed", "to_warehouse-0": "Completed"}),
    ],
    ids=["first", "second"],
)
def test_when_a_branch_fails_what_depends_on_it_does_not_run_and_the_rest_does(
    release_server: ReleaseServer, run_home: Path, broken: int, expected: dict[str, str]
) -> None:
    lakes: Any = ["first", "second"]
    (run_home / "lake").mkdir()
    (run_home / "lake" / lakes[broken]).write_text("a file where the lake's folder should be")
    state: Any = branching("green", 2020, 4, release_server.url, tuple(lakes), return_state=True)  # type: ignore[call-arg]
    assert state.is_failed()
    (run,) = runs("branching")
    states = task_states(run)
    assert expected == {name: states[name] for name in expected}


def test_when_the_download_fails_nothing_else_runs(release_server: ReleaseServer) -> None:
    release_server.faults[APRIL] = Fault(status=404, times=9)
    branching("green", 2020, 4, release_server.url, return_state=True)  # type: ignore[call-arg]
    (run,) = runs("branching")
    assert {"Failed", "NotReady"} == set(task_states(run).values())
    assert 5 == len(task_states(run))
