"""Results on an object store, spoken to over HTTP: what a folder promises holds there, and what fails is told."""

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import obstore
import pytest
from obstore.store import from_url

from penstock import flow, task
from penstock.core.errors import ResultCorrupt, ResultMissing, StoreUnavailable
from penstock.core.keys import digest
from penstock.results.folder import STREAM
from penstock.results.objects import ObjectResultStore
from penstock.sdk import wiring
from penstock.testing import History
from tests.fixtures.objects import Bucket
from tests.fixtures.servers import SOURCE

CANARY = "canary-5c1f"


@pytest.fixture
def store(bucket: Bucket) -> ObjectResultStore:
    return ObjectResultStore(f"{bucket.url}/results")


def write(bucket: Bucket, name: str, data: bytes) -> None:
    """Put an object there behind everybody's back."""
    obstore.put(from_url(f"{bucket.url}/results"), name, data)


def name_of(reference: str) -> str:
    return f"{reference.split(':')[1]}.result"


@pytest.mark.parametrize("value", [0, "", b"", (), "text", "large " * 100_000, {"a": [1, (2,)]}], ids=type)
@pytest.mark.parametrize("key", [None, "key"])
def test_a_value_is_found_by_its_reference(store: ObjectResultStore, value: Any, key: str | None) -> None:
    reference = store.put(value, run_id="r1", key=key)
    assert value == store.get(reference)
    assert type(value) is type(store.get(reference))
    assert store.exists(reference)
    assert str(value) in ("0", "", "()") or str(value)[:8] not in reference


def test_another_process_finds_it(store: ObjectResultStore, bucket: Bucket) -> None:
    reference = store.put({"month": 4}, run_id="r1")
    assert {"month": 4} == ObjectResultStore(f"{bucket.url}/results/").get(reference)


def test_what_is_gone_or_damaged_is_told(store: ObjectResultStore, bucket: Bucket) -> None:
    gone, damaged = store.put("april", run_id="r1"), store.put("may", run_id="r2")
    store.remove_run("r1")
    write(bucket, name_of(damaged), b"jun")
    assert not store.exists(gone)
    with pytest.raises(ResultMissing, match="s3://"):
        store.get(gone)
    with pytest.raises(ResultCorrupt):
        store.get(damaged)
    with pytest.raises(ResultMissing):
        store.get("nonsense")


def test_a_cache_key_leads_to_a_result_until_it_expires(store: ObjectResultStore, bucket: Bucket) -> None:
    store.put_cached("k", store.put(7, run_id="r1", key="k"), now=0, expires_at=10)
    store.remove_run("r1")
    hit = store.find_cached("k", now=9)
    assert hit is not None
    assert 7 == store.get(hit.reference)
    assert store.find_cached("k", now=10) is None
    assert store.find_cached("other", now=0) is None
    write(bucket, f"cache/{digest('k')}.json", b"{torn")
    assert store.find_cached("k", now=0) is None


def test_pruning_keeps_what_a_live_key_leads_to(store: ObjectResultStore) -> None:
    items = [store.put(item, run_id="r", key="live") for item in ("one", "two")]
    live = f"{STREAM}{store.put(items, run_id='r', key='live')}"
    stale = store.put("stale", run_id="r", key="stale")
    store.put_cached("live", live, now=0, expires_at=None)
    store.put_cached("stale", stale, now=0, expires_at=10)
    assert 1 == store.prune(now=20, keep_since=0), "the entry; what it led to is young"
    assert 1 == store.prune(now=20, keep_since=1 << 62)
    assert (True, False) == (store.exists(live), store.exists(stale))


def test_a_store_that_is_away_is_not_one_that_lost_its_results(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    store = ObjectResultStore(f"{bucket.url}/results", retry_config={"max_retries": 0})
    for ask in (store.exists, store.get):
        with pytest.raises(StoreUnavailable, match=bucket.url):
            ask(f"f:runs/r1/{'0' * 32}:3:j")


def test_a_bucket_that_is_not_there_is_told(bucket: Bucket) -> None:
    with pytest.raises(StoreUnavailable, match="make it first"):
        ObjectResultStore("s3://no-such-bucket/results").put(1, run_id="r")


@pytest.fixture
def results_on_s3(home: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PENSTOCK_RESULTS_PATH", f"{bucket.url}/results")
    return home


def test_a_run_is_resumed_with_results_that_no_machine_holds(results_on_s3: Path) -> None:
    calls: list[int] = []
    broken = True

    @task
    def fetch(month: int) -> dict[str, Any]:
        calls.append(month)
        return {"month": month, "said": CANARY}

    @flow
    def fetch_all() -> int:
        fetched = [fetch(4), *fetch.map([5, 6])]
        if broken:
            raise RuntimeError("the first time")
        return sum(one["month"] if isinstance(one, dict) else one.result()["month"] for one in fetched)

    with pytest.raises(RuntimeError):
        fetch_all()
    broken = False
    assert 15 == fetch_all.resume(History().flow_run().id)
    assert [4, 5, 6] == sorted(calls)
    wiring.shut_down()
    assert [] == [path for path in results_on_s3.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]


def test_async_flows_and_tasks_in_processes_keep_theirs_there(results_on_s3: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        dedent("""
        import asyncio
        from penstock import flow, task
        from penstock.task_runners import ProcessPoolTaskRunner
        from penstock.testing import History

        @task
        async def one():
            return 1

        @task
        def square(n):
            return n * n

        @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
        async def numbers():
            return [await one(), square.submit(3).result()]

        if __name__ == "__main__":
            print(asyncio.run(numbers()))
        """)
    )
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "PENSTOCK_LOGS_TO_TERMINAL": "0"}
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, env=environment, timeout=120)
    assert ("[1, 9]\n", 0) == (done.stdout, done.returncode), done.stderr
    references = [str(one.result) for one in History().task_runs()]
    assert [1, 9] == sorted(wiring.result_store().get(one) for one in references)
    assert not (results_on_s3 / "results").exists()
