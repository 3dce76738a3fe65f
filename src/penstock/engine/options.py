"""What users declared of a task or flow, checked once at decoration."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from penstock.core.cache_policies import NO_CACHE, CachePolicy
from penstock.core.retries import RetryPolicy
from penstock.core.triggers import When


class Kind(StrEnum):
    """The colour of the user's function."""

    PLAIN = "plain"
    COROUTINE = "coroutine"
    GENERATOR = "generator"
    ASYNC_GENERATOR = "async_generator"


Hook = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Functions that users want called when a run enters a state: `hook(flow_or_task, run, state)`."""

    on_running: tuple[Hook, ...] = ()
    on_completion: tuple[Hook, ...] = ()
    on_failure: tuple[Hook, ...] = ()
    on_cancellation: tuple[Hook, ...] = ()
    on_crashed: tuple[Hook, ...] = ()
    on_rollback: tuple[Hook, ...] = ()
    on_commit: tuple[Hook, ...] = ()

    def any(self) -> bool:
        """Tell whether there is any hook at all."""
        return bool(
            self.on_running
            or self.on_completion
            or self.on_failure
            or self.on_cancellation
            or self.on_crashed
            or self.on_rollback
            or self.on_commit
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOptions:
    """Everything that a task was declared with."""

    fn: Callable[..., Any]
    kind: Kind
    key: str
    name: str
    description: str | None = None
    version: str | None = None
    tags: frozenset[str] = frozenset()
    cache_policy: CachePolicy = NO_CACHE
    cache_key_fn: Callable[[Any, dict[str, Any]], str | None] | None = None
    cache_expiration: timedelta | None = None
    refresh_cache: bool = False
    task_run_name: str | Callable[[], str] | None = None
    retry: RetryPolicy = RetryPolicy()
    retries_said: bool = False
    """Whether `retries` was given; else the settings have a say."""
    retry_condition_fn: Callable[[Any, Any, Any], bool] | None = None
    persist_result: bool | None = None
    result_storage: Any = None
    result_storage_key: str | None = None
    result_serializer: str | None = None
    cache_result_in_memory: bool = True
    timeout_seconds: float | None = None
    log_prints: bool | None = None
    hooks: Hooks = Hooks()
    when: When = When.ALL_SUCCESS
    durability: str | None = None
    isolation: str = "thread"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowOptions:
    """Everything that a flow was declared with."""

    fn: Callable[..., Any]
    kind: Kind
    name: str
    description: str | None = None
    version: str | None = None
    flow_run_name: str | Callable[[], str] | None = None
    retry: RetryPolicy = RetryPolicy()
    retries_said: bool = False
    timeout_seconds: float | None = None
    validate_parameters: bool = True
    task_runner: Any = None
    persist_result: bool | None = None
    result_storage: Any = None
    result_serializer: str | None = None
    cache_result_in_memory: bool = True
    log_prints: bool | None = None
    hooks: Hooks = Hooks()
    durability: str | None = None
    tags: frozenset[str] = frozenset()
    entrypoint: str | None = None


def effective_retry(options: TaskOptions | FlowOptions, *, retries: int, delay_seconds: float = 0.0) -> RetryPolicy:
    """The retry policy as it was declared, completed by defaults for what was not."""
    policy = options.retry
    delays = policy.delays or ((delay_seconds,) if delay_seconds else ())
    return RetryPolicy(policy.retries if options.retries_said else retries, delays, policy.jitter_factor)
