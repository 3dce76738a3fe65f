"""Penstock turns Python functions into data flows that can be scheduled, run, observed and trusted.

    from penstock import flow, task

Names load when first used, so that `import penstock` stays quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from penstock.loading import load_name

__version__ = "0.1.0"

_HOMES = {
    "flow": "penstock.sdk.flows",
    "Flow": "penstock.sdk.flows",
    "task": "penstock.sdk.tasks",
    "Task": "penstock.sdk.tasks",
    "State": "penstock.engine.states",
    "unmapped": "penstock.engine.annotations",
    "allow_failure": "penstock.engine.annotations",
    "quote": "penstock.engine.annotations",
    "opaque": "penstock.engine.annotations",
    "wait": "penstock.engine.futures",
    "as_completed": "penstock.engine.futures",
    "Skip": "penstock.engine.task_life",
    "task_input_hash": "penstock.engine.caching",
    "exponential_backoff": "penstock.core.retries",
    "PenstockError": "penstock.core.errors",
    "get_run_logger": "penstock.sdk.logging",
    "tags": "penstock.sdk.tagging",
    "deploy": "penstock.deployments.publishing",
    "serve": "penstock.workers.serving",
    "pause_flow_run": "penstock.sdk.pauses",
    "suspend_flow_run": "penstock.sdk.pauses",
    "resume_flow_run": "penstock.sdk.pauses",
    "Completed": "penstock.engine.states",
    "Failed": "penstock.engine.states",
    "Cancelled": "penstock.engine.states",
}

if TYPE_CHECKING:
    from penstock.core.errors import PenstockError as PenstockError
    from penstock.core.retries import exponential_backoff as exponential_backoff
    from penstock.deployments.publishing import deploy as deploy
    from penstock.engine.annotations import allow_failure as allow_failure
    from penstock.engine.annotations import opaque as opaque
    from penstock.engine.annotations import quote as quote
    from penstock.engine.annotations import unmapped as unmapped
    from penstock.engine.caching import task_input_hash as task_input_hash
    from penstock.engine.futures import as_completed as as_completed
    from penstock.engine.futures import wait as wait
    from penstock.engine.states import Cancelled as Cancelled
    from penstock.engine.states import Completed as Completed
    from penstock.engine.states import Failed as Failed
    from penstock.engine.states import State as State
    from penstock.engine.task_life import Skip as Skip
    from penstock.sdk.flows import Flow as Flow
    from penstock.sdk.flows import flow as flow
    from penstock.sdk.logging import get_run_logger as get_run_logger
    from penstock.sdk.pauses import pause_flow_run as pause_flow_run
    from penstock.sdk.pauses import resume_flow_run as resume_flow_run
    from penstock.sdk.pauses import suspend_flow_run as suspend_flow_run
    from penstock.sdk.tagging import tags as tags
    from penstock.sdk.tasks import Task as Task
    from penstock.sdk.tasks import task as task
    from penstock.workers.serving import serve as serve

_MODULES = frozenset(
    {
        "artifacts",
        "blocks",
        "cache_policies",
        "deployments",
        "errors",
        "flow_runs",
        "futures",
        "input",
        "lake",
        "logging",
        "runtime",
        "schedules",
        "states",
        "task_runners",
        "tasks",
        "testing",
        "transactions",
        "variables",
    }
)
"""Modules that `import penstock` offers as attributes, such as `penstock.runtime`."""

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"penstock.{name}")
    value = globals()[name] = load_name(__name__, _HOMES, name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
