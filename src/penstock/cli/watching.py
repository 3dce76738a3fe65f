"""Following a run until it ends: its log lines and states as they are recorded, and a passing line of progress."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from penstock.cli.exits import ExitCode
from penstock.cli.logs import LogTail, LogWriter
from penstock.cli.session import Session
from penstock.cli.shapes import state_shape
from penstock.cli.states import COLOURS
from penstock.cli.text import as_clock, as_duration
from penstock.core.states import StateType
from penstock.ports import FlowRun, GetFlowRun, ListStates, LogLine, StateEntry

POLL_SECONDS = 0.25
"""Where nobody tells of news."""
POLLS_PER_SWEEP = 8
"""Every second or two, whether the run's process still lives."""


@dataclass(slots=True)
class Watch:
    """One run being watched. `tail` is none where its log is not wanted."""

    session: Session
    run: FlowRun
    tail: LogTail | None
    writer: LogWriter
    states: bool = True
    states_seen: int = 0

    def follow(self) -> FlowRun:
        """Show what happens until the run has ended; returns it as it ended."""
        from penstock.sdk import wiring  # lazy: engine and store, 100 ms and more

        with wiring.following(self.run.id) as wait:
            return self._follow(wait)

    def _follow(self, wait: Callable[[float], None]) -> FlowRun:
        polls = 0
        while True:
            run = self.session.ask(GetFlowRun(id=self.run.id))
            self._show_news(run)
            if run.state.is_final:
                self.session.terminal.status("")
                return run
            self.session.terminal.status(progress(run, now=self.session.now()))
            polls += 1
            if polls % POLLS_PER_SWEEP == 0:
                self.session.sweep()
            wait(POLL_SECONDS)

    def _show_news(self, run: FlowRun) -> None:
        """What was recorded since the last look, by its time. A run that ended has said everything before."""
        news: list[Iterator[LogLine | StateEntry]] = []
        if self.states:
            history: Sequence[StateEntry] = self.session.ask(ListStates(flow_run_id=run.id))
            news.append(iter(history[self.states_seen :]))
            self.states_seen = max(self.states_seen, len(history))
        if self.tail is not None:
            news.append(self.tail.read(self.session))
        for item in heapq.merge(*news, key=lambda item: item.at if isinstance(item, LogLine) else item.state.at):
            self.session.terminal.status("")
            if isinstance(item, LogLine):
                self.writer.write(item)
            else:
                self._write_state(item)
        self.session.terminal.out.flush()

    def _write_state(self, entry: StateEntry) -> None:
        terminal, state = self.session.terminal, entry.state
        if self.writer.as_json:
            terminal.json_line({"kind": "state", **state_shape(state), "epoch": entry.epoch})
            return
        message = f": {state.message}" if state.message else ""
        terminal.data(
            f"{as_clock(state.at)} | {'STATE':<8}| Flow run '{self.run.name}' is {state.name}{message}",
            colour=COLOURS[state.type],
        )


def progress(run: FlowRun, *, now: int) -> str:
    """One line on how far a run is."""
    counts = run.task_counts
    done, total = counts.get(StateType.COMPLETED, 0), sum(counts.values())
    parts = [f"{run.name} is {run.state.name}"]
    if total:
        parts.append(f"{done:,} of {total:,} task runs completed")
    parts += [f"{counts[type_]:,} {type_.lower()}" for type_ in ("RUNNING", "FAILED", "CRASHED") if counts.get(type_)]
    if run.started_at is not None:
        parts.append(as_duration(now - run.started_at))
    if run.expected_end_at is not None and run.expected_end_at > now:
        parts.append(f"about {as_duration(run.expected_end_at - now)} to go")
    return " · ".join(parts)


def exit_code_of(run: FlowRun) -> ExitCode:
    """What a command that started or watched a run exits with."""
    if run.state.type is StateType.COMPLETED:
        return ExitCode.OK
    return ExitCode.CANCELLED if run.state.type is StateType.CANCELLED else ExitCode.FAILED
