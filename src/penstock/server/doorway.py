"""The guard's ASGI side: refuses what the guard refuses, undoes compression, bounds bodies, adds headers, measures.

Plain ASGI and not Starlette's base class, which costs each request a task and a stream of its own.
"""

import time
import zlib
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock.core.errors import PenstockError, RequestInvalid
from penstock.server.guard import (
    BODY_BYTES_MAX,
    SECURITY_HEADERS,
    Asked,
    Door,
    check,
    find_token,
    headers_of,
    is_open,
    too_large,
)
from penstock.server.metrics import Metrics
from penstock.server.principals import TOKEN_IN_SCOPE
from penstock.wire import dump, encode_error, status_of

_added = [(name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]


class Doorway:
    """Stands before the application."""

    def __init__(self, app: ASGIApp, *, door: Door, metrics: Metrics):
        self._app, self._door, self._metrics = app, door, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                there = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(pair for pair in _added if pair[0] not in there)]
            await send(message)

        headers = headers_of(scope["headers"])
        asked = Asked(scope["method"], scope["path"], headers, now=time.time_ns() // 1_000)
        refusal = check(self._door, asked)
        if refusal is None and not is_open(asked.path):
            scope[TOKEN_IN_SCOPE] = find_token(self._door, asked)
        try:
            if refusal is not None:
                await refuse(send_with_headers, refusal)
            else:
                await self._pass(scope, receive, send_with_headers, headers)
        finally:
            self._metrics.request(_label(scope), scope["method"], status, time.perf_counter() - begun)

    async def _pass(self, scope: Scope, receive: Receive, send: Send, headers: dict[str, str]) -> None:
        encoding = headers.get("content-encoding", "identity")
        try:
            if encoding == "gzip":
                receive = await _unpacked(receive)
            elif encoding != "identity":
                raise RequestInvalid("Bodies can be sent as they are or with `Content-Encoding: gzip`.")
            await self._app(scope, _Bounded(receive), send)
        except PenstockError as error:
            await refuse(send, error)


def _label(scope: Scope) -> str:
    """The route as metrics name it: with its fields, not their values."""
    path: str = getattr(scope.get("route"), "path", "other")
    in_api = scope["path"].startswith("/api/") and path.startswith("/") and not path.startswith("/api/")
    return f"/api{path}" if in_api else path


async def refuse(send: Send, error: PenstockError) -> None:
    """Answer with an error."""
    content = dump({"error": encode_error(error)})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": status_of(error), "headers": headers})
    await send({"type": "http.response.body", "body": content})


class _Bounded:
    """Counts what comes in. Raises `TooLarge`, also where no length was announced."""

    def __init__(self, receive: Receive):
        self._receive, self._left = receive, BODY_BYTES_MAX

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                raise too_large()
        return message


async def _unpacked(receive: Receive) -> Receive:
    """Read a compressed body whole, and hand it on as if it had come so. A small body cannot become a huge one."""
    stream, parts, size, more = zlib.decompressobj(wbits=31), [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            break
        try:
            part = stream.decompress(message.get("body", b""), BODY_BYTES_MAX - size + 1)
        except zlib.error as error:
            raise RequestInvalid(f"The body is not gzip, as Content-Encoding says: {error}.") from error
        parts.append(part)
        size += len(part)
        if size > BODY_BYTES_MAX:
            raise too_large()
        more = message.get("more_body", False)
    whole: list[Any] = [{"type": "http.request", "body": b"".join(parts), "more_body": False}]

    async def replay() -> Message:
        return whole.pop() if whole else await receive()

    return replay
