"""What dead processes left is brought in, once and as far as it is whole; what is somebody else's is left alone."""

import fcntl
import json
import os
import shutil
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.core.errors import JournalCorrupt, JournalError, StoreUnavailable
from penstock.core.records import JOURNAL_FORMAT
from penstock.engine.journal import SUFFIX, boot_id
from penstock.engine.replay import BATCH_RECORDS, is_alive, list_journals, read_journal, sweep
from tests.engine.fakes import TARGET, Blockade, MemoryOrchestrator, note
from tests.engine.test_journal import AWAY, open_journal

ELSEWHERE = {"host": "another-host", "boot": "another-boot"}


def leave_journal(folder: Path, number: int, *, writer: str = "w1", **header: Any) -> Path:
    """The file of a process that was killed after so many records; `header` says what its first line says otherwise."""
    orchestrator = MemoryOrchestrator()
    orchestrator.errors = [AWAY] * 10_000
    aside = folder / f"aside-{writer}"
    journal = open_journal(aside, orchestrator)
    for n in range(1, number + 1):
        journal.record(note(n))
    path = folder / f"{writer}{SUFFIX}"
    shutil.copy(journal.path, path)  # as long as its space, as a kill leaves it
    orchestrator.errors = []
    journal.close()
    aside.rmdir()
    rewrite_header(path, writer=writer, **header)
    return path


def rewrite_header(path: Path, **changed: Any) -> None:
    first, _, rest = path.read_bytes().partition(b"\n")
    path.write_bytes(json.dumps({**json.loads(first), **changed}, separators=(",", ":")).encode() + b"\n" + rest)


def header_of(path: Path) -> bytes:
    return path.read_bytes().partition(b"\n")[0] + b"\n"


def whole_lines(path: Path) -> list[bytes]:
    return path.read_bytes().rstrip(b"\0").splitlines(keepends=True)


@pytest.fixture
def orchestrator() -> MemoryOrchestrator:
    return MemoryOrchestrator()


# ---- Bringing in ----


def test_what_a_dead_process_left_is_brought_in_and_its_runs_are_presumed_crashed(
    tmp_path: Path, orchestrator: MemoryOrchestrator
) -> None:
    leave_journal(tmp_path, 3)
    assert ["run of w1"] == sweep(tmp_path, orchestrator, target=TARGET)
    assert [(n, note(n)) for n in (1, 2, 3)] == orchestrator.records["w1"]
    assert [] == list(tmp_path.iterdir())


def test_a_writer_that_said_goodbye_did_not_crash(tmp_path: Path, orchestrator: MemoryOrchestrator) -> None:
    path = leave_journal(tmp_path, 2)
    path.write_bytes(b"".join(whole_lines(path)) + b'["close",3,1700000000000000]\n')
    assert [] == sweep(tmp_path, orchestrator, target=TARGET)
    assert ([1, 2, 3], []) == (orchestrator.sequences(), orchestrator.crashed)


def test_sweeping_again_finds_nothing(tmp_path: Path, orchestrator: MemoryOrchestrator) -> None:
    leave_journal(tmp_path, 3)
    sweep(tmp_path, orchestrator, target=TARGET)
    assert [] == sweep(tmp_path, orchestrator, target=TARGET)
    assert ["w1"] == orchestrator.crashed


def test_journals_that_are_being_closed_are_no_work(tmp_path: Path, orchestrator: MemoryOrchestrator) -> None:
    failed: list[Exception] = []
    closed = threading.Event()

    def look() -> None:
        try:
            while not closed.is_set():
                assert [] == sweep(tmp_path, MemoryOrchestrator(), target=TARGET)
        except Exception as error:
            failed.append(error)

    looking = [threading.Thread(target=look) for _ in range(2)]
    for thread in looking:
        thread.start()
    for _ in range(150):
        open_journal(tmp_path, orchestrator).close()
    closed.set()
    for thread in looking:
        thread.join()
    assert [] == failed


def test_no_folder_is_no_work(tmp_path: Path, orchestrator: MemoryOrchestrator) -> None:
    assert [] == sweep(tmp_path / "journals", orchestrator, target=TARGET)


def test_what_is_in_the_store_already_is_passed_over(tmp_path: Path, orchestrator: MemoryOrchestrator) -> None:
    orchestrator.records["w1"] = [(1, note(1)), (2, note(2))]
    leave_journal(tmp_path, 5)
    sweep(tmp_path, orchestrator, target=TARGET)
    assert [1, 2, 3, 4, 5] == orchestrator.sequences()
    assert [3] == orchestrator.batches


def test_a_file_that_is_in_completely_is_removed(tmp_path: Path, orchestrator: MemoryOrchestrator) -> None:
    orchestrator.records["w1"] = [(n, note(n)) for n in range(1, 10)]
    leave_journal(tmp_path, 5)
    sweep(tmp_path, orchestrator, target=TARGET)
    assert (0, []) == (orchestrator.asked["Ingest"], list(tmp_path.iterdir()))


def test_a_large_file_is_brought_in_by_parts(tmp_path: Path, orchestrator: MemoryOrchestrator) -> None:
    leave_journal(tmp_path, BATCH_RECORDS * 2 + 1)
    sweep(tmp_path, orchestrator, target=TARGET)
    assert [BATCH_RECORDS, BATCH_RECORDS, 1] == orchestrator.batches


def test_a_process_that_died_before_its_first_record_may_have_begun_a_run(
    tmp_path: Path, orchestrator: MemoryOrchestrator
) -> None:
    leave_journal(tmp_path, 0)
    sweep(tmp_path, orchestrator, target=TARGET)
    assert ["w1"] == orchestrator.crashed
    assert [] == list(tmp_path.iterdir())


# ---- Torn and damaged ----


def test_a_file_torn_at_any_byte_is_brought_in_up_to_its_last_whole_record(tmp_path: Path) -> None:
    path = leave_journal(tmp_path, 3)
    header, body = header_of(path), b"".join(whole_lines(path)[1:])
    for length in range(len(body) + 1):
        for tail in (b"", b"\0" * 100):
            orchestrator = MemoryOrchestrator()
            path.write_bytes(header + body[:length] + tail)
            sweep(tmp_path, orchestrator, target=TARGET)
            whole = body[:length].count(b"\n") + (body[:length].endswith(b"]") and not tail)
            assert list(range(1, whole + 1)) == orchestrator.sequences()
            assert ["w1"] == orchestrator.crashed
            assert not path.exists()


@pytest.mark.parametrize(
    "garbage",
    [
        b"\0\0\0\n",
        b"x\n",
        b"{}\n",
        b'["close",2]\n',
        b'["close",4,4]\n',
        b'["close",1,1]\n',
        b'["new",2,1]\n',
        b"[" * 5_000 + b"\n",
    ],
)
def test_nothing_that_follows_a_damaged_line_is_believed(
    tmp_path: Path, orchestrator: MemoryOrchestrator, garbage: bytes
) -> None:
    path = leave_journal(tmp_path, 3)
    header, first, _, third = whole_lines(path)
    path.write_bytes(header + first + garbage + third)
    sweep(tmp_path, orchestrator, target=TARGET)
    assert [1] == orchestrator.sequences()


def test_what_is_left_of_a_longer_record_is_not_taken_for_one(tmp_path: Path, orchestrator: MemoryOrchestrator) -> None:
    """An append that was ended half-way leaves its bytes, and the next one writes over their beginning."""
    path = leave_journal(tmp_path, 2)
    header, first, second = whole_lines(path)
    path.write_bytes(header + first + second + b'","penstock","text"]\n["close",3,3]\n')
    sweep(tmp_path, orchestrator, target=TARGET)
    assert [1, 2] == orchestrator.sequences()


@pytest.mark.parametrize("content", [b"", b"\0" * 4_096, b'{"pens', b'{"penstock":"journal","for\0\0\0'])
def test_a_file_whose_writer_died_before_it_introduced_itself_is_removed(
    tmp_path: Path, orchestrator: MemoryOrchestrator, content: bytes
) -> None:
    (tmp_path / f"w1{SUFFIX}").write_bytes(content)
    assert [] == sweep(tmp_path, orchestrator, target=TARGET)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content", [b"my diary\n", b"my diary", b"{}\n", b'{"format":"x"}\n', b"[1,2]\n", b"\xff\xfe\n"]
)
def test_a_file_that_is_no_journal_is_left_alone(
    tmp_path: Path, orchestrator: MemoryOrchestrator, content: bytes
) -> None:
    path = tmp_path / f"diary{SUFFIX}"
    path.write_bytes(content)
    sweep(tmp_path, orchestrator, target=TARGET)
    assert content == path.read_bytes()
    with pytest.raises(JournalCorrupt):
        read_journal(path)


def test_a_file_that_the_store_cannot_take_stays_and_keeps_nobody_from_working(
    tmp_path: Path, orchestrator: MemoryOrchestrator
) -> None:
    """Such as one that goes on where another database stopped, which was removed since."""
    path = leave_journal(tmp_path, 3)
    header, _, second, third = whole_lines(path)
    path.write_bytes(header + second + third)
    leave_journal(tmp_path, 2, writer="w2")
    assert ["run of w1", "run of w2"] == sweep(tmp_path, orchestrator, target=TARGET)
    assert [path] == list(tmp_path.iterdir())
    assert [1, 2] == orchestrator.sequences("w2")


def test_a_store_that_is_away_is_said_and_every_file_stays(tmp_path: Path, orchestrator: MemoryOrchestrator) -> None:
    path = leave_journal(tmp_path, 3)
    orchestrator.errors = [AWAY]
    with pytest.raises(StoreUnavailable):
        sweep(tmp_path, orchestrator, target=TARGET)
    assert path.exists()
    assert [] == orchestrator.crashed
    sweep(tmp_path, orchestrator, target=TARGET)
    assert [1, 2, 3] == orchestrator.sequences()


# ---- Somebody else's ----


def test_a_living_writers_file_is_left_alone(tmp_path: Path, orchestrator: MemoryOrchestrator) -> None:
    journal = open_journal(tmp_path, orchestrator)
    journal.record(note(1))
    assert [] == sweep(tmp_path, MemoryOrchestrator(), target=TARGET)
    assert journal.path.exists()
    journal.close()


@pytest.mark.parametrize(
    "header",
    [ELSEWHERE, {**ELSEWHERE, "boot": ""}, {"target": "sqlite:///another"}, {"format": JOURNAL_FORMAT + 1}],
    ids=["another host's", "a host's that tells no boot", "another database's", "a newer version's"],
)
def test_what_is_somebody_elses_is_left_alone(
    tmp_path: Path, orchestrator: MemoryOrchestrator, header: dict[str, Any]
) -> None:
    path = leave_journal(tmp_path, 3, **header)
    before = path.read_bytes()
    assert [] == sweep(tmp_path, orchestrator, target=TARGET)
    assert before == path.read_bytes()
    assert {} == orchestrator.asked


def test_a_container_that_follows_another_on_one_machine_finds_what_it_left(
    tmp_path: Path, orchestrator: MemoryOrchestrator
) -> None:
    leave_journal(tmp_path, 3, host="the-container-before", boot=boot_id())
    sweep(tmp_path, orchestrator, target=TARGET)
    assert [1, 2, 3] == orchestrator.sequences()


def test_a_newer_format_is_refused_whatever_else_it_says(tmp_path: Path) -> None:
    path = tmp_path / f"w1{SUFFIX}"
    path.write_bytes(b'{"penstock":"journal","format":2,"other":"fields"}\n["unknown"]\n')
    with pytest.raises(JournalCorrupt) as raised:
        read_journal(path)
    assert "newer" in str(raised.value)


# ---- Who lives ----


def test_a_writer_without_a_file_is_dead(tmp_path: Path) -> None:
    assert not is_alive(tmp_path, "w1", host=None)
    assert not is_alive(tmp_path, "w1", host=socket.gethostname())


def test_a_writer_whose_file_nobody_holds_is_dead(tmp_path: Path) -> None:
    leave_journal(tmp_path, 1)
    assert not is_alive(tmp_path, "w1", host=socket.gethostname())


def test_a_writer_of_another_host_counts_as_alive(tmp_path: Path) -> None:
    leave_journal(tmp_path, 1, **ELSEWHERE)
    assert is_alive(tmp_path, "w1", host="another-host")
    assert is_alive(tmp_path, "w2", host="another-host")


def test_asking_who_lives_takes_nothing_from_anyone(tmp_path: Path, orchestrator: MemoryOrchestrator) -> None:
    journal = open_journal(tmp_path, orchestrator)
    assert [True] * 20 == [is_alive(tmp_path, "w1", host=None) for _ in range(20)]
    journal.record(note(1))
    journal.close()
    assert [1] == orchestrator.sequences()


def test_the_journals_of_a_home_are_listed_with_what_they_are(tmp_path: Path, orchestrator: MemoryOrchestrator) -> None:
    leave_journal(tmp_path, 1, writer="dead")
    leave_journal(tmp_path, 1, writer="new", format=JOURNAL_FORMAT + 1)
    journal = open_journal(tmp_path, orchestrator)
    listed = {file.path.stem: (file.header is not None, file.alive) for file in list_journals(tmp_path)}
    assert {"dead": (True, False), "new": (False, False), "w1": (True, True)} == listed
    journal.close()


# ---- Several at once ----


def test_two_who_sweep_at_once_bring_in_everything_once(tmp_path: Path) -> None:
    blockade = Blockade()
    orchestrator = MemoryOrchestrator(on_ingest=blockade)
    leave_journal(tmp_path, 3)
    crashed: list[str] = []
    first = threading.Thread(target=lambda: crashed.extend(sweep(tmp_path, orchestrator, target=TARGET)))
    first.start()
    blockade.reached.wait()
    assert [] == sweep(tmp_path, orchestrator, target=TARGET)
    blockade.lifted.set()
    first.join()
    assert (["run of w1"], ["w1"], [3]) == (crashed, orchestrator.crashed, orchestrator.batches)


def test_processes_that_sweep_at_once_bring_in_every_file_once(tmp_path: Path) -> None:
    """Each process tells through a pipe what it brought in; none of the files is told twice, and none is left."""
    writers = [f"w{n:02}" for n in range(30)]
    for writer in writers:
        leave_journal(tmp_path, 3, writer=writer)
    pipes = [in_child(lambda: sweep_and_tell(tmp_path)) for _ in range(4)]
    told = [read_all(pipe).split() for pipe in pipes]
    assert writers == sorted(writer for of_process in told for writer in of_process)
    assert [] == list(tmp_path.iterdir())


def sweep_and_tell(folder: Path) -> str:
    orchestrator = MemoryOrchestrator()
    sweep(folder, orchestrator, target=TARGET)
    return " ".join(orchestrator.crashed)


def in_child(work: Callable[[], str]) -> int:
    reading, writing = os.pipe()
    if os.fork() == 0:
        try:
            os.write(writing, work().encode())
        finally:
            os._exit(0)
    os.close(writing)
    return reading


def read_all(pipe: int) -> str:
    with open(pipe, encoding="utf-8") as file:
        return file.read()


def test_a_file_that_another_process_is_about_to_bring_in_is_left_to_it(
    tmp_path: Path, orchestrator: MemoryOrchestrator
) -> None:
    path = leave_journal(tmp_path, 3)
    with path.open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert [] == sweep(tmp_path, orchestrator, target=TARGET)
    assert ["run of w1"] == sweep(tmp_path, orchestrator, target=TARGET)


def test_a_gap_is_an_error_of_the_journal() -> None:
    """What `sweep` counts on: the store refuses what does not follow on what it has."""
    from penstock.ports import Ingest

    with pytest.raises(JournalError):
        MemoryOrchestrator().ask(Ingest(writer_id="w1", records=[(2, note(2))]))  # type: ignore[arg-type]
