"""Processes that a run's submitted tasks share: for work that holds the interpreter lock."""

import os
import threading
from typing import TYPE_CHECKING

from penstock.engine.execution import conclude
from penstock.engine.futures import TaskFuture
from penstock.engine.processes import Child, run_in_child
from penstock.engine.runners import Runner, TaskRunner
from penstock.engine.runners.threads import ThreadPool

if TYPE_CHECKING:
    from penstock.engine.runs import FlowRunContext


class ProcessPoolTaskRunner(TaskRunner):
    """Run submitted tasks in processes. `max_workers`: how many at once (the number of processors).

    Arguments and results travel between processes, so they must be picklable; functions of scripts and notebooks are.
    """

    def __init__(self, max_workers: int | None = None):
        self.max_workers = max_workers

    def start(self, run: "FlowRunContext") -> Runner:
        return ProcessPool(self.max_workers or os.cpu_count() or 1)


class ProcessPool(ThreadPool):
    """A pool of threads, each of which has a child process do its calls."""

    def __init__(self, max_workers: int):
        super().__init__(max_workers, at_once=max_workers)  # they do not take turns at one interpreter
        self._children: dict[int, Child] = {}

    def enqueue(self, future: TaskFuture) -> None:
        self.put(future)

    def run_here(self, future: TaskFuture) -> bool:
        return False

    def execute(self, future: TaskFuture) -> None:
        call = future.claim()
        if call is not None:
            conclude(future, call, lambda: run_in_child(self._child, call))

    def interrupt(self) -> None:
        for child in list(self._children.values()):
            child.kill()

    def thread_ends(self) -> None:
        child = self._children.pop(threading.get_ident(), None)
        if child is not None:
            child.close()

    def _child(self) -> Child:
        ident = threading.get_ident()
        child = self._children.get(ident)
        if child is None or not child.alive:
            child = self._children[ident] = Child()
        return child
