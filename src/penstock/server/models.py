"""The API's types as pydantic and OpenAPI want them, made from the dataclasses of the verbs.

They check what comes in and describe what goes out. What goes out is written by `wire.py`, which is quicker.
"""

import ast
import inspect
import sys
from collections.abc import Mapping, Sequence
from collections.abc import Mapping as AbstractMapping
from collections.abc import Sequence as AbstractSequence
from dataclasses import MISSING, fields, is_dataclass
from itertools import pairwise
from types import NoneType, UnionType
from typing import Annotated, Any, NewType, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model
from pydantic.fields import FieldInfo

from penstock.core.ids import parse_id
from penstock.core.states import RunState
from penstock.wire import field_types, remembered

ITEMS_MAX = 10_000
TEXT_CHARACTERS_MAX = 100_000
INTEGER_MAX = 2**63 - 1
IN_AND_OUT = frozenset({RunState})
"""Types that come in and go out, and are checked only as they come in: two types for OpenAPI."""
ID_PATTERN = "^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$"

Identifier = Annotated[
    str,
    Field(pattern=ID_PATTERN, examples=["018bcfe5680070008000000000000000"], max_length=36),
    AfterValidator(parse_id),
]
Integer = Annotated[int, Field(ge=-INTEGER_MAX - 1, le=INTEGER_MAX)]
Text = Annotated[str, Field(max_length=TEXT_CHARACTERS_MAX)]


class Model(BaseModel):
    """What all of the API's types have in common. Unknown fields are refused, so that a slip of the pen is told."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=False)


class Shown(BaseModel):
    """What all answers have in common."""

    model_config = ConfigDict(extra="allow")


def made_type(hint: Any, note: Any) -> Any:
    """A type with a note, made at run time."""
    annotated: Any = Annotated
    return annotated[hint, note]


@remembered
def input_type(hint: Any) -> Any:
    """The type that checks a value of this type as it comes in."""
    return _convert(hint, base=Model)


@remembered
def output_type(hint: Any) -> Any:
    """The type that describes a value of this type as it goes out."""
    return _convert(hint, base=Shown)


@remembered
def body_model(verb: type[Any], names: tuple[str, ...]) -> type[BaseModel]:
    """The body of a verb: some of its fields."""
    return _model(verb, f"{verb.__name__}Body", base=Model, names=names)


def _convert(hint: Any, *, base: type[BaseModel]) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if hint in (None, NoneType):
        return None
    if origin in (Union, UnionType):
        return Union[tuple(_convert(arg, base=base) for arg in args)]  # noqa: UP007 - made at run time
    if is_dataclass(origin or hint):
        return _named(hint, base)
    if origin in (AbstractSequence, list):
        items: Any = list.__class_getitem__(_convert(args[0], base=base))
        return made_type(items, Field(max_length=ITEMS_MAX)) if base is Model else items
    if origin is tuple:
        return tuple[tuple(arg if arg is Ellipsis else _convert(arg, base=base) for arg in args)]  # type: ignore[misc]
    if origin in (AbstractMapping, dict):
        return dict[str, _convert(args[1], base=base)]  # type: ignore[misc]  # made at run time
    if isinstance(hint, NewType):
        return Identifier if base is Model else str
    return _scalar(hint, base)


def _scalar(hint: Any, base: type[BaseModel]) -> Any:
    if base is Model:
        return {int: Integer, str: Text, object: Any}.get(hint, hint)
    return Any if hint is object else hint


@remembered
def _named(hint: Any, base: type[BaseModel]) -> type[BaseModel]:
    made: Any = get_origin(hint) or hint
    parameters = "".join(getattr(arg, "__name__", "") for arg in get_args(hint))
    given = "Input" if base is Model and made in IN_AND_OUT else ""
    return _model(hint, f"{parameters}{made.__name__}{given}", base=base)


def _model(hint: Any, name: str, *, base: type[BaseModel], names: tuple[str, ...] | None = None) -> type[BaseModel]:
    made: Any = get_origin(hint) or hint
    types, notes = field_types(hint), attribute_notes(made)
    parts: dict[str, Any] = {}
    for f in fields(made):
        if names is None or f.name in names:
            parts[f.name] = (_convert(types[f.name], base=base), _field(f, notes.get(f.name), base))
    return create_model(name, __base__=base, __doc__=inspect.getdoc(made), **parts)


def _field(f: Any, note: str | None, base: type[BaseModel]) -> FieldInfo:
    said: dict[str, Any] = {"description": note} if note else {}
    if base is Shown:  # answers always say everything
        return Field(**said)  # type: ignore[no-any-return]  # pydantic's own looseness
    if f.default_factory is not MISSING:
        return Field(default_factory=f.default_factory, **said)  # type: ignore[no-any-return]
    if f.default is MISSING:
        return Field(**said)  # type: ignore[no-any-return]
    if is_dataclass(f.default):
        return Field(default_factory=input_type(type(f.default)), **said)  # type: ignore[no-any-return]
    return Field(default=_plain_default(f.default), **said)  # type: ignore[no-any-return]


def _plain_default(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def field_default(f: Any) -> Any:
    """A dataclass field's default, for a query parameter; `...` if it has none."""
    return ... if f.default is MISSING else _plain_default(f.default)


@remembered
def attribute_notes(made: type[Any]) -> Mapping[str, str]:
    """The strings that stand below a class's attributes, which say what their types do not."""
    return dict(_notes_in(_classes_in(made.__module__).get(made.__name__, ())))


@remembered
def _classes_in(module: str) -> Mapping[str, Sequence[ast.stmt]]:
    """The bodies of a module's classes: read once for all of them, which saves 0.1 s."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (OSError, TypeError, KeyError):
        return {}
    return {node.name: node.body for node in tree.body if isinstance(node, ast.ClassDef)}


def _notes_in(body: Sequence[ast.stmt]) -> list[tuple[str, str]]:
    found = []
    for attribute, below in pairwise(body):
        if (
            isinstance(attribute, ast.AnnAssign)
            and isinstance(attribute.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
            and isinstance(below.value.value, str)
        ):
            found.append((attribute.target.id, inspect.cleandoc(below.value.value)))
    return found


class ErrorFacts(BaseModel):
    """What went wrong."""

    type: str = Field(description="The class of the error in `penstock.core.errors`.", examples=["NotFound"])
    message: str = Field(
        description="What happened, to what, and what to do next.",
        examples=["No flow run is known as `018b`. List them with `penstock flow-run ls`."],
    )
    facts: dict[str, Any] = Field(description="The error's attributes, by class.", examples=[{"kind": "flow run"}])


class ErrorAnswer(BaseModel):
    """The body of every answer that is not a success."""

    error: ErrorFacts
