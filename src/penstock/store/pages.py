"""Pages: how a list goes on where the last page ended. A cursor is opaque to whoever gets it."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement

from penstock.core.errors import CursorInvalid
from penstock.ports import PAGE_SIZE_MAX, Page

T = TypeVar("T")
R = TypeVar("R")


def clamp(limit: int) -> int:
    """The size of page that is given for the size that was asked for."""
    return max(1, min(limit, PAGE_SIZE_MAX))


def encode_cursor(*keys: Any) -> str:
    """Write down where a page ended.

    >>> decode_cursor(encode_cursor(1, "a"), int, str)
    (1, 'a')
    """
    return base64.urlsafe_b64encode(json.dumps(keys, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, *types: type) -> tuple[Any, ...]:
    """Read where a page ended. Raises `CursorInvalid`."""
    try:
        keys = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error) as error:
        raise CursorInvalid(cursor) from error
    if not isinstance(keys, list) or [type(key) for key in keys] != list(types):
        raise CursorInvalid(cursor)
    return tuple(keys)


def in_workspace(column: ColumnElement[int], workspace_id: int) -> ColumnElement[bool]:
    """The condition on a workspace, said so that no index is chosen for it: the one that gives the order is to be."""
    return column + 0 == workspace_id


def make_page(
    rows: Sequence[R], limit: int, *, item: Callable[[R], T], keys: Callable[[R], tuple[Any, ...]]
) -> Page[T]:
    """Make a page of rows that were asked for with one more than `limit`."""
    shown = rows[:limit]
    return Page([item(row) for row in shown], encode_cursor(*keys(shown[-1])) if len(rows) > limit else None)
