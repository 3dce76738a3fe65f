"""The short way: verbs that are said by a path, at most one id and a JSON body are found in a table and answered.

FastAPI, which does more for every request than the store does for most, sees the rest: whatever is not plain, and whatever is
wrong, goes its way and is told by it. Both ways read a body by the same model and ask the same orchestrator.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import MISSING, dataclass, fields
from typing import Any, NewType

from pydantic import ValidationError
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock.core.errors import PenstockError
from penstock.ports import Orchestrator, Principal
from penstock.server.journals import BATCHES_AT_ONCE
from penstock.server.models import body_model
from penstock.server.principals import principal_of
from penstock.server.routes import READING, SPECIAL, WRITES_AT_ONCE, answer, refusal, verbs
from penstock.wire import ROUTES, Route, answer_type, decoder, field_types

READS_AT_ONCE = 40
ID = re.compile(r"/[0-9a-f]{32}(?=/|$)")

Handle = Callable[[str, bytes, Principal], Response]
"""Answers a request, given the id in its path (empty if there is none) and its body."""


class NotPlain(Exception):
    """The request is for the long way, which has done nothing yet."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A verb that may go the short way. `path` is the route's, by which metrics know it."""

    path: str
    handle: Handle
    threads: ThreadPoolExecutor
    """It waits for one of them, in the order in which requests come."""
    takes_json: bool


class Lane:
    """Stands before the application."""

    def __init__(self, app: ASGIApp, table: Mapping[tuple[str, str], Plain]):
        self._app, self._table = app, table

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        plain, identifier = self._find(scope)
        if plain is None or (plain.takes_json and not _is_json(scope)):
            await self._app(scope, receive, send)
            return
        messages: list[Message] = []
        try:
            body = await _read(receive, messages)
            principal = principal_of(HTTPConnection(scope))
            loop = asyncio.get_running_loop()
            response = await loop.run_in_executor(plain.threads, plain.handle, identifier, body, principal)
        except NotPlain:
            messages.reverse()

            async def again() -> Message:
                return messages.pop() if messages else await receive()

            await self._app(scope, again, send)
        else:
            scope["route"] = plain
            await response(scope, receive, send)

    def _find(self, scope: Scope) -> tuple[Plain | None, str]:
        path: str = scope.get("path", "")
        if scope["type"] != "http" or scope["query_string"]:
            return None, ""
        found = ID.search(path)
        if found is None:
            return self._table.get((scope["method"], path)), ""
        identifier = found.group()[1:]
        return self._table.get((scope["method"], path.replace(identifier, "{}"))), identifier


def make_table(
    orchestrator: Orchestrator, others: Mapping[str, Handle], fault: Callable[[BaseException], Response]
) -> Mapping[tuple[str, str], Plain]:
    """The table of the verbs that are plain, and of `others`, which take in batches, by the verb's name; `fault` answers what nobody expects."""
    table = {}
    reads, writes, batches = (
        ThreadPoolExecutor(threads, thread_name_prefix="penstock-lane")
        for threads in (READS_AT_ONCE, WRITES_AT_ONCE, BATCHES_AT_ONCE)
    )
    for verb in verbs():
        route, types = ROUTES[verb.__name__], field_types(verb)
        ids = all(isinstance(types[name], NewType) for name in route.path_fields)
        handle = others.get(verb.__name__)
        if handle is None and verb.__name__ not in SPECIAL:
            handle = _make_handle(orchestrator, verb, route)
        if (
            handle is not None
            and ids
            and len(route.path_fields) <= 1
            and (route.has_body or not _asks_in_query(verb, route))
        ):
            path = re.sub(r"\{\w+\}", "{}", f"/api{route.path}")
            is_other = verb.__name__ in others
            threads = batches if is_other else reads if verb.__name__.startswith(READING) else writes
            takes_json = route.has_body and not is_other
            table[route.method, path] = Plain(route.path, _guarded(handle, fault), threads, takes_json)
    return table


def _asks_in_query(verb: type[Any], route: Route) -> bool:
    """Whether a verb without a body has fields that must be said."""
    needed = (f.name for f in fields(verb) if f.default is MISSING and f.default_factory is MISSING)
    return any(name not in route.path_fields for name in needed)


def _make_handle(orchestrator: Orchestrator, verb: type[Any], route: Route) -> Handle:
    make, hint = decoder(verb), answer_type(verb)
    names = tuple(name for name in field_types(verb) if name not in route.path_fields) if route.has_body else ()

    def handle(identifier: str, body: bytes, principal: Principal) -> Response:
        given: dict[str, Any] = {}
        if names:
            try:
                given = body_model(verb, names).model_validate_json(body).model_dump(exclude_unset=True, warnings=False)
            except ValidationError:
                raise NotPlain from None
        elif body:
            raise NotPlain
        given |= dict.fromkeys(route.path_fields, identifier)
        return answer(orchestrator.ask(make(given), principal), hint)

    return handle


def _guarded(handle: Handle, fault: Callable[[BaseException], Response]) -> Handle:
    def guarded(identifier: str, body: bytes, principal: Principal) -> Response:
        try:
            return handle(identifier, body, principal)
        except NotPlain:
            raise
        except PenstockError as error:
            return refusal(error)
        except Exception as error:
            return fault(error)

    return guarded


def _is_json(scope: Scope) -> bool:
    return any(name == b"content-type" and value.startswith(b"application/json") for name, value in scope["headers"])


async def _read(receive: Receive, messages: list[Message]) -> bytes:
    """Read a body whole; what was received is kept for who may read it anew."""
    while True:
        message = await receive()
        messages.append(message)
        if message["type"] != "http.request" or not message.get("more_body", False):
            break
    if messages[-1]["type"] != "http.request":
        raise NotPlain
    return b"".join(message.get("body", b"") for message in messages)
