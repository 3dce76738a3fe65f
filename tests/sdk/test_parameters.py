"""A flow's parameters: coerced, checked, recorded, restored, and described as JSON Schema."""

import threading
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Optional
from uuid import UUID

import jsonschema
import pandas
import pytest
from pydantic import BaseModel, Field

from penstock import flow
from penstock.core.errors import ParameterInvalid, RunNotResumable
from penstock.testing import History

DATABASES = ("sqlite", "postgres")


class Color(Enum):
    GREEN = "green"
    YELLOW = "yellow"


class Window(BaseModel):
    start: date
    days: int = 1


@dataclass
class Source:
    url: str
    retries: int = 0


UUID_TEXT = "00000000-0000-0000-0000-000000000001"


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        (int, "3", 3),
        (float, 1, 1.0),
        (bool, "yes", True),
        (list[int], ("1", 2), [1, 2]),
        (tuple[int, ...], [1, "2"], (1, 2)),
        (set[str], ["a", "a"], {"a"}),
        (dict[str, int], {"a": "1"}, {"a": 1}),
        (date, "2020-04-01", date(2020, 4, 1)),
        (datetime, "2020-04-01T10:00:00", datetime(2020, 4, 1, 10)),
        (timedelta, "P1D", timedelta(days=1)),
        (Decimal, "1.10", Decimal("1.10")),
        (UUID, UUID_TEXT, UUID(UUID_TEXT)),
        (Path, "/a/b", Path("/a/b")),
        (Color, "green", Color.GREEN),
        (Literal["green", "yellow"], "yellow", "yellow"),
        (Window, {"start": "2020-04-01"}, Window(start=date(2020, 4, 1))),
        (Source, {"url": "u", "retries": "2"}, Source("u", 2)),
        (list[Window], [{"start": "2020-04-01", "days": "3"}], [Window(start=date(2020, 4, 1), days=3)]),
        (Optional[int], None, None),  # noqa: UP045  # as users write it
        (int | str, "x", "x"),
        (Annotated[int, Field(ge=0)], 5, 5),
        (Any, {1: 2}, {1: 2}),
    ],
)
def test_values_are_coerced_to_the_annotated_type(kind: Any, given: Any, expected: Any) -> None:
    def body(value: Any) -> None:
        got.append(value)

    got: list[Any] = []
    body.__annotations__["value"] = kind

    flow(body)(given)

    assert (type(expected), expected) == (type(got[0]), got[0])


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (int, "many"),
        (date, "yesterday"),
        (Literal["green", "yellow"], "blue"),
        (Color, "blue"),
        (Window, {"start": "never"}),
        (list[int], [1, "x"]),
        (Annotated[int, Field(ge=0)], -1),
        (int, None),
    ],
)
def test_a_value_that_does_not_fit_fails_the_run_before_its_code(kind: Any, given: Any, history: History) -> None:
    def body(value: Any) -> None:
        ran.append(value)

    ran: list[Any] = []
    body.__annotations__["value"] = kind

    with pytest.raises(ParameterInvalid) as caught:
        flow(body)(given)

    assert [] == ran
    assert ("Failed", "parameters_invalid") == (history.flow_run().state.name, history.flow_run().state.reason)
    assert "Running" not in history.state_names()
    name = caught.value.problems[0][0]
    assert name.startswith("value")


def test_the_message_names_parameter_value_and_expectation() -> None:
    @flow
    def body(months: list[int], color: str) -> None: ...

    with pytest.raises(ParameterInvalid) as caught:
        body([4, "may"], color=3)  # type: ignore[list-item,arg-type]  # the point

    message = str(caught.value)
    assert all(part in message for part in ("months[1]", "'may'", "color", "3", "integer", "string")), message


def test_defaults_varargs_and_keywords_arrive_as_they_would_in_a_plain_call(history: History) -> None:
    def body(a: int, /, b: int = 2, *rest: int, c: int = 3, **others: Any) -> Any:
        return a, b, rest, c, others

    for args, kwargs in [((1,), {}), ((1, 5, 6, 7), {"c": 8, "x": 9, "y": "z"}), ((1,), {"b": 4})]:
        assert body(*args, **kwargs) == flow(body)(*args, **kwargs)

    assert {"a": 1, "b": 4, "rest": [], "c": 3} == history.flow_run().parameters


def test_a_parameter_may_have_a_name_that_pydantic_keeps_for_itself() -> None:
    @flow
    def body(json: int, model_config: str, copy: bool, _private: int = 1, schema: Any = None) -> Any:
        return json, model_config, copy, _private, schema

    assert (1, "x", True, 1, None) == body("1", "x", "true")  # type: ignore[arg-type]  # coerced


def test_validation_can_be_left_out() -> None:
    @flow(validate_parameters=False)
    def body(n: int) -> Any:
        return n

    assert "text" == body("text")  # type: ignore[arg-type]  # the point


def test_instances_of_models_are_passed_on_as_they_are() -> None:
    window = Window(start=date(2020, 4, 1))

    @flow
    def body(value: Window) -> bool:
        return value is window

    assert body(window) is True


def test_annotations_as_text_and_unknown_ones_are_no_obstacle() -> None:
    def body(n: "int", frame: "pandas.DataFrame", other: "Nowhere" = None) -> Any:  # type: ignore[name-defined,assignment]  # noqa: F821
        return n

    def known(n: "int") -> Any:
        return n

    assert 3 == flow(known)("3")
    assert "3" == flow(body)("3", pandas.DataFrame())


def test_json_parameters_are_recorded_as_they_are(history: History) -> None:
    @flow
    def body(a: Any, b: Any, day: date, color: Color, window: Window, source: Source) -> None: ...

    body([1, {"x": None}], "ünï", date(2020, 4, 1), Color.GREEN, Window(start=date(2020, 4, 1)), Source("u"))

    assert {
        "a": [1, {"x": None}],
        "b": "ünï",
        "day": "2020-04-01",
        "color": "green",
        "window": {"start": "2020-04-01", "days": 1},
        "source": {"url": "u", "retries": 0},
    } == history.flow_run().parameters


@pytest.mark.parametrize(
    "value",
    [
        pandas.DataFrame({"secret": ["canary-1"]}),
        object(),
        threading.Lock(),
        b"canary-2",
        float("nan"),
        {1: "canary-3"},
        lambda: "canary-4",
        "canary-5" * 100_000,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_json_is_recorded_by_type_and_size_only(value: Any, history: History) -> None:
    @flow
    def body(value: Any) -> None: ...

    body(value)

    recorded = history.flow_run().parameters["value"]["$penstock"]
    assert f"{type(value).__module__}.{type(value).__qualname__}" == recorded["type"]
    assert "canary" not in str(history.flow_run().parameters)


def test_a_value_that_looks_like_our_own_mark_is_not_mistaken_for_one(history: History) -> None:
    tricky = {"$penstock": {"type": "x", "size": 1, "ref": "none"}}
    seen: list[Any] = []

    @flow
    def body(value: Any) -> None:
        seen.append(value)
        if len(seen) == 1:
            raise RuntimeError("first time")

    body(tricky, return_state=True)
    body.resume(history.flow_run().id)

    assert [tricky, tricky] == seen


@pytest.mark.parametrize(
    "value",
    [
        (1, 2),
        {3, 1},
        date(2020, 4, 1),
        datetime(2020, 4, 1, 10),
        timedelta(days=1),
        Decimal("1.10"),
        Path("/a"),
        Color.GREEN,
        Window(start=date(2020, 4, 1)),
        Source("u"),
        b"bytes",
        {1: "int key"},
        [1, (2, 3)],
        1.5,
        float("inf"),
        "text",
        None,
    ],
    ids=repr,
)
def test_a_resumed_run_gets_equal_values_of_equal_types_whatever_the_annotations(value: Any, history: History) -> None:
    seen: list[Any] = []

    @flow
    def body(plain, annotated: Any) -> None:  # type: ignore[no-untyped-def]  # the point
        seen.append((plain, annotated))
        if len(seen) == 1:
            raise RuntimeError("first time")

    body(value, annotated=value, return_state=True)
    body.resume(history.flow_run().id)

    assert seen[0] == seen[1]
    assert [type(v) for v in seen[0]] == [type(v) for v in seen[1]]
    assert repr(seen[0]) == repr(seen[1])


def test_frames_given_as_parameters_survive_a_resume(history: History) -> None:
    seen: list[Any] = []

    @flow
    def body(frame: pandas.DataFrame) -> None:
        seen.append(frame)
        if len(seen) == 1:
            raise RuntimeError("first time")

    body(pandas.DataFrame({"a": [1, 2]}), return_state=True)
    body.resume(history.flow_run().id)

    pandas.testing.assert_frame_equal(seen[0], seen[1])


def test_the_schema_describes_a_form() -> None:
    @flow
    def body(
        year: int,
        color: Literal["green", "yellow"] = "green",
        window: Window | None = None,
        anything: threading.Thread | None = None,  # what no form can show
        *more: int,
        flag: bool = False,
        **rest: Any,
    ) -> None: ...

    schema = body.parameters_schema()

    jsonschema.Draft202012Validator.check_schema(schema)
    assert ["year"] == schema["required"]
    assert ["year", "color", "window", "anything", "flag"] == list(schema["properties"])
    assert ["green", "yellow"] == schema["properties"]["color"]["enum"]
    assert schema["properties"]["flag"]["default"] is False
    jsonschema.validate({"year": 2020, "color": "green"}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"year": "x"}, schema)


def test_validate_parameters_checks_without_running() -> None:
    @flow
    def body(n: int, day: date = date(2020, 1, 1)) -> None: ...

    assert {"n": 3} == body.validate_parameters({"n": "3"})
    with pytest.raises(ParameterInvalid):
        body.validate_parameters({"n": "x"})
    with pytest.raises(ParameterInvalid):
        body.validate_parameters({})


def test_a_run_whose_parameter_could_not_be_kept_says_so_when_it_is_resumed(history: History) -> None:
    @flow
    def body(lock: Any) -> None:
        raise RuntimeError("first time")

    body(threading.Lock(), return_state=True)

    with pytest.raises(RunNotResumable, match="lock"):
        body.resume(history.flow_run().id)
    assert ("Failed", 1) == (history.flow_run().state.name, history.flow_run().epoch)


def test_parameters_are_restored_from_the_flows_own_storage(history: History, tmp_path: Path) -> None:
    seen: list[Any] = []

    @flow(result_storage=tmp_path)
    def body(value: Any) -> None:
        seen.append(value)
        if len(seen) == 1:
            raise RuntimeError("first time")

    body((1, 2), return_state=True)
    body.resume(history.flow_run().id)

    assert [(1, 2), (1, 2)] == seen


@pytest.mark.parametrize("text", ["\x00", "\ud800", "🚕", "\u2028"])
def test_any_text_can_be_a_parameter(text: str, history: History) -> None:
    seen: list[str] = []

    @flow
    def body(text: str) -> None:
        seen.append(text)
        if len(seen) == 1:
            raise RuntimeError("first time")

    body(text, return_state=True)
    body.resume(history.flow_run().id)

    assert [text, text] == seen


def test_a_validator_of_the_user_that_breaks_fails_the_run(history: History) -> None:
    from pydantic import BeforeValidator

    def breaks(value: Any) -> Any:
        raise RuntimeError("validator down")

    @flow
    def body(n: Annotated[int, BeforeValidator(breaks)]) -> None: ...

    with pytest.raises(RuntimeError, match="validator down"):
        body(1)
    assert "Failed" == history.flow_run().state.name
