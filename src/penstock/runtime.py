"""What is running here: `runtime.flow_run`, `runtime.task_run`."""

from penstock.sdk.runtime import flow_run, task_run

__all__ = ["flow_run", "task_run"]
