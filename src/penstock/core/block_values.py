"""How the values of a saved block say more than JSON can: a reference to another block, the type of one within, a mask."""

import re
from typing import Any

MASK = "********"
"""Stands where a secret is."""
REFERENCE_KEY = "$block"
"""`{"$block": "type/name"}` stands for another saved block."""
TYPE_KEY = "$type"
"""The slug of a block's type, among the values of a block that is saved within another."""

_ESCAPED = re.compile(r"\$+(block|type)")


def reference_of(value: Any) -> str | None:
    """The block that a value stands for, as `type/name`.

    >>> reference_of({"$block": "gcp-credentials/zoom"})
    'gcp-credentials/zoom'
    """
    if isinstance(value, dict) and len(value) == 1 and isinstance(value.get(REFERENCE_KEY), str):
        return str(value[REFERENCE_KEY])
    return None


def escape_key(key: str) -> str:
    """A key of somebody's own data that is not to be taken for one of these.

    >>> escape_key("$type"), escape_key("type")
    ('$$type', 'type')
    """
    return f"${key}" if _ESCAPED.fullmatch(key) else key


def unescape_key(key: str) -> str:
    """The key as it was."""
    return key[1:] if key.startswith("$$") and _ESCAPED.fullmatch(key) else key


def split_reference(reference: str) -> tuple[str, str]:
    """Type and name. Raises `ValueError`.

    >>> split_reference("secret/api-key")
    ('secret', 'api-key')
    """
    slug, slash, name = reference.partition("/")
    if not slash or not slug or not name:
        raise ValueError(f"`{reference[:120]}` names no block: write `type/name`, such as `secret/api-key`.")
    return slug, name
