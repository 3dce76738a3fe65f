"""The journal: what happens in this process, written where it happens, and brought into the store in batches.

`append` copies one line into a memory-mapped file before it returns (0.5 µs), so `kill -9` loses no finished step. A
writer thread reads the same file and hands batches to the orchestrator. Spool and journal are one thing: there is no
second queue. When more than the allowed backlog waits, `append` waits; a record is never dropped.

The file begins with one header line; each line after it is a record (`core/records.py`). The process holds a lock on
the file as long as it lives, so that others can tell a dead writer from a slow one.

Whoever appends or waits may be ended at any byte code, by a time-out's signal or an exception from another thread. So
threads meet here by plain locks and queues, whose steps are whole; `Event` and `Condition` are written in Python, and
one that is left half-way stays locked for everybody.
"""

import contextlib
import fcntl
import json
import os
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii as quote
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from penstock.appendfile import AppendFile, sync_folder, translate
from penstock.core.errors import JournalError, JournalFull, PenstockError, StoreContended, StoreFull, StoreUnavailable
from penstock.core.ids import WriterId
from penstock.core.records import JOURNAL_FORMAT, TAGS, Record, parse_lines
from penstock.ports import Ingest, MakeDurable, Orchestrator, Principal, WriterHello

REWIND_BYTES = 16 * 1024 * 1024
"""Once everything is in the store, a file longer than this gives its space back."""
INGEST_RETRY_SECONDS_MAX = 5.0
CLOSE_SECONDS_MAX = 60.0
READ_BYTES_MAX = 4 * 1024 * 1024
LOOK_SECONDS = 0.5
"""How often whoever waits looks by itself."""

SUFFIX = ".journal"

_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), default=str).encode


@dataclass(frozen=True, slots=True)
class JournalOptions:
    """How a journal behaves; see the settings of the same names."""

    batch_records: int = 8_000
    flush_seconds: float = 0.1
    backlog_bytes: int = 64 * 1024 * 1024


class Journal:
    """This process's journal. Thread-safe; one writer id a process and file."""

    def __init__(
        self,
        folder: Path,
        *,
        writer_id: WriterId,
        orchestrator: Orchestrator,
        principal: Principal,
        target: str,
        options: JournalOptions = JournalOptions(),
        on_failure: Callable[[str], None] | None = None,
        lease_seconds: float | None = None,
    ):
        self.writer_id = writer_id
        self.path = folder / f"{writer_id}{SUFFIX}"
        self.options = options
        self.limits: Mapping[str, int] = {}  # the concurrency limits of tags, tasks and flows, as last heard
        self._orchestrator = orchestrator
        self._principal = principal
        self._on_failure = on_failure
        self._lease_seconds = lease_seconds
        self._retry_seconds_max = min(INGEST_RETRY_SECONDS_MAX, (lease_seconds or INGEST_RETRY_SECONDS_MAX * 6) / 6)
        self._lock = threading.Lock()
        self._file = _create(self.path)
        self._append_header(target)
        self._ingested = self._body = self._file.end  # file offset up to which the store has everything
        self._acknowledged = 0
        self._backlog_end = self._ingested + options.backlog_bytes
        self._idle = True
        self._closing = False
        self._failed: PenstockError | None = None
        self._failures = 0
        self._signals: SimpleQueue[bool] = SimpleQueue()  # wakes the writer thread; True if somebody waits
        self._gates: deque[threading.Lock] = deque()  # those who wait, each behind a lock that the next step opens
        self._syncing = threading.Lock()
        self._synced = 0  # the sequence up to which everything is on the disk; 0 if nobody ever asked for that
        self._synced_end = 0
        self._rewinds = 0
        self._pid = os.getpid()
        # Begun here, before anything can end its beginner half-way through.
        self._thread = threading.Thread(target=self._run, name="penstock-journal", daemon=True)
        self._thread.start()

    # ---- Writing ----

    def append(self, tag: str, body: str) -> int:
        """Append a record, given as the inside of its JSON array, and return its sequence number.

        Raises `JournalFull` if there is no room for it: then it was not recorded, and neither is the step that it
        speaks of.
        """
        with self._lock:
            sequence = self._file.head[1] + 1
            try:
                start = self._file.append(f'["{tag}",{sequence},{body}]\n'.encode(), sequence)
            except StoreFull as error:
                raise JournalFull(f"A record could not be kept: {error}") from error
        if self._idle:
            self._idle = False
            self._signals.put(False)
        if start > self._backlog_end:
            self._wait_for_room()
        return sequence

    def record(self, record: Record) -> int:
        """Append a record given as a value."""
        return self.append(TAGS[type(record)], _encode(record)[1:-1])

    def sync(self) -> None:
        """Bring everything appended so far to the disk, so that power loss costs nothing of it.

        Threads that ask while another one is at it share the next sync.
        """
        target = self._file.tally
        with self._syncing:
            if self._synced >= target:
                return
            if not self._synced:
                sync_folder(self.path.parent)
            with self._lock:
                (end, tally), start, rewinds = self._file.head, self._synced_end, self._rewinds
            self._file.sync(min(start, end))
            with self._lock:
                self._synced = tally
                if rewinds == self._rewinds:
                    self._synced_end = end

    def make_store_durable(self) -> None:
        """Have the store bring to the disk what it has answered so far: the beginning of a run, say, which is no record."""
        self._orchestrator.ask(MakeDurable(writer_id=self.writer_id), self._principal)

    def flush(self, timeout_seconds: float | None = None, *, patience_seconds: float = 0.0) -> None:
        """Wait until everything appended so far is in the store. Raises the error that keeps it from there.

        A store that is away may come back within `patience_seconds`, and one that let others go first (a deadlock on
        PostgreSQL) takes it the next time; other errors are raised at once.
        """
        target, failures = self._file.tally, self._failures
        begun = time.monotonic()
        deadline = None if timeout_seconds is None else begun + timeout_seconds
        gate: threading.Lock | None = None
        while self._acknowledged < target:
            gate = gate or self._new_gate()
            self._hurry()
            if self._acknowledged >= target:
                return
            if self._failed is not None and self._failures > failures:  # it was tried once more for us
                passes = isinstance(self._failed, StoreUnavailable | StoreContended)
                if not passes or time.monotonic() - begun >= patience_seconds:
                    raise self._failed
            left = LOOK_SECONDS if deadline is None else min(deadline - time.monotonic(), LOOK_SECONDS)
            if left <= 0:
                raise self._failed or JournalError(
                    f"{target - self._acknowledged} records are not in the database yet; they are kept in {self.path}."
                )
            if gate.acquire(timeout=left):
                gate = None

    def close(self, timeout_seconds: float = CLOSE_SECONDS_MAX) -> None:
        """Bring everything into the store and remove the file; keep it if the store cannot be reached."""
        if self._closing or self.is_foreign:
            return
        try:
            self.flush(timeout_seconds)
        finally:
            self._closing = True
            self._signals.put(True)
            self._open_gates()
            self._thread.join(5.0)
            with self._lock:
                done = self._acknowledged >= self._file.tally
                file, self._file = self._file, _Refusing(CLOSED, head=self._file.head)  # type: ignore[assignment]  # as below
            try:
                if done and self._store_is_durable():
                    self.path.unlink(missing_ok=True)  # while it is locked: nobody ever sees it as a dead writer's
            finally:
                file.close()

    def abandon(self) -> None:
        """Let go in a forked child: the parent goes on writing, and what the child appends is refused."""
        self._file.abandon()
        self._file = _Refusing(FORKED)  # type: ignore[assignment]  # stands in for the file, to refuse
        self._lock = threading.Lock()
        self._closing = True

    @property
    def is_foreign(self) -> bool:
        """Whether this process is a fork of the one that keeps the journal."""
        return os.getpid() != self._pid

    @property
    def pending(self) -> int:
        """Records that are not in the store yet."""
        return max(0, self._file.tally - self._acknowledged)

    def hello(self) -> WriterHello:
        """How this writer introduces itself."""
        return WriterHello(
            writer_id=self.writer_id,
            host=host_name(),
            boot_id=boot_id(),
            pid=os.getpid(),
            lease_seconds=self._lease_seconds,
            environment=environment(),
        )

    def _append_header(self, target: str) -> None:
        header = {
            "penstock": "journal",
            "format": JOURNAL_FORMAT,
            "writer": self.writer_id,
            "workspace": self._principal.workspace,
            "host": host_name(),
            "boot": boot_id(),
            "pid": os.getpid(),
            "target": target,
        }
        self._file.append(_encode(header).encode() + b"\n")

    def _wait_for_room(self) -> None:
        """Wait until the store has caught up. The record that was appended is safe all the while."""
        self._hurry()
        gate: threading.Lock | None = None
        while self._file.end > self._backlog_end and not self._closing:
            gate = gate or self._new_gate()
            if self._file.end <= self._backlog_end:
                return
            if gate.acquire(timeout=LOOK_SECONDS):
                gate = None

    def _hurry(self) -> None:
        """Have the writer thread go on at once."""
        self._signals.put(True)

    def _new_gate(self) -> threading.Lock:
        """A lock that the writer thread opens at its next step, done or failed."""
        gate = threading.Lock()
        gate.acquire()
        self._gates.append(gate)
        return gate

    # ---- Bringing it into the store (the writer thread) ----

    def _run(self) -> None:
        while not self._closing:
            if not self._signals.get() and self.options.flush_seconds:
                self._linger(self.options.flush_seconds)
            while not self._signals.empty():
                self._signals.get()
            self._idle = True
            self._drain()

    def _linger(self, seconds: float) -> None:
        """Let time pass, unless somebody waits."""
        end = time.monotonic() + seconds
        while not self._closing and (left := end - time.monotonic()) > 0:
            try:
                if self._signals.get(timeout=left):
                    return
            except Empty:
                return

    def _drain(self) -> None:
        delay = 0.05
        while self._ingested < self._file.end and not self._closing:
            try:
                self._ingest_next()
                delay = 0.05
            except PenstockError as error:
                self._report(error)
                self._linger(delay)
                delay = min(delay * 2, self._retry_seconds_max)  # a server that is back hears of us within the lease
            except BaseException as error:  # a bug of ours must neither hang nor lose: say it, keep the file
                self._report(JournalError(f"{self.path} could not be ingested: {error!r}"))
                self._linger(INGEST_RETRY_SECONDS_MAX)

    def _ingest_next(self) -> None:
        end = min(self._file.end, self._ingested + READ_BYTES_MAX)
        text = self._file.read(self._ingested, end)
        cut = text.rfind(b"\n") + 1
        while not cut and end < self._file.end:  # one record, longer than all that
            end = min(self._file.end, end + READ_BYTES_MAX)
            text = self._file.read(self._ingested, end)
            cut = text.rfind(b"\n") + 1
        lines = text[:cut].split(b"\n", self.options.batch_records)
        if len(lines) > self.options.batch_records:
            cut -= len(lines.pop())
        records = parse_lines([line for line in lines if line])
        if records:
            ack = self._orchestrator.ask(Ingest(writer_id=self.writer_id, records=records), self._principal)
            acknowledged = ack.sequence
            if ack.limits is not None:
                self.limits = ack.limits
        else:
            acknowledged = self._acknowledged
        self._advance(self._ingested + cut, acknowledged)

    def _advance(self, offset: int, acknowledged: int) -> None:
        rewinding = offset > REWIND_BYTES and self._store_is_durable()
        with self._lock:
            self._ingested = offset
            if rewinding and offset == self._file.end and not self._closing:
                self._file.rewind(self._body)
                self._ingested = self._synced_end = self._body
                self._rewinds += 1
            self._backlog_end = self._ingested + self.options.backlog_bytes
        self._acknowledged = acknowledged
        self._failed = None
        self._open_gates()

    def _store_is_durable(self) -> bool:
        """Whether the file may go: where steps were brought to the disk, the store's own copy must be there first."""
        if not self._synced:
            return True
        try:
            self.make_store_durable()
        except PenstockError as error:
            self._report(JournalError(f"{self.path} is kept, as the database cannot be brought to the disk: {error}"))
            return False
        return True

    def _report(self, error: PenstockError) -> None:
        first = self._failed is None
        self._failed = error
        self._failures += 1
        self._open_gates()
        if first and self._on_failure is not None:
            self._on_failure(f"{self.pending} records wait in {self.path}: {error}")

    def _open_gates(self) -> None:
        with contextlib.suppress(IndexError):
            while True:
                self._gates.popleft().release()


CLOSED = (
    "The journal of this process is closed, so nothing more is recorded: a thread went on after its flow had ended."
)
FORKED = (
    "This process was forked from the one that runs the flow, and cannot record for it. "
    "Call tasks and flows from the flow's own process, or give the flow a ProcessPoolTaskRunner."
)


class _Refusing:
    """What a closed journal, and a forked child, has in place of the file."""

    def __init__(self, why: str, *, head: tuple[int, int] = (0, 0)):
        self._why = why
        self.head = head
        self.end, self.tally = head

    def append(self, data: bytes, tally: int = 0) -> int:
        raise JournalError(self._why)


def _create(path: Path) -> AppendFile:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise translate(error, path.parent) from error
    # Locked before it has its name: nobody ever sees a living writer's file unlocked.
    file = AppendFile(path.with_suffix(".new"), initial_bytes=256 * 1024)
    try:
        fcntl.flock(file.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.rename(file.path, path)
    except OSError as error:
        file.close()
        raise translate(error, path) from error
    file.path = path
    return file


def host_name() -> str:
    """This host, as written into journals."""
    return socket.gethostname()


def boot_id() -> str:
    """Tells this boot of the host from others, so that a lock of before a restart is never taken for a living one."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def environment() -> dict[str, str]:
    """What this process runs on: what differs between a run that went well and one that did not may be here."""
    system = os.uname()
    return {
        "python": ".".join(map(str, sys.version_info[:3])),
        "penstock": sys.modules["penstock"].__version__,  # by its name: the package's own module imports upper floors
        "platform": f"{system.sysname} {system.release} {system.machine}",
        "prefix": sys.prefix,
    }


def json_fragment(value: Any) -> str:
    """Write a value as JSON for `Journal.append`."""
    if value is None:
        return "null"
    if type(value) is str:
        return quote(value)
    return _encode(value)
