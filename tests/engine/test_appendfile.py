"""The file that is written through a memory map: what was appended is there, whatever happens next."""

import errno
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.appendfile import AppendFile, translate
from penstock.core.errors import StoreFull, StoreReadOnly
from tests.fixtures.disks import SmallDisk, read_only_folder, unprivileged


@pytest.fixture
def file(tmp_path: Path) -> Iterator[AppendFile]:
    file = AppendFile(tmp_path / "file")
    yield file
    file.close()


steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.binary(max_size=300)),
        st.tuples(st.just("append"), st.integers(60_000, 140_000).map(bytes)),
        st.tuples(st.just("rewind"), st.integers(0, 1_000)),
        st.tuples(st.just("sync"), st.integers(0, 1_000)),
    ),
    max_size=12,
)


@given(steps)
def test_the_file_holds_what_was_appended_and_not_forgotten(steps: list[tuple[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file, expected = AppendFile(Path(folder, "file")), b""
        for tally, (step, value) in enumerate(steps):
            if step == "append":
                assert len(expected) == file.append(value, tally)
                expected += value
                assert (len(expected), tally) == file.head
            elif step == "rewind":
                expected = expected[:value]
                file.rewind(len(expected))
            else:
                file.sync(min(value, len(expected)))
            assert expected == file.path.read_bytes()[: file.end]
        file.close()
        assert expected == file.path.read_bytes()


def test_others_see_an_append_before_it_returns(file: AppendFile) -> None:
    seen = []
    for n in range(5):
        file.append(b"%d" % n)
        seen.append(file.path.read_bytes()[: file.end])
    assert [b"0", b"01", b"012", b"0123", b"01234"] == seen


def test_what_was_appended_is_read_back(file: AppendFile) -> None:
    start = file.append(b"first") + file.append(b"second")
    assert b"second" == file.read(start, file.end)


def test_space_is_there_before_it_is_used(file: AppendFile) -> None:
    """A page that could not be allocated would end the process with a bus error."""
    file.append(bytes(200_000))
    status = os.stat(file.path)
    assert status.st_size <= status.st_blocks * 512


def test_a_file_is_for_its_owner_alone(file: AppendFile) -> None:
    assert 0o600 == file.path.stat().st_mode & 0o777


def test_a_rewound_file_gives_its_space_back(file: AppendFile) -> None:
    file.append(bytes(3_000_000))
    file.rewind(10)
    assert os.stat(file.path).st_blocks * 512 < 100_000
    assert 10 == file.append(b"again")
    assert b"\0" * 10 + b"again" == file.path.read_bytes()[: file.end]


def test_a_rewound_file_keeps_its_tally(file: AppendFile) -> None:
    file.append(b"data", 7)
    file.rewind(0)
    assert (0, 7) == file.head


def test_syncing_what_was_rewound_is_no_error(file: AppendFile) -> None:
    start = file.append(bytes(100_000))
    file.rewind(0)
    file.sync(start)
    file.sync(90_000)


def test_closing_cuts_the_file_to_what_was_appended(file: AppendFile) -> None:
    file.append(b"12345")
    file.close()
    file.close()
    assert b"12345" == file.path.read_bytes()


def test_an_existing_file_is_left_alone(file: AppendFile) -> None:
    file.append(b"mine")
    with pytest.raises(StoreReadOnly):
        AppendFile(file.path)
    assert b"mine" == file.path.read_bytes()[:4]


def test_a_folder_that_takes_no_files_is_named() -> None:
    with read_only_folder() as folder, unprivileged(folder), pytest.raises(StoreReadOnly) as raised:
        AppendFile(folder / "file")
    assert str(folder / "file") in str(raised.value)


def test_a_full_disk_is_an_error_and_what_was_appended_stays(small_disk: SmallDisk) -> None:
    file = AppendFile(small_disk.path / "file", initial_bytes=4_096)
    file.append(b"before", 1)
    with small_disk.full():
        with pytest.raises(StoreFull) as raised:
            file.append(bytes(100_000), 2)
        assert (6, 1) == file.head
        assert b"before" == file.path.read_bytes()[:6]
        file.append(b" and within", 3)  # there was room left in the file
    assert 17 == file.append(bytes(100_000), 4)
    file.close()
    assert b"before and within" + bytes(100_000) == file.path.read_bytes()
    assert str(file.path) in str(raised.value)


def test_a_file_that_cannot_have_its_first_bytes_is_not_left_behind(small_disk: SmallDisk) -> None:
    with small_disk.full(), pytest.raises(StoreFull):
        AppendFile(small_disk.path / "file")
    assert not (small_disk.path / "file").exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_having_no_room_is_told_from_having_no_right(number: int) -> None:
    assert StoreFull is type(translate(OSError(number, os.strerror(number)), Path("file")))


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EPERM, errno.EIO, errno.ENOTDIR, errno.ENOENT])
def test_any_other_refusal_names_the_file_and_the_reason(number: int) -> None:
    error = translate(OSError(number, os.strerror(number)), Path("file"))
    assert StoreReadOnly is type(error)
    assert os.strerror(number) in str(error)


KILLED = """
import os, signal, sys
from pathlib import Path
from penstock.appendfile import AppendFile
file = AppendFile(Path(sys.argv[1]), initial_bytes=4096)
for n in range(int(sys.argv[2])):
    file.append(b"%07d\\n" % n)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("number", [1, 511, 512, 513, 20_000])
def test_a_process_that_is_killed_right_after_an_append_loses_nothing(tmp_path: Path, number: int) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "file", str(number)], check=False)
    assert -9 == ended.returncode
    lines = (tmp_path / "file").read_bytes().rstrip(b"\0").split(b"\n")
    assert [b"%07d" % n for n in range(number)] == lines[:-1]
