"""A world of values for property tests: few that meet often, many that nobody thought of, and what makes them equal.

Lies in a module of its own because pickles and keys name the classes by it.
"""

import math
import struct
from collections import namedtuple
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from enum import Enum, IntEnum, IntFlag
from ipaddress import ip_address
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict


class Color(Enum):
    RED = 1
    GREEN = 2


class Size(IntEnum):
    RED = 1


class Right(IntFlag):
    READ = 1
    WRITE = 2


@dataclass(frozen=True)
class Point:
    x: Any
    y: Any = 0


@dataclass(frozen=True)
class Pixel(Point):
    pass


Pair = namedtuple("Pair", "x y")
Other = namedtuple("Other", "x y")


class Model(BaseModel):
    x: Any


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    x: Any


# A small world, so that equal values meet; and a large one, for what nobody thought of.
FEW = (0, 1, True, False, 0.0, -0.0, 1.0, math.nan, "1", "", b"", b"1", None, "None", "nan", "x=1", ", ", "{}", "set()")
few = st.sampled_from(FEW)
many = st.one_of(
    st.integers(), st.floats(), st.text(), st.text(st.characters(categories=["Cs"])), st.binary(), st.booleans()
)
special = st.one_of(
    st.dates(),
    st.datetimes(timezones=st.none() | st.just(UTC) | st.just(ZoneInfo("Europe/Berlin"))),
    st.timedeltas(),
    st.times(),
    st.decimals(allow_nan=False),
    st.fractions(),
    st.uuids(),
    st.complex_numbers(),
    st.sampled_from([*Color, *Size, *Right, Right.READ | Right.WRITE, Right(0)]),
    st.sampled_from([Path("a/b"), PurePosixPath("a/b"), PureWindowsPath("a/b"), Path("a")]),
    st.sampled_from([int, float, Color, Point, range(3), range(0, 3, 2), ZoneInfo("UTC"), UTC]),
    st.sampled_from([ip_address("10.0.0.1"), ip_address("::1")]),
)


def nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    keys = leaves.filter(lambda leaf: leaf == leaf)
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.lists(inner, max_size=3).map(tuple),
            st.dictionaries(keys, inner, max_size=3),
            st.sets(keys, max_size=3),
            st.frozensets(keys, max_size=3),
            st.builds(Point, inner, inner),
            st.builds(Pixel, inner),
            st.builds(Pair, inner, inner),
            st.builds(Other, inner, inner),
            st.builds(lambda x: Model(x=x), inner),
        ),
        max_leaves=6,
    )


def canonical(value: Any) -> Any:
    """Another way to say what is the same: types, and contents by their own equality."""
    kind = type(value)
    match value:
        case float():
            return kind, "nan" if math.isnan(value) else struct.pack("d", value)
        case Point() | Model():
            return kind, tuple((name, canonical(inner)) for name, inner in vars(value).items())
        case list() | tuple():
            return kind, tuple(canonical(item) for item in value)
        case dict():
            return kind, frozenset((canonical(key), canonical(item)) for key, item in value.items())
        case set() | frozenset():
            return kind, frozenset(canonical(item) for item in value)
        case complex():
            return kind, repr(value)
        case datetime() | time():
            return kind, value.isoformat(), value.fold, repr(value.tzinfo)
        case Decimal():
            return kind, value.as_tuple()
    return kind, value
