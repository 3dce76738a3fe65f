"""The orchestrator over HTTP: the same verbs, asked of the server that PENSTOCK_API_URL names.

Written on `http.client`: importing httpx takes 75 ms and asking through it 300 µs a request, of a budget of 300 ms for a
whole command and of 100 µs for a batch. Facts (`Ingest`) fail at once while the server is away, because the journal keeps
them and asks again; permissions to start wait for it, and then fail by name.
"""

import gzip
import http.client
import json
import os
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from penstock.core.errors import (
    JournalCorrupt,
    NotAServer,
    PenstockError,
    ServerUnreachable,
    SettingInvalid,
    VersionMismatch,
)
from penstock.core.records import TAGS, Record
from penstock.ports import LOCAL, BeginFlowRun, Ingest, ListRecordedCalls, Principal, R, Request, TakeFlowRun
from penstock.wire import (
    ACTOR_HEADER,
    JOURNAL_TYPE,
    VERSION_HEADER,
    WIRE_VERSION,
    WORKSPACE_HEADER,
    Call,
    answer_type,
    decode_error,
    decoder,
    route_of,
    write_call,
)

TIMEOUT_SECONDS = 60.0
"""For one answer; a batch that a busy server takes in may need seconds."""
CONNECT_TIMEOUT_SECONDS = 5.0
WAIT_FIRST_SECONDS = 0.2
WAIT_STEP_SECONDS_MAX = 5.0
COMPRESSED_FROM_BYTES = 1_400
"""What fits one packet gains nothing by compression."""
COMPRESSION_LEVEL = 1
ADDRESS = "PENSTOCK_API_URL is the server's address with /api at its end."

WAITING: frozenset[type[Request[Any]]] = frozenset({BeginFlowRun, TakeFlowRun, ListRecordedCalls})
"""What a run cannot begin or go on without: asked again while the server is away."""

_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), default=str).encode


class RemoteOrchestrator:
    """Asks a server. Thread-safe: each thread has its own connection, and so has a forked child."""

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        wait_seconds: float = 60.0,
        on_wait: Callable[[str], None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingInvalid(f"PENSTOCK_API_URL is {url!r}: expected an address such as http://127.0.0.1:4200/api.")
        self.url = url.rstrip("/")
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._prefix = parts.path.rstrip("/") or "/api"
        self._api_key, self._wait_seconds = api_key, wait_seconds
        self._on_wait, self._sleep = on_wait, sleep
        self._connections = _Connections()

    def ask(self, request: Request[R], principal: Principal = LOCAL) -> R:
        """Perform a verb. Raises what the verb says, or `ServerUnreachable`, `NotAServer`, `VersionMismatch`, `NotAuthorized`."""
        verb = type(request)
        call, headers = self._write(request), self._headers(principal)
        if isinstance(request, Ingest):
            headers["Content-Type"] = JOURNAL_TYPE
        if call.body is not None and len(call.body) > COMPRESSED_FROM_BYTES:
            call = Call(call.method, call.target, gzip.compress(call.body, COMPRESSION_LEVEL, mtime=0))
            headers["Content-Encoding"] = "gzip"
        said = self._send_patiently(call, headers) if verb in WAITING else self._send(call, headers)
        try:
            answer: R = decoder(answer_type(verb))(said)
        except (KeyError, TypeError, ValueError) as error:
            raise VersionMismatch(
                f"The answer of the server at {self.url} to {verb.__name__} is not understood ({error!r}). "
                "Bring client and server to the same version of Penstock."
            ) from error
        return answer

    def close(self) -> None:
        """Close this thread's connection; those of other threads close with them."""
        self._connections.drop()

    def open_stream(self, path: str, principal: Principal = LOCAL) -> http.client.HTTPResponse:
        """Open a live stream of the server, on a connection of its own. Raises what `ask` raises."""
        headers = self._headers(principal) | {"Accept": "text/event-stream"}
        try:
            connection = self._connect()
            connection.request("GET", self._prefix + path, headers=headers)
            response = connection.getresponse()
        except (http.client.HTTPException, OSError) as error:
            raise self._unreachable(error) from error
        if response.status != 200 or response.getheader(VERSION_HEADER) is None:
            raise self._unreachable_or_other(response.status)
        return response

    # ---- One exchange ----

    def _write(self, request: Request[Any]) -> Call:
        if isinstance(request, Ingest):
            route = route_of(Ingest)
            path = route.path.replace("{writer_id}", request.writer_id)
            return Call(route.method, path, b"\n".join(_line(*pair) for pair in request.records))
        return write_call(request)

    def _headers(self, principal: Principal) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            VERSION_HEADER: str(WIRE_VERSION),
            WORKSPACE_HEADER: principal.workspace.encode("unicode_escape").decode(),
            ACTOR_HEADER: principal.name.encode("unicode_escape").decode(),
        }
        if self._api_key:
            headers["Authorization"] = f"Bearer {self._api_key}"
        return headers

    def _send_patiently(self, call: Call, headers: Mapping[str, str]) -> Any:
        delay, deadline = WAIT_FIRST_SECONDS, time.monotonic() + self._wait_seconds
        told = False
        while True:
            try:
                return self._send(call, headers)
            except ServerUnreachable as error:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise
                if not told and self._on_wait is not None:
                    self._on_wait(f"{error} Waiting up to {self._wait_seconds:g} s for it.")
                told = True
                self._sleep(min(delay, left))
                delay = min(delay * 2, WAIT_STEP_SECONDS_MAX)

    def _send(self, call: Call, headers: Mapping[str, str]) -> Any:
        response, content = self._exchange(call, headers)
        version = response.getheader(VERSION_HEADER)
        if version is None:
            raise self._unreachable_or_other(response.status)
        if version != str(WIRE_VERSION):
            raise VersionMismatch(
                f"The server at {self.url} speaks version {version} of the API, this Penstock version {WIRE_VERSION}. "
                "Bring both to the same version."
            )
        try:
            said = json.loads(content) if content else None
        except ValueError as error:
            raise NotAServer(
                f"What answers at {self.url} is not the API: it sent something that is not JSON. {ADDRESS}"
            ) from error
        if response.status >= 400:
            raise decode_error(said.get("error", {}) if isinstance(said, dict) else {})
        return said

    def _unreachable_or_other(self, status: int) -> PenstockError:
        if status in (502, 503, 504):  # what proxies say while the server behind them is away
            return ServerUnreachable(f"The server at {self.url} is away (a proxy answered {status}).")
        return NotAServer(f"No Penstock server answers at {self.url} (the answer was {status}). {ADDRESS}")

    def _exchange(self, call: Call, headers: Mapping[str, str]) -> tuple[http.client.HTTPResponse, bytes]:
        """Send and receive; once more on a fresh connection if the server had closed the kept one. Asking twice is
        safe: every verb that changes something is guarded by an id, an epoch or a sequence number."""
        for fresh in (False, True):
            reused = not fresh and self._connections.is_open
            try:
                connection = self._connections.get(self._connect, fresh=fresh)
                connection.request(call.method, self._prefix + call.target, call.body, dict(headers))
                response = connection.getresponse()
                return response, response.read()
            except (http.client.HTTPException, OSError) as error:
                self._connections.drop()
                if not reused or isinstance(error, TimeoutError):
                    raise self._unreachable(error) from error
        raise AssertionError("the second turn ends the loop")

    def _unreachable(self, error: Exception) -> ServerUnreachable:
        return ServerUnreachable(
            f"The server at {self.url} does not answer ({str(error) or type(error).__name__}). "
            "Start it with `penstock server start`, or unset PENSTOCK_API_URL to run without one."
        )

    def _connect(self) -> http.client.HTTPConnection:
        made = (
            http.client.HTTPSConnection(
                self._host, self._port, timeout=CONNECT_TIMEOUT_SECONDS, context=ssl.create_default_context()
            )
            if self._secure
            else http.client.HTTPConnection(self._host, self._port, timeout=CONNECT_TIMEOUT_SECONDS)
        )
        made.connect()
        made.sock.settimeout(TIMEOUT_SECONDS)
        return made


class _Connections(threading.local):
    """This thread's connection."""

    def __init__(self) -> None:
        self.kept: http.client.HTTPConnection | None = None
        self.pid = os.getpid()

    @property
    def is_open(self) -> bool:
        """Whether a connection is kept that was used before, by this process."""
        return self.kept is not None and self.pid == os.getpid()

    def get(self, connect: Callable[[], http.client.HTTPConnection], *, fresh: bool) -> http.client.HTTPConnection:
        """The connection; what a fork inherited is its parent's, and not ours to speak on."""
        if self.kept is None or fresh or not self.is_open:
            if self.is_open:
                self.drop()
            self.kept, self.pid = connect(), os.getpid()
        return self.kept

    def drop(self) -> None:
        """Close it."""
        kept, self.kept = self.kept, None
        if kept is not None:
            kept.close()


def _line(sequence: int, record: Record) -> bytes:
    """A record as the journal writes it."""
    try:
        return _encode([TAGS[type(record)], sequence, *record]).encode()
    except ValueError as error:
        raise JournalCorrupt(f"Record {sequence} cannot be written: {error}") from error
