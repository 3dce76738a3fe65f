"""Values on their way into columns and back: JSON, text that databases accept, states, packed ids."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from penstock.core.errors import RequestInvalid
from penstock.core.ids import ID_HEX_LENGTH
from penstock.core.states import Reason, RunState, StateType

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
NAME_CHARACTERS_MAX = 1_000

_REASONS: Mapping[str | None, Reason] = MappingProxyType({reason.value: reason for reason in Reason})
_TYPES: Mapping[str, StateType] = MappingProxyType({type_.value: type_ for type_ in StateType})

_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str).encode


def encode_json(value: Any) -> str | None:
    """Write a value as JSON text; none stays none. What JSON cannot say (NaN, broken text) is replaced, never refused.

    >>> encode_json({"rate": float("nan"), "month": 4})
    '{"rate":"nan","month":4}'
    """
    if value is None:
        return None
    try:
        text = _dumps(value)
    except ValueError:
        text = _dumps(_plain(value))
    if not text.isascii() or "\\u0000" in text:
        text = _dumps(_plain(value)) if "\\u0000" in text else clean_text(text)
    return text


def decode_json(text: str | None) -> Any:
    """Read JSON text; none stays none."""
    return None if text is None else json.loads(text)


def clean_text(text: str) -> str:
    """Replace what no database takes as text: NUL characters and halves of surrogate pairs.

    >>> clean_text("a\\0b\\ud800c") == f"a{REPLACEMENT}b{REPLACEMENT}c"
    True
    """
    if "\0" in text:
        text = text.replace("\0", REPLACEMENT)
    return clean_half_pairs(text)


def checked_name(kind: str, name: str) -> str:
    """A name by which something is found again, cleaned. Raises `RequestInvalid` for one that nobody could type."""
    name = clean_text(name)
    if not name.strip() or len(name) > NAME_CHARACTERS_MAX or any(c < " " or c == "\x7f" for c in name):
        raise RequestInvalid(
            f"The name of a {kind} has 1 to {NAME_CHARACTERS_MAX} characters and no control characters, not {name!r:.300}."
        )
    return name


def clean_half_pairs(text: str) -> str:
    """Replace halves of surrogate pairs only."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            text = "".join(REPLACEMENT if "\ud800" <= character <= "\udfff" else character for character in text)
    return text


def clean(value: Any) -> Any:
    """Clean every text in a record or JSON value."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, tuple) and hasattr(value, "_make"):
        return value._make(clean(part) for part in value)
    if isinstance(value, list | tuple):
        return [clean(part) for part in value]
    if isinstance(value, Mapping):
        return {clean(key): clean(part) for key, part in value.items()}
    return value


def pack_ids(ids: Sequence[str] | None) -> bytes | None:
    """Lay ids end to end, 16 bytes each; none and no ids are the same."""
    return bytes.fromhex("".join(ids)) if ids else None


def unpack_ids(packed: bytes | None) -> tuple[str, ...]:
    """Take packed ids apart."""
    if not packed:
        return ()
    digits = packed.hex()
    return tuple(digits[start : start + ID_HEX_LENGTH] for start in range(0, len(digits), ID_HEX_LENGTH))


def make_state(type_: str, name: str, at: int, reason: str | None, message: str | None) -> RunState:
    """Put a state together from its columns. A reason of a newer version is passed over."""
    return RunState(_TYPES[type_], name, at, _REASONS.get(reason), message)


def reason_text(state: RunState) -> str | None:
    """A state's reason as a column holds it."""
    return None if state.reason is None else str(state.reason)


def clean_state(state: RunState) -> RunState:
    """A state whose texts every database takes."""
    return replace(
        state, name=clean_text(state.name), message=None if state.message is None else clean_text(state.message)
    )


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Mapping):
        return {clean_text(str(key)): _plain(part) for key, part in value.items()}
    return value
