"""Values deep in a JSON document, by JSON Pointers (RFC 6901). In a pattern, `*` stands for any key or index."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any


def split_pointer(pointer: str) -> tuple[str, ...]:
    """The keys of a pointer. Raises `ValueError`.

    >>> split_pointer("/nodes/0/a~1b")
    ('nodes', '0', 'a/b')
    """
    if pointer and not pointer.startswith("/"):
        raise ValueError(f"`{pointer}` is no JSON Pointer: it begins with `/`")
    return tuple(key.replace("~1", "/").replace("~0", "~") for key in pointer.split("/")[1:])


def join_pointer(keys: Iterable[str | int]) -> str:
    """Write a pointer.

    >>> join_pointer(["nodes", 0, "a/b"])
    '/nodes/0/a~1b'
    """
    return "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in keys)


def take_out(document: Any, patterns: Iterable[str], mask: Any) -> tuple[Any, dict[str, Any]]:
    """A document with `mask` in place of what the patterns lead to, and what was there, by pointer. None stays.

    >>> take_out({"user": "ada", "password": "p"}, ["/password", "/nodes/*/token"], "***")
    ({'user': 'ada', 'password': '***'}, {'/password': 'p'})
    """
    found: dict[str, Any] = {}
    for pattern in patterns:
        for keys, value in _find(document, split_pointer(pattern), ()):
            if value is not None and not any(pointer_within(keys, known) for known in found):
                found[join_pointer(keys)] = value
    found = {pointer: value for pointer, value in found.items() if not _is_below_another(pointer, found)}
    for pointer in found:
        document = _replace(document, split_pointer(pointer), mask)
    return document, found


def put_back(document: Any, values: Mapping[str, Any]) -> Any:
    """A document with values where the pointers lead.

    >>> put_back({"user": "ada", "password": "***"}, {"/password": "p"})
    {'user': 'ada', 'password': 'p'}
    """
    for pointer, value in values.items():
        document = _replace(document, split_pointer(pointer), value)
    return document


def pointer_within(keys: Sequence[str | int], pointer: str) -> bool:
    """Whether keys lead to what `pointer` leads to, or below it."""
    above = split_pointer(pointer)
    return tuple(str(key) for key in keys[: len(above)]) == above


def _is_below_another(pointer: str, all_: Iterable[str]) -> bool:
    keys = split_pointer(pointer)
    return any(other != pointer and pointer_within(keys, other) for other in all_)


def _find(value: Any, pattern: Sequence[str], at: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if not pattern:
        yield at, value
        return
    key, rest = pattern[0], pattern[1:]
    for known, inner in _parts(value):
        if key in ("*", str(known)):
            yield from _find(inner, rest, (*at, known))


def _parts(value: Any) -> Iterable[tuple[str | int, Any]]:
    if isinstance(value, Mapping):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list | tuple) else []


def _replace(document: Any, keys: Sequence[str], value: Any) -> Any:
    if not keys:
        return value
    if isinstance(document, Mapping):
        return {key: _replace(inner, keys[1:], value) if key == keys[0] else inner for key, inner in document.items()}
    if isinstance(document, list | tuple):
        return [_replace(inner, keys[1:], value) if str(i) == keys[0] else inner for i, inner in enumerate(document)]
    return document
