"""The guard at the door: what every request passes before any route sees it. Decides in plain functions; does no I/O itself.

host name known? -> same origin? -> key right? -> versions fit? -> body small enough? -> path readable? -> route
"""

import hmac
import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from penstock.core.errors import (
    NotAuthorized,
    PenstockError,
    RequestInvalid,
    RequestRefused,
    TooLarge,
    VersionMismatch,
)
from penstock.core.run_tokens import RunToken, is_token, read_token
from penstock.server.run_scope import RULES
from penstock.wire import VERSION_HEADER, WIRE_VERSION, route_of

BODY_BYTES_MAX = 64 * 1024 * 1024
COOKIE = "penstock_key"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CONTAINERS_NAME = "host.docker.internal"
"""What containers call the machine that they run on. Nobody can own the name: `.internal` is kept out of the public DNS."""
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1", "testserver", CONTAINERS_NAME})
OPEN_PATHS = frozenset({"/api/health", "/api/session"})
"""What can be asked without a key: health, and handing in the key itself."""
KEYED_PREFIXES = ("/api", "/metrics", "/docs", "/redoc")
"""The rest is the console's own program, which holds no data and asks for the key."""

CONTENT_SECURITY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: https: http:; "
    "connect-src 'self'; font-src 'self' data:; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
"""No inline script, nothing from elsewhere but the images that artifacts name. Charts set styles on elements."""
SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_SECURITY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    VERSION_HEADER: str(WIRE_VERSION),
}


def _path_pattern(path: str) -> re.Pattern[str]:
    """The paths of a route: `{name}` stands for one part, `{name:path}` for the rest."""
    parts = re.split(r"\{\w+(:path)?\}", path)
    pattern = "".join(
        re.escape(part) if index % 2 == 0 else (".+" if part else "[^/]+") for index, part in enumerate(parts)
    )
    return re.compile(f"/api{pattern}")


TOKEN_PATHS = tuple((route.method, _path_pattern(route.path)) for route in map(route_of, RULES))
"""The routes that are open to run tokens; what may be asked of them, `run_scope.py` says."""


@dataclass(frozen=True, slots=True)
class Door:
    """What the guard goes by."""

    api_key: str | None = None
    hosts: frozenset[str] = field(default_factory=frozenset)
    """Host names that this server is known by besides the loopback ones; `*` for any."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the guard looks at of a request. Header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    now: int = 0
    """Microseconds UTC."""


def check(door: Door, asked: Asked) -> PenstockError | None:
    """The reason to refuse a request; none if it may pass.

    >>> check(Door(api_key="k"), Asked("GET", "/api/flows", {"host": "localhost"}))
    NotAuthorized('An API key is needed: set PENSTOCK_API_KEY to the key that the server was started with.')
    """
    return (
        _check_host(door, asked)
        or _check_origin(asked)
        or _check_key(door, asked)
        or _check_version(asked)
        or _check_length(asked)
        or _check_path(asked)
    )


def _check_host(door: Door, asked: Asked) -> PenstockError | None:
    host = host_name(asked.headers.get("host", ""))
    if host in LOOPBACK_NAMES or host in door.hosts or "*" in door.hosts or host.endswith(".localhost"):
        return None
    return RequestRefused(
        f"This server is not known as `{host[:100]}`. If it should be, start it with "
        f"PENSTOCK_SERVER_ALLOWED_HOSTS={host[:100]}."
    )


def _check_origin(asked: Asked) -> PenstockError | None:
    if asked.method in SAFE_METHODS:
        return None
    origin = asked.headers.get("origin")
    if origin is not None:
        fine = _netloc(origin) == asked.headers.get("host", "").lower()
    else:
        fine = asked.headers.get("sec-fetch-site", "none") in ("same-origin", "none")
    if fine:
        return None
    return RequestRefused("A page of another site asked for this, which only the console of this server may.")


def _check_key(door: Door, asked: Asked) -> PenstockError | None:
    if door.api_key is None or is_open(asked.path):
        return None
    given = given_key(asked.headers)
    if given is None:
        return NotAuthorized("An API key is needed: set PENSTOCK_API_KEY to the key that the server was started with.")
    if is_token(given):
        return _check_token(door, asked)
    if not is_key(door, given):
        return NotAuthorized("The API key is not the server's: check PENSTOCK_API_KEY.")
    return None


def is_open(path: str) -> bool:
    """Tell whether a path can be asked for without a key."""
    return path in OPEN_PATHS or not path.startswith(KEYED_PREFIXES)


def _check_token(door: Door, asked: Asked) -> PenstockError | None:
    try:
        token = find_token(door, asked)
    except NotAuthorized as error:
        return error
    if token is not None and not any(
        asked.method == method and path.fullmatch(asked.path) for method, path in TOKEN_PATHS
    ):
        return NotAuthorized(
            f"The token of flow run {token.run_id} does not open {asked.method} {asked.path[:200]}, which no run needs. "
            "A flow that needs more than its own run gets a key by its job's environment: PENSTOCK_API_KEY."
        )
    return None


def find_token(door: Door, asked: Asked) -> RunToken | None:
    """The run token that a request brings, if it brings one. Raises `NotAuthorized` if it is not good."""
    given = given_key(asked.headers)
    if door.api_key is None or given is None or not is_token(given):
        return None
    return read_token(given, door.api_key, now=asked.now)


def is_key(door: Door, given: str) -> bool:
    """Tell whether a key is the door's, in a time that says nothing of how near it is."""
    return door.api_key is not None and hmac.compare_digest(given.encode(), door.api_key.encode())


def given_key(headers: Mapping[str, str]) -> str | None:
    """The key that a request brings, in a header or in the console's cookie."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return None if morsel is None else bytes.fromhex(morsel.value).decode() if _is_hex(morsel.value) else None


def _check_version(asked: Asked) -> PenstockError | None:
    said = asked.headers.get(VERSION_HEADER.lower())
    if said is None or said == str(WIRE_VERSION):
        return None
    return VersionMismatch(
        f"The client speaks version {said[:20]} of the API, this server version {WIRE_VERSION}. "
        "Bring both to the same version of Penstock."
    )


def _check_length(asked: Asked) -> PenstockError | None:
    said = asked.headers.get("content-length", "0")
    if said.isdigit() and int(said) > BODY_BYTES_MAX:
        return too_large()
    return None


def _check_path(asked: Asked) -> PenstockError | None:
    """No route matches a line feed, and no name has a control character."""
    if any(character < " " or character == "\x7f" for character in asked.path):
        return RequestInvalid("The path has a control character in it (such as %0A), which no name has.")
    return None


def too_large() -> TooLarge:
    """What is said to a body that is too large."""
    return TooLarge(f"The body has more than {BODY_BYTES_MAX:,} bytes. Send less at once.")


def is_loopback(host: str) -> bool:
    """Tell whether binding to this name or address keeps others out.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "example.org")]
    [True, True, True, False, False]
    """
    if host in ("localhost", ""):
        return host == "localhost"
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_name(header: str) -> str:
    """The name in a Host header, without the port.

    >>> host_name("[::1]:4200"), host_name("Example.org:80")
    ('::1', 'example.org')
    """
    header = header.strip().lower()
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0]


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _is_hex(text: str) -> bool:
    return len(text) % 2 == 0 and all(character in "0123456789abcdef" for character in text)


def headers_of(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers as the guard reads them."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in raw}
