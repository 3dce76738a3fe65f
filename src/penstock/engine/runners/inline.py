"""Submitted tasks run at once, in the caller's own thread, one after another."""

from typing import TYPE_CHECKING

from penstock.engine.execution import execute
from penstock.engine.futures import TaskFuture
from penstock.engine.runners import Runner, TaskRunner

if TYPE_CHECKING:
    from penstock.engine.runs import FlowRunContext


class InlineTaskRunner(TaskRunner):
    """Run submitted tasks one after another in the caller's thread: for debugging, and for what must not run in parallel."""

    def start(self, run: "FlowRunContext") -> Runner:
        return Inline()


SequentialTaskRunner = InlineTaskRunner


class Inline:
    """Runs each call when it is submitted."""

    def enqueue(self, future: TaskFuture) -> None:
        execute(future)

    def run_here(self, future: TaskFuture) -> bool:
        execute(future)
        return future.done()

    def hurry(self) -> None:
        """Everything submitted has ended."""

    def interrupt(self) -> None:
        """The caller's thread is interrupted itself."""

    def close(self) -> None:
        """Nothing is held."""
