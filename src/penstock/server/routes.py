"""The verbs as routes: made from the table in `wire.py`, each a thin call of the orchestrator."""

import asyncio
import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import fields
from typing import Any

from fastapi import APIRouter, Body, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from penstock import blockverbs, limits, notifications, ports, reports, scheduling, work
from penstock.core import errors
from penstock.ports import Orchestrator
from penstock.server.models import (
    ErrorAnswer,
    attribute_notes,
    body_model,
    field_default,
    input_type,
    made_type,
    output_type,
)
from penstock.server.principals import principal_of
from penstock.server.samples import describe_example
from penstock.wire import (
    ROUTES,
    STATUSES,
    Route,
    answer_type,
    decoder,
    dump,
    encode_error,
    encoder,
    field_types,
    status_of,
)

API_PREFIX = "/api"
WRITES_AT_ONCE = 4
"""In the order in which they come. More would only be in one another's way, and some overtake others: of 64 clients that
create runs at once the last then waits twice as long."""
READING = (
    "Compare", "Describe", "Explain", "Find", "Get", "List", "Measure", "Preview", "RunQuery", "DeliverNotices", "SendTestNotice",
)  # fmt: skip
"""How the names of verbs begin that write nothing, or hardly ever; and those that wait for somebody else's server."""

SPECIAL = frozenset({"Ingest", "ClaimRuns"})
"""Verbs that have modules of their own: bodies that are not JSON, answers that are waited for."""

BUNDLES = (ports, reports, limits, blockverbs, notifications, scheduling, work)

ALWAYS = (401, 403, 413, 422, 426, 503)
"""Statuses that any route may answer with."""
ERROR_ANSWER: Mapping[str, str] = {"$ref": f"#/components/schemas/{ErrorAnswer.__name__}"}
"""What FastAPI says where it is given the model. It would make a checker of each, and of 900 that takes 0.2 s."""
MEANINGS: Mapping[int, str] = {
    400: "Something else went wrong; the message says what.",
    401: "The API key is missing or wrong.",
    403: "The request comes from another site's page, or names a host that this server is not known by.",
    404: "There is no such thing.",
    409: "Something stands against it: the message says what.",
    413: "The body is too large.",
    422: "The request is not as it should be.",
    426: "Client and server are of versions that do not understand each other.",
    503: "The database cannot be reached or does not take the write; try again.",
    507: "The database's disk is full.",
}


def make_router(orchestrator: Orchestrator) -> APIRouter:
    """The routes of all verbs over an orchestrator."""
    router = APIRouter(prefix=API_PREFIX)
    turns = asyncio.Semaphore(WRITES_AT_ONCE)
    for verb in verbs():
        route = ROUTES[verb.__name__]
        if verb.__name__ not in SPECIAL:
            said = {"openapi_extra": describe_example(verb, route)}
            add_route(router, verb, route, _endpoint(orchestrator, verb, route, turns), **said)
    return router


def verbs() -> list[type[ports.Request[Any]]]:
    """All verbs, in the order of the table of routes."""
    return [find_verb(name) for name in ROUTES]


def find_verb(name: str) -> type[ports.Request[Any]]:
    """A verb by its name."""
    bundle = next(module for module in BUNDLES if hasattr(module, name))
    verb: type[ports.Request[Any]] = getattr(bundle, name)
    return verb


def add_route(router: APIRouter, verb: type[Any], route: Route, endpoint: Callable[..., Any], **said: Any) -> None:
    """Add a verb's route with all that its documentation says."""
    doc = inspect.getdoc(verb) or verb.__name__
    answer = answer_type(verb)
    router.add_api_route(
        route.path,
        endpoint,
        methods=[route.method],
        response_model=None if answer in (None, type(None)) else output_type(answer),
        status_code=200,
        tags=[route.group],
        name=verb.__name__,
        operation_id=verb.__name__,
        summary=_words(verb.__name__),
        description=doc,
        responses=describe_errors(doc),
        response_class=JSONResponse,
        **said,
    )


def describe_errors(doc: str) -> dict[int | str, dict[str, Any]]:
    """The error answers of a route: those of every route, and those that the verb's docstring names."""
    named = {getattr(errors, name) for name in re.findall(r"`(\w+)`", doc) if hasattr(errors, name)}
    statuses = {next(STATUSES[above] for above in error.__mro__ if above in STATUSES) for error in named}
    return {
        status: {"description": MEANINGS[status], "content": {"application/json": {"schema": dict(ERROR_ANSWER)}}}
        for status in sorted({*ALWAYS, *statuses})
    }


def answer(value: Any, hint: Any, *, status: int = 200) -> Response:
    """Write an answer of a type."""
    return Response(dump(None if value is None else encoder(hint)(value)), status, media_type="application/json")


def refusal(error: errors.PenstockError) -> Response:
    """Write an error's answer."""
    return Response(dump({"error": encode_error(error)}), status_of(error), media_type="application/json")


def _endpoint(
    orchestrator: Orchestrator, verb: type[Any], route: Route, turns: asyncio.Semaphore
) -> Callable[..., Awaitable[Response]]:
    make, hint = decoder(verb), answer_type(verb)
    body_names = tuple(name for name in field_types(verb) if name not in route.path_fields) if route.has_body else ()

    def perform(request: Request, given: dict[str, Any]) -> Response:
        body = given.pop("body", None)
        if body is not None:
            given |= body.model_dump(exclude_unset=True, warnings=False)
        return answer(orchestrator.ask(make(given), principal_of(request)), hint)

    async def endpoint(request: Request, **given: Any) -> Response:
        if verb.__name__.startswith(READING):
            return await run_in_threadpool(perform, request, given)
        async with turns:
            return await run_in_threadpool(perform, request, given)

    endpoint.__name__ = verb.__name__
    endpoint.__signature__ = signature(verb, route, body_names)  # type: ignore[attr-defined]  # what FastAPI reads
    return endpoint


def signature(verb: type[Any], route: Route, body_names: tuple[str, ...]) -> inspect.Signature:
    """What FastAPI reads of a route: the parameters that a verb has there."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter("request", keyword, annotation=Request)]
    notes, types = attribute_notes(verb), field_types(verb)
    for f in fields(verb):
        hint, note = input_type(types[f.name]), notes.get(f.name)
        if f.name in route.path_fields:
            annotation = made_type(hint, Path(description=note))
            parameters.append(inspect.Parameter(f.name, keyword, annotation=annotation))
        elif not route.has_body:
            annotation = made_type(hint, Query(description=note))
            default = field_default(f)
            empty = inspect.Parameter.empty if default is ... else default
            parameters.append(inspect.Parameter(f.name, keyword, annotation=annotation, default=empty))
    if body_names:
        model = body_model(verb, body_names)
        required = any(info.is_required() for info in model.model_fields.values())
        default = inspect.Parameter.empty if required else model()
        parameters.append(inspect.Parameter("body", keyword, annotation=made_type(model, Body()), default=default))
    return inspect.Signature(parameters)


def _words(name: str) -> str:
    """`ListFlowRuns` as people say it."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return words[0] + words[1:].lower()
