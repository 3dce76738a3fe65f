"""What does not fit a JSON Schema, said so that whoever gave the values can mend them. Nothing is fetched."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

Problem = tuple[str, str, object]
"""The name of a value, what is expected of it, and the value."""

PROBLEMS_MAX = 20
CHOICES_SHOWN_MAX = 20
SCHEMAS_KEPT = 500

_LIMITS: Mapping[str, str] = MappingProxyType(
    {
        "minimum": "must be at least {}",
        "maximum": "must be at most {}",
        "exclusiveMinimum": "must be more than {}",
        "exclusiveMaximum": "must be less than {}",
        "multipleOf": "must be a multiple of {}",
        "minLength": "must have at least {} characters",
        "maxLength": "must have at most {} characters",
        "minItems": "must have at least {} items",
        "maxItems": "must have at most {} items",
        "pattern": "must match the pattern {}",
        "const": "must be {!r}",
    }
)


class _Nothing:
    """What stands for a value that was not given."""

    def __repr__(self) -> str:
        return "nothing"


NOTHING = _Nothing()


def find_problems(schema: Mapping[str, Any], values: Any, *, partial: bool = False) -> list[Problem]:
    """Say what does not fit; with `partial`, what is missing is no problem.

    >>> schema = {"properties": {"month": {"type": "integer"}}, "required": ["month"]}
    >>> find_problems(schema, {"month": "april"})
    [('month', 'must be integer, not string', 'april')]
    >>> find_problems(schema, {})
    [('month', 'must be given (integer)', nothing)]
    """
    known = {name: value for name, value in schema.items() if name != "required"} if partial else schema
    problems: list[Problem] = []
    for error in _errors(_validator(json.dumps(known)), values):
        problems += _problems(error)
        if len(problems) >= PROBLEMS_MAX:
            break
    return problems[:PROBLEMS_MAX]


def check_schema(schema: Any) -> str | None:
    """Say what is wrong with a schema itself; none if nothing is.

    >>> check_schema({"type": "integer"})
    >>> check_schema({"type": "number!"})
    "at `type`: 'number!' is not valid under any of the given schemas"
    """
    from jsonschema import Draft202012Validator, SchemaError  # lazy: jsonschema, 60 ms
    from jsonschema.validators import validator_for  # lazy: jsonschema

    if not isinstance(schema, Mapping):
        return "it is no JSON object"
    try:
        validator_for(dict(schema), default=Draft202012Validator).check_schema(dict(schema))
    except SchemaError as error:
        return f"at `{_path(error.absolute_path) or '$'}`: {error.message[:300]}"
    return None


@lru_cache(maxsize=SCHEMAS_KEPT)
def _validator(text: str) -> "Validator":
    from jsonschema import Draft202012Validator  # lazy: jsonschema, 60 ms
    from jsonschema.validators import validator_for  # lazy: jsonschema
    from referencing import Registry  # lazy: jsonschema

    schema = json.loads(text)
    # A registry of nothing: what a schema refers to elsewhere is not fetched.
    made: Validator = validator_for(schema, default=Draft202012Validator)(schema, registry=Registry())
    return made


def _errors(validator: "Validator", values: Any) -> Iterator["ValidationError"]:
    from jsonschema import ValidationError  # lazy: jsonschema
    from referencing.exceptions import Unresolvable  # lazy: jsonschema

    try:
        yield from validator.iter_errors(values)
    except Unresolvable as error:
        yield ValidationError(f"the schema refers to {error.ref!r}, which it does not have", instance=values)


def _problems(error: "ValidationError") -> Iterable[Problem]:
    schema: Any = error.schema  # an object here: booleans have no rules that could be broken
    wanted: Any = error.validator_value
    if error.validator == "required" and isinstance(error.instance, Mapping):
        properties = schema.get("properties", {})
        for name in wanted:
            if name not in error.instance:
                yield _path([*error.absolute_path, name]), f"must be given{_kinds(properties.get(name))}", NOTHING
    elif error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        known = list(schema.get("properties", {}))
        for name in error.instance:
            if name not in known:
                yield (
                    _path([*error.absolute_path, name]),
                    f"is not known (known: {_listed(known)})",
                    error.instance[name],
                )
    else:
        yield _path(error.absolute_path) or "$", _expectation(error), error.instance


def _expectation(error: "ValidationError") -> str:
    rule = str(error.validator)
    wanted: Any = error.validator_value  # what the rule's keyword holds
    if rule == "type":
        return f"must be {_or(_types(error.schema))}, not {kind_of(error.instance)}"
    if rule == "enum":
        return f"must be one of {_listed(wanted)}"
    if rule in _LIMITS:
        return _LIMITS[rule].format(wanted)
    if rule in ("anyOf", "oneOf"):
        kinds = [kind for branch in wanted for kind in _types(branch)]
        if kinds and kind_of(error.instance) not in kinds and all(_types(branch) for branch in wanted):
            return f"must be {_or(kinds)}, not {kind_of(error.instance)}"
        deeper = [inner for inner in error.context or () if inner.validator != "type"]
        if deeper:
            place = _path(deeper[0].relative_path)
            return f"{_expectation(deeper[0])}{f' at `{place}`' if place else ''}"
    return f"does not fit: {error.message[:300]}"


def kind_of(value: Any) -> str:
    """The name that JSON Schema has for a value's type.

    >>> kind_of(True), kind_of(1.5), kind_of(None)
    ('boolean', 'number', 'null')
    """
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case Mapping():
            return "object"
        case list() | tuple():
            return "array"
    return type(value).__name__


def _types(schema: Any) -> list[str]:
    said = schema.get("type") if isinstance(schema, Mapping) else None
    return [said] if isinstance(said, str) else list(said or ())


def _kinds(schema: Any) -> str:
    branches = [schema, *(schema or {}).get("anyOf", ())] if isinstance(schema, Mapping) else []
    kinds = [kind for branch in branches for kind in _types(branch)]
    return f" ({_or(kinds)})" if kinds else ""


def _or(kinds: Sequence[str]) -> str:
    return " or ".join(dict.fromkeys(kinds))


def _listed(values: Sequence[Any]) -> str:
    shown = ", ".join(f"`{value}`" for value in values[:CHOICES_SHOWN_MAX])
    return f"{shown}, ..." if len(values) > CHOICES_SHOWN_MAX else shown or "none"


def _path(parts: Iterable[Any]) -> str:
    path = ""
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path
