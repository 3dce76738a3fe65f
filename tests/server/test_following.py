"""Following a run through a server: its stream wakes whoever waits, and nothing is shown twice or left out."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.core.ids import RunId
from penstock.orchestrator.news import News, stream_path
from tests.contract.telling import Teller, began, logged
from tests.fixtures.servers import SOURCE
from tests.server.conftest import Served

PATIENCE_SECONDS = 60.0
LONG_SECONDS = 3_600.0


@pytest.fixture
def begun(teller: Teller) -> RunId:
    return teller.begin()


@pytest.fixture
def news(served: Served, begun: RunId) -> Iterator[News]:
    """News of a run; who is not woken by them waits for an hour."""
    remote = served.remote()
    found = News(lambda: remote.open_stream(stream_path(begun)), wait_seconds_if_live=LONG_SECONDS)
    yield found
    found.close()


def wait_apart(news: News) -> threading.Event:
    """Wait in a thread; what is returned is set when it has been woken."""
    woken = threading.Event()

    def wait() -> None:
        news.wait(LONG_SECONDS)
        woken.set()

    threading.Thread(target=wait, daemon=True).start()
    return woken


def test_a_follower_is_woken_by_lines_and_by_the_end(news: News, begun: RunId, teller: Teller) -> None:
    assert wait_apart(news).wait(PATIENCE_SECONDS)  # the stream's first word
    woken = wait_apart(news)
    teller.tell(logged(begun, "one"))
    assert woken.wait(PATIENCE_SECONDS)
    woken = wait_apart(news)
    teller.end(begun)
    assert woken.wait(PATIENCE_SECONDS)


def test_where_no_stream_can_be_had_a_follower_looks_by_itself(served: Served) -> None:
    remote = served.remote()
    nobody = News(lambda: remote.open_stream("/no-such-stream"))
    nobody.wait(0.001)  # returns
    nobody.close()


def test_a_log_is_followed_to_its_end_each_line_once(
    served: Served, begun: RunId, teller: Teller, tmp_path: Path
) -> None:
    environ = {
        **os.environ, "PYTHONPATH": str(SOURCE), "PENSTOCK_API_URL": f"{served.url}/api", "PENSTOCK_HOME": str(tmp_path / "h"),
    }  # fmt: skip
    teller.tell(logged(begun, "before"))
    command = [sys.executable, "-m", "penstock", "flow-run", "logs", begun, "--follow", "--json"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [json.loads(process.stdout.readline())["message"]]
        for number in range(5):
            teller.tell(logged(begun, f"line {number}"))
            said.append(json.loads(process.stdout.readline())["message"])
        child = teller.new_id()
        teller.tell(began(child, begun), logged(child, "of a subflow"))
        teller.end(begun)
        rest, _ = process.communicate(timeout=PATIENCE_SECONDS)
    said += [json.loads(line)["message"] for line in rest.splitlines()]
    assert ["before", *(f"line {number}" for number in range(5)), "of a subflow"] == said
    assert 0 == process.returncode
