"""What runs submitted tasks."""

from penstock.engine.runners import TaskRunner
from penstock.engine.runners.inline import InlineTaskRunner, SequentialTaskRunner
from penstock.engine.runners.processes import ProcessPoolTaskRunner
from penstock.engine.runners.threads import ConcurrentTaskRunner, ThreadPoolTaskRunner

__all__ = [
    "ConcurrentTaskRunner",
    "InlineTaskRunner",
    "ProcessPoolTaskRunner",
    "SequentialTaskRunner",
    "TaskRunner",
    "ThreadPoolTaskRunner",
]
