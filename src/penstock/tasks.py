"""Tasks, and what goes with them."""

from penstock.core.retries import exponential_backoff
from penstock.engine.caching import task_input_hash
from penstock.sdk.tasks import Task, task

__all__ = ["Task", "exponential_backoff", "task", "task_input_hash"]
