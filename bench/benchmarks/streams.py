"""500 open event streams while ten things a second happen: what they cost the server, and whether each hears of all."""

import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from bench.measure import HistoryLost, Measurement, throw_away_home
from bench.service import Server, new_id, started
from penstock.core.ids import WriterId
from penstock.core.records import EventSeen
from penstock.ports import Ingest

STREAMS = 500
EVENTS_A_SECOND = 10
SECONDS = 20
BUDGET_MEGABYTES = 20
BUDGET_PERCENT = 5
MARK = b'"kind":"bench.tick"'
HEAR_SECONDS_MAX = 10


def measure(*, quick: bool) -> Iterator[Measurement]:
    streams, seconds = (50, 3) if quick else (STREAMS, SECONDS)
    with throw_away_home() as home, started(home) as served:
        with listening(served, 1) as one:  # what the first stream loads is no stream's cost
            tell(served, 1)
            one.wait_for(EVENTS_A_SECOND)
        before, alone = served.megabytes(), tell(served, seconds)
        with listening(served, streams) as all_of_them:
            together = tell(served, seconds)
            all_of_them.wait_for(seconds * EVENTS_A_SECOND)
            held = served.megabytes() - before
    note = f"{together:.1f} % in all; each stream heard of all {seconds * EVENTS_A_SECOND} events"
    name = f"{streams} open streams, {EVENTS_A_SECOND} events/s"
    yield Measurement(f"{name}: processor time", together - alone, "% CPU", BUDGET_PERCENT, note)
    yield Measurement(f"{name}: memory", held, "MB", BUDGET_MEGABYTES)


def tell(served: Server, seconds: int) -> float:
    """Have ten events a second written; the server's processor time meanwhile, in percent of a core."""
    writer = WriterId(new_id())
    before, begin = served.cpu_seconds(), time.perf_counter()
    for number in range(seconds * EVENTS_A_SECOND):
        time.sleep(max(0.0, begin + number / EVENTS_A_SECOND - time.perf_counter()))
        at = time.time_ns() // 1_000
        event = EventSeen(new_id(), at, "bench.tick", "bench.clock", (), None, None, {"number": number}, None)
        served.ask(Ingest(writer_id=writer, records=[(number + 1, event)]))
    time.sleep(max(0.0, begin + seconds - time.perf_counter()))
    return 100 * (served.cpu_seconds() - before) / (time.perf_counter() - begin)


class Listeners:
    """Clients of streams, read by one thread."""

    def __init__(self, url: str, count: int):
        parts = urlsplit(url)
        request = f"GET {parts.path}/stream?events=true HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
        self._heard: list[bytearray] = []
        self._selector = selectors.DefaultSelector()
        self._closing = threading.Event()
        for _ in range(count):
            connection = socket.create_connection((parts.hostname, parts.port))
            connection.sendall(request)
            self._heard.append(bytearray())
            self._selector.register(connection, selectors.EVENT_READ, self._heard[-1])
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        while not self._closing.is_set():
            for key, _ in self._selector.select(0.2):
                connection: socket.socket = key.fileobj  # type: ignore[assignment]  # what was registered
                key.data.extend(connection.recv(65_536))

    def wait_for(self, events: int, mark: bytes = MARK) -> None:
        """Until each has heard of so many. Raises `HistoryLost`."""
        deadline = time.monotonic() + HEAR_SECONDS_MAX
        while (least := min(heard.count(mark) for heard in self._heard)) < events:
            if time.monotonic() > deadline:
                raise HistoryLost("a stream", expected=events, found=least)
            time.sleep(0.1)

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]  # a socket
        self._selector.close()


@contextmanager
def listening(served: Server, count: int) -> Iterator[Listeners]:
    listeners = Listeners(served.api_url, count)
    try:
        listeners.wait_for(1, b"event: hello")
        yield listeners
    finally:
        listeners.close()
