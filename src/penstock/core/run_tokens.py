"""Run tokens: what the process of a claimed run shows a server, in place of the key that opens everything.

A token names its run, the claim that the process was started for, and the workspace, and is signed with the server's key: any
server that has the key can read it, and none needs to keep it. What may be asked with one is said in `server/run_scope.py`.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

from penstock.core.errors import NotAuthorized
from penstock.core.ids import RunId

PREFIX = "penstock-run."
LIFE_US = 365 * 86_400_000_000
"""Longer than any run: a run that has ended, or was claimed anew, ends what its token opens long before."""
_PURPOSE = b"penstock run token 1\n"


@dataclass(frozen=True, slots=True)
class RunToken:
    """What a token says."""

    run_id: RunId
    claim: int
    workspace: str
    expires_at: int


def write_token(token: RunToken, key: str) -> str:
    """Sign a token with the server's key.

    >>> text = write_token(RunToken(RunId("0" * 32), 1, "default", 2_000), "secret")
    >>> read_token(text, "secret", now=1_000).claim
    1
    """
    said = f"{token.run_id}:{token.claim}:{token.expires_at}:{token.workspace}".encode()
    return f"{PREFIX}{_encode(said)}.{_encode(_sign(said, key))}"


def is_token(text: str) -> bool:
    """Tell whether a credential is meant as a run token."""
    return text.startswith(PREFIX)


def read_token(text: str, key: str, *, now: int) -> RunToken:
    """What a token says. Raises `NotAuthorized` if it was not signed with the key, or has expired at `now`."""
    said_part, _, signature_part = text.removeprefix(PREFIX).partition(".")
    try:
        said, signature = _decode(said_part), _decode(signature_part)
    except (ValueError, binascii.Error):
        said, signature = b"", b""
    if not hmac.compare_digest(signature, _sign(said, key)):
        raise NotAuthorized("The run token is not one of this server's: its API key has changed, or the token has.")
    run_id, claim, expires_at, workspace = said.decode().split(":", 3)
    if int(expires_at) <= now:
        raise NotAuthorized("The run token has expired.")
    return RunToken(RunId(run_id), int(claim), workspace, int(expires_at))


def _sign(said: bytes, key: str) -> bytes:
    return hmac.new(key.encode(), _PURPOSE + said, hashlib.sha256).digest()


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    if not text.isascii():
        raise ValueError("not Base64")
    return base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
