"""How a value becomes bytes and comes back exactly: JSON where that is exact, Arrow for tables, pickle for the rest."""

import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from penstock.core.errors import InvalidDefinition, MissingExtra, ResultNotStorable

JSON, PICKLE, CLOUDPICKLE, TEXT, BYTES, TABLE, FRAME = "j", "p", "c", "t", "b", "a", "f"
COMPRESSED = "z"
"""Prefix of a tag: the bytes are compressed with zlib."""

JSON_DEPTH_MAX = 50
JSON_ITEMS_MAX = 1_000_000
"""Beyond, and where one list stands in many places, a pickle is smaller and quicker."""
JSON_BITS_MAX = 2_000
"""Longer whole numbers are not read back by every Python."""
_JSON_SCALARS = frozenset({bool, str, type(None)})
_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Encoded:
    """Bytes, and the tag of what wrote them."""

    tag: str
    data: bytes


def encode(value: Any, serializer: str | None = None) -> Encoded:
    """Write a value; `serializer` is `json`, `pickle`, `compressed/json`, `compressed/pickle`, or none to choose by type.

    Raises `ResultNotStorable`, naming the type and what to do.
    """
    if serializer is not None:
        return _encode_as(value, serializer)
    kind = type(value)
    if kind is str:
        try:
            return Encoded(TEXT, value.encode())
        except UnicodeEncodeError:
            return _pickle(value)  # lone surrogates
    if kind is bytes:
        return Encoded(BYTES, value)
    if _is_json_exact(value):
        return Encoded(JSON, _dumps(value).encode("utf-8", "surrogatepass"))
    module = kind.__module__.partition(".")[0]
    if module == "pyarrow" and kind.__name__ == "Table":
        return Encoded(TABLE, _write_table(value))
    if module == "pandas" and kind.__name__ == "DataFrame" and (data := _write_frame(value)) is not None:
        return Encoded(FRAME, data)
    return _pickle(value)


def decode(tag: str, data: bytes) -> Any:
    """Read a value back. Unpickles: only ever called on bytes from the user's own result storage."""
    if tag.startswith(COMPRESSED):
        import zlib  # lazy: only for compressed results

        return decode(tag[1:], zlib.decompress(data))
    return _DECODERS[tag](data)


def check_serializer(serializer: Any) -> str | None:
    """Check what a decorator was given as `result_serializer`. Raises `InvalidDefinition`."""
    if serializer is None or serializer in SERIALIZERS:
        return serializer  # type: ignore[no-any-return]  # one of SERIALIZERS
    raise InvalidDefinition(f"`result_serializer` is {serializer!r}; expected one of {', '.join(SERIALIZERS)}.")


SERIALIZERS = ("json", "pickle", "compressed/json", "compressed/pickle")


def _encode_as(value: Any, serializer: str) -> Encoded:
    if serializer.startswith("compressed/"):
        import zlib  # lazy: only for compressed results

        inner = _encode_as(value, serializer.removeprefix("compressed/"))
        return Encoded(COMPRESSED + inner.tag, zlib.compress(inner.data))
    if serializer == "pickle":
        return _pickle(value)
    if not _is_json_exact(value):
        raise ResultNotStorable(
            f'A result of type {_name(value)} is not exactly JSON. Use `result_serializer="pickle"`, or return dicts, lists, text and numbers.'
        )
    return Encoded(JSON, _dumps(value).encode("utf-8", "surrogatepass"))


def _is_json_exact(value: Any) -> bool:
    return _fits_json(value, 0, [JSON_ITEMS_MAX])


def _fits_json(value: Any, depth: int, left: list[int]) -> bool:
    kind = type(value)
    if kind in _JSON_SCALARS:
        return True
    if kind is int:
        return bool(value.bit_length() <= JSON_BITS_MAX)
    if kind is float:
        return bool(value == value and abs(value) != float("inf"))
    if depth >= JSON_DEPTH_MAX or (kind is not list and kind is not dict):
        return False
    left[0] -= len(value)
    if left[0] < 0:
        return False
    if kind is list:
        return all(_fits_json(item, depth + 1, left) for item in value)
    return all(type(key) is str and _fits_json(item, depth + 1, left) for key, item in value.items())


def _pickle(value: Any) -> Encoded:
    try:
        data = pickle.dumps(value, protocol=5)
    except Exception:  # pickle raises what the object's own hooks raise; cloudpickle has the last word
        data = b"__main__"
    if b"__main__" not in data:
        return Encoded(PICKLE, data)
    import cloudpickle  # lazy: 20 ms, for what pickle cannot write

    try:
        return Encoded(CLOUDPICKLE, cloudpickle.dumps(value, protocol=5))
    except Exception as error:
        raise ResultNotStorable(
            f"A result of type {_name(value)} cannot be pickled ({error}). Return plain data, or set `persist_result=False`."
        ) from error


def _name(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _write_table(table: Any) -> bytes:
    import pyarrow as pa  # lazy: the caller holds a table, so it is loaded

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _write_frame(frame: Any) -> bytes | None:
    """Write a data frame as Arrow if it comes back equal in types and index; none if not, or without pyarrow."""
    try:
        import pyarrow as pa  # lazy: 100 ms
    except ImportError:
        return None
    if any(str(dtype) == "object" for dtype in frame.dtypes) or frame.attrs or frame.columns.dtype.kind not in "OU":
        return None
    try:
        table = pa.Table.from_pandas(frame)
        back = table.to_pandas()
    except Exception:  # Arrow says no in many ways; pickle takes what it does not
        return None
    same = (
        back.dtypes.equals(frame.dtypes)
        and _is_same_index(back.index, frame.index)
        and _is_same_index(back.columns, frame.columns)
    )
    return _write_table(table) if same else None


def _is_same_index(one: Any, other: Any) -> bool:
    """Whether two pandas indexes are equal in all that a user can see: `equals` compares values alone."""
    seen = [
        (
            type(index),
            list(index.names),
            index.dtype,
            getattr(index, "freq", None),
            [level.dtype for level in getattr(index, "levels", ())],
        )
        for index in (one, other)
    ]
    return bool(seen[0] == seen[1] and one.equals(other))


def _read_table(data: bytes) -> Any:
    try:
        import pyarrow as pa  # lazy: 100 ms
    except ImportError as error:
        raise MissingExtra("Reading a table's result", extra="lake") from error

    return pa.ipc.open_stream(data).read_all()


_DECODERS: dict[str, Callable[[bytes], Any]] = {
    JSON: lambda data: json.loads(data.decode("utf-8", "surrogatepass")),
    TEXT: lambda data: data.decode(),
    BYTES: bytes,
    PICKLE: pickle.loads,
    CLOUDPICKLE: pickle.loads,
    TABLE: _read_table,
    FRAME: lambda data: _read_table(data).to_pandas(),
}
