"""The fixtures themselves: what other tests may rely on."""

import http.client
import os
import urllib.error
import urllib.request
from pathlib import Path

import psycopg
import pytest

from tests.fixtures.postgres import PostgresServer
from tests.fixtures.release import Fault, ReleaseServer


def test_a_home_is_a_folder_of_the_tests_own(home: Path, tmp_path: Path) -> None:
    assert str(home) == os.environ["PENSTOCK_HOME"]
    assert home.is_relative_to(tmp_path)


def test_each_postgres_database_is_fresh_and_real(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        assert (0,) == connection.execute("SELECT count(*) FROM pg_stat_user_tables").fetchone()
        connection.execute("CREATE TABLE mine (number integer)")


def test_a_template_is_filled_once(postgres: PostgresServer) -> None:
    fillings = []

    def fill(url: str) -> None:
        fillings.append(url)
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE filled AS SELECT 42 AS answer")

    for _ in range(2):
        url = postgres.fresh_database(template=postgres.template("fixture_of_fixtures", fill))
        with psycopg.connect(url) as connection:
            assert (42,) == connection.execute("SELECT answer FROM filled").fetchone()
        postgres.drop_database(url)
    assert 1 == len(fillings)


def test_a_server_counts_hits_and_fails_on_demand(file_server: ReleaseServer) -> None:
    file_server.files["/a.csv"] = b"x\n1\n"
    file_server.faults["/a.csv"] = Fault(status=503, times=1)
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(file_server.url + "/a.csv")
    assert b"x\n1\n" == urllib.request.urlopen(file_server.url + "/a.csv").read()
    assert 2 == file_server.hits["/a.csv"]


def test_a_cut_body_is_short(file_server: ReleaseServer) -> None:
    file_server.files["/a.csv"] = b"x\n1\n"
    file_server.faults["/a.csv"] = Fault(cut_after_bytes=2)
    with urllib.request.urlopen(file_server.url + "/a.csv") as answer, pytest.raises(http.client.IncompleteRead):
        answer.read()


def test_the_release_server_serves_the_real_files(release_server: ReleaseServer, shared_data: Path) -> None:
    path = "/green/green_tripdata_2020-04.csv.gz"
    expected = (shared_data / "release" / path.lstrip("/")).read_bytes()
    assert expected == urllib.request.urlopen(release_server.url + path).read()
