"""Downloads: whole or not at all."""

import gzip
from pathlib import Path

import pytest

from penstock.demo.trips import TripFileMissing, TripFileUnreachable, download
from tests.fixtures.release import Fault, ReleaseServer

BODY = gzip.compress(b"a,b\n" + b"1,2\n" * 50_000)


@pytest.fixture
def server(file_server: ReleaseServer) -> ReleaseServer:
    file_server.files["/green/month.csv.gz"] = BODY
    return file_server


def test_a_file_is_downloaded_as_it_is(server: ReleaseServer, run_home: Path) -> None:
    path = download(f"{server.url}/green/month.csv.gz")
    assert "month.csv.gz" == path.name
    assert BODY == path.read_bytes()
    assert path.is_relative_to(run_home)


def test_files_of_one_name_from_two_places_do_not_meet(server: ReleaseServer, run_home: Path) -> None:
    server.files["/yellow/month.csv.gz"] = BODY + BODY
    first, second = (download(f"{server.url}/{color}/month.csv.gz") for color in ("green", "yellow"))
    assert len(BODY) == first.stat().st_size != second.stat().st_size


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(status=404), TripFileMissing),
        (Fault(status=410), TripFileMissing),
        (Fault(status=500), TripFileUnreachable),
        (Fault(status=403), TripFileUnreachable),
        (Fault(cut_after_bytes=0), TripFileUnreachable),
        (Fault(cut_after_bytes=100), TripFileUnreachable),
    ],
    ids=str,
)
def test_a_download_that_fails_leaves_nothing(
    server: ReleaseServer, run_home: Path, fault: Fault, error: type[Exception]
) -> None:
    server.faults["/green/month.csv.gz"] = fault
    with pytest.raises(error, match=r"month\.csv\.gz"):
        download(f"{server.url}/green/month.csv.gz")
    assert not [path for path in run_home.rglob("*") if path.is_file()]


def test_a_download_that_fails_leaves_the_one_before(server: ReleaseServer, run_home: Path) -> None:
    path = download(f"{server.url}/green/month.csv.gz")
    server.faults["/green/month.csv.gz"] = Fault(cut_after_bytes=100)
    with pytest.raises(TripFileUnreachable):
        download(f"{server.url}/green/month.csv.gz")
    assert BODY == path.read_bytes()


def test_a_file_that_arrives_cut_off_is_refused(server: ReleaseServer, run_home: Path) -> None:
    server.files["/green/month.csv.gz"] = BODY[:-20]
    with pytest.raises(TripFileUnreachable, match="not whole"):
        download(f"{server.url}/green/month.csv.gz")
    assert not [path for path in run_home.rglob("*") if path.is_file()]


def test_a_file_of_this_machine_stays_where_it_is(tmp_path: Path, run_home: Path) -> None:
    path = tmp_path / "a month.csv"
    path.write_text("x")
    assert path == download(str(path)) == download(path.as_uri())
    with pytest.raises(TripFileMissing):
        download(str(tmp_path / "nowhere.csv"))


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://127.0.0.1:1/x.csv", TripFileUnreachable),
        ("ftp://example.org/x.csv", TripFileMissing),
        ("s3://bucket/x.csv", TripFileMissing),
    ],
)
def test_an_address_out_of_reach_is_named(run_home: Path, url: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"x\.csv"):
        download(url)
