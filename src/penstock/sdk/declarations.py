"""Checks that flows and tasks share when a function is decorated: mistakes are told where they are made."""

import os
import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any

from penstock.core.errors import InvalidDefinition, ReservedParameter
from penstock.core.retries import Delays, RetryPolicy
from penstock.core.sizes import NAME_CHARACTERS_MAX
from penstock.engine.options import Hooks, Kind

CO_VARARGS_FLAG, CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR = 0x04, 0x20, 0x80, 0x200
TAGS_MAX = 100


def check_function(fn: Any, *, decorator: str) -> Callable[..., Any]:
    """Check that a function can be decorated. Raises `InvalidDefinition`."""
    if isinstance(fn, staticmethod | classmethod):
        raise InvalidDefinition(
            f"Put @{type(fn).__name__} above @{decorator}, so that it wraps the decorated function."
        )
    if hasattr(fn, "options") and hasattr(fn, "fn"):
        raise InvalidDefinition(f"{fn!r} is decorated already; write one of @flow and @task, once.")
    if not callable(fn):
        raise InvalidDefinition(f"@{decorator} decorates functions, not {fn!r:.100}.")
    if isinstance(fn, type):
        raise InvalidDefinition(f"@{decorator} decorates functions; `{fn.__qualname__}` is a class.")
    return fn  # type: ignore[no-any-return]  # a callable, as just checked


def check_parameters(fn: Callable[..., Any], *, decorator: str, reserved: Iterable[str]) -> None:
    """Refuse parameters whose names Penstock needs for calls. Raises `ReservedParameter`."""
    code = getattr(fn, "__code__", None)
    if code is None:
        return
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    for name in reserved:
        if name in names:
            raise ReservedParameter(
                f"`{name_of(fn)}` has a parameter called `{name}`, which every @{decorator} call takes itself. Rename it."
            )


def kind_of(fn: Callable[..., Any]) -> Kind:
    """The colour of a function; wrappers such as `functools.partial` are looked through."""
    inner = fn
    while True:
        unwrapped = (
            getattr(inner, "func", None)
            if type(inner).__name__ in ("partial", "partialmethod")
            else getattr(inner, "__wrapped__", None)
        )
        if unwrapped is None:
            break
        inner = unwrapped
    code = getattr(inner, "__code__", None) or getattr(vars(type(inner)).get("__call__"), "__code__", None)
    flags = code.co_flags if code is not None else 0
    if flags & CO_ASYNC_GENERATOR:
        return Kind.ASYNC_GENERATOR
    if flags & CO_COROUTINE:
        return Kind.COROUTINE
    if flags & CO_GENERATOR:
        return Kind.GENERATOR
    return Kind.PLAIN


def name_of(fn: Callable[..., Any]) -> str:
    """A function's own name; a lambda's is `lambda`."""
    name = getattr(fn, "__name__", None) or getattr(getattr(fn, "func", None), "__name__", None) or type(fn).__name__
    return "lambda" if name == "<lambda>" else str(name)


def key_of(fn: Callable[..., Any]) -> str:
    """The name that identifies a function across runs: its module and qualified name; a script's module is its file's stem."""
    module = getattr(fn, "__module__", None) or "builtins"
    if module == "__main__":
        main = sys.modules.get("__main__")
        path = getattr(main, "__file__", None)
        module = os.path.splitext(os.path.basename(path))[0] if path else "__main__"
    return f"{module}.{getattr(fn, '__qualname__', name_of(fn))}"


def check_name(name: Any, *, what: str) -> str:
    """Check a name. Raises `InvalidDefinition`."""
    if not isinstance(name, str) or not name.strip():
        raise InvalidDefinition(f"The name of a {what} must be text that is not empty, got {name!r}.")
    if len(name) > NAME_CHARACTERS_MAX:
        raise InvalidDefinition(
            f"The name of a {what} may have {NAME_CHARACTERS_MAX} characters at most, got {len(name):,}."
        )
    if what == "flow" and re.search(r"[/%\x00-\x1f]", name):
        raise InvalidDefinition(f"The name of a flow may not contain `/`, `%` or control characters, got {name!r}.")
    return name


def check_tags(tags: Iterable[str] | None) -> frozenset[str]:
    """Check tags. Raises `InvalidDefinition`."""
    if isinstance(tags, str):
        raise InvalidDefinition(f"`tags` must be a list of texts; write [{tags!r}].")
    checked = frozenset(tags or ())
    if any(not isinstance(tag, str) or not tag for tag in checked) or len(checked) > TAGS_MAX:
        raise InvalidDefinition(
            f"`tags` must be at most {TAGS_MAX} texts that are not empty, got {sorted(map(repr, checked))[:5]}."
        )
    return checked


def check_timeout(seconds: Any) -> float | None:
    """Check a time-out. Raises `InvalidDefinition`."""
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds <= 0:
        raise InvalidDefinition(f"`timeout_seconds` must be a number of seconds above 0, got {seconds!r}.")
    return float(seconds)


_SHAPES: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(
        ("persist_result", "log_prints"), ("true, false or None", lambda v: v is None or isinstance(v, bool))
    ),
    **dict.fromkeys(
        ("cache_result_in_memory", "refresh_cache", "validate_parameters"),
        ("true or false", lambda v: isinstance(v, bool)),
    ),
    **dict.fromkeys(
        ("version", "description", "result_storage_key"), ("text or None", lambda v: v is None or isinstance(v, str))
    ),
    **dict.fromkeys(("cache_key_fn", "retry_condition_fn"), ("a function or None", lambda v: v is None or callable(v))),
    **dict.fromkeys(
        ("flow_run_name", "task_run_name"),
        ("a template or a function", lambda v: v is None or isinstance(v, str) or callable(v)),
    ),
    "cache_expiration": (
        "a timedelta above 0, such as timedelta(days=1)",
        lambda v: v is None or (isinstance(v, timedelta) and v > timedelta()),
    ),
    "durability": ("batched or strict", lambda v: v in (None, "batched", "strict")),
    "isolation": ("thread or process", lambda v: v in ("thread", "process")),
    "result_serializer": (
        "json, pickle, compressed/json or compressed/pickle",
        lambda v: v in (None, "json", "pickle", "compressed/json", "compressed/pickle"),
    ),
}


def check_known(given: Iterable[str], known: Collection[str], *, decorator: str) -> None:
    """Refuse options that the decorator does not have. Raises `InvalidDefinition`."""
    unknown = sorted(set(given) - set(known))
    if not unknown:
        return
    from difflib import get_close_matches  # lazy: for a mistake only

    near = get_close_matches(unknown[0], known, n=1)
    hint = f" Did you mean `{near[0]}`?" if near else ""
    raise InvalidDefinition(f"@{decorator} has no option `{unknown[0]}`.{hint} It has: {', '.join(sorted(known))}.")


def check_shapes(given: Mapping[str, Any]) -> None:
    """Check the options whose values are of a few kinds only. Raises `InvalidDefinition`."""
    for name, value in given.items():
        expected, fits = _SHAPES.get(name, ("", lambda _: True))
        if not fits(value):
            raise InvalidDefinition(f"`{name}` must be {expected}, got {value!r:.100}.")


def check_hooks(**given: Any) -> Hooks:
    """Check hooks: each a callable or a list of them. Raises `InvalidDefinition`."""
    checked: dict[str, tuple[Any, ...]] = {}
    for name, hooks in given.items():
        listed = () if hooks is None else tuple(hooks) if isinstance(hooks, list | tuple) else (hooks,)
        for hook in listed:
            if not callable(hook):
                raise InvalidDefinition(f"`{name}` takes functions, got {hook!r:.100}.")
        checked[name] = listed
    return Hooks(**checked)


def check_retry(retries: int | None, delays: Delays | None, jitter: float | None, *, default: int) -> RetryPolicy:
    """Check the retry options. Raises `InvalidDefinition`."""
    return RetryPolicy.of(retries=default if retries is None else retries, delays=delays, jitter_factor=jitter)


def entrypoint_of(fn: Callable[..., Any]) -> str | None:
    """Where a flow can be loaded from again: `path/to/file.py:name`, or none for notebooks, shells and local functions."""
    code = getattr(fn, "__code__", None)
    qualname = getattr(fn, "__qualname__", "")
    if code is None or "<" in qualname or not os.path.isfile(code.co_filename):
        return None
    return f"{os.path.abspath(code.co_filename)}:{qualname}"
