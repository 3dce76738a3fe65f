"""The language in which runs are searched for, alike in the API, on the command line and in the console.

    state:failed flow:web-to-* tag:nightly started>-2h param.year=2020 "slow disk"

Terms stand beside each other and must all hold; `-` before one negates it; `a,b` after a colon means either. What has no
field is looked for in names and parameters. `sort:oldest` turns a list round. Parsing knows no clock: times are absolute, or so long before now.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from penstock.core.errors import SearchInvalid
from penstock.core.states import STATES, StateType

TERMS_MAX = 50
CHARACTERS_MAX = 4_000

UNITS_US: Mapping[str, int] = MappingProxyType(
    {
        "ms": 1_000,
        "s": 1_000_000,
        "m": 60_000_000,
        "h": 3_600_000_000,
        "d": 86_400_000_000,
        "w": 604_800_000_000,
    }
)


class Field(StrEnum):
    """What a term speaks of."""

    TEXT = "text"
    STATE = "state"
    FLOW = "flow"
    NAME = "name"
    ID = "id"
    TAG = "tag"
    STARTED = "started"
    ENDED = "ended"
    DURATION = "duration"
    PARAM = "param"
    PARENT = "parent"
    HOST = "host"
    VERSION = "version"
    IS = "is"
    SORT = "sort"


FIELDS: Mapping[str, Field] = MappingProxyType({field.value: field for field in Field if field is not Field.TEXT})
MATCHED = frozenset({Field.STATE, Field.FLOW, Field.NAME, Field.ID, Field.TAG, Field.PARENT, Field.HOST, Field.VERSION})
"""Fields that take `:` and several values; `*` stands for anything in those of names."""
MEASURED = frozenset({Field.STARTED, Field.ENDED, Field.DURATION})
"""Fields that take comparisons."""
KINDS = ("subflow", "top-level", "ended", "open")
"""What `is:` knows."""
ORDERS = ("newest", "oldest")
"""What `sort:` knows: which start comes first."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time: absolute microseconds UTC, or so many before now."""

    us: int
    before_now: bool = False

    def at(self, now: int) -> int:
        """In microseconds UTC.

        >>> Moment(5, before_now=True).at(100)
        95
        """
        return now - self.us if self.before_now else self.us


@dataclass(frozen=True, slots=True)
class Term:
    """One condition. `values` are texts, a moment, a number of microseconds, or a JSON value, by the field."""

    field: Field
    operator: str
    values: tuple[Any, ...]
    negated: bool = False
    path: tuple[str, ...] = ()
    """Which parameter."""


_term = re.compile(
    r"""
    \s*(?P<minus>-(?=[a-z"]))?
    (?:(?P<field>[a-z]+)(?P<path>(?:\.[\w-]+)*)(?P<operator>:|!=|<=|>=|=|<|>))?
    (?P<value>"(?:[^"\\]|\\.)*"(?:,"(?:[^"\\]|\\.)*")*|[^\s"]+|(?=\s|$))
    """,
    re.VERBOSE,
)


def parse_search(text: str) -> tuple[Term, ...]:
    """Read a search. Raises `SearchInvalid`, which says where and what would do.

    >>> [str(term.field) for term in parse_search('state:failed param.year>=2020 "slow disk"')]
    ['state', 'param', 'text']
    """
    if len(text) > CHARACTERS_MAX:
        raise SearchInvalid(text[:80], f"it has more than {CHARACTERS_MAX:,} characters")
    terms, at = [], 0
    while text[at:].strip():
        found = _term.match(text, at)
        if found is None or found.end() == at:
            raise SearchInvalid(text[at:].strip(), "a quotation mark has no partner")
        terms.append(_make(found, text))
        at = found.end()
        if len(terms) > TERMS_MAX:
            raise SearchInvalid(text[at:].strip(), f"there are more than {TERMS_MAX} terms")
    return tuple(terms)


def _make(found: "re.Match[str]", text: str) -> Term:
    said, negated = found["value"], bool(found["minus"])
    name, operator = found["field"], found["operator"]
    field = FIELDS.get(name) if name else None
    if field is None:
        if name and operator in (":", "="):
            raise SearchInvalid(found[0].strip(), f"known fields are {', '.join(sorted(FIELDS))}")
        return Term(Field.TEXT, ":", (_unquote(found[0].strip().removeprefix("-") if name else said),), negated)
    if said == "":
        raise SearchInvalid(found[0].strip(), "a value is missing after the sign")
    if field is Field.PARAM:
        return _param(found, operator, negated)
    if found["path"]:
        raise SearchInvalid(found[0].strip(), "only `param` has parts, as in `param.year=2020`")
    if field in MEASURED:
        return Term(field, _comparison(found[0], operator), (_measure(field, said, found[0].strip()),), negated)
    if operator not in (":", "=", "!="):
        raise SearchInvalid(found[0].strip(), f"`{name}` is compared by `:`")
    values = _split(said)
    if field is Field.STATE:
        values = tuple(_state(value, found[0].strip()) for value in values)
    if field is Field.IS and not set(values) <= set(KINDS):
        raise SearchInvalid(found[0].strip(), f"`is:` knows {', '.join(KINDS)}")
    if field is Field.SORT and (values[0] not in ORDERS or len(values) > 1 or negated or operator == "!="):
        raise SearchInvalid(found[0].strip(), f"`sort:` knows {', '.join(ORDERS)}")
    return Term(field, ":", values, negated != (operator == "!="))


def _param(found: "re.Match[str]", operator: str, negated: bool) -> Term:
    path = tuple(found["path"].split(".")[1:])
    if not path:
        raise SearchInvalid(found[0].strip(), "name the parameter, as in `param.year=2020`")
    sign = {":": "=", "!=": "="}.get(operator, operator)
    values = tuple(_json(value) for value in _split(found["value"])) if sign == "=" else (_json(found["value"]),)
    if sign != "=" and not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        raise SearchInvalid(found[0].strip(), "`<` and `>` compare numbers")
    return Term(Field.PARAM, sign, values, negated != (operator == "!="), path)


def _comparison(said: str, operator: str) -> str:
    if operator in ("<", ">", "<=", ">="):
        return operator
    raise SearchInvalid(said.strip(), "compare it by `<` or `>`, as in `started>-2h` or `duration>10m`")


def _measure(field: Field, said: str, term: str) -> Moment | int:
    said = _unquote(said)
    if field is Field.DURATION:
        length = parse_length(said)
        if length is None:
            raise SearchInvalid(term, "a duration is a number and a unit: `90s`, `10m`, `2h`")
        return length
    moment = parse_moment(said)
    if moment is None:
        raise SearchInvalid(term, "a time is `-2h`, `2024-05-01` or `2024-05-01T10:00`")
    return moment


def parse_length(said: str) -> int | None:
    """A length of time in microseconds; none if it is not one.

    >>> parse_length("1.5h"), parse_length("soon")
    (5400000000, None)
    """
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h|d|w)", said)
    return None if found is None else int(float(found[1]) * UNITS_US[found[2]])


def parse_moment(said: str) -> Moment | None:
    """A point in time: `-2h` or `2h` before now, `now`, or ISO 8601, in UTC where it names no zone.

    >>> parse_moment("-2h"), parse_moment("1970-01-02")
    (Moment(us=7200000000, before_now=True), Moment(us=86400000000, before_now=False))
    """
    if said == "now":
        return Moment(0, before_now=True)
    length = parse_length(said.removeprefix("-"))
    if length is not None:
        return Moment(length, before_now=True)
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return Moment(int((at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000))


def _state(said: str, term: str) -> str:
    for name in (*StateType, *STATES):
        if said.lower() == name.lower():
            return str(name)
    raise SearchInvalid(term, f"known states are {', '.join(STATES)}")


def _split(said: str) -> tuple[str, ...]:
    if said.startswith('"'):
        return tuple(_unquote(part) for part in re.findall(r'"(?:[^"\\]|\\.)*"', said))
    return tuple(part for part in said.split(",") if part) or (said,)


def _unquote(said: str) -> str:
    if len(said) > 1 and said.startswith('"') and said.endswith('"'):
        return re.sub(r"\\(.)", r"\1", said[1:-1])
    return said


def _json(said: str) -> Any:
    said = _unquote(said)
    words: Mapping[str, Any] = {"true": True, "false": False, "null": None}
    if said in words:
        return words[said]
    if re.fullmatch(r"-?\d{1,18}", said):
        return int(said)
    if re.fullmatch(r"-?\d{1,18}\.\d{1,18}", said):
        return float(said)
    return said


def quote_value(value: str) -> str:
    """Write a value so that it is read as it is.

    >>> quote_value("web to lake"), quote_value("etl")
    ('"web to lake"', 'etl')
    """
    if re.fullmatch(r"[\w.*/-]+", value):
        return value
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def texts_of(terms: Sequence[Term]) -> tuple[str, ...]:
    """The words without a field."""
    return tuple(term.values[0] for term in terms if term.field is Field.TEXT and not term.negated)


def is_oldest_first(terms: Sequence[Term]) -> bool:
    """Whether the oldest start comes first; the last word on it counts.

    >>> is_oldest_first(parse_search("state:failed sort:oldest"))
    True
    """
    return [term.values[0] for term in terms if term.field is Field.SORT][-1:] == ["oldest"]
