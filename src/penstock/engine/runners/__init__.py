"""What runs submitted tasks: threads (the default), processes, or the caller itself."""

from typing import TYPE_CHECKING, Any, Protocol

from penstock.engine.futures import TaskFuture

if TYPE_CHECKING:
    from penstock.engine.runs import FlowRunContext


class Runner(Protocol):
    """A task runner at work for one flow run."""

    def enqueue(self, future: TaskFuture) -> None:
        """Take a call whose dependencies have all ended."""

    def run_here(self, future: TaskFuture) -> bool:
        """Run a call that nobody has begun in this thread, if that is this runner's way; tells whether it did."""

    def hurry(self) -> None:
        """Somebody waits."""

    def interrupt(self) -> None:
        """The run is being cancelled: end what runs."""

    def close(self) -> None:
        """The run has ended: let threads and processes go."""


class TaskRunner:
    """How a flow's submitted tasks are run; give one to `@flow(task_runner=...)`. Base of all task runners."""

    def start(self, run: "FlowRunContext") -> Runner:
        """Begin to work for a flow run."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it starts.")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"

    def __eq__(self, other: Any) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = object.__hash__
