"""A flow's parameters: coerced to the signature by pydantic, described as JSON Schema, written down as JSON."""

import json
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from penstock.core.errors import ParameterInvalid, PenstockError, RunNotResumable
from penstock.core.keys import write_exact
from penstock.results.encoders import encode

CO_VARARGS_FLAG, CO_VARKEYWORDS_FLAG = 0x04, 0x08
PARAMETER_BYTES_MAX = 512 * 1024
MARK = "$penstock"
"""Key of what stands in a run's record for a parameter that is not JSON."""


class Signature:
    """The parameters of one function; pydantic's model of it is built at first use."""

    __slots__ = ("fn", "flow_name", "validates", "_model", "_plain", "_rest", "_takes_any")

    def __init__(self, fn: Callable[..., Any], flow_name: str, *, validates: bool = True):
        self.fn, self.flow_name, self.validates = fn, flow_name, validates
        self._model: Any = None
        code = getattr(fn, "__code__", None)
        annotations = dict(getattr(fn, "__annotations__", {}))
        annotations.pop("return", None)
        self._plain = code is not None and not annotations
        self._takes_any = code is None or bool(code.co_flags & CO_VARKEYWORDS_FLAG)
        self._rest = ""  # the name of `*args`, if it takes any
        if code is not None and code.co_flags & CO_VARARGS_FLAG:
            self._rest = code.co_varnames[code.co_argcount + code.co_kwonlyargcount]

    def validate(self, named: Mapping[str, Any]) -> dict[str, Any]:
        """Coerce values to the annotated types. Raises `ParameterInvalid`, naming each parameter that does not fit."""
        if self._plain:
            return dict(named)
        from pydantic import ValidationError  # lazy: pydantic, 80 ms

        model = self._get_model()
        known = set(model.model_fields)
        try:
            checked = model.model_validate(dict(named))
        except ValidationError as error:
            raise self._problems(error) from None
        coerced = {
            name: getattr(checked, _alias(name)) if _alias(name) in known else value for name, value in named.items()
        }
        return coerced

    def describe(self, parameters: Mapping[str, Any], put: Callable[[Any], str]) -> dict[str, Any]:
        """Parameters as they are recorded, so that `restore` and validation bring back equal values.

        JSON is recorded as it is, and so is what validation turns into from JSON; anything else as type and size, with
        the value kept by `put`.
        """
        if self._rest in parameters:
            parameters = {**parameters, self._rest: list(parameters[self._rest])}
        plain = {name: _find_json(value) for name, value in parameters.items()}
        inexact = {name for name, found in plain.items() if found is not _NOT_JSON and not _is_json(parameters[name])}
        kept = {name for name, found in plain.items() if found is _NOT_JSON}
        if inexact:
            kept |= inexact - self._coming_back(parameters, {name: plain[name] for name in inexact})
        return {name: _mark(value, put) if name in kept else plain[name] for name, value in parameters.items()}

    def _coming_back(self, parameters: Mapping[str, Any], plain: Mapping[str, Any]) -> set[str]:
        """Which values validation brings back from their JSON forms, in value and type."""
        if not self.validates:
            return set()
        try:
            again = self.validate({**parameters, **plain})
        except Exception:  # a JSON form is no form that its type takes: the values are kept instead
            return set()
        return {
            name
            for name in plain
            if type(again[name]) is type(parameters[name])
            and write_exact(again[name]) == write_exact(parameters[name]) is not None
        }

    def schema(self) -> dict[str, Any]:
        """The parameters as JSON Schema, for forms."""
        from pydantic.json_schema import GenerateJsonSchema  # lazy: pydantic, 80 ms

        class Lenient(GenerateJsonSchema):
            def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> Any:
                return {"title": "Any", "description": error_info}

        schema: dict[str, Any] = self._get_model().model_json_schema(by_alias=True, schema_generator=Lenient)
        schema.get("properties", {}).pop(self._rest, None)  # no form asks for these
        if not self._takes_any:
            schema["additionalProperties"] = (
                False  # or a parameter whose name is mistyped would fail the run, much later
            )
        return schema

    def build(self) -> None:
        """Build now what the first validation would build: what is forked from here has it."""
        self._get_model()

    def _get_model(self) -> Any:
        if self._model is None:
            self._model = _build_model(self.fn, self.flow_name)
        return self._model

    def _problems(self, error: Any) -> ParameterInvalid:
        problems = []
        for item in error.errors(include_url=False):
            where = [str(part) for part in item["loc"]]
            name = where[0] + "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in where[1:])
            problems.append((name, _expectation(item), item["input"]))
        return ParameterInvalid(self.flow_name, problems)


def as_json_value(value: Any) -> Any:
    """A value as JSON types. Raises `TypeError` if it has no such form, or is too large to be recorded."""
    found = _find_json(value)
    if found is _NOT_JSON:
        raise TypeError(f"{type(value).__module__}.{type(value).__qualname__} is no JSON")
    return found


def restore(recorded: Mapping[str, Any], get: Callable[[str], Any]) -> dict[str, Any]:
    """The opposite: parameters from a run's record. Raises `RunNotResumable` for one that could not be kept."""
    return {name: _restore(name, value[MARK], get) if _is_mark(value) else value for name, value in recorded.items()}


def _restore(name: str, mark: Mapping[str, Any], get: Callable[[str], Any]) -> Any:
    reference = mark.get("ref")
    if reference is None:
        raise RunNotResumable(
            f"The parameter `{name}` ({mark.get('type', 'too large')}) could not be kept. Start the flow anew, with its value."
        )
    return get(reference)


def _is_mark(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and MARK in value


def _mark(value: Any, put: Callable[[Any], str]) -> dict[str, Any]:
    """What is recorded of a value that is kept elsewhere."""
    kind = type(value)
    try:
        reference = put(value)
    except PenstockError:  # a lock, a socket: the run goes on, but cannot be resumed with this value
        reference = None
    return {MARK: {"type": f"{kind.__module__}.{kind.__qualname__}", "size": _size_of(value), "ref": reference}}


_NOT_JSON = object()


def _find_json(value: Any) -> Any:
    """The value as JSON types, or `_NOT_JSON` if it has no such form, is too large, or looks like a mark of ours."""
    if type(value) in (bool, int, type(None)):
        return value
    try:
        plain = _as_json(value)
        text = json.dumps(plain, allow_nan=False, ensure_ascii=False)
        size = len(text.encode())  # raises for lone surrogates, which no database takes; nor does it NUL
    except (TypeError, ValueError, RecursionError):
        return _NOT_JSON
    return _NOT_JSON if size > PARAMETER_BYTES_MAX or "\\u0000" in text or _is_mark(plain) else plain


def _is_json(value: Any) -> bool:
    """Whether a value is made of JSON's own types, so that it comes back as it is."""
    kind = type(value)
    if kind is list:
        return all(map(_is_json, value))
    if kind is dict:
        return all(map(_is_json, value.values()))  # keys are texts: it has a JSON form
    return kind in (str, int, bool, float, type(None))


def _as_json(value: Any) -> Any:
    """The value as JSON types, if it is made of what validation brings back from JSON. Raises `TypeError` otherwise."""
    kind = type(value)
    if kind in (str, int, bool, float, type(None)):
        return value
    if kind in (list, tuple):
        return [_as_json(item) for item in value]
    if kind is dict and all(type(key) is str for key in value):
        return {key: _as_json(item) for key, item in value.items()}
    if hasattr(kind, "get_block_type_slug"):
        raise TypeError(kind)  # a block's secrets have no JSON form that comes back
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
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            continue
        annotation = hints.get(name, parameter.annotation)
        if annotation is inspect.Parameter.empty or isinstance(annotation, str):
            annotation = Any
        default = ... if parameter.default is inspect.Parameter.empty else parameter.default
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            annotation, default = tuple[annotation, ...], ()  # type: ignore[valid-type]  # for pydantic to read
        fields[_alias(name)] = (annotation, Field(default=default, alias=name, title=name))
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
