"""What a command works with: its terminal, the settings, and the orchestrator, each made when it is first needed."""

import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import click

from penstock.cli.output import Terminal
from penstock.core.errors import PenstockError

if TYPE_CHECKING:
    from penstock.ports import Orchestrator, Page, Principal, Request, ResultStore
    from penstock.settings import Settings

R = TypeVar("R")


class Session:
    """One invocation of the command line."""

    def __init__(self, terminal: Terminal):
        self.terminal = terminal
        self._orchestrator: Orchestrator | None = None
        self._principal: Principal | None = None

    @property
    def settings(self) -> "Settings":
        """The settings of this process."""
        from penstock.settings import load_settings  # lazy: settings, 15 ms that `--help` does not need

        settings = load_settings(os.environ)
        if not settings.color:
            self.terminal.without_colour()
        return settings

    def ask(self, request: "Request[R]") -> R:
        """Ask the orchestrator. Before the first question, what dead processes left behind is taken in."""
        return self.orchestrator.ask(request, self.principal)

    @property
    def principal(self) -> "Principal":
        """Who asks: the user, in the workspace that the settings name."""
        if self._principal is None:
            from penstock.ports import Principal  # lazy: ports, 40 ms that `--help` does not need

            self._principal = Principal(workspace=self.settings.workspace)
        return self._principal

    @property
    def orchestrator(self) -> "Orchestrator":
        """The orchestrator that the settings name."""
        if self._orchestrator is None:
            from penstock.sdk import wiring  # lazy: engine and store, 100 ms and more

            self._orchestrator = wiring.open_orchestrator()
            self.sweep()
        return self._orchestrator

    def sweep(self) -> None:
        """Take in the journals of dead processes, so that no run is shown as running that is not."""
        from penstock.sdk import wiring  # lazy: engine and store, 100 ms and more

        try:
            wiring.sweep_dead_writers()
        except PenstockError as error:
            self.terminal.say(f"Warning: some runs may have moved on since: {error}", colour="yellow")

    @property
    def results(self) -> "ResultStore":
        """The user's result storage."""
        from penstock.sdk import wiring  # lazy: engine and store, 100 ms and more

        return wiring.result_store()

    def pages(self, request_after: "Callable[[str | None], Request[Page[R]]]") -> Iterator[R]:
        """All items of a list, page by page; `request_after` makes the request from a cursor."""
        cursor: str | None = None
        while True:
            page = self.ask(request_after(cursor))
            yield from page.items
            cursor = page.cursor
            if cursor is None:
                return

    @staticmethod
    def now() -> int:
        """Microseconds UTC, by this host's clock."""
        return time.time_ns() // 1_000


def pass_session(function: Callable[..., Any]) -> Callable[..., Any]:
    """Hand the session to a command as its first argument."""
    return click.make_pass_decorator(Session)(function)
