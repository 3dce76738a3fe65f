"""The folder that results live in: what is kept, found again, told to be lost, and dropped."""

import json
import os
import random
import tempfile
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import ResultCorrupt, ResultMissing, ResultNotStorable
from penstock.core.keys import digest
from penstock.results.folder import PACKED_BYTES_MAX, PACKS_OPEN_MAX, STREAM, FolderResultStore

LARGE = "large " * PACKED_BYTES_MAX
CANARY = "canary-5c1f"


@pytest.fixture
def store(tmp_path: Path) -> FolderResultStore:
    return FolderResultStore(tmp_path / "results", writer="writer-1")


def files(store: FolderResultStore) -> list[str]:
    return sorted(str(path.relative_to(store.root)) for path in store.root.rglob("*") if path.is_file())


# ---- Keeping and finding again ----


@pytest.mark.parametrize("value", [0, "", b"", (), "text", LARGE, LARGE.encode(), {"a": [1, (2,)]}, float("inf")])
@pytest.mark.parametrize("key", [None, "key"])
def test_a_value_is_found_by_its_reference(store: FolderResultStore, value: Any, key: str | None) -> None:
    reference = store.put(value, run_id="r1", key=key)
    assert value == store.get(reference)
    assert type(value) is type(store.get(reference))
    assert store.exists(reference)


def test_none_takes_no_space(store: FolderResultStore) -> None:
    reference = store.put(None, run_id="r1")
    assert store.exists(reference)
    assert store.get(reference) is None
    assert not store.root.exists()


def test_a_cached_none_is_found_again(store: FolderResultStore) -> None:
    store.put_cached("k", store.put(None, run_id="r1", key="k"), now=0, expires_at=None)
    hit = store.find_cached("k", now=1)
    assert hit is not None
    assert store.get(hit.reference) is None


@pytest.mark.parametrize("value", [CANARY, CANARY.encode(), [CANARY], {CANARY: 1}, CANARY * 10_000, (CANARY,)])
def test_a_reference_says_nothing_of_the_data(store: FolderResultStore, value: Any) -> None:
    for key in (None, "key"):
        assert CANARY not in store.put(value, run_id="r1", key=key)


def test_another_process_reads_what_this_one_keeps_while_it_goes_on(store: FolderResultStore) -> None:
    reference = store.put([1, 2], run_id="r1")
    other = FolderResultStore(store.root, writer="writer-2")
    assert [1, 2] == other.get(reference)
    assert "more" == other.get(store.put("more", run_id="r1"))


def test_writers_of_one_run_do_not_meet(store: FolderResultStore) -> None:
    other = FolderResultStore(store.root, writer="writer-2")
    references = [s.put(n, run_id="r1") for n in range(10) for s in (store, other)]
    assert [n for n in range(10) for _ in range(2)] == [store.get(reference) for reference in references]


def test_a_writer_that_comes_back_overwrites_nothing(store: FolderResultStore) -> None:
    first = store.put("first", run_id="r1")
    again = FolderResultStore(store.root, writer="writer-1")
    second = again.put("second", run_id="r1")
    assert ("first", "second") == (store.get(first), store.get(second))


def test_small_results_of_a_run_share_a_file(store: FolderResultStore) -> None:
    for n in range(100):
        store.put(n, run_id="r1")
    assert 1 == len(files(store))


def test_equal_large_results_are_kept_once(store: FolderResultStore) -> None:
    assert store.put(LARGE, run_id="r1") == store.put(LARGE, run_id="r1")
    assert 1 == len(files(store))


def test_a_closed_run_takes_no_more_space_than_its_results(store: FolderResultStore) -> None:
    references = [store.put(str(n), run_id="r1") for n in range(10)]
    store.close_run("r1")
    assert 10 == sum(path.stat().st_size for path in store.root.rglob("*.pack"))
    assert [str(n) for n in range(10)] == [store.get(reference) for reference in references]


def test_a_closed_run_takes_further_results(store: FolderResultStore) -> None:
    before = store.put("before", run_id="r1")
    store.close_run("r1")
    after = store.put("after", run_id="r1")
    assert ("before", "after") == (store.get(before), store.get(after))


def test_many_runs_at_once_hold_few_files_open(store: FolderResultStore) -> None:
    opened = psutil.Process().num_fds()
    references = [store.put(n, run_id=f"r{n}") for n in range(PACKS_OPEN_MAX + 50)]
    assert psutil.Process().num_fds() - opened < 300
    assert list(range(PACKS_OPEN_MAX + 50)) == [store.get(reference) for reference in references]
    store.close()
    assert opened == psutil.Process().num_fds()


def test_a_result_that_cannot_be_kept_leaves_nothing_behind(store: FolderResultStore) -> None:
    with pytest.raises(ResultNotStorable):
        store.put((n for n in range(3)), run_id="r1", key="k")
    assert not store.root.exists()


def test_results_are_for_their_owner_alone(store: FolderResultStore) -> None:
    store.put_cached("k", store.put(LARGE, run_id="r1", key="k"), now=0, expires_at=None)
    store.put("small", run_id="r1")
    assert {0} == {path.parent.stat().st_mode & 0o077 for path in store.root.rglob("*") if path.is_file()}


# ---- Lost and damaged ----


@pytest.fixture(params=["packed", "large", "shared"])
def kept(request: pytest.FixtureRequest, store: FolderResultStore) -> tuple[str, Path]:
    """A result and its file."""
    value = LARGE if request.param == "large" else CANARY
    reference = store.put(value, run_id="r1", key="k" if request.param == "shared" else None)
    store.close()
    (path,) = [path for path in store.root.rglob("*") if path.is_file()]
    return reference, path


def test_a_lost_result_is_missing(store: FolderResultStore, kept: tuple[str, Path]) -> None:
    reference, path = kept
    path.unlink()
    assert not store.exists(reference)
    with pytest.raises(ResultMissing) as raised:
        store.get(reference)
    assert str(path) in str(raised.value)


def test_a_result_whose_folder_is_gone_is_missing(store: FolderResultStore, kept: tuple[str, Path]) -> None:
    os.rename(store.root, store.root.with_name("elsewhere"))
    store.root.write_text("a file in the place of the folder")
    assert not store.exists(kept[0])
    with pytest.raises(ResultMissing):
        store.get(kept[0])


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999_999])
def test_a_truncated_result_is_corrupt(store: FolderResultStore, kept: tuple[str, Path], share: float) -> None:
    reference, path = kept
    os.truncate(path, int(path.stat().st_size * share))
    assert not store.exists(reference)
    with pytest.raises(ResultCorrupt) as raised:
        store.get(reference)
    assert str(path) in str(raised.value)


def test_a_result_with_a_changed_bit_is_corrupt(store: FolderResultStore, kept: tuple[str, Path]) -> None:
    reference, path = kept
    whole = path.read_bytes()
    for place in random.Random(7).sample(range(len(whole) * 8), 64):
        changed = bytearray(whole)
        changed[place // 8] ^= 1 << place % 8
        path.write_bytes(changed)
        assert not store.exists(reference)
        with pytest.raises(ResultCorrupt):
            store.get(reference)


def test_running_the_task_again_mends_a_damaged_result(store: FolderResultStore) -> None:
    reference = store.put(LARGE, run_id="r1", key="k")
    (path,) = store.root.rglob("*.result")
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    assert reference == store.put(LARGE, run_id="r1", key="k")
    assert LARGE == store.get(reference)


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "x",
        "p:",
        "p:r1/w-0:0:1",
        "p:r1/w-0:x:1:0:j",
        "f:a",
        "f:shared/abc:x:j",
        "s3://bucket/key",
        "z:1:2:3",
        "f:\0:1:j",
    ],
)
def test_what_is_no_reference_of_this_storage_leads_nowhere(store: FolderResultStore, reference: str) -> None:
    assert not store.exists(reference)
    with pytest.raises(ResultMissing):
        store.get(reference)


def test_a_stream_is_whole_only_with_each_of_its_items(store: FolderResultStore) -> None:
    items = [store.put(LARGE + str(n), run_id="r1") for n in range(3)]
    stream = STREAM + store.put(items, run_id="r1")
    assert store.exists(stream)
    (store.root / f"{items[1].split(':')[1]}.result").unlink()
    assert not store.exists(stream)


# ---- The cache index ----


def test_a_cache_key_leads_to_its_result(store: FolderResultStore) -> None:
    reference = store.put("value", run_id="r1", key="k")
    store.put_cached("k", reference, now=5, expires_at=None)
    hit = store.find_cached("k", now=10**18)
    assert hit is not None
    assert (reference, 5, None) == (hit.reference, hit.created_at, hit.expires_at)
    assert store.find_cached("other", now=0) is None


@given(st.integers(0, 2**60), st.integers(0, 2**60))
def test_an_entry_is_found_until_it_expires(expires_at: int, now: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = FolderResultStore(Path(folder), writer="w")
        store.put_cached("k", store.put(1, run_id="r1", key="k"), now=0, expires_at=expires_at)
        assert (now < expires_at) == (store.find_cached("k", now=now) is not None)


def test_the_latest_entry_counts(store: FolderResultStore) -> None:
    for value, now in (("old", 1), ("new", 2)):
        store.put_cached("k", store.put(value, run_id="r1", key="k"), now=now, expires_at=None)
    hit = store.find_cached("k", now=3)
    assert hit is not None
    assert "new" == store.get(hit.reference)


@pytest.mark.parametrize("key", ["", "a/b", "..", "\0", "é\ud800", "k" * 10_000, "a:b", " "])
def test_any_text_is_a_key(store: FolderResultStore, key: str) -> None:
    store.put_cached(key, store.put(key.encode("utf-8", "surrogatepass"), run_id="r1", key=key), now=0, expires_at=None)
    hit = store.find_cached(key, now=1)
    assert hit is not None
    assert key.encode("utf-8", "surrogatepass") == store.get(hit.reference)


def test_an_entry_torn_at_any_byte_is_no_entry(store: FolderResultStore) -> None:
    store.put_cached("k", store.put("value", run_id="r1", key="k"), now=0, expires_at=9)
    (path,) = (store.root / "cache").iterdir()
    whole = path.read_bytes()
    found = []
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        found.append(store.find_cached("k", now=1))
    assert [None] * len(whole) == found


@pytest.mark.parametrize(
    "entry",
    [b"\0" * 200, b"\xff\xfe", b"3", b"[]", b"{}", b'{"reference":1,"created_at":2,"expires_at":"x"}', b"[" * 9_999],
)
def test_an_entry_that_nobody_wrote_is_no_entry(store: FolderResultStore, entry: bytes) -> None:
    (store.root / "cache").mkdir(parents=True)
    (store.root / "cache" / f"{digest('k')}.json").write_bytes(entry)
    assert store.find_cached("k", now=1) is None


def test_an_entry_that_cannot_be_read_is_no_entry(store: FolderResultStore) -> None:
    (store.root / "cache" / f"{digest('k')}.json").mkdir(parents=True)
    assert store.find_cached("k", now=1) is None


def test_an_entry_that_leads_to_a_damaged_result_is_no_entry(store: FolderResultStore) -> None:
    store.put_cached("k", store.put("value", run_id="r1", key="k"), now=0, expires_at=None)
    next((store.root / "shared").iterdir()).write_bytes(b"vaLue")
    assert store.find_cached("k", now=1) is None


def test_the_cache_is_shared_between_machines(store: FolderResultStore) -> None:
    store.put_cached("k", store.put("value", run_id="r1", key="k"), now=0, expires_at=None)
    other = FolderResultStore(store.root, writer="another-host")
    hit = other.find_cached("k", now=1)
    assert hit is not None
    assert "value" == other.get(hit.reference)


def test_the_index_names_the_key_for_whoever_looks(store: FolderResultStore) -> None:
    store.put_cached("etl.fetch:1", "none", now=0, expires_at=None)
    (path,) = (store.root / "cache").iterdir()
    assert "etl.fetch:1" == json.loads(path.read_text())["key"]


# ---- Dropping ----


def test_removing_a_run_drops_its_results_and_keeps_what_is_cached(store: FolderResultStore) -> None:
    small, large = store.put("small", run_id="r1"), store.put(LARGE, run_id="r1")
    cached = store.put("cached", run_id="r1", key="k")
    others = store.put("other", run_id="r2")
    store.put_cached("k", cached, now=0, expires_at=None)
    store.remove_run("r1")
    assert [False, False, True, True] == [store.exists(r) for r in (small, large, cached, others)]
    assert store.find_cached("k", now=1) is not None


def test_a_removed_run_can_keep_results_again(store: FolderResultStore) -> None:
    store.put("before", run_id="r1")
    store.remove_run("r1")
    assert "after" == store.get(store.put("after", run_id="r1"))


def test_removing_a_run_that_kept_nothing_is_no_error(store: FolderResultStore) -> None:
    store.remove_run("r1")


def test_pruning_drops_what_expired_and_what_nothing_leads_to(store: FolderResultStore) -> None:
    expired, live, alone = (store.put(name, run_id="r1", key=name) for name in ("expired", "live", "alone"))
    store.put_cached("expired", expired, now=0, expires_at=10)
    store.put_cached("live", live, now=0, expires_at=11)
    assert 3 == store.prune(now=10, keep_since=10**18)
    assert [False, True, False] == [store.exists(r) for r in (expired, live, alone)]
    assert store.find_cached("live", now=10) is not None


def test_pruning_keeps_what_was_just_written(store: FolderResultStore) -> None:
    reference = store.put("about to be indexed", run_id="r1", key="k")
    assert 0 == store.prune(now=10, keep_since=1)
    assert store.exists(reference)


def test_pruning_keeps_an_old_result_that_was_just_put_again(store: FolderResultStore) -> None:
    reference = store.put("value", run_id="r1", key="k")
    (path,) = (store.root / "shared").iterdir()
    os.utime(path, (1, 1))
    store.put("value", run_id="r2", key="k")
    assert 0 == store.prune(now=10, keep_since=2_000_000)
    assert store.exists(reference)


def test_pruning_keeps_every_item_of_a_cached_stream(store: FolderResultStore) -> None:
    items = [store.put(n, run_id="r1", key="k") for n in range(3)]
    stream = STREAM + store.put(items, run_id="r1", key="k")
    store.put_cached("k", stream, now=0, expires_at=None)
    assert 0 == store.prune(now=10, keep_since=10**18)
    assert store.exists(stream)


def test_pruning_drops_what_a_process_left_half_written(store: FolderResultStore) -> None:
    store.put_cached("k", store.put("value", run_id="r1", key="k"), now=0, expires_at=None)
    for folder in ("cache", "shared"):
        (store.root / folder / ".half.1").write_bytes(b"ha")
    before = files(store)
    store.prune(now=1, keep_since=1)
    assert before == files(store)
    store.prune(now=1, keep_since=10**18)
    assert [name for name in before if ".half" not in name] == files(store)


def test_pruning_goes_on_where_it_stopped(store: FolderResultStore) -> None:
    for n in range(7):
        store.put_cached(str(n), store.put(n, run_id="r1", key=str(n)), now=0, expires_at=1)
    removed = []
    while not removed or removed[-1]:
        removed.append(store.prune(now=2, keep_since=10**18, limit=4))
    assert (14, 4) == (sum(removed), max(removed))
    assert [] == files(store)
