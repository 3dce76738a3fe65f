"""The lake on an object store, spoken to over HTTP: what it promises of folders holds there too."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from urllib.parse import urlsplit

import pytest

from penstock import flow, task
from penstock.integrations.duckdb import DuckDBWarehouse
from penstock.lake import Dataset, DatasetMissing, LakeUnavailable, list_datasets
from penstock.lake.tables import translate
from penstock.ports import ListDatasetUses
from penstock.testing import History
from tests.fixtures.objects import Bucket

APRIL = [{"month": "2020-04", "fare": 8.5}, {"month": "2020-04", "fare": 7.0}]
MAY = [{"month": "2020-05", "fare": 9.0}]


@pytest.fixture
def lake(home: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> str:
    """A lake in a folder of a bucket."""
    monkeypatch.setenv("PENSTOCK_LAKE_PATH", f"{bucket.url}/trips/")
    return f"{bucket.url}/trips"


def test_versions_are_written_and_read_back(lake: str) -> None:
    trips = Dataset("taxi/green")
    trips.write(APRIL)
    trips.write(MAY)
    again = trips.write([{"month": "2020-04", "fare": 1.0}], replace_where={"month": "2020-04"})
    assert (2, 2, 1, 2) == (again.number, again.rows_replaced, again.rows, again.rows_total)
    assert (0, 1, 2) == Dataset("taxi/green").versions
    assert [1.0, 9.0] == sorted(trips.read().column("fare").to_pylist())
    assert APRIL == trips.read(version=0).to_pylist()
    assert f"{lake}/taxi/green" == trips.location


def test_datasets_are_found_and_missed_by_their_names(lake: str) -> None:
    for name in ("taxi/green", "taxi/yellow", "weather"):
        Dataset(name).write(MAY)
    assert ["taxi/green", "taxi/yellow", "weather"] == [one.name for one in list_datasets()]
    with pytest.raises(DatasetMissing):
        Dataset("taxi/blue").read()


def test_who_writes_at_once_loses_nothing(lake: str) -> None:
    Dataset("rides").write(MAY)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: Dataset("rides").write([{"month": "2020-06", "fare": float(n)}]), range(4)))
    assert (0, 1, 2, 3, 4) == Dataset("rides").versions
    assert [0.0, 1.0, 2.0, 3.0, 9.0] == sorted(Dataset("rides").read().column("fare").to_pylist())


@contextmanager
def relayed(endpoint: str) -> Iterator[str]:
    """The same place by way of threads of this process, which stand still while somebody holds the interpreter's lock."""
    place = urlsplit(endpoint)

    class Onward(BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection((place.hostname or "", place.port or 0)) as onward:
                back = Thread(target=pump, args=(onward, self.request), daemon=True)
                back.start()
                pump(self.request, onward)
                back.join()

    class Relay(ThreadingTCPServer):
        daemon_threads, block_on_close = True, False

    with Relay(("127.0.0.1", 0), Onward) as relay:
        Thread(target=relay.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{relay.server_address[1]}"
        relay.shutdown()


def pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def test_other_threads_go_on_while_the_store_is_asked(
    lake: str, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with relayed(bucket.endpoint) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        trips = Dataset("rides")
        first = trips.write(MAY, write_key="may")
        trips.write(APRIL)
        assert trips.write(MAY, write_key="may").repeated
        assert [1, 0] == [version.number for version in trips.history()]
        assert MAY == trips.read(as_of=first.written_at).to_pylist()
        assert ["rides"] == [dataset.name for dataset in list_datasets()]


def test_a_run_that_is_resumed_writes_once_and_a_warehouse_is_loaded(lake: str, tmp_path: Path) -> None:
    warehouse = DuckDBWarehouse(tmp_path / "w.duckdb")

    @task
    def ingest() -> int:
        return Dataset("rides").write(APRIL).number

    @flow
    def lake_to_warehouse(broken: bool) -> int:
        ingest()
        Dataset("rides").write(MAY)
        if broken and fail:
            raise RuntimeError("the first time")
        return warehouse.load("rides", Dataset("rides").read()).rows_total

    fail = True
    with pytest.raises(RuntimeError):
        lake_to_warehouse(True)
    history = History()
    fail = False
    assert 3 == lake_to_warehouse.resume(history.flow_run().id)
    assert (0, 1) == Dataset("rides").versions
    assert 3 == warehouse.query("SELECT * FROM rides").num_rows
    uses = history.ask(ListDatasetUses(flow_run_id=history.flow_run().id))
    assert "not told to anybody" not in str(uses)
    assert f"{lake}/rides" in str(uses)


def test_a_bucket_that_is_not_there_is_named(bucket: Bucket, home: Path) -> None:
    with pytest.raises(LakeUnavailable, match="s3://no-such-bucket/rides"):
        Dataset("rides", "s3://no-such-bucket/rides").write(MAY)


def answered(status: str, code: str, message: str) -> str:
    """What Delta makes of an object store's refusal, as it comes."""
    return (
        "Kernel error -> Generic S3 error\n  \x1b[31m↳\x1b[0m Error performing list request\n   \x1b[31m↳\x1b[0m Error performing GET "
        "https://s3.eu-central-1.amazonaws.com/b?list-type=2 in 25ms - Server returned non-2xx status code\n    \x1b[31m↳\x1b[0m "
        f'{status}\n     \x1b[31m↳\x1b[0m <?xml version="1.0" encoding="utf-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message>'
        "<RequestId>4442587FB7D0A2F9</RequestId></Error>"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (answered("403 Forbidden", "AccessDenied", "Access Denied"), "Access to s3://b/rides was refused"),
        (
            answered("403 Forbidden", "InvalidAccessKeyId", "The AWS Access Key Id does not exist in our records."),
            "does not exist in our records",
        ),
        (answered("404 Not Found", "NoSuchBucket", "The specified bucket does not exist"), "no bucket"),
        (
            answered("503 Service Unavailable", "SlowDown", "Please reduce your request rate."),
            "reduce your request rate",
        ),
        (
            "Generic S3 error: Error performing PUT http://169.254.169.254/latest/api/token in 3s, after 10 retries - HTTP error: "
            "error sending request",
            "no credentials for s3://b/rides",
        ),
        (
            "Kernel error -> Generic HdfsObjectStore error IO error occurred while communicating with HDFS failed to lookup address "
            "information Name or service not known.",
            "s3://b/rides cannot be reached",
        ),
    ],
)
def test_what_a_store_refuses_is_no_damage(text: str, said: str) -> None:
    error = translate(OSError(text), "s3://b/rides")
    assert isinstance(error, LakeUnavailable)
    assert said in str(error)
    assert "\x1b" not in str(error)
    assert "RequestId" not in str(error)
