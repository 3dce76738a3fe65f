"""The feed behind all live streams: one task looks for what changed, and every open stream gets what it asked for.

What is sent to many is written once. A stream that does not keep up is told to read its lists anew.
"""

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool

from penstock.core.errors import PenstockError
from penstock.core.ids import RunId
from penstock.ports import Event, FlowRun, LogLine, Orchestrator, Principal
from penstock.reports import Changes, ListChanges
from penstock.server.commit_news import CommitNews, Listen
from penstock.wire import dump, encoder

LOOK_SECONDS = 0.1
LOOK_SECONDS_PER_STREAM = 0.001
"""With many streams it looks less often, so that sending stays a small part of a core."""
LOOK_SECONDS_IF_TOLD = 5.0
"""Where the database tells of commits: in case that it did not."""
AWAKE_SECONDS = 0.5
"""It goes on looking so long after it was told: a commit is passed on only when no older one can come any more."""
WAITING_MAX = 200
"""Messages that wait for a slow stream before it is told to start over."""
CATCH_UP_MAX = 10
"""Steps after which a stream that was away for long is told to start over."""

_run, _line, _event = encoder(FlowRun), encoder(LogLine), encoder(Event)


@dataclass(eq=False, slots=True)
class Subscriber:
    """One open stream: what it wants, and what waits to be sent to it."""

    workspace: str
    flow_runs: bool
    events: bool
    run_id: RunId | None
    waiting: deque[bytes] = field(default_factory=deque)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False

    def put(self, message: bytes, cursor: int) -> None:
        """Have a message sent."""
        if len(self.waiting) >= WAITING_MAX:
            self.waiting.clear()
            message = write_message("reset", {}, cursor)
        self.waiting.append(message)
        self.news.set()

    def close(self) -> None:
        """End the stream."""
        self.closed = True
        self.news.set()


class Feed:
    """Looks for changes while anybody listens."""

    def __init__(
        self,
        orchestrator: Orchestrator,
        *,
        listen: Listen | None = None,
        look_seconds_if_told: float = LOOK_SECONDS_IF_TOLD,
    ):
        """`listen` has the database tell of commits, where it can: then nothing is asked while nothing happens."""
        self._orchestrator, self._commits = orchestrator, CommitNews(listen)
        self._look_seconds_if_told = look_seconds_if_told
        self._awake_until = 0.0
        self._subscribers: dict[str, set[Subscriber]] = {}
        self._cursors: dict[str, int] = {}
        self._looking = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    @property
    def size(self) -> int:
        """How many streams are open."""
        return sum(len(group) for group in self._subscribers.values())

    async def join(self, subscriber: Subscriber, after: int | None) -> None:
        """Begin to listen: first what was missed since `after`, then what comes."""
        if after is not None or not await self._join_others(subscriber):
            cursor = await self._catch_up(subscriber, after)
            known = self._enter(subscriber, cursor)
            if cursor < known:  # what the others got while this one was reading
                changes = await self._ask(subscriber.workspace, cursor, [subscriber])
                if changes is None or changes.more:
                    subscriber.put(write_message("reset", {}, known), known)
                else:
                    self._send(changes, [subscriber])
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look())

    async def _join_others(self, subscriber: Subscriber) -> bool:
        """Begin where those are who listen already, between two looks: nobody is asked where that is."""
        async with self._looking:
            cursor = self._cursors.get(subscriber.workspace)
            if cursor is None:
                return False
            subscriber.put(write_message("hello", {}, cursor), cursor)
            self._enter(subscriber, cursor)
            return True

    def _enter(self, subscriber: Subscriber, cursor: int) -> int:
        """Be among those who hear; answers up to where they have."""
        self._subscribers.setdefault(subscriber.workspace, set()).add(subscriber)
        return self._cursors.setdefault(subscriber.workspace, cursor)

    def leave(self, subscriber: Subscriber) -> None:
        """Listen no more."""
        group = self._subscribers.get(subscriber.workspace, set())
        group.discard(subscriber)
        if not group:
            self._subscribers.pop(subscriber.workspace, None)
            self._cursors.pop(subscriber.workspace, None)

    def close(self) -> None:
        """End all streams."""
        for group in list(self._subscribers.values()):
            for subscriber in list(group):
                subscriber.close()

    async def _catch_up(self, subscriber: Subscriber, after: int | None) -> int:
        cursor = after
        for _ in range(CATCH_UP_MAX):
            changes = await self._ask(subscriber.workspace, cursor, [subscriber])
            if changes is None:
                continue
            if cursor is None:
                subscriber.put(write_message("hello", {}, changes.cursor), changes.cursor)
                return changes.cursor
            self._send(changes, [subscriber])
            cursor = changes.cursor
            if not changes.more:
                return cursor
        latest = await self._ask(subscriber.workspace, None, [subscriber])
        cursor = latest.cursor if latest is not None else cursor or 0
        subscriber.put(write_message("reset", {}, cursor), cursor)
        return cursor

    async def _look(self) -> None:
        self._commits.start()
        try:
            while self._subscribers:
                await self._wait()
                await self._look_once()
        finally:
            await run_in_threadpool(self._commits.stop)

    async def _wait(self) -> None:
        """Until it is worth looking; never so short that many commits cost many looks."""
        await asyncio.sleep(LOOK_SECONDS + LOOK_SECONDS_PER_STREAM * self.size)
        now = asyncio.get_running_loop().time
        rests = self._commits.hearing and now() >= self._awake_until
        if await self._commits.wait(self._look_seconds_if_told if rests else 0):
            self._awake_until = now() + AWAKE_SECONDS

    async def _look_once(self) -> None:
        for workspace, group in list(self._subscribers.items()):
            async with self._looking:
                cursor = self._cursors.get(workspace)
                changes = await self._ask(workspace, cursor, group)
                if changes is None or changes.cursor == cursor:
                    continue
                if self._cursors.get(workspace) == cursor:  # nobody began anew meanwhile
                    self._cursors[workspace] = changes.cursor
                    self._send(changes, list(group))

    async def _ask(
        self, workspace: str, after: int | None, group: "set[Subscriber] | list[Subscriber]"
    ) -> Changes | None:
        """What changed; none while the database is away, which is asked again."""
        runs = sorted({subscriber.run_id for subscriber in group if subscriber.run_id is not None})
        events = any(subscriber.events for subscriber in group)
        request = ListChanges(after=after, log_runs=runs, with_events=events)
        with contextlib.suppress(PenstockError):
            return await run_in_threadpool(self._orchestrator.ask, request, Principal(workspace=workspace))
        return None

    def _send(self, changes: Changes, group: list[Subscriber]) -> None:
        if changes.reset:
            for subscriber in group:
                subscriber.put(write_message("reset", {}, changes.cursor), changes.cursor)
            return
        runs = [_run(run) for run in changes.flow_runs]
        to_all = write_message("flow-runs", runs, changes.cursor) if runs else None
        events = [_event(event) for event in changes.events]
        all_events = write_message("events", events, changes.cursor) if events else None
        topics = write_message("topics", list(changes.topics), changes.cursor) if changes.topics else None
        for subscriber in group:
            if subscriber.run_id is not None:
                self._send_of_run(subscriber, changes)
            elif subscriber.flow_runs and to_all is not None:
                subscriber.put(to_all, changes.cursor)
            if subscriber.events and all_events is not None:
                subscriber.put(all_events, changes.cursor)
            if topics is not None:
                subscriber.put(topics, changes.cursor)

    def _send_of_run(self, subscriber: Subscriber, changes: Changes) -> None:
        mine = subscriber.run_id
        family = {mine} | {run.id for run in changes.flow_runs if run.parent_run_id == mine}
        runs = [_run(run) for run in changes.flow_runs if run.id in family]
        lines = [_line(line) for line in changes.logs]
        if runs:
            subscriber.put(write_message("flow-runs", runs, changes.cursor), changes.cursor)
        if lines:
            subscriber.put(write_message("logs", lines, changes.cursor), changes.cursor)


def write_message(kind: str, data: object, cursor: int) -> bytes:
    """A server-sent event. Its id is where a lost connection goes on.

    >>> write_message("hello", {}, 7)
    b'id: 7\\nevent: hello\\ndata: {}\\n\\n'
    """
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (cursor, kind.encode(), dump(data))
