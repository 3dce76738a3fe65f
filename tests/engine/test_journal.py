"""The journal: what is recorded arrives in order, once and whole, however the store and the disk behave."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.core.errors import JournalError, JournalFull, StoreContended, StoreReadOnly, StoreUnavailable
from penstock.core.ids import WriterId
from penstock.core.records import KINDS, TAGS, ArtifactSeen, LogSeen, Record, Superseded, TaskSeen
from penstock.engine.journal import REWIND_BYTES, Journal, JournalOptions
from penstock.engine.replay import is_alive, read_journal, sweep
from penstock.ports import LOCAL
from tests.engine.fakes import TARGET, Blockade, MemoryOrchestrator, as_json, note
from tests.fixtures.disks import SmallDisk, read_only_folder, unprivileged

AT_ONCE = JournalOptions(flush_seconds=0)
AWAY = StoreUnavailable("the database is away")

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
data = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))
records = st.sampled_from(sorted(set(KINDS) - {TAGS[Superseded]})).flatmap(
    lambda tag: st.tuples(*[data] * len(KINDS[tag]._fields)).map(KINDS[tag]._make)
)


def open_journal(folder: Path, orchestrator: Any, *, options: JournalOptions = AT_ONCE, **more: Any) -> Journal:
    return Journal(
        folder,
        writer_id=WriterId("w1"),
        orchestrator=orchestrator,
        principal=LOCAL,
        target=TARGET,
        options=options,
        **more,
    )


@pytest.fixture
def orchestrator() -> MemoryOrchestrator:
    return MemoryOrchestrator()


@pytest.fixture
def journal(tmp_path: Path, orchestrator: MemoryOrchestrator) -> Iterator[Journal]:
    journal = open_journal(tmp_path, orchestrator)
    yield journal
    journal.close(timeout_seconds=10)


def log(message: str) -> LogSeen:
    return LogSeen("r1", None, 1, 0, 20, "penstock", message)


def artifact(size: int) -> ArtifactSeen:
    return ArtifactSeen("r1", None, "a1", None, "markdown", None, "x" * size, 0)


def in_threads(number: int, work: Callable[[int], Any]) -> None:
    start = threading.Barrier(number)

    def run(n: int) -> None:
        start.wait()
        work(n)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# ---- What arrives ----


def test_records_arrive_in_order_and_numbered_without_gaps(journal: Journal, orchestrator: MemoryOrchestrator) -> None:
    assert list(range(1, 5_001)) == [journal.record(note(n)) for n in range(5_000)]
    journal.flush()
    assert [(n + 1, note(n)) for n in range(5_000)] == orchestrator.records["w1"]


def test_records_arrive_although_nobody_waits(tmp_path: Path) -> None:
    arrived = threading.Event()
    journal = open_journal(tmp_path, MemoryOrchestrator(on_ingest=arrived.set), options=JournalOptions())
    journal.record(note(1))
    assert arrived.wait(30)
    journal.close()


@settings(max_examples=40)
@given(st.lists(records, min_size=1, max_size=10))
def test_a_record_of_any_content_arrives_as_it_was(batch: list[Record]) -> None:
    batch = [
        record._replace(flow_run_id="r" * 32, epoch=1, task_run_id=f"{n:032x}")
        if isinstance(record, TaskSeen)
        else record
        for n, record in enumerate(batch)
    ]
    with tempfile.TemporaryDirectory() as folder:
        orchestrator = MemoryOrchestrator()
        journal = open_journal(Path(folder), orchestrator)
        for record in batch:
            journal.record(record)
        journal.close()
        assert [as_json(record) for record in batch] == [as_json(record) for record in orchestrator.said()]


@pytest.mark.parametrize("text", ["a\nb", "\0", "\x1b[31m", '"],["close",2,0]', "é\ud800\U0001f600", "\u2028", "\\n"])
def test_no_text_breaks_a_line(journal: Journal, orchestrator: MemoryOrchestrator, text: str) -> None:
    journal.record(log(text))
    journal.record(note(1))
    journal.flush()
    assert [log(text), note(1)] == orchestrator.said()


def test_many_threads_share_one_sequence(journal: Journal, orchestrator: MemoryOrchestrator) -> None:
    numbers: list[list[int]] = [[] for _ in range(8)]
    in_threads(8, lambda n: numbers[n].extend(journal.record(note(n * 1_000 + i)) for i in range(500)))
    journal.flush()
    assert list(range(1, 4_001)) == orchestrator.sequences()
    assert numbers == [sorted(of_thread) for of_thread in numbers]
    said = dict(orchestrator.records["w1"])
    assert [[note(n * 1_000 + i) for i in range(500)] for n in range(8)] == [
        [said[number] for number in of_thread] for of_thread in numbers
    ]


def test_batches_are_as_large_as_allowed_and_no_larger(tmp_path: Path) -> None:
    blockade = Blockade()
    orchestrator = MemoryOrchestrator(on_ingest=blockade)
    journal = open_journal(tmp_path, orchestrator, options=JournalOptions(batch_records=10, flush_seconds=0))
    journal.record(note(0))
    blockade.reached.wait()
    for n in range(1, 26):
        journal.record(note(n))
    blockade.lifted.set()
    journal.close()
    assert [1, 10, 10, 5] == orchestrator.batches


@pytest.mark.parametrize("size", [1_000_000, 1_100_000, 3_000_000])
def test_a_record_of_any_length_arrives(journal: Journal, orchestrator: MemoryOrchestrator, size: int) -> None:
    for record in (note(1), artifact(size), note(2)):
        journal.record(record)
    journal.flush(60)
    assert [note(1), artifact(size), note(2)] == orchestrator.said()


def test_a_record_that_cannot_be_written_leaves_no_trace(journal: Journal, orchestrator: MemoryOrchestrator) -> None:
    with pytest.raises(TypeError):
        journal.record(ArtifactSeen("r1", None, "a1", None, "table", None, {(1, 2): 3}, 0))
    assert 1 == journal.record(note(1))
    journal.flush()
    assert [1] == orchestrator.sequences()


# ---- Waiting ----


def test_flushing_an_empty_journal_returns_at_once(journal: Journal, orchestrator: MemoryOrchestrator) -> None:
    journal.flush()
    assert 0 == orchestrator.asked["Ingest"]


def test_after_a_flush_nothing_is_pending(journal: Journal) -> None:
    for n in range(100):
        journal.record(note(n))
    journal.flush()
    assert 0 == journal.pending


def test_many_threads_flush_at_once(journal: Journal, orchestrator: MemoryOrchestrator) -> None:
    def work(n: int) -> None:
        for i in range(30):
            number = journal.record(note(i))
            journal.flush()
            assert number <= orchestrator.mark("w1")

    in_threads(6, work)
    assert list(range(1, 181)) == orchestrator.sequences()


def test_a_flush_raises_what_keeps_records_out(journal: Journal, orchestrator: MemoryOrchestrator) -> None:
    orchestrator.errors = [AWAY] * 100
    journal.record(note(1))
    with pytest.raises(StoreUnavailable):
        journal.flush()
    orchestrator.errors = []


def test_each_flush_has_the_store_asked_once_more(tmp_path: Path) -> None:
    orchestrator = MemoryOrchestrator()
    orchestrator.errors = [AWAY] * 3
    journal = open_journal(tmp_path, orchestrator)
    journal.record(note(1))
    failed = 0
    while journal.pending:
        try:
            journal.flush()
        except StoreUnavailable:
            failed += 1
    assert 1 <= failed <= 3
    assert [1] == orchestrator.sequences()
    journal.close()


def test_a_failure_of_the_past_is_no_failure_of_a_flush(tmp_path: Path) -> None:
    """The store was away for a moment while nobody waited: whoever waits now sees it come back."""
    failed = threading.Event()
    orchestrator = MemoryOrchestrator()
    orchestrator.errors = [AWAY]
    journal = open_journal(tmp_path, orchestrator, on_failure=lambda _: failed.set())
    journal.record(note(1))
    failed.wait()
    journal.flush()
    assert [1] == orchestrator.sequences()
    journal.close()


@pytest.mark.parametrize("passes", [AWAY, StoreContended("a deadlock: others went first")])
def test_whoever_is_patient_waits_for_what_passes(tmp_path: Path, passes: Exception) -> None:
    orchestrator = MemoryOrchestrator()
    orchestrator.errors = [passes] * 3
    journal = open_journal(tmp_path, orchestrator)
    journal.record(note(1))
    journal.flush(patience_seconds=3_600)
    assert [1] == orchestrator.sequences()
    journal.close()


def test_whoever_is_patient_does_not_wait_for_what_stays(tmp_path: Path) -> None:
    orchestrator = MemoryOrchestrator()
    orchestrator.errors = [StoreReadOnly("no right to write")] * 100
    journal = open_journal(tmp_path, orchestrator)
    journal.record(note(1))
    with pytest.raises(StoreReadOnly):
        journal.flush(patience_seconds=3_600)
    orchestrator.errors = []
    journal.close()


def test_records_arrive_after_the_store_came_back_although_nobody_waits(tmp_path: Path) -> None:
    calls: list[int] = []
    back = threading.Event()

    def on_ingest() -> None:
        calls.append(1)
        if len(calls) > 3:
            back.set()

    orchestrator = MemoryOrchestrator(on_ingest=on_ingest)
    orchestrator.errors = [AWAY] * 3
    journal = open_journal(tmp_path, orchestrator)
    journal.record(note(1))
    assert back.wait(30)
    journal.close()
    assert [1] == orchestrator.sequences()


def test_a_failure_is_told_once_and_names_the_file(tmp_path: Path) -> None:
    told: list[str] = []
    orchestrator = MemoryOrchestrator()
    orchestrator.errors = [AWAY] * 4
    journal = open_journal(tmp_path, orchestrator, on_failure=told.append)
    journal.record(note(1))
    while journal.pending:
        try:
            journal.flush()
        except StoreUnavailable:
            continue
    journal.close()
    assert [True] == [str(journal.path) in message for message in told]


def test_an_error_that_nobody_foresaw_neither_hangs_nor_loses(tmp_path: Path) -> None:
    orchestrator = MemoryOrchestrator()
    orchestrator.errors = [ZeroDivisionError("a bug")]
    journal = open_journal(tmp_path, orchestrator)
    journal.record(note(1))
    with pytest.raises(JournalError):
        journal.flush()
    journal.flush()
    assert [1] == orchestrator.sequences()
    journal.close()


def test_a_flush_with_a_limit_says_what_is_not_yet_in(tmp_path: Path) -> None:
    blockade = Blockade()
    journal = open_journal(tmp_path, MemoryOrchestrator(on_ingest=blockade))
    journal.record(note(1))
    journal.record(note(2))
    with pytest.raises(JournalError) as raised:
        journal.flush(timeout_seconds=0.01)
    assert str(journal.path) in str(raised.value)
    assert 2 == journal.pending
    blockade.lifted.set()
    journal.close()


# ---- Back-pressure ----


def test_whoever_records_waits_when_too_much_is_waiting(tmp_path: Path) -> None:
    blockade, done = Blockade(), threading.Event()
    orchestrator = MemoryOrchestrator(on_ingest=blockade)
    journal = open_journal(tmp_path, orchestrator, options=JournalOptions(flush_seconds=0, backlog_bytes=1_000))
    numbers: list[int] = []

    def work() -> None:
        numbers.extend(journal.record(note(n)) for n in range(10_000))
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    blockade.reached.wait()
    assert not done.wait(0.3)
    assert journal.path.stat().st_size < 1_000_000
    assert journal.pending < 100
    blockade.lifted.set()
    thread.join()
    journal.close()
    assert list(range(1, 10_001)) == numbers
    assert numbers == orchestrator.sequences()


def test_no_thread_waits_for_ever_when_many_wait_at_once(tmp_path: Path) -> None:
    orchestrator = MemoryOrchestrator()
    journal = open_journal(tmp_path, orchestrator, options=JournalOptions(flush_seconds=0, backlog_bytes=200))
    in_threads(8, lambda n: [journal.record(note(i)) for i in range(200)])
    journal.close()
    assert list(range(1, 1_601)) == orchestrator.sequences()


def test_whoever_waits_for_room_goes_on_once_the_store_is_back(tmp_path: Path) -> None:
    orchestrator = MemoryOrchestrator()
    orchestrator.errors = [AWAY] * 4
    journal = open_journal(tmp_path, orchestrator, options=JournalOptions(flush_seconds=0, backlog_bytes=100))
    for n in range(50):
        journal.record(note(n))
    journal.close()
    assert list(range(1, 51)) == orchestrator.sequences()


def test_whoever_waits_for_room_goes_on_when_the_journal_closes(tmp_path: Path) -> None:
    """The record is in the file, which stays for the next process."""
    blockade = Blockade()
    orchestrator = MemoryOrchestrator(on_ingest=blockade)
    journal = open_journal(tmp_path, orchestrator, options=JournalOptions(flush_seconds=0, backlog_bytes=10))

    def work() -> None:
        journal.record(note(1))
        journal.record(note(2))
        blockade.lifted.set()

    thread = threading.Thread(target=work)
    thread.start()
    blockade.reached.wait()
    while journal.pending < 2:
        continue
    with pytest.raises(JournalError):
        journal.close(timeout_seconds=0.01)
    thread.join()
    left = read_journal(journal.path)[1] if journal.path.exists() else []
    assert {(1, note(1)), (2, note(2))} == {*orchestrator.records["w1"], *left}


# ---- Closing ----


def test_closing_brings_everything_in_and_removes_the_file(tmp_path: Path, orchestrator: MemoryOrchestrator) -> None:
    journal = open_journal(tmp_path, orchestrator, options=JournalOptions(flush_seconds=60))
    for n in range(10):
        journal.record(note(n))
    journal.close()
    assert list(range(1, 11)) == orchestrator.sequences()
    assert [] == list(tmp_path.iterdir())


def test_closing_while_the_store_is_away_keeps_the_file_for_the_next_process(tmp_path: Path) -> None:
    orchestrator = MemoryOrchestrator()
    orchestrator.errors = [AWAY] * 100
    journal = open_journal(tmp_path, orchestrator)
    journal.record(note(1))
    journal.record(note(2))
    with pytest.raises(StoreUnavailable):
        journal.close()
    orchestrator.errors = []
    sweep(tmp_path, orchestrator, target=TARGET)
    assert [note(1), note(2)] == orchestrator.said()


def test_closing_twice_is_no_error(journal: Journal) -> None:
    journal.record(note(1))
    journal.close()
    journal.close()


def test_recording_after_the_end_is_an_error_and_not_a_crash(journal: Journal) -> None:
    journal.record(note(1))
    journal.close()
    with pytest.raises(JournalError):
        journal.record(note(2))
    journal.flush()


# ---- The file ----


def test_the_file_says_first_who_writes_it_and_for_whom(journal: Journal) -> None:
    header = json.loads(journal.path.read_bytes().split(b"\n")[0])
    known = ("journal", 1, "w1", "default", TARGET, os.getpid())
    assert known == tuple(header[name] for name in ("penstock", "format", "writer", "workspace", "target", "pid"))


def test_the_file_is_for_its_owner_alone(tmp_path: Path, orchestrator: MemoryOrchestrator) -> None:
    journal = open_journal(tmp_path / "journals", orchestrator)
    assert (0o700, 0o600) == (journal.path.parent.stat().st_mode & 0o777, journal.path.stat().st_mode & 0o777)
    journal.close()


def test_a_journal_introduces_itself_by_the_name_of_its_file(journal: Journal) -> None:
    assert (journal.path.stem, os.getpid()) == (journal.hello().writer_id, journal.hello().pid)


def test_a_writer_is_alive_until_it_closes(tmp_path: Path, orchestrator: MemoryOrchestrator) -> None:
    journal = open_journal(tmp_path, orchestrator)
    alive = [is_alive(tmp_path, "w1", host=None)]
    journal.close()
    alive.append(is_alive(tmp_path, "w1", host=None))
    assert [True, False] == alive


def test_a_large_file_gives_its_space_back_once_all_is_in(journal: Journal, orchestrator: MemoryOrchestrator) -> None:
    number = REWIND_BYTES // 100_000 + 5
    for _ in range(number):
        journal.record(artifact(100_000))
    journal.flush()
    journal.record(note(1))
    journal.flush()
    assert journal.path.stat().st_size < 1_000_000
    assert list(range(1, number + 2)) == orchestrator.sequences()


def test_what_follows_in_a_rewound_file_is_found_by_the_next_process(tmp_path: Path) -> None:
    orchestrator = MemoryOrchestrator()
    journal = open_journal(tmp_path, orchestrator)
    for _ in range(REWIND_BYTES // 100_000 + 5):
        journal.record(artifact(100_000))
    journal.flush()
    orchestrator.errors = [AWAY] * 100
    last = journal.record(note(7))
    with pytest.raises(StoreUnavailable):
        journal.close()
    orchestrator.errors = []
    sweep(tmp_path, orchestrator, target=TARGET)
    assert (last, note(7)) == orchestrator.records["w1"][-1]
    assert list(range(1, last + 1)) == orchestrator.sequences()


def test_threads_that_sync_every_record_are_not_disturbed_by_a_rewinding(tmp_path: Path) -> None:
    orchestrator = MemoryOrchestrator()
    journal = open_journal(tmp_path, orchestrator, options=JournalOptions(flush_seconds=0))
    in_threads(4, lambda n: [(journal.record(artifact(150_000)), journal.sync()) for _ in range(60)])
    journal.close()
    assert list(range(1, 241)) == orchestrator.sequences()


def test_a_folder_that_takes_no_files_is_named(orchestrator: MemoryOrchestrator) -> None:
    with read_only_folder() as folder, unprivileged(folder), pytest.raises(StoreReadOnly) as raised:
        open_journal(folder / "journals", orchestrator)
    assert str(folder) in str(raised.value)


# ---- A full disk ----


def test_a_full_disk_is_said_and_every_record_before_arrives(small_disk: SmallDisk) -> None:
    orchestrator = MemoryOrchestrator()
    journal = open_journal(small_disk.path, orchestrator)
    accepted = []
    with small_disk.full():
        with pytest.raises(JournalFull):
            accepted.extend(iter(lambda: journal.record(log("x" * 1_000)), None))
        journal.flush()
    assert journal.path.stat().st_size // 2_000 < len(orchestrator.sequences())
    assert list(range(1, len(orchestrator.sequences()) + 1)) == orchestrator.sequences()
    journal.close()


def test_the_sequence_goes_on_without_a_gap_once_there_is_room(small_disk: SmallDisk) -> None:
    orchestrator = MemoryOrchestrator()
    journal = open_journal(small_disk.path, orchestrator)
    accepted = [journal.record(note(0))]
    with small_disk.full(), pytest.raises(JournalFull):
        journal.record(artifact(600_000))
    accepted += [journal.record(artifact(600_000)), journal.record(note(1))]
    journal.close()
    assert [1, 2, 3] == accepted
    assert [note(0), artifact(600_000), note(1)] == orchestrator.said()


# ---- Forks and kills ----


def test_a_forked_child_is_refused_and_its_parent_unharmed(journal: Journal, orchestrator: MemoryOrchestrator) -> None:
    journal.record(note(1))
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            journal.abandon()
            journal.record(note(666))
        except JournalError:
            journal.flush()
            journal.close()
            os.write(writing, b"refused")
        finally:
            os._exit(0)
    os.close(writing)
    assert b"refused" == os.read(reading, 100)
    os.waitpid(child, 0)
    journal.record(note(2))
    journal.flush()
    assert [note(1), note(2)] == orchestrator.said()
    assert is_alive(journal.path.parent, "w1", host=None)


PARENT = """
import os, signal, sys
from pathlib import Path
from tests.engine.test_journal import open_journal
from tests.engine.fakes import MemoryOrchestrator, note
journal = open_journal(Path(sys.argv[1]), MemoryOrchestrator())
journal.record(note(1))
if os.fork() == 0:
    journal.abandon()
    os.close(1)
    sys.stdin.read()  # lives on until it is let go
    os._exit(0)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_child_that_outlives_its_killed_parent_does_not_make_it_look_alive(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path.cwd()
    )
    assert -9 == parent.wait()
    assert parent.stdout is not None
    assert b"" == parent.stdout.read()  # the child has let go
    assert not is_alive(tmp_path, "w1", host=None)
    parent.communicate()


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.engine.test_journal import AWAY, open_journal, log
from tests.engine.fakes import MemoryOrchestrator, note
orchestrator = MemoryOrchestrator()
orchestrator.errors = [AWAY] * 1_000
journal = open_journal(Path(sys.argv[1]), orchestrator)
for n in range(int(sys.argv[2])):
    journal.record(log("x" * (n % 50)))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("number", [1, 100, 5_000])
def test_a_process_that_is_killed_right_after_recording_loses_nothing(tmp_path: Path, number: int) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, tmp_path, str(number)], check=False, cwd=Path.cwd())
    assert -9 == ended.returncode
    orchestrator = MemoryOrchestrator()
    sweep(tmp_path, orchestrator, target=TARGET)
    assert [log("x" * (n % 50)) for n in range(number)] == orchestrator.said()
    assert ["w1"] == orchestrator.crashed
