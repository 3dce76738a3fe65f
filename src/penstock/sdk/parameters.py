"""A flow's parameters: coerced to the signature by pydantic, described as JSON Schema, written down as JSON."""

import json
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from penstock.core.errors import ParameterInvalid
from penstock.results.encoders import encode

PARAMETER_BYTES_MAX = 512 * 1024
MARK = "$penstock"
"""Key of what stands in a run's record for a parameter that is not JSON."""


class Signature:
    """The parameters of one function; pydantic's model of it is built at first use."""

    __slots__ = ("fn", "flow_name", "_model", "_plain")

    def __init__(self, fn: Callable[..., Any], flow_name: str):
        self.fn, self.flow_name = fn, flow_name
        self._model: Any = None
        code = getattr(fn, "__code__", None)
        annotations = dict(getattr(fn, "__annotations__", {}))
        annotations.pop("return", None)
        self._plain = code is not None and not annotations

    def validate(self, named: Mapping[str, Any]) -> dict[str, Any]:
        """Coerce values to the annotated types. Raises `ParameterInvalid`, naming each parameter that does not fit."""
        if self._plain or not named:
            return dict(named)
        from pydantic import ValidationError  # lazy: pydantic, 80 ms

        model = self._get_model()
        known = set(model.model_fields)
        try:
            checked = model.model_validate(
                {_alias(name): value for name, value in named.items() if _alias(name) in known}
            )
        except ValidationError as error:
            raise self._problems(error) from None
        coerced = {
            name: getattr(checked, _alias(name)) if _alias(name) in known else value for name, value in named.items()
        }
        return coerced

    def schema(self) -> dict[str, Any]:
        """The parameters as JSON Schema, for forms."""
        from pydantic.json_schema import GenerateJsonSchema  # lazy: pydantic, 80 ms

        class Lenient(GenerateJsonSchema):
            def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> Any:
                return {"title": "Any", "description": error_info}

        return self._get_model().model_json_schema(by_alias=True, schema_generator=Lenient)  # type: ignore[no-any-return]  # a schema

    def _get_model(self) -> Any:
        if self._model is None:
            self._model = _build_model(self.fn, self.flow_name)
        return self._model

    def _problems(self, error: Any) -> ParameterInvalid:
        problems = []
        for item in error.errors(include_url=False):
            where = [str(part) for part in item["loc"]]
            name = where[0].removeprefix("p_") + "".join(
                f"[{part}]" if part.isdigit() else f".{part}" for part in where[1:]
            )
            problems.append((name, _expectation(item), item["input"]))
        return ParameterInvalid(self.flow_name, problems)


def describe(parameters: Mapping[str, Any], put: Callable[[Any], str]) -> dict[str, Any]:
    """Parameters as they are recorded: JSON as it is; anything else as type and size, with the value kept by `put`."""
    return {name: _describe(value, put) for name, value in parameters.items()}


def restore(recorded: Mapping[str, Any], get: Callable[[str], Any]) -> dict[str, Any]:
    """The opposite: parameters from a run's record."""
    return {name: get(value[MARK]["ref"]) if _is_mark(value) else value for name, value in recorded.items()}


def _is_mark(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and MARK in value


def _describe(value: Any, put: Callable[[Any], str]) -> Any:
    encoded = None
    kind = type(value)
    if kind in (bool, int, type(None)):
        return value
    try:
        plain = _as_json(value)
        encoded = json.dumps(plain, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        pass
    else:
        if len(encoded) <= PARAMETER_BYTES_MAX and not _is_mark(plain):
            return plain
    size = len(encoded) if encoded is not None else _size_of(value)
    try:
        reference = put(value)
    except Exception:  # a lock, a socket: the run goes on, but cannot be resumed with this value
        reference = None
    return {MARK: {"type": f"{kind.__module__}.{kind.__qualname__}", "size": size, "ref": reference}}


def _as_json(value: Any) -> Any:
    """The value as JSON types, if it is made of what validation brings back from JSON. Raises `TypeError` otherwise."""
    kind = type(value)
    if kind in (str, int, bool, float, type(None)):
        return value
    if kind in (list, tuple):
        return [_as_json(item) for item in value]
    if kind is dict and all(type(key) is str for key in value):
        return {key: _as_json(item) for key, item in value.items()}
    if (
        kind.__module__ in ("datetime", "decimal", "uuid", "pathlib")
        or hasattr(kind, "_member_map_")
        or hasattr(kind, "model_fields")
        or hasattr(kind, "__dataclass_fields__")
    ):
        from pydantic_core import to_jsonable_python  # lazy: pydantic, 80 ms

        return to_jsonable_python(value)
    if kind in (set, frozenset):
        return sorted((_as_json(item) for item in value), key=repr)
    raise TypeError(kind)


def _size_of(value: Any) -> int | None:
    """The size in bytes, where it can be told without copying the value."""
    for attribute in ("nbytes", "__len__"):
        size = getattr(value, attribute, None)
        if callable(size):
            try:
                size = size()
            except Exception:  # a foreign object's own len
                return None
        if isinstance(size, int):
            return size
    try:
        return len(encode(value).data)
    except Exception:  # what cannot be written has no size
        return None


def _alias(name: str) -> str:
    """Field names for pydantic: parameters may be called `model_x`, `json` or `_y`, fields may not."""
    return f"p_{name}"


def _build_model(fn: Callable[..., Any], flow_name: str) -> Any:
    import inspect  # lazy: 8 ms

    from pydantic import ConfigDict, Field, create_model  # lazy: pydantic, 80 ms

    fields: dict[str, Any] = {}
    hints = _hints_of(fn)
    for name, parameter in inspect.signature(fn).parameters.items():
        if parameter.kind in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL):
            continue
        annotation = hints.get(name, parameter.annotation)
        if annotation is inspect.Parameter.empty or isinstance(annotation, str):
            annotation = Any
        default = ... if parameter.default is inspect.Parameter.empty else parameter.default
        fields[_alias(name)] = (annotation, Field(default=default, alias=None, serialization_alias=name, title=name))
    config = ConfigDict(arbitrary_types_allowed=True, protected_namespaces=(), revalidate_instances="never")
    return create_model(f"{flow_name} parameters", __config__=config, **fields)


def _hints_of(fn: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(fn, include_extras=True)
    except Exception:  # names known to type checkers only, such as those behind TYPE_CHECKING
        return {}


def _expectation(item: Mapping[str, Any]) -> str:
    message = str(item["msg"])
    message = message.removeprefix("Input ").removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
