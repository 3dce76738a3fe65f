"""The console: the built single-page application, and the API's documentation pages. Nothing is loaded from elsewhere."""

from importlib.util import find_spec
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).with_name("static")
ASSETS = "/assets"
FOR_EVER = "public, max-age=31536000, immutable"
"""Assets carry a digest in their names."""

NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Penstock</title>
<h1>Penstock</h1>
<p>The server runs. The console is not part of this installation: it is built with <code>make ui</code> in a checkout,
and comes with released packages.</p>
<p><a href="/docs">API documentation</a></p></html>"""

SWAGGER = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Penstock API</title>
<link rel="stylesheet" href="/docs/assets/swagger-ui.css"></head>
<body><div id="swagger-ui"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body></html>"""
SWAGGER_START = """SwaggerUIBundle({url: "/api/openapi.json", dom_id: "#swagger-ui", deepLinking: true,
  presets: [SwaggerUIBundle.presets.apis], layout: "BaseLayout", tryItOutEnabled: false});
"""
REDOC = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Penstock API</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><div id="redoc"></div>
<script src="/docs/assets/redoc.standalone.js"></script><script src="/redoc/start.js"></script></body></html>"""
REDOC_START = """Redoc.init("/api/openapi.json", {disableSearch: false, hideDownloadButton: false},
  document.getElementById("redoc"));
"""
REDOC_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"
SCRIPT = "text/javascript"


def add_docs(app: FastAPI) -> None:
    """Add /docs and /redoc, whose scripts come from an installed package."""
    found = find_spec("fastapi_offline")
    if found is not None and found.origin is not None:
        assets = Path(found.origin).with_name("static")
        _add_redoc(app, assets / "redoc.standalone.js")
        app.mount("/docs/assets", StaticFiles(directory=assets), name="docs-assets")
    pages = {
        "/docs": HTMLResponse(SWAGGER),
        "/docs/start.js": Response(SWAGGER_START, media_type=SCRIPT),
        "/redoc": HTMLResponse(REDOC),
        "/redoc/start.js": Response(REDOC_START, media_type=SCRIPT),
    }
    for path, page in pages.items():
        _add_page(app, path, page)


def _add_redoc(app: FastAPI, script: Path) -> None:
    """ReDoc's script, which would load its maker's logo from its maker; it gets ours."""

    def show() -> Response:
        content = script.read_bytes().replace(REDOC_LOGO, b"/favicon.svg")
        return Response(content, media_type=SCRIPT, headers={"Cache-Control": "public, max-age=86400"})

    app.add_api_route("/docs/assets/redoc.standalone.js", show, include_in_schema=False)


def _add_page(app: FastAPI, path: str, page: Response) -> None:
    async def show() -> Response:
        return page

    app.add_api_route(path, show, include_in_schema=False)


def add_console(app: FastAPI, *, static: Path = STATIC) -> None:
    """Serve the built console at every path that nothing else has. Call it last."""

    async def show(request: Request, path: str) -> Response:
        found = _find(static, path)
        if found is not None:
            cached = {"Cache-Control": FOR_EVER} if f"/{path}".startswith(ASSETS) else {"Cache-Control": "no-cache"}
            return FileResponse(found, headers=cached)
        index = static / "index.html"
        if not index.is_file():
            return HTMLResponse(NOT_BUILT)
        return FileResponse(index, headers={"Cache-Control": "no-cache"})

    app.add_api_route("/{path:path}", show, methods=["GET", "HEAD"], include_in_schema=False)


def _find(static: Path, path: str) -> Path | None:
    """A file of the console; never one outside of it."""
    if not path or "\0" in path:
        return None
    found = (static / path).resolve()
    return found if found.is_relative_to(static.resolve()) and found.is_file() else None
