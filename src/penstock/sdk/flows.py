"""`@flow`: an ordinary function whose runs are recorded, validated, retried and can be resumed."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import fields, replace
from functools import update_wrapper
from types import MethodType
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar, Unpack, overload

from penstock.core.errors import InvalidDefinition
from penstock.core.retries import Delays
from penstock.engine.bindings import bind_arguments
from penstock.engine.options import FlowOptions
from penstock.loading import collecting_later
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
    entrypoint_of,
    kind_of,
    name_of,
)
from penstock.sdk.deployment_options import DeploymentOptions
from penstock.sdk.parameters import Signature
from penstock.sdk.travel import reduce

if TYPE_CHECKING:
    from penstock.deployments.deployment import Deployment
    from penstock.engine.states import State

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

RESERVED = ("return_state", "wait_for")


class Flow(Generic[P, R]):
    """A decorated function; call it to run it, here and now, recorded. `.fn` is the function itself."""

    def __init__(self, options: FlowOptions):
        self.options = options
        self.signature = Signature(options.fn, options.name, validates=options.validate_parameters)
        self._bound_signature: Signature | None = None
        self.source: Any = None
        """Where its code is fetched from, for a flow of `from_source`."""
        update_wrapper(self, options.fn)

    @property
    def fn(self) -> Callable[P, R]:
        """The undecorated function: calling it records nothing."""
        return self.options.fn

    @property
    def name(self) -> str:
        """The flow's name."""
        return self.options.name

    @property
    def description(self) -> str | None:
        """What the flow is for: what was declared, or the function's docstring."""
        return self.options.description

    @property
    def version(self) -> str | None:
        """The flow's version, as declared."""
        return self.options.version

    # A keyword beside those of the function can only be typed by giving up the types of the others.

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...

    @overload
    def __call__(
        self: "Flow[P, Coroutine[Any, Any, T]]", *args: Any, return_state: Literal[True], **kwargs: Any
    ) -> "Coroutine[Any, Any, State]": ...

    @overload
    def __call__(self, *args: Any, return_state: Literal[True], **kwargs: Any) -> "State": ...

    @overload
    def __call__(self, *args: Any, wait_for: Sequence[Any], **kwargs: Any) -> R: ...

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the flow here and return what it returns; with `return_state=True` its final state.

        Raises what the function raises, `ParameterInvalid` for values that do not fit the signature, `RunFailed` if
        tasks failed and the function returned nothing.
        """
        return_state = bool(kwargs.pop("return_state", False))
        wait_for: Any = kwargs.pop("wait_for", None)
        try:
            named = bind_arguments(self.fn, args, kwargs)
            return _launching().run_flow(self, named, wait_for=wait_for, return_state=return_state)
        except Exception as error:
            from penstock.engine.tracebacks import trim  # lazy: when something failed

            trim(error)
            raise

    def resume(self, run_id: str, *, allow_code_change: bool = False, return_state: bool = False) -> R:
        """Go on with a run of this flow that ended before it was complete, in a new epoch; `run_id` is its id or name.

        Calls whose record is complete return their recorded result; the rest runs. Raises `NotFound`, `Ambiguous`;
        `RunNotResumable` if the run is complete, still going on, of another flow, or of other code and
        `allow_code_change` is not set.
        """
        return _launching().resume_flow(self, run_id, allow_code_change=allow_code_change, return_state=return_state)  # type: ignore[no-any-return]  # R

    def with_options(self, **options: Any) -> "Flow[P, R]":
        """A copy of the flow with other options, named as those of `@flow`."""
        changed: Flow[P, R] = Flow(_with_options(self.options, options))
        changed.source = self.source
        return changed

    def to_deployment(self, name: str | None = None, **options: Unpack[DeploymentOptions]) -> "Deployment":
        """A deployment of this flow, for `penstock.serve` and `penstock.deploy`; named as the flow if no name is given.

        Raises `NotDeployable` for a flow that no file defines, `ParameterInvalid`, `ScheduleInvalid`.
        """
        from penstock.deployments.deploying import deployment_of  # lazy: schedules and schemas, 40 ms

        return deployment_of(self, name, options)

    def deploy(
        self,
        name: str,
        *,
        image: Any = None,
        build: bool = True,
        push: bool = True,
        **options: Unpack[DeploymentOptions],
    ) -> str:
        """Deploy this flow to a work pool (`work_pool_name`), and answer the deployment's id.

        `image` is the name of an image, or a `penstock.deployments.DockerImage`: it is built of this folder and pushed unless
        told otherwise. Raises as `to_deployment` does, `NotFound` for an unknown pool, `StepFailed`.
        """
        from penstock.deployments.publishing import deploy  # lazy: schedules and schemas, 40 ms

        made = self.to_deployment(name, **options)
        return deploy(made, image=image, build=build, push=push)[0]

    def serve(
        self,
        name: str | None = None,
        *,
        limit: int | None = 10,
        pause_on_shutdown: bool = False,
        print_starting_message: bool = True,
        **options: Unpack[DeploymentOptions],
    ) -> None:
        """Deploy this flow and run what is asked of it, here, until Ctrl-C; see `penstock.serve` for several.

        Each run has a process of its own, at most `limit` at once. Raises as `to_deployment` does.
        """
        from penstock.deployments.publishing import serve  # lazy: schedules and schemas, 40 ms

        serve(
            self.to_deployment(name, **options),
            limit=limit,
            pause_on_shutdown=pause_on_shutdown,
            print_starting_message=print_starting_message,
        )

    @classmethod
    def from_source(cls, source: Any, entrypoint: str) -> "Flow[Any, Any]":
        """Load a flow from where its code is kept: the URL of a git repository, a folder, a `GitRepository`, any `CodeStorage`.

        Its deployments fetch the code from there. Raises `CodeUnavailable`, `FlowNotLoadable`, `NotFound`.
        """
        from penstock.deployments.sources import load_from  # lazy: subprocess and more, 20 ms

        return load_from(source, entrypoint)

    def validate_parameters(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Coerce values by name to the flow's signature. Raises `ParameterInvalid`."""
        return self.signature.validate(parameters)

    def parameters_schema(self) -> dict[str, Any]:
        """The flow's parameters as JSON Schema."""
        return self.signature.schema()

    def __get__(self, instance: Any, owner: type | None = None) -> "Flow[Any, R]":
        """The flow as a method of an instance (or class), which is no parameter of it."""
        if instance is None:
            return self
        bound: Flow[Any, R] = Flow(replace(self.options, fn=MethodType(self.options.fn, instance)))
        if self._bound_signature is None:  # the same for all instances, and dear
            self._bound_signature = Signature(
                MethodType(self.options.fn, object()), self.name, validates=self.options.validate_parameters
            )
        bound.signature = self._bound_signature
        return bound

    def __reduce__(self) -> str | tuple[Any, ...]:
        return reduce(self, Flow, self.options)

    def __repr__(self) -> str:
        return f"<Flow {self.name}>"

    def on_completion(self, hook: Callable[..., Any]) -> Callable[..., Any]:
        """Have `hook(flow, run, state)` called when a run completes."""
        return self._add_hook("on_completion", hook)

    def on_failure(self, hook: Callable[..., Any]) -> Callable[..., Any]:
        """Have `hook(flow, run, state)` called when a run fails."""
        return self._add_hook("on_failure", hook)

    def on_cancellation(self, hook: Callable[..., Any]) -> Callable[..., Any]:
        """Have `hook(flow, run, state)` called when a run is cancelled."""
        return self._add_hook("on_cancellation", hook)

    def on_crashed(self, hook: Callable[..., Any]) -> Callable[..., Any]:
        """Have `hook(flow, run, state)` called when a run crashed."""
        return self._add_hook("on_crashed", hook)

    def on_running(self, hook: Callable[..., Any]) -> Callable[..., Any]:
        """Have `hook(flow, run, state)` called when a run begins."""
        return self._add_hook("on_running", hook)

    def _add_hook(self, name: str, hook: Callable[..., Any]) -> Callable[..., Any]:
        hooks = self.options.hooks
        self.options = replace(self.options, hooks=replace(hooks, **{name: (*getattr(hooks, name), hook)}))
        return hook


@overload
def flow(__fn: Callable[P, R]) -> Flow[P, R]: ...


@overload
def flow(
    __fn: Literal[None] = None,
    *,
    name: str | None = None,
    description: str | None = None,
    version: str | None = None,
    flow_run_name: str | Callable[..., str] | None = None,
    retries: int | None = None,
    retry_delay_seconds: Delays | None = None,
    retry_jitter_factor: float | None = None,
    timeout_seconds: float | None = None,
    validate_parameters: bool = True,
    task_runner: Any = None,
    persist_result: bool | None = None,
    result_storage: Any = None,
    result_serializer: str | None = None,
    cache_result_in_memory: bool = True,
    log_prints: bool | None = None,
    on_running: Any = None,
    on_completion: Any = None,
    on_failure: Any = None,
    on_cancellation: Any = None,
    on_crashed: Any = None,
    durability: str | None = None,
    tags: Sequence[str] | None = None,
) -> Callable[[Callable[P, R]], Flow[P, R]]: ...


def flow(__fn: Any = None, **options: Any) -> Any:
    """Make a function a flow.

    Parameters are validated and coerced by the signature's types. `retries` runs the function again in a new epoch:
    calls that completed return what they returned. `flow_run_name` is a template such as `"{color}-{year}"` or a
    callable. Options that make no sense raise `InvalidDefinition` here.

    >>> @flow(log_prints=True)
    ... def hello(name: str = "world") -> int:
    ...     return len(name)
    >>> hello.name
    'hello'
    """
    if __fn is None:
        return lambda fn: flow(fn, **options)
    fn = check_function(__fn, decorator="flow")
    check_shapes(options)
    check_parameters(fn, decorator="flow", reserved=RESERVED)
    kind = kind_of(fn)
    name = options.pop("name", None)
    description = options.pop("description", None) or (getattr(fn, "__doc__", None) or "").strip() or None
    base = FlowOptions(
        fn=fn,
        kind=kind,
        name=check_name(name_of(fn).replace("_", "-") if name is None else name, what="flow"),
        description=description,
        entrypoint=entrypoint_of(fn),
    )
    return Flow(_with_options(base, options))


flow.from_source = Flow.from_source  # type: ignore[attr-defined]  # Prefect's place for it; types are those of `Flow`


_KNOWN = frozenset(f.name for f in fields(FlowOptions)) - {
    "fn",
    "kind",
    "retry",
    "retries_said",
    "hooks",
    "entrypoint",
} | {
    "retries",
    "retry_delay_seconds",
    "retry_jitter_factor",
    "on_running",
    "on_completion",
    "on_failure",
    "on_cancellation",
    "on_crashed",
}
_HOOKS = ("on_running", "on_completion", "on_failure", "on_cancellation", "on_crashed")


def _with_options(base: FlowOptions, given: Mapping[str, Any]) -> FlowOptions:
    check_known(given, _KNOWN, decorator="flow")
    check_shapes(given)
    changed = dict(given)
    if "name" in changed:
        changed["name"] = check_name(changed["name"], what="flow")
    if "timeout_seconds" in changed:
        changed["timeout_seconds"] = check_timeout(changed["timeout_seconds"])
    if "tags" in changed:
        changed["tags"] = check_tags(changed["tags"])
    if "task_runner" in changed:
        changed["task_runner"] = _check_runner(changed["task_runner"])
    policy = base.retry
    if any(name in changed for name in ("retries", "retry_delay_seconds", "retry_jitter_factor")):
        changed["retries_said"] = base.retries_said or changed.get("retries") is not None
        changed["retry"] = check_retry(
            changed.pop("retries", None),
            changed.pop("retry_delay_seconds", policy.delays or None),
            changed.pop("retry_jitter_factor", policy.jitter_factor),
            default=policy.retries,
        )
    hooks = {name: changed.pop(name) for name in _HOOKS if name in changed}
    if hooks:
        checked = check_hooks(**hooks)
        changed["hooks"] = replace(base.hooks, **{name: getattr(checked, name) for name in hooks})
    return replace(base, **changed)


def _check_runner(runner: Any) -> Any:
    if runner is None:
        return None
    if isinstance(runner, type):
        runner = runner()
    if not hasattr(runner, "start"):
        raise InvalidDefinition(
            f"`task_runner` must be a task runner such as ThreadPoolTaskRunner(max_workers=8), got {runner!r:.100}."
        )
    return runner


def _launching() -> Any:
    with collecting_later():
        from penstock.sdk import launching  # lazy: the engine and the store's client, 90 ms, at the first run
    return launching
