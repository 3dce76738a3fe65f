"""The application: routes over an orchestrator, the guard before them, the console behind them. A composition root."""

import logging
import os
import platform
import time
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match
from starlette.types import ASGIApp

from penstock import __version__
from penstock.core.errors import NotAuthorized, NotFound, PenstockError, RequestInvalid
from penstock.ports import DescribeStore, Orchestrator
from penstock.reports import MeasureStore
from penstock.sdk.wiring import SystemClock
from penstock.server import claiming, console, downloads, journals, launching, routes, streams, upkeep
from penstock.server.claiming import ClaimDesk
from penstock.server.doorway import Doorway
from penstock.server.feed import Feed
from penstock.server.guard import COOKIE, Door, given_key, headers_of, is_key
from penstock.server.lane import Lane, make_table
from penstock.server.metrics import Metrics
from penstock.server.models import ID_PATTERN, ErrorAnswer
from penstock.server.run_scope import RunScope
from penstock.services.units import Services
from penstock.settings import Settings
from penstock.wire import WIRE_VERSION, dump

logger = logging.getLogger("penstock.server")

DESCRIPTION = """
Flows and tasks, their runs, logs, artifacts and datasets.

- Times are integer microseconds since 1970, UTC. Ids are 32 hexadecimal digits; UUIDs with dashes are understood too.
- Lists are paged by key: hand `cursor` back to go on; it is null where the list ends.
- Every answer carries `Penstock-Api-Version`; a request that carries another one is refused with 426.
- Where the server has an API key: `Authorization: Bearer <key>`.
- `Penstock-Workspace` names the workspace; it is `default` without.
"""


def create_app(
    orchestrator: Orchestrator,
    *,
    door: Door | None = None,
    metrics: Metrics | None = None,
    feed: Feed | None = None,
    desk: ClaimDesk | None = None,
    services: Services | None = None,
    settings: Settings | None = None,
) -> ASGIApp:
    """The server's ASGI application over an orchestrator, which stays the caller's to close."""
    metrics, door = metrics or Metrics(), door or Door()
    orchestrator = RunScope(orchestrator, SystemClock())
    api = create_api(
        orchestrator,
        door=door,
        metrics=metrics,
        feed=feed or Feed(orchestrator),
        desk=desk or ClaimDesk(orchestrator),
        services=services or Services([]),
        settings=settings or Settings(),
    )
    table = make_table(orchestrator, {"Ingest": journals.make_handle(orchestrator, metrics)}, _fault)
    return Doorway(Lane(api, table), door=door, metrics=metrics)


def create_api(
    orchestrator: Orchestrator,
    *,
    door: Door,
    metrics: Metrics,
    feed: Feed,
    desk: ClaimDesk,
    services: Services,
    settings: Settings,
) -> FastAPI:
    """The routes without the guard."""
    app = FastAPI(
        title="Penstock",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        separate_input_output_schemas=False,
    )
    desk_router = claiming.make_router(desk, door, SystemClock())
    for router in (
        _about(orchestrator, door),
        upkeep.make_router(services, settings),
        journals.make_router(orchestrator, metrics),
        routes.make_router(orchestrator),
        desk_router,
        launching.make_router(orchestrator, settings, door),
        downloads.make_router(orchestrator),
        streams.make_router(feed, metrics),
    ):
        # `include_router` would make every route a second time: 0.3 s, which the first who asks would wait for.
        app.router.routes.extend(router.routes)
    _add_metrics(app, orchestrator, metrics)
    console.add_docs(app)
    _add_unknown(app)
    console.add_console(app)
    app.add_exception_handler(PenstockError, _tell)
    app.add_exception_handler(RequestValidationError, _tell_invalid)
    app.add_exception_handler(HTTPException, _tell_http)
    app.add_exception_handler(Exception, _tell_fault)
    _describe_key(app)
    return app


def _describe_key(app: FastAPI) -> None:
    """Let the document say how the key is shown; where the server has none, nobody has to."""
    describe = app.openapi

    def described() -> dict[str, Any]:
        document = describe()
        schemes = document["components"].setdefault("securitySchemes", {})
        schemes["key"] = {"type": "http", "scheme": "bearer", "description": "PENSTOCK_API_KEY, if the server has one."}
        document["security"] = [{"key": []}, {}]
        return document

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's own way


# ---- The server itself ----


class Health(BaseModel):
    """The server runs."""

    status: str = Field(examples=["ok"])
    name: str = "penstock"
    pid: int
    """Of the server's process."""


class Ready(BaseModel):
    """The server can answer from its database."""

    status: str = Field(examples=["ok"])
    database: str


class Version(BaseModel):
    """Which server this is."""

    penstock: str = Field(examples=["0.1.0"])
    api: int
    python: str
    started_at: int


class SessionBody(BaseModel):
    """The API key, handed in by the console."""

    key: str = Field(max_length=1_000)


class SessionAnswer(BaseModel):
    """Whether a key is needed, and whether this browser has handed it in."""

    key_needed: bool
    signed_in: bool


def _about(orchestrator: Orchestrator, door: Door) -> APIRouter:
    router = APIRouter(prefix=routes.API_PREFIX, tags=["Server"])
    started_at = time.time_ns() // 1_000
    refused: dict[int | str, dict[str, Any]] = routes.describe_errors("")

    @router.get("/health", summary="Is the server alive?", operation_id="GetHealth")
    async def health() -> Health:
        return Health(status="ok", pid=os.getpid())

    # One route is given the model itself, so that the document has it.
    by_model: dict[int | str, dict[str, Any]] = {
        status: {**said, "model": ErrorAnswer} for status, said in refused.items()
    }

    @router.get("/ready", summary="Can it answer?", operation_id="GetReady", responses=by_model)
    def ready() -> Ready:
        return Ready(status="ok", database=orchestrator.ask(DescribeStore(counted=False)).dialect)

    @router.get("/version", summary="Which versions?", operation_id="GetVersion", responses=refused)
    async def version() -> Version:
        return Version(penstock=__version__, api=WIRE_VERSION, python=platform.python_version(), started_at=started_at)

    @router.get("/session", summary="Is a key needed?", operation_id="GetSession", responses=refused)
    async def session(request: Request) -> SessionAnswer:
        given = given_key(headers_of(request.scope["headers"]))
        return SessionAnswer(
            key_needed=door.api_key is not None,
            signed_in=door.api_key is None or (given is not None and is_key(door, given)),
        )

    @router.post(
        "/session",
        summary="Hand in the API key",
        operation_id="SignIn",
        responses=refused,
        response_model=SessionAnswer,
    )
    async def sign_in(body: SessionBody) -> Response:
        if door.api_key is not None and not is_key(door, body.key):
            raise NotAuthorized("The API key is not the server's.")
        answer = JSONResponse({"key_needed": door.api_key is not None, "signed_in": True})
        if door.api_key is not None:
            answer.set_cookie(COOKIE, body.key.encode().hex(), httponly=True, samesite="strict", path="/")
        return answer

    return router


def _add_metrics(app: FastAPI, orchestrator: Orchestrator, metrics: Metrics) -> None:
    def show() -> Response:
        return Response(metrics.write(orchestrator.ask(MeasureStore())), media_type=metrics.content_type)

    app.add_api_route("/metrics", show, include_in_schema=False)


def _add_unknown(app: FastAPI) -> None:
    """Under /api, what no route has is an error and not the console."""

    async def unknown(request: Request, path: str) -> Response:
        others = (route for route in app.router.routes if getattr(route, "endpoint", None) is not unknown)
        if any(route.matches(request.scope)[0] is Match.PARTIAL for route in others):
            raise HTTPException(405, f"{request.method} is not for /api/{path[:200]}.")
        raise NotFound("route", f"{request.method} /api/{path}"[:200])

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    app.add_api_route("/api/{path:path}", unknown, methods=methods, include_in_schema=False)


# ---- Errors ----


async def _tell(_: Request, error: Exception) -> Response:
    assert isinstance(error, PenstockError)
    return routes.refusal(error)


async def _tell_invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = [_problem(problem) for problem in error.errors()[:20]]
    told = RequestInvalid("; ".join(f"`{problem['where']}`: {problem['what']}" for problem in problems)[:2_000])
    told.problems = problems  # type: ignore[attr-defined]  # facts are attributes
    return await _tell(_, told)


def _problem(problem: Mapping[str, Any]) -> dict[str, str]:
    what = str(problem["msg"])
    if problem.get("ctx", {}).get("pattern") == ID_PATTERN:
        what = f"An id has 32 hexadecimal digits, unlike {str(problem['input'])[:100]!r}"
    return {"where": ".".join(str(part) for part in problem["loc"])[:200], "what": what[:500]}


async def _tell_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path[:200]
    message = str(error.detail)
    if error.status_code in (404, 405) and not path.startswith("/api/"):
        message = f"{request.method} is not for {path}. The API is under /api; PENSTOCK_API_URL ends with it."
    told = {"type": "RequestInvalid", "message": message, "facts": {}}
    status = 422 if error.status_code == 400 else error.status_code  # a body that is no JSON, or nested too deep
    return Response(dump({"error": told}), status, media_type="application/json", headers=error.headers)


async def _tell_fault(_: Request, error: Exception) -> Response:
    return _fault(error)


def _fault(error: BaseException) -> Response:
    logger.error("A request met a fault of the server's own", exc_info=error)
    told = {"type": "PenstockError", "message": "The server met a fault of its own; its log says more.", "facts": {}}
    return Response(dump({"error": told}), 500, media_type="application/json")


__all__ = ["ErrorAnswer", "create_api", "create_app"]
