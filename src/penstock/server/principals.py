"""Who asks, by the headers of a request."""

from starlette.requests import HTTPConnection

from penstock.ports import DEFAULT_WORKSPACE, Principal
from penstock.wire import ACTOR_HEADER, WORKSPACE_HEADER

NAME_CHARACTERS_MAX = 200
ACTOR_DEFAULT = "api"
TOKEN_IN_SCOPE = "penstock.run_token"
"""Where the doorway puts a token that it has read."""


def principal_of(request: HTTPConnection) -> Principal:
    """The principal of a request. One key opens everything, so that names are believed; a run token says who asks."""
    token = request.scope.get(TOKEN_IN_SCOPE)
    if token is not None:
        return Principal(name=f"run:{token.run_id}", workspace=token.workspace, token=token)
    return Principal(
        name=_read(request, ACTOR_HEADER) or ACTOR_DEFAULT,
        workspace=_read(request, WORKSPACE_HEADER) or DEFAULT_WORKSPACE,
    )


def _read(request: HTTPConnection, header: str) -> str:
    text = request.headers.get(header, "")[:NAME_CHARACTERS_MAX]
    try:
        return text.encode("latin-1").decode("unicode_escape")
    except UnicodeError:
        return text
