"""`@task`: an ordinary function whose calls are recorded, retried, cached and observed."""

from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from datetime import timedelta
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar, overload

from penstock.core.cache_policies import NO_CACHE, CachePolicy
from penstock.core.errors import InvalidDefinition
from penstock.core.retries import Delays
from penstock.core.triggers import When
from penstock.engine.annotations import unmapped
from penstock.engine.context import current_flow_run
from penstock.engine.options import TaskOptions
from penstock.sdk.declarations import (
    check_function,
    check_hooks,
    check_known,
    check_name,
    check_parameters,
    check_retry,
    check_shapes,
    check_tags,
    check_timeout,
    key_of,
    kind_of,
    name_of,
)
from penstock.sdk.travel import reduce

if TYPE_CHECKING:
    from penstock.engine.futures import Future, FutureList
    from penstock.engine.states import State

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

RESERVED = ("return_state", "wait_for")


class Task(Generic[P, R]):
    """A decorated function; call it inside a flow, or `.submit` or `.map` it. `.fn` is the function itself."""

    def __init__(self, options: TaskOptions):
        self.options = options
        update_wrapper(self, options.fn)

    @property
    def fn(self) -> Callable[P, R]:
        """The undecorated function: calling it records nothing."""
        return self.options.fn

    @property
    def name(self) -> str:
        """The task's name."""
        return self.options.name

    @property
    def description(self) -> str | None:
        """What the task does: what was declared, or the function's docstring."""
        return self.options.description

    @property
    def version(self) -> str | None:
        """The task's version, as declared."""
        return self.options.version

    @property
    def tags(self) -> frozenset[str]:
        """The task's own tags."""
        return self.options.tags

    # A keyword beside those of the function can only be typed by giving up the types of the others.

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...

    @overload
    def __call__(
        self: "Task[P, Coroutine[Any, Any, T]]", *args: Any, return_state: Literal[True], **kwargs: Any
    ) -> "Coroutine[Any, Any, State]": ...

    @overload
    def __call__(self, *args: Any, return_state: Literal[True], **kwargs: Any) -> "State": ...

    @overload
    def __call__(self, *args: Any, wait_for: Sequence[Any], **kwargs: Any) -> R: ...

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task here and return what it returns; with `return_state=True` its final state.

        `wait_for=[...]` names futures or states that must have ended well first. Raises what the function raises.
        """
        run = current_flow_run.get()
        try:
            if run is None:
                return _calls().call_alone(self, args, kwargs)
            return run.services.calls.call_task(run, self, args, kwargs)
        except Exception as error:
            from penstock.engine.tracebacks import trim  # lazy: when something failed

            trim(error)
            raise

    @overload
    def submit(
        self: "Task[P, Coroutine[Any, Any, T]]",
        *args: Any,
        wait_for: Sequence[Any] | None = None,
        return_state: Literal[False] = False,
        **kwargs: Any,
    ) -> "Future[T]": ...

    @overload
    def submit(
        self: "Task[P, Iterator[T]]",
        *args: Any,
        wait_for: Sequence[Any] | None = None,
        return_state: Literal[False] = False,
        **kwargs: Any,
    ) -> "Future[list[T]]": ...

    @overload
    def submit(
        self, *args: Any, wait_for: Sequence[Any] | None = None, return_state: Literal[False] = False, **kwargs: Any
    ) -> "Future[R]": ...

    @overload
    def submit(
        self, *args: Any, wait_for: Sequence[Any] | None = None, return_state: Literal[True], **kwargs: Any
    ) -> "State": ...

    def submit(
        self, *args: Any, wait_for: Sequence[Any] | None = None, return_state: bool = False, **kwargs: Any
    ) -> Any:
        """Begin the task in the flow's task runner and return a future at once.

        Futures among the arguments are dependencies: the task begins when they have ended, and gets their values.
        """
        run = current_flow_run.get()
        if run is None:
            raise _not_in_flow(self, "submit")
        return run.services.calls.submit_task(run, self, args, kwargs, wait_for=wait_for, return_state=return_state)

    @overload
    def map(
        self: "Task[P, Coroutine[Any, Any, T]]",
        *args: Any,
        wait_for: Sequence[Any] | None = None,
        return_state: Literal[False] = False,
        **kwargs: Any,
    ) -> "FutureList[T]": ...

    @overload
    def map(
        self: "Task[P, Iterator[T]]",
        *args: Any,
        wait_for: Sequence[Any] | None = None,
        return_state: Literal[False] = False,
        **kwargs: Any,
    ) -> "FutureList[list[T]]": ...

    @overload
    def map(
        self, *args: Any, wait_for: Sequence[Any] | None = None, return_state: Literal[False] = False, **kwargs: Any
    ) -> "FutureList[R]": ...

    @overload
    def map(
        self, *args: Any, wait_for: Sequence[Any] | None = None, return_state: Literal[True], **kwargs: Any
    ) -> "list[State]": ...

    def map(self, *args: Any, wait_for: Sequence[Any] | None = None, return_state: bool = False, **kwargs: Any) -> Any:
        """Submit one call for each item of the iterables given, and return the futures in order.

        All iterables must be of one length; `unmapped(value)` gives every call the whole value, and so does any value
        that is not iterable, or a text. A future among the arguments is waited for and its items are used.
        Raises `MappingMismatch`, naming the lengths.
        """
        run = current_flow_run.get()
        if run is None:
            raise _not_in_flow(self, "map")
        return run.services.calls.map_task(run, self, args, kwargs, wait_for=wait_for, return_state=return_state)

    def with_options(self, **options: Any) -> "Task[P, R]":
        """A copy of the task with other options, named as those of `@task`."""
        return Task(_with_options(self.options, options))

    # Decorated methods: the task knows its instance.

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> "Task[P, R]": ...

    @overload
    def __get__(self, instance: Any, owner: type | None = None) -> Any: ...

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        return BoundTask(self, instance)

    def __reduce__(self) -> str | tuple[Any, ...]:
        return reduce(self, Task, self.options)

    def __repr__(self) -> str:
        return f"<Task {self.name}>"

    # Hooks by decorator.

    def on_completion(self, hook: Callable[..., Any]) -> Callable[..., Any]:
        """Have `hook(task, run, state)` called when a run of this task completes."""
        return self._add_hook("on_completion", hook)

    def on_failure(self, hook: Callable[..., Any]) -> Callable[..., Any]:
        """Have `hook(task, run, state)` called when a run of this task fails."""
        return self._add_hook("on_failure", hook)

    def on_running(self, hook: Callable[..., Any]) -> Callable[..., Any]:
        """Have `hook(task, run, state)` called when an attempt of this task begins."""
        return self._add_hook("on_running", hook)

    def on_commit(self, hook: Callable[..., Any]) -> Callable[..., Any]:
        """Have `hook(transaction)` called when the transaction that this task ran in commits."""
        return self._add_hook("on_commit", hook)

    def on_rollback(self, hook: Callable[..., Any]) -> Callable[..., Any]:
        """Have `hook(transaction)` called when the transaction that this task ran in is rolled back."""
        return self._add_hook("on_rollback", hook)

    def _add_hook(self, name: str, hook: Callable[..., Any]) -> Callable[..., Any]:
        hooks = self.options.hooks
        self.options = replace(self.options, hooks=replace(hooks, **{name: (*getattr(hooks, name), hook)}))
        return hook


class BoundTask:
    """A task that is a method, with the instance that it was taken from."""

    def __init__(self, task: Task[Any, Any], instance: Any):
        self._task, self._instance = task, instance

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._task(self._instance, *args, **kwargs)

    def submit(self, *args: Any, **kwargs: Any) -> Any:  # what `Task.submit` returns
        """As `Task.submit`."""
        return self._task.submit(self._instance, *args, **kwargs)

    def map(self, *args: Any, **kwargs: Any) -> Any:  # what `Task.map` returns
        """As `Task.map`."""
        return self._task.map(unmapped(self._instance), *args, **kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        return BoundTask, (self._task, self._instance)

    def __getattr__(self, name: str) -> Any:
        if name == "fn":
            return partial(self._task.fn, self._instance)
        if name == "with_options":
            return lambda **options: BoundTask(self._task.with_options(**options), self._instance)
        return getattr(self._task, name)


@overload
def task(__fn: Callable[P, R]) -> Task[P, R]: ...


@overload
def task(
    __fn: Literal[None] = None,
    *,
    name: str | None = None,
    description: str | None = None,
    tags: Iterable[str] | None = None,
    version: str | None = None,
    cache_policy: CachePolicy | None = None,
    cache_key_fn: Callable[[Any, dict[str, Any]], str | None] | None = None,
    cache_expiration: timedelta | None = None,
    refresh_cache: bool = False,
    task_run_name: str | Callable[..., str] | None = None,
    retries: int | None = None,
    retry_delay_seconds: Delays | None = None,
    retry_jitter_factor: float | None = None,
    retry_condition_fn: Callable[[Any, Any, Any], bool] | None = None,
    persist_result: bool | None = None,
    result_storage: Any = None,
    result_storage_key: str | None = None,
    result_serializer: str | None = None,
    cache_result_in_memory: bool = True,
    timeout_seconds: float | None = None,
    log_prints: bool | None = None,
    on_running: Any = None,
    on_completion: Any = None,
    on_failure: Any = None,
    on_commit: Any = None,
    on_rollback: Any = None,
    when: str = "all_success",
    durability: str | None = None,
    isolation: str = "thread",
) -> Callable[[Callable[P, R]], Task[P, R]]: ...


def task(__fn: Any = None, **options: Any) -> Any:
    """Make a function a task.

    `retries`, `retry_delay_seconds` (a number, a list, or a callable such as `exponential_backoff(10)`),
    `retry_jitter_factor` and `retry_condition_fn(task, run, state)` say when it is tried again. `cache_policy` or
    `cache_key_fn` (such as `task_input_hash`) with `cache_expiration` let results be reused across runs.
    `when` is the trigger rule: all_success, all_done, one_failed or one_success. `isolation="process"` runs each call in
    a process of its own, which a time-out really kills. Options that make no sense raise `InvalidDefinition` here.

    >>> @task(retries=2, tags=["web"])
    ... def fetch(url: str) -> bytes: ...
    >>> fetch.name
    'fetch'
    """
    if __fn is None:
        return lambda fn: task(fn, **options)
    return Task(_make_options(check_function(__fn, decorator="task"), options))


_KNOWN = frozenset(f.name for f in fields(TaskOptions)) - {"fn", "kind", "key", "retry", "retries_said", "hooks"} | {
    "retries",
    "retry_delay_seconds",
    "retry_jitter_factor",
    "on_running",
    "on_completion",
    "on_failure",
    "on_commit",
    "on_rollback",
}


def _make_options(fn: Callable[..., Any], given: Mapping[str, Any]) -> TaskOptions:
    check_known(given, _KNOWN, decorator="task")
    check_shapes(given)
    check_parameters(fn, decorator="task", reserved=RESERVED)
    name = given.get("name")
    options = dict(given)
    base = TaskOptions(
        fn=fn,
        kind=kind_of(fn),
        key=key_of(fn),
        name=check_name(name_of(fn) if name is None else name, what="task"),
        description=given.get("description") or (getattr(fn, "__doc__", None) or "").strip() or None,
    )
    options.pop("name", None)
    options.pop("description", None)
    return _with_options(base, options)


def _with_options(base: TaskOptions, given: Mapping[str, Any]) -> TaskOptions:
    check_known(given, _KNOWN, decorator="task")
    check_shapes(given)
    changed = dict(given)
    if "name" in changed:
        changed["name"] = check_name(changed["name"], what="task")
    if "tags" in changed:
        changed["tags"] = check_tags(changed["tags"])
    if "timeout_seconds" in changed:
        changed["timeout_seconds"] = check_timeout(changed["timeout_seconds"])
    if "when" in changed:
        changed["when"] = _check_rule(changed["when"])
    if "cache_policy" in changed:
        policy = changed["cache_policy"]
        if policy is not None and not isinstance(policy, CachePolicy):
            raise InvalidDefinition(
                f"`cache_policy` must be made of INPUTS, TASK_SOURCE, RUN_ID, FLOW_PARAMETERS or NO_CACHE, got {policy!r:.100}."
            )
        changed["cache_policy"] = policy or NO_CACHE
    _take_retry(base, changed)
    _take_hooks(base, changed)
    return replace(base, **changed)


def _check_rule(when: Any) -> When:
    if when not in list(When):
        raise InvalidDefinition(f"`when` must be one of {', '.join(When)}; got {when!r}.")
    return When(when)


def _take_retry(base: TaskOptions, changed: dict[str, Any]) -> None:
    names = ("retries", "retry_delay_seconds", "retry_jitter_factor")
    if not any(name in changed for name in names):
        return
    policy = base.retry
    changed["retries_said"] = base.retries_said or changed.get("retries") is not None
    changed["retry"] = check_retry(
        changed.pop("retries", None),
        changed.pop("retry_delay_seconds", policy.delays or None),
        changed.pop("retry_jitter_factor", policy.jitter_factor),
        default=policy.retries,
    )


def _take_hooks(base: TaskOptions, changed: dict[str, Any]) -> None:
    names = ("on_running", "on_completion", "on_failure", "on_commit", "on_rollback")
    given = {name: changed.pop(name) for name in names if name in changed}
    if given:
        checked = check_hooks(**given)
        changed["hooks"] = replace(base.hooks, **{name: getattr(checked, name) for name in given})


def _calls() -> Any:
    from penstock.sdk import calls  # lazy: the engine and the store's client, 90 ms, at the first run

    return calls


def _not_in_flow(subject: Task[Any, Any], verb: str) -> InvalidDefinition:
    return InvalidDefinition(
        f"`{subject.name}.{verb}` begins a task run of the current flow run, and there is none. Call it inside a function decorated with @flow."
    )
