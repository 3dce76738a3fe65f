"""Results on disks that are full or closed to writing, in forked children, and from many threads and processes at once."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from penstock.core.errors import StoreFull, StoreReadOnly
from penstock.results.folder import PACKED_BYTES_MAX, FolderResultStore
from tests.fixtures.disks import DISK_BYTES, SmallDisk, read_only_folder, unprivileged

LARGE = b"x" * (PACKED_BYTES_MAX + 1)


def in_threads(number: int, work: Callable[[int], Any]) -> list[Any]:
    """Do the work in threads that all begin at once; answers what each came to."""
    outcomes: list[Any] = [None] * number
    start = threading.Barrier(number)

    def run(n: int) -> None:
        start.wait()
        try:
            outcomes[n] = work(n)
        except Exception as error:
            outcomes[n] = error

    threads = [threading.Thread(target=run, args=(n,)) for n in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def in_forked_child(work: Callable[[], str]) -> str:
    """Do the work in a forked child; answers what it came to, or the error that it met."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            text = work()
        except BaseException as error:
            text = repr(error)
        os.write(writing, text.encode())
        os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return text


# ---- Threads and processes ----


@pytest.mark.parametrize("size", [10, PACKED_BYTES_MAX * 2])
def test_threads_of_one_run_each_find_what_they_put(tmp_path: Path, size: int) -> None:
    store = FolderResultStore(tmp_path, writer="w1")

    def work(n: int) -> bool:
        values = [f"{n}-{i}".ljust(size) for i in range(40)]
        references = [store.put(value, run_id="r1") for value in values]
        return values == [store.get(reference) for reference in references]

    assert [True] * 8 == in_threads(8, work)


def test_threads_that_put_the_very_same_large_object_do_not_meet(tmp_path: Path) -> None:
    for attempt in range(25):
        store = FolderResultStore(tmp_path / str(attempt), writer="w1")
        references = in_threads(8, lambda n, store=store: store.put(LARGE, run_id="r1"))
        assert 1 == len(set(references)), references
        assert LARGE == store.get(references[0])


def test_threads_of_many_runs_open_and_close_them_independently(tmp_path: Path) -> None:
    store = FolderResultStore(tmp_path, writer="w1")

    def work(n: int) -> bool:
        kept = []
        for i in range(60):
            kept.append((i, store.put(i, run_id=f"r{i % 5}")))
            if i % 7 == 0:
                store.close_run(f"r{n % 5}")
        return all(value == store.get(reference) for value, reference in kept)

    assert [True] * 6 == in_threads(6, work)


def test_a_reader_of_the_index_sees_the_old_entry_or_the_new_one(tmp_path: Path) -> None:
    store = FolderResultStore(tmp_path, writer="w1")
    references = [store.put(n, run_id="r1", key="k") for n in range(2)]
    store.put_cached("k", references[0], now=0, expires_at=None)
    ended = threading.Event()
    torn: list[int] = []

    def read(_: int) -> None:
        while not ended.is_set():
            hit = store.find_cached("k", now=1)
            if hit is None or hit.reference not in references:
                torn.append(1)

    def write(_: int) -> None:
        try:
            for n in range(300):
                store.put_cached("k", references[n % 2], now=n, expires_at=None)
        finally:
            ended.set()

    in_threads(4, lambda n: write(n) if n == 0 else read(n))
    assert [] == torn


def test_two_prunings_at_once_do_not_stumble(tmp_path: Path) -> None:
    for attempt in range(10):
        store = FolderResultStore(tmp_path / str(attempt), writer="w1")
        for n in range(20):
            store.put_cached(str(n), store.put(n, run_id="r1", key=str(n)), now=0, expires_at=1)
        outcomes = in_threads(4, lambda n, store=store: store.prune(now=2, keep_since=10**18))
        assert [] == [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        assert [] == [path for path in store.root.rglob("*") if path.is_file()]


def test_processes_share_a_cache(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from penstock.results.folder import FolderResultStore
store = FolderResultStore(Path(sys.argv[1]), writer=sys.argv[2])
for n in range(100):
    key = str(n % 10)
    hit = store.find_cached(key, now=1)
    if hit is None:
        store.put_cached(key, store.put(key * 100, run_id="r" + sys.argv[2], key=key), now=0, expires_at=None)
    else:
        assert key * 100 == store.get(hit.reference)
"""
    children = [subprocess.Popen([sys.executable, "-c", program, tmp_path, str(n)]) for n in range(3)]
    assert [0, 0, 0] == [child.wait() for child in children]
    store = FolderResultStore(tmp_path, writer="w")
    hits = [store.find_cached(str(n), now=1) for n in range(10)]
    assert [str(n) * 100 for n in range(10)] == [store.get(hit.reference) for hit in hits if hit is not None]


# ---- Forks ----


def test_a_forked_child_goes_on_as_another_writer(tmp_path: Path) -> None:
    store = FolderResultStore(tmp_path, writer="parent")
    before = store.put("before", run_id="r1")

    def work() -> str:
        store.abandon("child")
        return str(store.put("of the child", run_id="r1"))

    of_child = in_forked_child(work)
    after = store.put("after", run_id="r1")
    assert ["before", "of the child", "after"] == [store.get(r) for r in (before, of_child, after)]


def test_a_forked_child_leaves_nothing_of_its_parents_open(tmp_path: Path) -> None:
    store = FolderResultStore(tmp_path, writer="parent")
    store.put("before", run_id="r1")

    def work() -> str:
        store.abandon("child")
        return str([file.path for file in psutil.Process().open_files() if file.path.startswith(str(tmp_path))])

    assert "[]" == in_forked_child(work)


# ---- Folders that take no writes, disks that take no more ----


@pytest.mark.parametrize("value", [b"small", LARGE])
@pytest.mark.parametrize("key", [None, "k"])
def test_a_folder_that_takes_no_writes_is_said_to_be_one(value: bytes, key: str | None) -> None:
    with read_only_folder() as folder:
        store = FolderResultStore(folder / "results", writer="w")
        with unprivileged(folder), pytest.raises(StoreReadOnly) as raised:
            store.put(value, run_id="r1", key=key)
        assert str(folder) in str(raised.value)


def test_what_lies_in_a_folder_for_reading_is_read(tmp_path: Path) -> None:
    with read_only_folder() as folder:
        writer = FolderResultStore(folder, writer="w")
        references = [writer.put(b"small", run_id="r1"), writer.put(LARGE, run_id="r1", key="k")]
        writer.put_cached("k", references[1], now=0, expires_at=None)
        writer.close()
        with unprivileged(folder):
            store = FolderResultStore(folder, writer="w2")
            assert [b"small", LARGE] == [store.get(reference) for reference in references]
            assert store.find_cached("k", now=1) is not None
            with pytest.raises(StoreReadOnly):
                store.put_cached("k", references[0], now=0, expires_at=None)


def test_a_file_in_the_place_of_the_folder_is_said_to_be_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("not a folder")
    with pytest.raises(StoreReadOnly):
        FolderResultStore(tmp_path / "results", writer="w").put("value", run_id="r1")


@pytest.mark.parametrize("value", [b"small" * 1_000, LARGE])
@pytest.mark.parametrize("key", [None, "k"])
def test_a_full_disk_is_said_and_what_was_kept_stays(small_disk: SmallDisk, value: bytes, key: str | None) -> None:
    store = FolderResultStore(small_disk.path / "results", writer="w")
    before = store.put("before", run_id="r1")
    store.put_cached("before", store.put("cached", run_id="r1", key="before"), now=0, expires_at=None)
    with small_disk.full(), pytest.raises(StoreFull):
        put_many(store, [value + str(n).encode() for n in range(100)], key=key)  # a pack has some room already
    assert "before" == store.get(before)
    assert store.find_cached("before", now=1) is not None


def test_a_full_disk_leaves_no_half_written_file(small_disk: SmallDisk) -> None:
    store = FolderResultStore(small_disk.path / "results", writer="w")
    store.put("before", run_id="r1", key="k")
    before = sorted(store.root.rglob("*"))
    with small_disk.full(but_for=PACKED_BYTES_MAX // 2), pytest.raises(StoreFull):
        store.put(LARGE, run_id="r1", key="other")
    assert before == sorted(store.root.rglob("*"))


def test_results_are_kept_again_once_there_is_room(small_disk: SmallDisk) -> None:
    store = FolderResultStore(small_disk.path / "results", writer="w")
    with small_disk.full(), pytest.raises(StoreFull):
        store.put("too much", run_id="r1")
    assert ["small", LARGE] == [store.get(store.put(value, run_id="r1")) for value in ("small", LARGE)]


def test_a_disk_that_fills_up_bit_by_bit_keeps_every_result_that_it_took(small_disk: SmallDisk) -> None:
    store = FolderResultStore(small_disk.path / "results", writer="w")
    values = [n.to_bytes(2, "big") * 500 for n in range(10_000)]
    kept: list[str] = []
    with small_disk.full(but_for=DISK_BYTES // 4), pytest.raises(StoreFull):
        put_many(store, values, kept=kept)
    assert values[: len(kept)] == [store.get(reference) for reference in kept]


def put_many(
    store: FolderResultStore, values: list[bytes], *, key: str | None = None, kept: list[str] | None = None
) -> None:
    for n, value in enumerate(values):
        reference = store.put(value, run_id=f"r{n % 3}", key=key)
        if kept is not None:
            kept.append(reference)
