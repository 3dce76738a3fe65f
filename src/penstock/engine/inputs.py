"""The inputs of a call: which futures and states they hold, what these ended with, and what the function gets."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

from penstock.core.errors import InvalidDefinition
from penstock.core.keys import SCALARS
from penstock.core.triggers import Upstream
from penstock.engine.annotations import Annotation, allow_failure, quote
from penstock.engine.futures import Future, TaskFuture
from penstock.engine.states import State

if TYPE_CHECKING:
    from penstock.engine.runs import TaskCall

DEPTH_MAX = 100
"""Deeper than this nobody looks for futures."""
_CONTAINERS = frozenset({list, tuple, set, frozenset, dict})


def find_dependencies(value: Any) -> Iterator[tuple[TaskFuture | State, bool]]:
    """The futures and run states in a value, and whether their failure is allowed.

    However nested in lists, tuples, sets, dicts, dataclasses and pydantic models; `quote` hides what it holds.
    """
    return _walk(value, 0, False, set())


def _walk(value: Any, depth: int, tolerated: bool, seen: set[int]) -> Iterator[tuple[TaskFuture | State, bool]]:
    kind = type(value)
    if kind is Future or kind is State:
        yield value, tolerated
    elif isinstance(value, Annotation):
        if not isinstance(value, quote):
            yield from _walk(value.value, depth, tolerated or isinstance(value, allow_failure), seen)
    elif (items := _items_of(value)) is not None and depth < DEPTH_MAX and id(value) not in seen:
        seen.add(id(value))  # what holds itself ends here
        for item in items:
            if type(item) not in SCALARS:
                yield from _walk(item, depth + 1, tolerated, seen)


def _items_of(value: Any) -> Iterable[Any] | None:
    """What a container holds, or none for anything else."""
    kind = type(value)
    if kind in _CONTAINERS:
        return value.values() if kind is dict else value  # type: ignore[no-any-return]  # a container's items
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, list) or (isinstance(value, tuple) and hasattr(kind, "_fields")):
        return value
    return None if (names := _fields_of(kind)) is None else [getattr(value, name, None) for name in names]


def _fields_of(kind: type) -> Iterable[str] | None:
    """The fields of a dataclass or a pydantic model, told without importing either."""
    fields = getattr(kind, "__dataclass_fields__", None) or getattr(kind, "model_fields", None)
    return fields if isinstance(fields, dict) else None


def list_waits(wait_for: Any) -> list[Any] | None:
    """What a call is to wait for, as users give it: a future, a state, or an iterable of them. Raises `InvalidDefinition`."""
    if wait_for is None:
        return None
    if type(wait_for) is Future or type(wait_for) is State or isinstance(wait_for, Annotation):
        return [wait_for]
    if isinstance(wait_for, str) or not hasattr(wait_for, "__iter__"):
        raise InvalidDefinition(f"`wait_for` takes futures and states, got {wait_for!r:.100}.")
    return list(wait_for)


def is_plain(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Tell quickly that nothing among the arguments can hold a dependency."""
    for value in args:
        if type(value) not in SCALARS:
            return False
    return not kwargs or all(type(value) in SCALARS for value in kwargs.values())


def dependencies_of(call: "TaskCall") -> list[tuple[TaskFuture | State, bool]]:
    """Everything that a call depends on, each once, in order."""
    found: dict[int, tuple[TaskFuture | State, bool]] = {}
    for value in (*call.args, *call.kwargs.values()):
        if type(value) not in SCALARS:
            for dependency, tolerated in find_dependencies(value):
                found.setdefault(id(dependency), (dependency, tolerated))
    if call.wait_for:
        for dependency, tolerated in find_dependencies(call.wait_for):
            found.setdefault(id(dependency), (dependency, tolerated))
    return list(found.values())


def state_of(dependency: TaskFuture | State) -> State:
    """Where a dependency is."""
    return dependency.state if isinstance(dependency, Future) else dependency


def upstreams_of(dependencies: Sequence[tuple[TaskFuture | State, bool]]) -> list[Upstream]:
    """How the dependencies ended; all futures among them have."""
    upstreams = []
    for dependency, tolerated in dependencies:
        state = dependency.state if isinstance(dependency, Future) else dependency
        name = dependency.name if isinstance(dependency, Future) else (state.run_name or "an upstream run")
        upstreams.append(Upstream(name, state.type, state.name, tolerated))
    return upstreams


def ids_of(dependencies: Sequence[tuple[TaskFuture | State, bool]]) -> list[str]:
    """The runs that the dependencies stand for."""
    ids = (d.task_run_id if isinstance(d, Future) else d.run_id for d, _ in dependencies)
    return list(dict.fromkeys(i for i in ids if i is not None))


def resolve(value: Any) -> Any:
    """The value with futures and states replaced by what they ended with (an exception, for one that failed).

    What holds none is the very object that the caller passed.
    """
    return value if type(value) in SCALARS else _resolve(value, 0, {})


def _resolve(value: Any, depth: int, known: dict[int, Any]) -> Any:
    kind = type(value)
    if kind in SCALARS:
        return value
    if kind is Future:
        return value.state.result(raise_on_failure=False)
    if kind is State:
        return value.result(raise_on_failure=False)
    if isinstance(value, Annotation):
        return value.value if isinstance(value, quote) else _resolve(value.value, depth, known)
    items = _items_of(value)
    if items is None or depth >= DEPTH_MAX:
        return value
    if id(value) not in known:
        known[id(value)] = value  # for what holds itself
        held = list(items)
        resolved = [_resolve(item, depth + 1, known) for item in held]
        if any(new is not old for new, old in zip(resolved, held, strict=True)):
            known[id(value)] = _rebuild(value, kind, resolved)
    return known[id(value)]


def _rebuild(value: Any, kind: type, items: list[Any]) -> Any:
    """A container of the same kind that holds other items."""
    if kind is list or type(value).__name__ == "FutureList":
        return items
    if kind in (tuple, set, frozenset):
        return kind(items)
    if kind is dict:
        return dict(zip(value, items, strict=True))
    if isinstance(value, tuple):
        return kind(*items)
    if hasattr(kind, "model_fields"):
        return value.model_copy(update=dict(zip(kind.model_fields, items, strict=True)))
    fresh = copy(value)
    if isinstance(value, list):
        fresh[:] = items
    elif isinstance(value, dict):
        fresh.update(zip(value, items, strict=True))
    else:
        for name, item in zip(_fields_of(kind) or (), items, strict=True):
            object.__setattr__(fresh, name, item)  # also where it is frozen
    return fresh
