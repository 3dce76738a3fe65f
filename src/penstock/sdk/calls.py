"""Calling, submitting and mapping tasks inside a flow run, and calling one on its own.

Loads with the engine at the first run; `Task` finds it through the run's services.
"""

from collections.abc import Generator, Mapping, Sequence
from io import IOBase
from typing import TYPE_CHECKING, Any

from penstock.core.errors import InvalidDefinition, MappingMismatch
from penstock.engine.annotations import Annotation, unmapped
from penstock.engine.calls import make_call
from penstock.engine.context import current_task_run
from penstock.engine.execution import give_up, submit, wait_until_quiet
from penstock.engine.futures import FutureList, is_future
from penstock.engine.options import FlowOptions, Kind
from penstock.engine.programs import drive, drive_async, drive_stream, drive_stream_async, rename
from penstock.engine.runs import FlowRunContext, TaskCall
from penstock.engine.states import State
from penstock.engine.task_life import task_life
from penstock.engine.task_streams import task_stream_life
from penstock.sdk.flows import Flow
from penstock.sdk.transactions import commit_alone

if TYPE_CHECKING:
    from penstock.sdk.tasks import Task

__all__ = ["call_alone", "call_task", "commit_alone", "map_task", "submit_task"]

MAP_CALLS_MAX = 1_000_000


def call_task(run: FlowRunContext, subject: "Task[Any, Any]", args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Run a task here and return its value, or its state with `return_state=True`."""
    wait_for, return_state = (
        (kwargs.pop("wait_for", None), kwargs.pop("return_state", False)) if kwargs else (None, False)
    )
    options = subject.options
    call = make_call(run, options, args, kwargs, parent=current_task_run.get(), wait_for=wait_for)
    if options.kind is Kind.PLAIN:
        state = drive(task_life(call))
        return state if return_state else state.result()
    return _call_coloured(call, options.kind, return_state=bool(return_state))


def submit_task(
    run: FlowRunContext,
    subject: "Task[Any, Any]",
    args: Sequence[Any],
    kwargs: dict[str, Any],
    *,
    wait_for: Any,
    return_state: bool,
) -> Any:
    """Hand a call to the run's task runner and return its future, or its final state with `return_state`."""
    future = submit(make_call(run, subject.options, args, kwargs, parent=current_task_run.get(), wait_for=wait_for))
    return future.wait().state if return_state else future


def map_task(
    run: FlowRunContext,
    subject: "Task[Any, Any]",
    args: Sequence[Any],
    kwargs: dict[str, Any],
    *,
    wait_for: Any,
    return_state: bool,
) -> Any:
    """Submit one call for each item of the iterables among the arguments. Raises `MappingMismatch`."""
    parent, options = current_task_run.get(), subject.options
    names, columns, constant_args, constant_kwargs = _spread_iterables(subject, args, kwargs)
    futures: FutureList[Any] = FutureList()
    for row in zip(*columns, strict=True):
        call_args, call_kwargs = list(constant_args), dict(constant_kwargs)
        for name, value in zip(names, row, strict=True):
            if isinstance(name, int):
                call_args[name] = value
            else:
                call_kwargs[name] = value
        futures.append(submit(make_call(run, options, call_args, call_kwargs, parent=parent, wait_for=wait_for)))
    return [future.wait().state for future in futures] if return_state else futures


def end_within(call: "TaskCall") -> None:
    """A call's time is up: wait for what it called in the thread that was left behind, and give up what does not end."""
    wait_until_quiet(call.run, within=call, seconds=call.run.services.settings.cancel_grace_seconds)
    give_up(call.run, within=call)


def call_alone(subject: "Task[Any, Any]", args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Run a task that was called outside of any flow: as the only task of a flow run named for it."""
    kind = subject.options.kind
    if kind not in (Kind.PLAIN, Kind.COROUTINE):
        raise InvalidDefinition(
            f"`{subject.name}` is a generator task: iterate over it inside a function decorated with @flow, or call `{subject.name}.fn`."
        )
    return_state = bool(kwargs.pop("return_state", False))

    def body() -> Any:
        return subject(*args, **kwargs)

    async def body_async() -> Any:
        return await subject(*args, **kwargs)

    alone: Flow[Any, Any] = Flow(
        FlowOptions(fn=body if kind is Kind.PLAIN else body_async, kind=kind, name=subject.name)
    )
    return alone(return_state=return_state)


def _call_coloured(call: "TaskCall", kind: Kind, *, return_state: bool) -> Any:
    if kind is Kind.COROUTINE:
        return rename(_await_call(call, return_state=return_state), call.task.name)
    if kind is Kind.GENERATOR:
        return _iterate(call)
    return _iterate_async(call)


async def _await_call(call: "TaskCall", *, return_state: bool) -> Any:
    state = await drive_async(task_life(call))
    return state if return_state else state.result()


def _iterate(call: "TaskCall") -> Generator[Any, None, None]:
    state = yield from drive_stream(task_stream_life(call))
    _raise_unless_completed(state)


async def _iterate_async(call: "TaskCall") -> Any:
    ended: list[State] = []
    async for item in drive_stream_async(task_stream_life(call), ended.append):
        yield item
    _raise_unless_completed(ended[0])


def _raise_unless_completed(state: "State") -> None:
    if not state.is_completed():
        raise state.error()


def _spread_iterables(
    subject: "Task[Any, Any]", args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[list[int | str], list[list[Any]], list[Any], dict[str, Any]]:
    names: list[int | str] = []
    columns: list[list[Any]] = []
    constant_args: list[Any] = []
    constant_kwargs: dict[str, Any] = {}
    given: list[tuple[int | str, Any]] = [*enumerate(args), *kwargs.items()]
    for name, value in given:
        items = _items_of(value)
        if items is not None:
            names.append(name)
            columns.append(items)
        if isinstance(name, int):
            constant_args.append(None if items is not None else _constant(value))
        elif items is None:
            constant_kwargs[name] = _constant(value)
    if not columns:
        raise MappingMismatch(
            f"`{subject.name}.map` needs at least one iterable among its arguments; wrap only those in `unmapped` that every call shares."
        )
    lengths = {str(name): len(column) for name, column in zip(_parameter_names(subject, names), columns, strict=True)}
    if len(set(lengths.values())) > 1:
        raise MappingMismatch(
            f"`{subject.name}.map` got iterables of different lengths: {', '.join(f'{name} has {n:,}' for name, n in lengths.items())}. "
            "Wrap what every call shares in `unmapped`."
        )
    if len(columns[0]) > MAP_CALLS_MAX:
        raise MappingMismatch(
            f"`{subject.name}.map` got {len(columns[0]):,} items; one call maps at most {MAP_CALLS_MAX:,}. Map batches."
        )
    return names, columns, constant_args, constant_kwargs


def _items_of(value: Any) -> list[Any] | None:
    if isinstance(value, unmapped):
        return None
    if isinstance(value, Annotation):
        inner = _items_of(value.value)
        return None if inner is None else [type(value)(item) for item in inner]
    if is_future(value):
        return _items_of(value.result())
    return None if _is_one_value(value) else list(value)


def _is_one_value(value: Any) -> bool:
    """Whether every call gets the value whole: what is no collection of items to people, whatever Python can iterate over."""
    if isinstance(value, str | bytes | bytearray | Mapping | type | IOBase) or not hasattr(value, "__iter__"):
        return True
    kind = type(value)
    if kind.__module__.partition(".")[0] in ("pandas", "pyarrow", "polars"):
        return kind.__name__ in ("DataFrame", "Table", "LazyFrame")
    return hasattr(kind, "model_fields")  # a pydantic model


def _constant(value: Any) -> Any:
    return value.value if isinstance(value, unmapped) else value


def _parameter_names(subject: "Task[Any, Any]", names: Sequence[int | str]) -> list[str]:
    code = getattr(subject.fn, "__code__", None)
    known = code.co_varnames[: code.co_argcount] if code is not None else ()
    return [
        f"`{known[n]}`"
        if isinstance(n, int) and n < len(known)
        else f"`{n}`"
        if isinstance(n, str)
        else f"argument {n}"
        for n in names
    ]
