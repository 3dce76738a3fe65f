"""Templates in a schedule's parameters: `"{{ period.start.strftime('%Y-%m') }}"`.

They are jinja2's expressions, cut down to what a period needs: names, attributes, arithmetic, comparisons, a few filters
and the methods of dates. Whoever may write a schedule may not run code in the server or fill its memory: what is not
listed here is refused when the schedule is made, and jinja2's sandbox stands behind that.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from penstock.core.errors import TemplateInvalid
from penstock.core.wallclock import EPOCH_UTC, find_zone

if TYPE_CHECKING:
    from jinja2 import nodes
    from jinja2.sandbox import ImmutableSandboxedEnvironment

TEMPLATE_LENGTH_MAX = 2_000
OUTPUT_LENGTH_MAX = 64_000
DEPTH_MAX = 50
NUMBER_BITS_MAX = 1_024

NAMES = ("period", "scheduled_at", "deployment", "flow", "timedelta")
METHODS = frozenset(
    {"astimezone", "date", "isocalendar", "isoformat", "isoweekday", "replace", "strftime", "time", "timestamp"}
    | {"total_seconds", "toordinal", "weekday"}
)
FILTERS = frozenset({"abs", "default", "float", "int", "lower", "round", "string", "title", "trim", "upper"})


class Named(str):
    """A name that also answers to `.name`: `{{ flow }}` and `{{ flow.name }}` are the same."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """Itself."""
        return str(self)


@dataclass(frozen=True, slots=True)
class Period:
    """What a run stands for, in the schedule's zone; it starts when the period ends."""

    start: datetime
    end: datetime


def render(
    parameters: Mapping[str, Any],
    *,
    period_start: int,
    period_end: int,
    timezone: str,
    scheduled_at: int,
    deployment: str,
    flow: str,
) -> dict[str, Any]:
    """Fill in the templates of parameters, within lists and mappings as well. Texts without `{{` stay as they are.

    A template that is the whole text gives a value of its own type (4, not "4"); dates and times become ISO 8601 text,
    since parameters are JSON. Raises `TemplateInvalid`, naming the parameter.
    """
    zone = find_zone(timezone)

    def local(at: int) -> datetime:
        return (EPOCH_UTC + timedelta(microseconds=at)).astimezone(zone)

    known = {
        "period": Period(local(period_start), local(period_end)),
        "scheduled_at": local(scheduled_at),
        "deployment": Named(deployment),
        "flow": Named(flow),
        "timedelta": timedelta,
    }
    return {
        name: _walk(value, str(name), lambda text, path: _fill(text, path, known)) for name, value in parameters.items()
    }


def check_templates(parameters: Mapping[str, Any]) -> None:
    """Raise `TemplateInvalid` for templates that cannot be read, or that use more than templates may."""
    for name, value in parameters.items():
        _walk(value, str(name), _read)


def _walk(value: Any, path: str, each: Callable[[str, str], Any], depth: int = 0) -> Any:
    """Parameters are whatever JSON holds: Any."""
    if depth > DEPTH_MAX:
        raise TemplateInvalid(path[:200], "...", f"is nested more than {DEPTH_MAX} deep")
    if isinstance(value, str):
        return each(value, path) if "{{" in value else value
    if isinstance(value, Mapping):
        return {key: _walk(item, f"{path}.{key}", each, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_walk(item, f"{path}[{number}]", each, depth + 1) for number, item in enumerate(value)]
    return value


def _fill(text: str, path: str, known: Mapping[str, Any]) -> Any:
    template = _read(text, path)
    try:
        value = template(known)
    except Exception as error:  # whatever an expression raises: a name that is not there, a type that does not fit
        raise TemplateInvalid(path, text, f"failed: {_say(error)}") from error
    return _as_parameter(value, text, path)


def _as_parameter(value: Any, text: str, path: str) -> Any:
    if isinstance(value, date):  # datetimes as well
        return value.isoformat()
    if isinstance(value, str):
        if len(value) > OUTPUT_LENGTH_MAX:
            raise TemplateInvalid(path, text, f"gives more than {OUTPUT_LENGTH_MAX:,} characters")
        return str(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple) and all(isinstance(item, str | bool | int | float | None) for item in value):
        return list(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise TemplateInvalid(
        path, text, f"gives a {type(value).__name__}, which is no value of JSON; add `.start` or the like"
    )


def _read(text: str, path: str) -> Callable[[Mapping[str, Any]], Any]:
    """Compile a template. Raises `TemplateInvalid`."""
    from jinja2 import TemplateSyntaxError  # lazy: jinja2, 100 ms

    if len(text) > TEMPLATE_LENGTH_MAX:
        raise TemplateInvalid(path, text, f"is longer than {TEMPLATE_LENGTH_MAX:,} characters")
    try:
        return _compile(text)
    except TemplateSyntaxError as error:
        raise TemplateInvalid(path, text, f"cannot be read: {error.message}") from error
    except RecursionError as error:
        raise TemplateInvalid(path, text, "is nested too deep") from error
    except _Refused as error:
        raise TemplateInvalid(path, text, str(error)) from None


class _Refused(Exception):
    """A template uses what templates may not."""


@lru_cache(maxsize=1_024)
def _compile(text: str) -> Callable[[Mapping[str, Any]], Any]:
    environment = _environment()
    tree = environment.parse(text)
    _check_tree(tree)
    if _is_one_expression(tree, text):
        expression = environment.compile_expression(_inside(text), undefined_to_none=False)
        return lambda known: _defined(expression(**known))
    template = environment.from_string(text)
    return lambda known: template.render(**known)


def _inside(text: str) -> str:
    """What stands between the braces; `{{-` and `-}}` only say something about the blanks around."""
    inner = text.strip()[2:-2]
    inner = inner[1:] if inner[:1] in ("-", "+") else inner
    return inner[:-1] if inner[-1:] in ("-", "+") else inner


def _is_one_expression(tree: "nodes.Template", text: str) -> bool:
    from jinja2 import nodes  # lazy: jinja2, 100 ms

    body = tree.body
    stripped = text.strip()
    return (
        len(body) == 1
        and isinstance(body[0], nodes.Output)
        and len([node for node in body[0].nodes if not _is_blank(node)]) == 1
        and stripped.startswith("{{")
        and stripped.endswith("}}")
    )


def _is_blank(node: "nodes.Node") -> bool:
    from jinja2 import nodes  # lazy: jinja2, 100 ms

    return isinstance(node, nodes.TemplateData) and not node.data.strip()


def _check_tree(tree: "nodes.Template") -> None:
    """Let through what is listed; every other kind of node is refused by name."""
    from jinja2 import nodes  # lazy: jinja2, 100 ms

    plain = (
        nodes.Template, nodes.Output, nodes.TemplateData, nodes.Const, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div,
        nodes.FloorDiv, nodes.Mod, nodes.Neg, nodes.Pos, nodes.Not, nodes.And, nodes.Or, nodes.Compare, nodes.Operand,
        nodes.CondExpr, nodes.Concat, nodes.List, nodes.Tuple, nodes.Getitem, nodes.Keyword,
    )  # fmt: skip
    ahead: list[tuple[nodes.Node, bool]] = [(tree, False)]
    while ahead:
        node, is_called = ahead.pop()
        if isinstance(node, nodes.Name):
            if node.name not in NAMES:
                raise _Refused(f"asks for `{node.name}`; there are {', '.join(NAMES)}")
        elif isinstance(node, nodes.Getattr):
            if node.attr.startswith("_"):
                raise _Refused(f"asks for `{node.attr}`, which is private")
            if is_called and node.attr not in METHODS:
                raise _Refused(f"calls `{node.attr}`; there are {', '.join(sorted(METHODS))}")
        elif isinstance(node, nodes.Filter):
            if node.name not in FILTERS:
                raise _Refused(f"uses the filter `{node.name}`; there are {', '.join(sorted(FILTERS))}")
        elif isinstance(node, nodes.Call):
            is_timedelta = isinstance(node.node, nodes.Name) and node.node.name == "timedelta"
            if not is_timedelta and not isinstance(node.node, nodes.Getattr):
                raise _Refused("calls something that is no method of a date")
            if isinstance(node.node, nodes.Getattr) and node.node.attr == "replace" and (node.args or node.dyn_args):
                raise _Refused("calls `replace` other than with names, as in `.replace(day=1)`")
        elif not isinstance(node, plain):
            raise _Refused(f"uses `{type(node).__name__.lower()}`; only expressions in `{{{{ }}}}` can be used")
        called = node.node if isinstance(node, nodes.Call) else None
        ahead.extend((child, child is called) for child in node.iter_child_nodes())


@lru_cache(maxsize=1)
def _environment() -> "ImmutableSandboxedEnvironment":
    from jinja2 import StrictUndefined  # lazy: jinja2, 100 ms
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # lazy: jinja2, 100 ms

    class Environment(ImmutableSandboxedEnvironment):
        intercepted_binops = frozenset({"*", "%"})

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:  # Any: whatever is multiplied
            """Multiply numbers only: a text times a number could fill the memory."""
            numbers = (int, float, timedelta)
            if not isinstance(left, numbers) or not isinstance(right, numbers):
                raise TypeError(f"`{operator}` takes numbers")
            if any(isinstance(number, int) and number.bit_length() > NUMBER_BITS_MAX for number in (left, right)):
                raise OverflowError("a number is too large")
            return super().call_binop(context, operator, left, right)

    return Environment(undefined=StrictUndefined, autoescape=False, cache_size=0)


def _defined(value: Any) -> Any:
    """A missing attribute is an object of jinja2's that complains when it is used; use it."""
    from jinja2 import Undefined  # lazy: jinja2, 100 ms

    if isinstance(value, Undefined):
        str(value)
    return value


def _say(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return text.rstrip(".")
