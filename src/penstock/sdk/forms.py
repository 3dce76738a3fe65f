"""What a run asks somebody for: a type, its JSON Schema for forms, and the answer as a value of the type."""

import json
from collections.abc import Mapping
from typing import Any

from penstock.core.errors import InvalidDefinition

VALUE = "value"
"""The field that an answer has whose type is no object: forms have fields."""


class Form:
    """The form of an answer. Raises `InvalidDefinition` for a type that has none.

    >>> form = Form(int)
    >>> form.schema["properties"]["value"]["type"], form.read({"value": 3})
    ('integer', 3)
    """

    def __init__(self, wanted: Any):
        from pydantic import PydanticUserError, TypeAdapter  # lazy: pydantic, 80 ms

        try:
            self._adapter: Any = TypeAdapter(wanted)
            schema: dict[str, Any] = self._adapter.json_schema(by_alias=True)
        except (PydanticUserError, TypeError, AttributeError) as error:
            raise InvalidDefinition(
                f"`wait_for_input` must be a type that a form can ask for (a pydantic model, a dataclass, int, str ...), "
                f"got {wanted!r:.200}: {error}."
            ) from error
        self._is_object = _is_object(schema)
        self.schema: Mapping[str, Any] = schema if self._is_object else _wrapped(schema)

    def read(self, answer: Any) -> Any:
        """The answer as a value of the type. Raises pydantic's `ValidationError` for what only the type itself refuses."""
        given = answer if self._is_object or not isinstance(answer, Mapping) else answer.get(VALUE)
        return self._adapter.validate_json(json.dumps(given))


def as_answer(given: Any) -> Any:
    """What is sent for a value that answers: a pydantic model or dataclass as its fields, all else as JSON has it."""
    if given is None or isinstance(given, str | int | float | bool | list | dict):
        return given
    from pydantic_core import to_jsonable_python  # lazy: pydantic, 80 ms

    return to_jsonable_python(given)


def fits_one_value(schema: Mapping[str, Any] | None) -> bool:
    """Whether a form asks for one value that is no object."""
    return schema is not None and list(schema.get("properties", {})) == [VALUE]


def _is_object(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") == "object" and "properties" in schema


def _wrapped(schema: dict[str, Any]) -> dict[str, Any]:
    definitions = schema.pop("$defs", None)
    whole: dict[str, Any] = {"type": "object", "properties": {VALUE: schema}, "required": [VALUE]}
    return whole if definitions is None else {**whole, "$defs": definitions}
