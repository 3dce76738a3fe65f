"""How the schema of arriving data meets the schema of a dataset: what is kept, what evolves and what is refused.

A dataset's types are kept wherever the arriving values fit them exactly. New columns are added, missing ones become
null, and a column is widened (int32 to int64, int64 to double ...) where its own values stay exact. Everything else is
refused: nothing is ever rounded, truncated or wrapped to make it fit, except that times finer than a microsecond are
cut, which the notes say.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from penstock.lake.errors import DataRefused, SchemaConflict

DECIMAL_DIGITS_MAX = 38

Fits = Callable[[str, pa.DataType], bool]
"""Whether every value of a column can be kept as a type, exactly."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a write does about the schema."""

    target: pa.Schema
    """The dataset's schema after the write."""
    sources: tuple[str | None, ...]
    """For each column of the target, the data's column that it comes from; none where it becomes null."""
    added: tuple[str, ...] = ()
    widened: tuple[tuple[str, pa.DataType, pa.DataType], ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader of the log should know."""

    @property
    def changes(self) -> tuple[str, ...]:
        """What changes about the dataset's schema, in words."""
        added = tuple(f"added {name}: {self.target.field(name).type}" for name in self.added)
        return added + tuple(f"widened {name}: {old} to {new}" for name, old, new in self.widened)

    def conform(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return a batch of the data as the dataset keeps it."""
        columns = [
            _nulls(batch.num_rows, field.type) if source is None else cast(batch.column(source), field.type)
            for source, field in zip(self.sources, self.target, strict=True)
        ]
        return pa.record_batch(columns, schema=self.target)


def plan_write(target: str, *, have: pa.Schema | None, got: pa.Schema, fits: Fits) -> Plan:
    """Decide what becomes of the schema. Raises `DataRefused` or `SchemaConflict`, naming the column."""
    _check_names(target, got)
    if have is None:
        return _plan_first(target, got, fits)
    return _plan_next(target, have, got, fits)


def schema_digest(schema: pa.Schema) -> str:
    """Return a short digest of the columns' names and types.

    >>> schema_digest(pa.schema({"a": pa.int64()})) == schema_digest(pa.schema({"a": pa.int32()}))
    False
    """
    return blake2b("\n".join(f"{field.name}\0{field.type}" for field in schema).encode(), digest_size=8).hexdigest()


def storable_type(type_: pa.DataType) -> pa.DataType | None:
    """Return the type that a dataset keeps for an Arrow type, or none if it can keep none.

    >>> storable_type(pa.uint8()), storable_type(pa.timestamp("ns", "Europe/Paris")), storable_type(pa.duration("s"))
    (DataType(int16), TimestampType(timestamp[us, tz=UTC]), None)
    """
    t = pa.types
    if isinstance(type_, pa.BaseExtensionType):
        return storable_type(type_.storage_type)
    if t.is_dictionary(type_):
        return storable_type(type_.value_type)
    if t.is_timestamp(type_):
        return pa.timestamp("us", "UTC" if type_.tz else None)
    if t.is_decimal(type_):
        return pa.decimal128(type_.precision, type_.scale) if type_.precision <= DECIMAL_DIGITS_MAX else None
    if t.is_struct(type_):
        inner = [(field.name, storable_type(field.type)) for field in type_]
        return pa.struct([(name, kept) for name, kept in inner if kept]) if all(kept for _, kept in inner) else None
    if t.is_map(type_):
        key, item = storable_type(type_.key_type), storable_type(type_.item_type)
        return pa.map_(key, item) if key and item else None
    if t.is_list(type_) or t.is_large_list(type_) or t.is_fixed_size_list(type_):
        element = storable_type(type_.value_type)
        return pa.list_(pa.field("element", element)) if element else None
    return _PLAIN.get(str(type_))


def lossless(values: "pa.Array[Any]", type_: pa.DataType) -> bool:
    """Tell whether every value can be kept as `type_` exactly.

    >>> lossless(pa.array([1.0, None]), pa.int32()), lossless(pa.array([1.5]), pa.int32())
    (True, False)
    """
    if pa.types.is_null(type_):
        return values.null_count == len(values)
    try:
        kept = values.cast(type_)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return False
    if pa.types.is_floating(type_) and pa.types.is_floating(values.type):
        same = pc.or_(pc.equal(kept.cast(values.type), values), pc.is_nan(values))
        return bool(pc.all(same, min_count=0).as_py() is not False)
    return True


def cast(values: "pa.Array[Any]", type_: pa.DataType) -> "pa.Array[Any]":
    """Return values as a type that they are known to fit; times are cut to microseconds."""
    if values.type == type_:
        return values
    if values.null_count == len(values):
        return _nulls(len(values), type_)
    if isinstance(values, pa.ExtensionArray):
        values = values.storage
    return values.cast(type_, safe=not pa.types.is_timestamp(values.type))


def _nulls(count: int, type_: Any) -> "pa.Array[Any]":  # Any: the stubs want each type by itself
    nulls: pa.Array[Any] = pa.nulls(count, type_)
    return nulls


_STORED: list[tuple[pa.DataType, pa.DataType]] = [
    (pa.null(), pa.null()),
    (pa.bool_(), pa.bool_()),
    (pa.int8(), pa.int8()),
    (pa.int16(), pa.int16()),
    (pa.int32(), pa.int32()),
    (pa.int64(), pa.int64()),
    (pa.uint8(), pa.int16()),
    (pa.uint16(), pa.int32()),
    (pa.uint32(), pa.int64()),
    (pa.uint64(), pa.int64()),
    (pa.float16(), pa.float32()),
    (pa.float32(), pa.float32()),
    (pa.float64(), pa.float64()),
    (pa.string(), pa.string()),
    (pa.large_string(), pa.string()),
    (pa.string_view(), pa.string()),
    (pa.binary(), pa.binary()),
    (pa.large_binary(), pa.binary()),
    (pa.binary_view(), pa.binary()),
    (pa.date32(), pa.date32()),
    (pa.date64(), pa.date32()),
    *((pa.binary(size), pa.binary()) for size in range(1, 65)),
]
_PLAIN = {str(given): kept for given, kept in _STORED}


def _check_names(target: str, got: pa.Schema) -> None:
    if not got.names:
        raise DataRefused(target, "the data has no columns.")
    for name in got.names:
        if not name or not name.isprintable():
            raise DataRefused(target, f"a column's name is {name!r}. Rename it.")
    folded = Counter(name.lower() for name in got.names)
    if twins := [name for name in got.names if folded[name.lower()] > 1]:
        raise DataRefused(
            target,
            f"the data has columns {', '.join(f'`{name}`' for name in twins)}, "
            "which differ in case at most. Rename or drop some.",
        )


def _plan_first(target: str, got: pa.Schema, fits: Fits) -> Plan:
    fields: list[pa.Field[Any]] = []
    sources: list[str] = []
    notes: list[str] = []
    for field in got:
        type_ = _arriving_type(target, field, fits, notes)
        if pa.types.is_null(type_):
            notes.append(f"column {field.name} is left out until it holds something: all of its values are null")
            continue
        fields.append(pa.field(field.name, type_))
        sources.append(field.name)
    if not fields:
        raise DataRefused(target, "no column of the data holds anything that has a type.")
    return Plan(target=pa.schema(fields), sources=tuple(sources), notes=tuple(notes))


def _plan_next(target: str, have: pa.Schema, got: pa.Schema, fits: Fits) -> Plan:
    arriving = {name.lower(): name for name in got.names}
    fields: list[pa.Field[Any]] = []
    sources: list[str | None] = []
    widened: list[tuple[str, pa.DataType, pa.DataType]] = []
    notes: list[str] = []
    for field in have:
        source = arriving.pop(field.name.lower(), None)
        type_ = field.type
        if source is None:
            _check_may_be_missing(target, field)
            notes.append(f"column {field.name} is not in the data and becomes null")
        else:
            if source != field.name:
                notes.append(f"column {source} is kept under the dataset's name for it, {field.name}")
            type_ = _meet(target, field, got.field(source), fits, notes)
            if type_ != field.type:
                widened.append((field.name, field.type, type_))
        fields.append(field.with_type(type_))
        sources.append(source)
    added = _append_new(target, [got.field(name) for name in got.names if name in arriving.values()], fits, notes)
    return Plan(
        target=pa.schema([*fields, *added]),
        sources=(*sources, *(field.name for field in added)),
        added=tuple(field.name for field in added),
        widened=tuple(widened),
        notes=tuple(notes),
    )


def _append_new(target: str, new: Sequence["pa.Field[Any]"], fits: Fits, notes: list[str]) -> list["pa.Field[Any]"]:
    added = []
    for field in new:
        type_ = _arriving_type(target, field, fits, notes)
        if pa.types.is_null(type_):
            notes.append(f"new column {field.name} is left out until it holds something: all of its values are null")
        else:
            notes.append(f"new column {field.name} ({type_})")
            added.append(pa.field(field.name, type_))
    return added


def _check_may_be_missing(target: str, field: "pa.Field[Any]") -> None:
    if not field.nullable:
        raise SchemaConflict(
            target, field.name, has=f"{field.type}, never null", got="missing", hint="Give the data that column."
        )


def _arriving_type(target: str, field: "pa.Field[Any]", fits: Fits, notes: list[str]) -> pa.DataType:
    type_ = storable_type(field.type)
    if type_ is None:
        raise DataRefused(
            target,
            f"column `{field.name}` is {field.type}, which a dataset cannot keep. "
            "Cast it, to a number or text for instance.",
        )
    if pa.types.is_uint64(field.type) and not fits(field.name, type_):
        raise DataRefused(target, f"column `{field.name}` has values too large for {type_}.")
    if pa.types.is_timestamp(field.type) and field.type.unit == "ns" and not fits(field.name, type_):
        notes.append(f"column {field.name} is cut to microseconds")
    return type_


def _meet(target: str, field: "pa.Field[Any]", arriving: "pa.Field[Any]", fits: Fits, notes: list[str]) -> pa.DataType:
    """Return the type that the dataset's column has after the write."""
    have: pa.DataType = field.type
    got = _arriving_type(target, arriving, fits, notes)
    if _same(have, got) or fits(arriving.name, pa.null()):
        return have
    wide = _wider(have, got)
    if wide is not None and fits(arriving.name, have):
        notes.append(f"column {field.name} arrives as {got} and is kept as {have}")
        return have
    if wide is not None and not _same(wide, have) and fits(arriving.name, wide):
        return wide
    raise SchemaConflict(target, field.name, has=str(have), got=str(got))


def _same(a: pa.DataType, b: pa.DataType) -> bool:
    """Compare types, whatever lists call their elements and whether nested fields say that they may be null."""
    return a == b or storable_type(a) == storable_type(b)


def _wider(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    """Return the type that numbers of both types could be kept as, or none if they are no two kinds of number."""
    t = pa.types
    if t.is_integer(a) and t.is_integer(b):
        return max(a, b, key=lambda type_: type_.bit_width)
    if t.is_decimal(a) and t.is_decimal(b):
        scale = max(a.scale, b.scale)
        digits = max(a.precision - a.scale, b.precision - b.scale) + scale
        return pa.decimal128(digits, scale) if digits <= DECIMAL_DIGITS_MAX else None
    if (t.is_floating(a) or t.is_integer(a)) and (t.is_floating(b) or t.is_integer(b)):
        small = max(a.bit_width if t.is_integer(a) else 0, b.bit_width if t.is_integer(b) else 0) <= 16
        single = all(type_.bit_width == 32 for type_ in (a, b) if t.is_floating(type_))
        return pa.float32() if small and single else pa.float64()
    return None
