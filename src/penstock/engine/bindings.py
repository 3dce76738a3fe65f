"""A call's arguments by name, and names made from them."""

from collections.abc import Callable, Mapping, Sequence
from string import Formatter
from typing import Any

from penstock.core.errors import InvalidDefinition, ParameterUnbound
from penstock.core.sizes import NAME_CHARACTERS_MAX


def bind_arguments(fn: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments by parameter name, defaults included. Raises `ParameterUnbound`, as Python would say it."""
    import inspect  # lazy: 8 ms, needed for templates, caches and flows only

    try:
        bound = inspect.signature(fn).bind(*args, **kwargs)
    except TypeError as error:
        raise ParameterUnbound(f"`{getattr(fn, '__qualname__', fn)}` cannot be called like this: {error}.") from None
    bound.apply_defaults()
    flat: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            flat.update(value)
        else:
            flat[name] = value
    return flat


def add_defaults(fn: Callable[..., Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """Values by name with the function's own defaults for those that are not given, in the function's order.

    >>> add_defaults(lambda a=1, b=2: 0, {"b": 3})
    {'a': 1, 'b': 3}
    """
    import inspect  # lazy: 8 ms, needed for flows only

    known = inspect.signature(fn).parameters.values()
    defaults = {one.name: one.default for one in known if one.default is not inspect.Parameter.empty}
    places = {one.name: place for place, one in enumerate(known)}
    return dict(sorted({**defaults, **named}.items(), key=lambda item: places.get(item[0], len(places))))


def spread_arguments(fn: Callable[..., Any], named: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """The opposite: positional and keyword arguments that call `fn` with values by name."""
    import inspect  # lazy: 8 ms, needed for flows only

    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    left = dict(named)
    positional_only_over = False
    for name, parameter in inspect.signature(fn).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            args.extend(left.pop(name, ()))
            positional_only_over = True
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
            continue
        elif name in left:
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY or positional_only_over:
                kwargs[name] = left.pop(name)
            else:
                args.append(left.pop(name))
    kwargs.update(left)
    return args, kwargs


def format_name(template: str | Callable[..., str], values: Mapping[str, Any], *, what: str) -> str:
    """Make a run's name from a template such as `"{color}-{month:02}"` or a callable.

    Raises `InvalidDefinition` if the template names what is no parameter.
    """
    if callable(template):
        try:
            name = template(parameters=values) if _takes_parameters(template) else template()
        except Exception as error:
            raise InvalidDefinition(f"The {what} could not be computed: {type(error).__name__}: {error}.") from error
    else:
        try:
            name = Formatter().vformat(template, (), {"parameters": values, **values})
        except (KeyError, IndexError, AttributeError, ValueError, TypeError) as error:
            known = ", ".join(values) or "none"
            raise InvalidDefinition(
                f"The {what}, {template!r}, cannot be filled in: {error!r}. Parameters: {known}."
            ) from error
    if not isinstance(name, str):
        raise InvalidDefinition(f"The {what} must be text, got {name!r}.")
    return name[:NAME_CHARACTERS_MAX]


def _takes_parameters(function: Callable[..., Any]) -> bool:
    import inspect  # lazy: 8 ms, needed for callables only

    try:
        return "parameters" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
