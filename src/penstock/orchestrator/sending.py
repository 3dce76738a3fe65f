"""Sending messages by Apprise. What an address holds is secret: nothing of it but the kind, and a host where that is none, is said."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

from penstock.core.errors import RequestInvalid
from penstock.core.notices import Notice

PLAIN_HOSTS = frozenset({"json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos", "apprise", "apprises"})
"""Kinds of addresses whose host is a host; of others it may be a token."""
WHY_CHARACTERS_MAX = 300
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}(?=://)")


def shown_address(url: str) -> str:
    """An address without what is secret in it. Raises `RequestInvalid` if Apprise does not know it.

    >>> shown_address("json://user:secret@localhost:8080/hook")
    'json://localhost:8080/***'
    >>> shown_address("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/")
    'slack://***'
    """
    masked = _mask(url)
    if _make(url) is None:
        raise RequestInvalid(
            f"`{masked}` is no address that Apprise knows, or it lacks a part. Such are slack://token/#channel, "
            "mailto://user:password@example.com, json://host/path."
        )
    return masked


def send(url: str, notice: Notice) -> str | None:
    """Send a message; why it could not be sent, or none."""
    plugin = _make(url)
    if plugin is None:
        return f"{_mask(url)} is no address that this version of Apprise knows."
    with _listening() as said:
        try:
            sent = plugin.notify(body=notice.body, title=notice.title, notify_type="failure" if notice.bad else "info")
        except Exception as error:  # a plugin's own fault; its text may hold the address
            return _clean(f"{type(error).__name__}: {error}", url)
    if sent:
        return None
    return _clean("; ".join(said) or f"{_mask(url)} did not take it.", url)


def _make(url: str) -> Any:  # Any: a plugin of Apprise, or none
    import apprise  # lazy: apprise, 110 ms

    with _listening():
        return apprise.Apprise.instantiate(url, suppress_exceptions=True)


def _mask(url: str) -> str:
    scheme = SCHEME.match(url.strip())
    if scheme is None:
        return "***"
    kind = scheme[0].lower()
    if kind not in PLAIN_HOSTS:
        return f"{kind}://***"
    place = urlsplit(url.strip()).netloc.rpartition("@")[2]
    return f"{kind}://{place}/***" if place else f"{kind}://***"


def _clean(text: str, url: str) -> str:
    """A text without any part of an address but its host and port."""
    parts = {url, *re.split(r"[/:@?&=#,]+", url), *re.split(r"[/:@?&=#,]+", unquote(url))}
    shown = _mask(url)
    for part in sorted(parts, key=len, reverse=True):
        if len(part) > 2 and part not in shown:
            text = text.replace(part, "***")
    return text[:WHY_CHARACTERS_MAX]


@contextmanager
def _listening() -> Iterator[list[str]]:
    """What Apprise logs meanwhile is kept from everybody else: its lines may name parts of addresses."""
    said: list[str] = []
    handler = _Kept(said)
    theirs = logging.getLogger("apprise")
    propagate, theirs.propagate = theirs.propagate, False
    theirs.addHandler(handler)
    try:
        yield said
    finally:
        theirs.removeHandler(handler)
        theirs.propagate = propagate


class _Kept(logging.Handler):
    def __init__(self, said: list[str]):
        super().__init__(logging.WARNING)
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        self._said.append(record.getMessage())
