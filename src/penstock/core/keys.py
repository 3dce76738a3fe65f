"""What makes two calls the same call: digests of arguments, call keys, and digests of code.

A call's key is (parent run, task key, digest of inputs, n-th such call). A value that is large or has no exact
written form counts as its type and the order of the call, so that a key never costs more than the work.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from hashlib import blake2b
from types import BuiltinFunctionType, CodeType, ModuleType
from typing import Any

EXACT_BYTES_MAX = 65_536
"""Values whose written form is longer count as their type."""

DEPTH_MAX = 20
SHORT_ITEMS = 64
SCALARS = frozenset({str, int, float, bool, type(None), bytes})


class _Opaque(Exception):
    """A value has no exact written form within the limits."""


def write_inputs(
    args: Sequence[Any], kwargs: Mapping[str, Any], *, describe: Callable[[Any], str | None] | None = None
) -> tuple[str, bool]:
    """Write a call's arguments down, exactly where possible; tells also whether all of it was exact.

    `describe` may name values in a way of its own, such as a future by its producer's key.

    >>> write_inputs((1, "a"), {})
    ("(1, 'a'){}", True)
    >>> write_inputs((object(),), {})
    ('(<object>,){}', False)
    """
    exact = True
    parts: list[str] = []
    for value in args:
        text, sure = _write_or_type(value, describe)
        exact &= sure
        parts.append(text)
    named: list[str] = []
    for name in sorted(kwargs):
        text, sure = _write_or_type(kwargs[name], describe)
        exact &= sure
        named.append(f"{name if name.isidentifier() else repr(name)}={text}")
    comma = "," if len(parts) == 1 else ""
    return f"({', '.join(parts)}{comma}){{{', '.join(named)}}}", exact


def write_exact(value: Any) -> str | None:
    """Write a value so that equal text means an equal value of equal types; none if there is no such form.

    >>> write_exact([1, True, 1.0, "1"])
    "[1, True, 1.0, '1']"
    >>> write_exact({"b": (1,), "a": {2, 1}})
    "{'a': {1, 2}, 'b': (1,)}"
    >>> write_exact(object()) is None
    True
    """
    try:
        text = _write(value, 0, None)
    except _Opaque:
        return None
    return text if len(text) <= EXACT_BYTES_MAX else None


def digest(text: str) -> str:
    """A 128-bit digest of text, as 32 hexadecimal digits."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def digest_code(function: Callable[..., Any]) -> str | None:
    """A digest of what a function does: its byte code, constants, names and defaults, whatever its file or line.

    Comments and formatting do not count; another minor version of Python does. None for what has no Python code.

    >>> digest_code(lambda x: x + 1) == digest_code(lambda x: x + 1)
    True
    >>> digest_code(lambda x: x + 1) == digest_code(lambda x: x + 2)
    False
    """
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType):
        return None
    hasher = blake2b(digest_size=16)
    for piece in _code_pieces(code):
        hasher.update(piece)
    defaults = (getattr(function, "__defaults__", None), getattr(function, "__kwdefaults__", None))
    hasher.update((write_exact(defaults) or "").encode())
    return hasher.hexdigest()


def _code_pieces(code: CodeType) -> Iterator[bytes]:
    yield code.co_code
    yield repr(
        (code.co_names, code.co_varnames, code.co_freevars, code.co_argcount, code.co_kwonlyargcount, code.co_flags)
    ).encode()
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code_pieces(constant)
        else:
            yield (write_exact(constant) or type(constant).__name__).encode()


def _write_or_type(value: Any, describe: Callable[[Any], str | None] | None) -> tuple[str, bool]:
    kind = type(value)
    if kind in SCALARS and (kind not in (str, bytes) or len(value) <= EXACT_BYTES_MAX):
        try:
            return repr(value), True
        except ValueError:
            pass  # a whole number of more digits than Python writes: `_write` knows another way
    try:
        text = _write(value, 0, describe)
    except _Opaque:
        pass
    else:
        if len(text) <= EXACT_BYTES_MAX:
            return text, True
    return f"<{kind.__qualname__}>", False


def _write(value: Any, depth: int, describe: Callable[[Any], str | None] | None) -> str:
    kind = type(value)
    if kind in SCALARS:
        if kind in (str, bytes) and len(value) > EXACT_BYTES_MAX:
            raise _Opaque
        try:
            return repr(value)
        except ValueError:
            return hex(value)
    if depth > DEPTH_MAX:
        raise _Opaque
    if describe is not None and (named := describe(value)) is not None:
        return named
    writer = _WRITERS.get(kind)
    if writer is None:
        text = _write_special(value, depth + 1, describe)
    elif len(value) * 2 > EXACT_BYTES_MAX:
        raise _Opaque
    else:
        text = writer(value, depth + 1, describe)
    if len(text) > EXACT_BYTES_MAX:
        raise _Opaque
    return text


def _write_each(items: Collection[Any], depth: int, describe: Any) -> list[str]:
    """Write items, and stop as soon as they are too long: a small value may stand for a huge one, many times over."""
    if len(items) <= SHORT_ITEMS:
        return [_write(item, depth, describe) for item in items]
    texts, left = [], EXACT_BYTES_MAX
    for item in items:
        text = _write(item, depth, describe)
        left -= len(text)
        if left < 0:
            raise _Opaque
        texts.append(text)
    return texts


def _write_list(value: Sequence[Any], depth: int, describe: Any) -> str:
    return f"[{', '.join(_write_each(value, depth, describe))}]"


def _write_tuple(value: Sequence[Any], depth: int, describe: Any) -> str:
    return f"({', '.join(_write_each(value, depth, describe))}{',' if len(value) == 1 else ''})"


def _write_dict(value: Mapping[Any, Any], depth: int, describe: Any) -> str:
    keys, items = _write_each(value, depth, describe), _write_each(value.values(), depth, describe)
    return f"{{{', '.join(sorted(f'{key}: {item}' for key, item in zip(keys, items, strict=True)))}}}"


def _write_set(value: Any, depth: int, describe: Any) -> str:
    return f"{{{', '.join(sorted(_write_each(value, depth, describe)))}}}" if value else "set()"


def _write_frozenset(value: Any, depth: int, describe: Any) -> str:
    return f"frozenset({_write_set(value, depth, describe)})"


_WRITERS: Mapping[type, Callable[[Any, int, Any], str]] = {
    list: _write_list,
    tuple: _write_tuple,
    dict: _write_dict,
    set: _write_set,
    frozenset: _write_frozenset,
}

# Types of the standard library whose repr is exact, by name so that their modules need not be imported here.
_EXACT_REPR = frozenset(
    {
        "datetime.date",
        "datetime.datetime",
        "datetime.time",
        "datetime.timedelta",
        "datetime.timezone",
        "decimal.Decimal",
        "fractions.Fraction",
        "pathlib.PosixPath",
        "pathlib._local.PosixPath",
        "pathlib.PurePosixPath",
        "pathlib._local.PurePosixPath",
        "pathlib.WindowsPath",
        "pathlib.PureWindowsPath",
        "uuid.UUID",
        "builtins.range",
        "builtins.complex",
        "builtins.slice",
        "zoneinfo.ZoneInfo",
        "ipaddress.IPv4Address",
        "ipaddress.IPv6Address",
    }
)


def _write_special(value: Any, depth: int, describe: Any) -> str:
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if name in _EXACT_REPR:
        return f"{name}:{_write_repr(value)}"
    if isinstance(value, type):
        return f"<class {value.__module__}.{value.__qualname__}>"
    fields = getattr(kind, "__dataclass_fields__", None)
    if fields is not None:
        return f"{name}({', '.join(f'{field}={_write(getattr(value, field, None), depth, describe)}' for field in fields)})"
    if hasattr(kind, "_member_map_"):  # an Enum
        return f"{name}.{value.name}"
    if hasattr(kind, "_fields") and isinstance(value, tuple):
        return f"{name}{_write_tuple(value, depth, describe)}"
    model_fields = getattr(kind, "model_fields", None)
    if isinstance(model_fields, dict):  # a pydantic model, told without importing pydantic
        fields = [*model_fields, *(getattr(value, "__pydantic_extra__", None) or ())]
        return f"{name}({', '.join(f'{field}={_write(getattr(value, field, None), depth, describe)}' for field in fields)})"
    if kind is BuiltinFunctionType and isinstance(value.__self__, ModuleType):
        return f"<builtin {value.__module__}.{value.__qualname__}>"
    raise _Opaque


def _write_repr(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # a whole number of more digits than Python writes
        raise _Opaque from None
    if " at 0x" in text:  # something inside is told by its address only, such as a time zone of somebody's own
        raise _Opaque
    return text
