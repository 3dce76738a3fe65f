"""The inputs of a call: which futures and states they hold, what these ended with, and what the function gets."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from penstock.core.keys import SCALARS
from penstock.core.triggers import Upstream
from penstock.engine.annotations import Annotation, allow_failure, quote
from penstock.engine.futures import Future, TaskFuture
from penstock.engine.states import State

if TYPE_CHECKING:
    from penstock.engine.runs import TaskCall

DEPTH_MAX = 10
_CONTAINERS = frozenset({list, tuple, set, frozenset, dict})


def find_dependencies(value: Any, depth: int = 0, tolerated: bool = False) -> Iterator[tuple[TaskFuture | State, bool]]:
    """The futures and run states in a value, however nested in lists, tuples, sets and dicts; and whether their failure is allowed."""
    kind = type(value)
    if kind in SCALARS:
        return
    if kind is Future or kind is State:
        yield value, tolerated
    elif kind in _CONTAINERS:
        if depth < DEPTH_MAX:
            for item in value.values() if kind is dict else value:
                if type(item) not in SCALARS:
                    yield from find_dependencies(item, depth + 1, tolerated)
    elif isinstance(value, list):
        for item in value:
            yield from find_dependencies(item, depth + 1, tolerated)
    elif isinstance(value, Annotation) and not isinstance(value, quote):
        yield from find_dependencies(value.value, depth, tolerated or isinstance(value, allow_failure))


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
        for dependency, tolerated in find_dependencies(list(call.wait_for)):
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
        name = dependency.call.display_name if isinstance(dependency, Future) else (state.run_name or "an upstream run")
        upstreams.append(Upstream(name, state.type, state.name, tolerated))
    return upstreams


def ids_of(dependencies: Sequence[tuple[TaskFuture | State, bool]]) -> list[str]:
    """The runs that the dependencies stand for."""
    ids = (d.task_run_id if isinstance(d, Future) else d.run_id for d, _ in dependencies)
    return list(dict.fromkeys(i for i in ids if i is not None))


def resolve(value: Any, depth: int = 0) -> Any:
    """The value with futures and states replaced by what they ended with (an exception, for one that failed)."""
    kind = type(value)
    if kind in SCALARS:
        return value
    if kind is Future:
        return value.state.result(raise_on_failure=False)
    if kind is State:
        return value.result(raise_on_failure=False)
    if kind in _CONTAINERS:
        return _resolve_container(value, kind, depth) if depth < DEPTH_MAX else value
    if isinstance(value, Annotation):
        return value.value if isinstance(value, quote) else resolve(value.value, depth)
    if isinstance(value, list) and type(value).__name__ == "FutureList":
        return [resolve(item, depth + 1) for item in value]
    return value


def _resolve_container(value: Any, kind: type, depth: int) -> Any:
    if next(find_dependencies(value, depth), None) is None and not _holds_annotation(value, depth):
        return value  # the very object that the caller passed
    if kind is dict:
        return {key: resolve(item, depth + 1) for key, item in value.items()}
    return kind(resolve(item, depth + 1) for item in value)


def _holds_annotation(value: Any, depth: int) -> bool:
    for item in value.values() if type(value) is dict else value:
        if isinstance(item, Annotation):
            return True
        if type(item) in _CONTAINERS and depth < DEPTH_MAX and _holds_annotation(item, depth + 1):
            return True
    return False
