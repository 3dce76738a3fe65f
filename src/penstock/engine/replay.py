"""Finding the journals of dead processes and bringing what they hold into the store.

A writer is dead if its file's lock is free; a file that another machine wrote is never judged. Two names of host with one
boot id are one machine: containers that follow one another on a volume see each other's locks. A record that was torn by
the death of its writer was never acknowledged to anyone and is left out, and so is all that follows it.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock.core.errors import JournalCorrupt, JournalError
from penstock.core.ids import WriterId
from penstock.core.records import JOURNAL_FORMAT, Record, WriterClosed, parse_record
from penstock.engine.journal import SUFFIX, boot_id, host_name
from penstock.ports import FindOpenRuns, Ingest, MarkCrashed, Orchestrator, Principal

BATCH_RECORDS = 2_000
HEADER_BYTES_MAX = 65_536
BEGINNING = b'{"penstock":"journal"'


@dataclass(frozen=True, slots=True)
class JournalHeader:
    """Who wrote a journal file, and for which store."""

    writer: str
    workspace: str
    host: str
    boot: str
    pid: int
    target: str

    def is_of_this_machine(self) -> bool:
        """Whether the lock on the file can be judged from here."""
        return self.host == host_name() or (self.boot != "" and self.boot == boot_id())


def is_alive(folder: Path, writer_id: str, *, host: str | None) -> bool:
    """Tell whether a writer lives: its file exists and is locked. Another machine's writer counts as alive."""
    path = folder / f"{writer_id}{SUFFIX}"
    if host is not None and host != host_name() and not _is_of_this_machine(path):
        return True
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def sweep(
    folder: Path,
    orchestrator: Orchestrator,
    *,
    target: str,
    say: Callable[["JournalHeader"], str | None] = lambda _: None,
) -> list[str]:
    """Ingest what dead writers of this host left for `target`, mark their unfinished runs CRASHED, remove their files.

    A file that the store cannot take, because the database is another one than it was or the file is damaged, stays.
    `say` knows of how a writer's process ended, if anybody does. Returns the runs that were marked. Many processes may
    sweep at once: each file is done by one.
    """
    crashed: list[str] = []
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(SUFFIX))
    except FileNotFoundError:
        return crashed
    for name in names:
        path = folder / name
        with _claimed(path) as claimed:
            if claimed:
                crashed += _finish(path, orchestrator, target=target, say=say)
    return crashed


@dataclass(frozen=True, slots=True)
class JournalFile:
    """A file in the folder of journals. `header` is none if it is no journal, or one of a newer version."""

    path: Path
    header: JournalHeader | None
    alive: bool
    size_bytes: int


def list_journals(folder: Path) -> list[JournalFile]:
    """The journals that processes of this home keep or left, oldest first."""
    found = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        with contextlib.suppress(FileNotFoundError):  # its writer has just closed it
            with path.open("rb") as file:
                first = file.readline(HEADER_BYTES_MAX)
            try:
                header: JournalHeader | None = _parse_header(path, first)
            except JournalCorrupt:
                header = None
            alive = is_alive(folder, path.name.removesuffix(SUFFIX), host=header.host if header else None)
            found.append(JournalFile(path, header, alive, path.stat().st_size))
    return found


def read_journal(path: Path) -> tuple[JournalHeader, list[tuple[int, Record]]]:
    """Read a dead writer's file. Raises `JournalCorrupt` if it has no header that this version understands."""
    raw = path.read_bytes()
    first, _, body = raw.partition(b"\n")
    header = _parse_header(path, first)
    return header, list(_whole_records(body))


def _parse_header(path: Path, line: bytes) -> JournalHeader:
    try:
        fields = json.loads(line)
        version = int(fields["format"])
        if version > JOURNAL_FORMAT:
            raise JournalCorrupt(f"{path} was written by a newer Penstock (format {version}). Upgrade this one.")
        header = JournalHeader(
            fields["writer"], fields["workspace"], fields["host"], fields["boot"], fields["pid"], fields["target"]
        )
    except (ValueError, KeyError, TypeError) as error:
        raise JournalCorrupt(f"{path} has no journal header.") from error
    return header


def _is_of_this_machine(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            return _parse_header(path, file.readline()).is_of_this_machine()
    except (OSError, JournalCorrupt):
        return False


def _whole_records(body: bytes) -> Iterator[tuple[int, Record]]:
    expected: int | None = None
    for line in body.split(b"\n"):
        try:
            sequence, record = parse_record(json.loads(line))
        except (ValueError, RecursionError):
            return  # torn, or the zeros of space that was never used
        if expected is not None and sequence != expected:
            return
        expected = sequence + 1
        yield sequence, record


@contextlib.contextmanager
def _claimed(path: Path) -> Iterator[bool]:
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        yield False
        return
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield _is_still_at(path, fd)
    finally:
        os.close(fd)


def _is_still_at(path: Path, fd: int) -> bool:
    """Whether an open file has its name still. Once it is locked, nobody else takes that away."""
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False


def _finish(
    path: Path, orchestrator: Orchestrator, *, target: str, say: Callable[[JournalHeader], str | None]
) -> list[str]:
    try:
        header, records = read_journal(path)
    except JournalCorrupt:
        written = path.read_bytes().rstrip(b"\0")
        if b"\n" not in written and written[: len(BEGINNING)] == BEGINNING[: len(written)]:
            path.unlink(missing_ok=True)  # its writer died before it had introduced itself
        return []
    if header.target != target or not header.is_of_this_machine():
        return []
    principal = Principal(workspace=header.workspace)
    mark = orchestrator.ask(FindOpenRuns(writer_id=header.writer), principal).mark  # type: ignore[arg-type]
    fresh = [pair for pair in records if pair[0] > mark]
    whole = True
    try:
        for start in range(0, len(fresh), BATCH_RECORDS):
            orchestrator.ask(Ingest(writer_id=header.writer, records=fresh[start : start + BATCH_RECORDS]), principal)  # type: ignore[arg-type]
    except JournalError:  # they do not fit what the store has: the file stays, and nobody is kept from running flows
        whole = False
    closed = bool(fresh) and isinstance(fresh[-1][1], WriterClosed)
    crashed: list[str] = []
    if not closed:
        message = say(header) or f"Process {header.pid} on {header.host} ended without a final word."
        request = MarkCrashed(
            writer_id=WriterId(header.writer), message=message, last_seen_at=_last_sign_of_life(path, records)
        )
        marked = orchestrator.ask(request, principal)
        crashed = list(marked)
    if whole:
        path.unlink(missing_ok=True)
    return crashed


def _last_sign_of_life(path: Path, records: Sequence[tuple[int, Record]]) -> int:
    """The latest of the times that the records speak of, and of those at which the file was written to."""
    said = (getattr(record, name, None) or 0 for _, record in records for name in ("at", "ended_at", "started_at"))
    return max(path.stat().st_mtime_ns // 1000, max(said, default=0))
