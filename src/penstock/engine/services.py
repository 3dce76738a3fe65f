"""What a run's engine works with, built once a process by the composition root and handed down."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from penstock.engine.console import Console
from penstock.engine.gates import Flag
from penstock.engine.journal import Journal
from penstock.engine.options import TaskOptions
from penstock.ports import Clock, Orchestrator, Principal, ResultStore
from penstock.settings import Settings


@dataclass(slots=True)
class Services:
    """The ports of this process. `journal` and `results` belong to it alone."""

    settings: Settings
    orchestrator: Orchestrator
    journal: Journal
    results: ResultStore
    clock: Clock
    console: Console
    principal: Principal
    entropy: Callable[[int], bytes]
    chance: Callable[[], float]
    """A number in [0, 1), for jitter."""
    sleep: Callable[[float, Flag], bool] | None
    """Waits in place of the system's clock, in tests."""
    watch: Callable[[Any], Any]
    """Have somebody look whether a flow run is to stop; returns what ends the watch."""
    open_results: Callable[[Any, bool], ResultStore]
    """Open the result storage that a flow or task names (or none), one that brings each result to the disk if asked to."""
    default_runner: Any
    """The task runner of flows that name none."""
    calls: Any
    """The SDK's way of calling tasks, which `Task` finds here: so the engine loads with the first run only."""
    defined: dict[int, tuple[str, TaskOptions]] = field(default_factory=dict)
    """The tasks that this writer has described to the store, by the identity of their options."""
    unfinished: set[str] = field(default_factory=set)
    """The runs that this process has begun or taken over, and not ended."""
    lock: Lock = field(default_factory=Lock)
    after_run: Callable[[], None] = lambda: None
    """Called when a top-level run has ended and its record is in the store: tells whoever wants to know."""
