"""What /metrics tells, for Prometheus."""

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
RECORDS = (1, 10, 50, 100, 250, 500, 1_000, 2_000, 5_000)


class Metrics:
    """The server's own counts; each server has its own registry."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        said: Any = {"registry": self.registry}  # for six classes whose other parameters differ
        self._latency = Histogram(
            "penstock_request_seconds", "Time that answers took.", ("route", "method"), buckets=SECONDS, **said
        )
        self._answers = Counter("penstock_requests", "Answers, by status.", ("route", "method", "status"), **said)
        self._batch_size = Histogram("penstock_journal_batch_records", "Records a batch.", buckets=RECORDS, **said)
        self._batch_time = Histogram(
            "penstock_journal_batch_seconds", "Time to take a batch in.", buckets=SECONDS, **said
        )
        self._runs = Gauge("penstock_flow_runs", "Flow runs, by state type.", ("state",), **said)
        self._rows = Gauge("penstock_rows", "Rows, by table.", ("table",), **said)
        self._bytes = Gauge("penstock_database_bytes", "Size of the database.", **said)
        self._streams = Gauge("penstock_streams", "Open live streams.", **said)

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._latency.labels(route, method).observe(seconds)
        self._answers.labels(route, method, str(status)).inc()

    def batch(self, records: int, seconds: float) -> None:
        """A batch was taken in."""
        self._batch_size.observe(records)
        self._batch_time.observe(seconds)

    def streams(self, number: int) -> None:
        """So many live streams are open."""
        self._streams.set(number)

    def write(self, *, runs: dict[str, int], rows: dict[str, int], size_bytes: int) -> bytes:
        """The text that Prometheus reads."""
        for state, number in runs.items():
            self._runs.labels(state).set(number)
        for table, number in rows.items():
            self._rows.labels(table).set(number)
        self._bytes.set(size_bytes)
        return generate_latest(self.registry)
