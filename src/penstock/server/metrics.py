"""What /metrics tells, for Prometheus."""

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from penstock.core.states import StateType
from penstock.reports import StoreMeasures

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
DELAY_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 3_600.0)
LATE_SECONDS = 60.0
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
        self._delay = Histogram(
            "penstock_journal_delay_seconds",
            "Time from when the first record of a batch was said to when the batch was in.",
            buckets=DELAY_SECONDS,
            **said,
        )
        self._records = Counter("penstock_journal_records", "Records taken in.", **said)
        self._late = Counter(
            "penstock_journal_late_records",
            f"Records that came {LATE_SECONDS:g} s or more after they were said: a server was away, or a process died.",
            **said,
        )
        self._runs = Gauge("penstock_flow_runs", "Flow runs, by state type.", ("state",), **said)
        self._depth = Gauge("penstock_queue_depth", "Runs that are due and that nobody has taken.", **said)
        self._wait = Gauge("penstock_queue_oldest_seconds", "How long the first of them has been due.", **said)
        self._lag = Gauge(
            "penstock_scheduler_lag_seconds",
            "How long the first tick of a schedule has been due that nobody has fired: seconds, unless no scheduler runs.",
            **said,
        )
        self._events = Gauge("penstock_events", "Rows of the event log.", **said)
        self._bytes = Gauge("penstock_database_bytes", "Size of the database.", **said)
        self._streams = Gauge("penstock_streams", "Open live streams.", **said)

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._latency.labels(route, method).observe(seconds)
        self._answers.labels(route, method, str(status)).inc()

    def batch(self, records: int, seconds: float, *, delay_seconds: float | None) -> None:
        """A batch was taken in; its first record was said so long before."""
        self._batch_size.observe(records)
        self._batch_time.observe(seconds)
        self._records.inc(records)
        if delay_seconds is not None:
            self._delay.observe(max(0.0, delay_seconds))
            if delay_seconds >= LATE_SECONDS:
                self._late.inc(records)

    def streams(self, number: int) -> None:
        """So many live streams are open."""
        self._streams.set(number)

    def write(self, measures: StoreMeasures) -> bytes:
        """The text that Prometheus reads."""
        for state in StateType:
            self._runs.labels(state.value).set(measures.flow_runs.get(state.value, 0))
        self._depth.set(measures.waiting)
        self._wait.set(measures.oldest_wait_us / 1_000_000)
        self._lag.set(measures.scheduler_lag_us / 1_000_000)
        self._events.set(measures.events)
        self._bytes.set(measures.bytes)
        return generate_latest(self.registry)
