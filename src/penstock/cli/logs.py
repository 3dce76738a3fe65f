"""Log lines of a run on the terminal: read, chosen, followed, written."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import click

from penstock.cli.lookup import find_task_run_ids
from penstock.cli.session import Session
from penstock.cli.shapes import log_shape
from penstock.cli.text import as_clock, find_near, harmless
from penstock.core.errors import NotFound
from penstock.core.ids import RunId, TaskRunId
from penstock.ports import PAGE_SIZE_MAX, FlowRun, GetFlowRun, GetTaskRun, ListLogs, ListTaskRuns, LogLine

LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}
LEVEL_NAMES = {number: name for name, number in LEVELS.items()}
LEVEL_COLOURS = {10: "bright_black", 20: "cyan", 30: "yellow", 40: "red", 50: "bright_red"}


@dataclass(frozen=True, slots=True)
class LogChoice:
    """Which lines of a run are wanted: at least of a level, of some task runs (none for all)."""

    flow_run_id: RunId
    level_min: int = 0
    task_run_ids: frozenset[TaskRunId] | None = None

    def holds(self, line: LogLine) -> bool:
        """Whether a line of the run is wanted."""
        return self.task_run_ids is None or line.task_run_id in self.task_run_ids

    def request(self, *, cursor: str | None, newest_first: bool = False) -> ListLogs:
        """The question for one page; a single task run is chosen by the store."""
        single = next(iter(self.task_run_ids)) if self.task_run_ids and len(self.task_run_ids) == 1 else None
        return ListLogs(
            flow_run_id=self.flow_run_id,
            task_run_id=single,
            level_min=self.level_min,
            with_subflows=True,
            newest_first=newest_first,
            cursor=cursor,
            limit=PAGE_SIZE_MAX,
        )


def choose_task_runs(session: Session, run: FlowRun, wanted: str) -> frozenset[TaskRunId]:
    """The task runs of a run that `--task` means: a task's name, a task run's name, or (the beginning of) an id."""
    task_runs = list(session.pages(lambda cursor: ListTaskRuns(flow_run_id=run.id, cursor=cursor, limit=PAGE_SIZE_MAX)))
    named = {item.id for item in task_runs if wanted in (item.name, item.task_name)}
    if not named:
        named = {item.id for item in task_runs} & set(find_task_run_ids(session, wanted))
    if not named:
        near = find_near(wanted, {name for item in task_runs for name in (item.task_name, item.name)})
        listing = f"penstock task-run ls --run {run.name}"
        raise NotFound(f"task or task run of `{run.name}`", wanted, near=near, listing=listing)
    return frozenset(named)


def read_lines(session: Session, choice: LogChoice, *, head: int | None, tail: int | None) -> Iterator[LogLine]:
    """The wanted lines that are recorded by now, oldest first."""
    backward = tail is not None
    lines = (
        line
        for line in session.pages(lambda cursor: choice.request(cursor=cursor, newest_first=backward))
        if choice.holds(line)
    )
    if tail is not None:
        last: deque[LogLine] = deque(maxlen=tail)
        for line in lines:
            last.appendleft(line)
            if len(last) == tail:
                break
        return iter(last)
    return lines if head is None else (line for line, _ in zip(lines, range(head), strict=False))


@dataclass(slots=True)
class LogTail:
    """The lines that were recorded since the last look. A page is read again until it is full; known lines are
    passed over by their numbers."""

    choice: LogChoice
    seen: int = 0
    cursor: str | None = None

    def read(self, session: Session) -> Iterator[LogLine]:
        """What is new."""
        while True:
            page = session.ask(self.choice.request(cursor=self.cursor))
            for line in page.items:
                if line.seq > self.seen:
                    self.seen = line.seq
                    if self.choice.holds(line):
                        yield line
            if page.cursor is None:
                return
            self.cursor = page.cursor


@dataclass(slots=True)
class LogWriter:
    """Writes lines to standard output, as people or programs read them; whose line it is, is asked once a run."""

    session: Session
    as_json: bool
    _names: dict[str, str] = field(default_factory=dict)

    def write(self, line: LogLine) -> None:
        """Write one line."""
        terminal = self.session.terminal
        if self.as_json:
            terminal.json_line({"kind": "log", **log_shape(line)})
            return
        level = LEVEL_NAMES.get(line.level, str(line.level))
        if terminal.out_colour:
            level = click.style(f"{level:<8}", fg=LEVEL_COLOURS.get(line.level // 10 * 10))
        text = harmless(f"{self._whose(line)} - {line.message}").replace("\n", "\n    ")
        terminal.out.write(f"{as_clock(line.at)} | {level:<8}| {text}\n")

    def _whose(self, line: LogLine) -> str:
        id_ = line.task_run_id or line.flow_run_id
        if id_ not in self._names:
            self._names[id_] = self._find_name(line)
        return self._names[id_]

    def _find_name(self, line: LogLine) -> str:
        try:
            if line.task_run_id is not None:
                return f"Task run '{self.session.ask(GetTaskRun(id=line.task_run_id)).name}'"
            return f"Flow run '{self.session.ask(GetFlowRun(id=line.flow_run_id)).name}'"
        except NotFound:  # a line may be recorded before the run that it belongs to
            return f"Task run {line.task_run_id}" if line.task_run_id else f"Flow run {line.flow_run_id}"
