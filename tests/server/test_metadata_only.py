"""Task data never leaves the user's own storage: canaries in the data are looked for in all that is sent and recorded."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock import flow, get_run_logger, task, task_input_hash
from penstock.lake import Dataset
from penstock.orchestrator.local import LocalOrchestrator
from penstock.ports import ListDatasetUses, ListFlowRuns, ListTaskRuns
from penstock.sdk import wiring
from penstock.server.app import create_app
from penstock.store import open_store
from tests.fixtures.servers import serving

CANARY = "canary-7f3a9c"
NUMBER = 731_946_285_017


class Wire:
    """Keeps every byte that comes to the application, decompressed."""

    def __init__(self, app: Any):
        self._app, self.heard = app, bytearray()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.heard += repr((scope.get("path"), scope.get("query_string"), scope.get("headers"))).encode()
        packed = (b"content-encoding", b"gzip") in scope.get("headers", ())
        body = bytearray()

        async def listen() -> Any:
            message = await receive()
            body.extend(message.get("body", b""))
            if not message.get("more_body") and body:
                self.heard += gzip.decompress(bytes(body)) if packed else body
                body.clear()
            return message

        await self._app(scope, listen, send)


@pytest.fixture
def wire(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    monkeypatch.setenv("PENSTOCK_LOGS_TO_TERMINAL", "false")
    local = LocalOrchestrator(open_store(f"sqlite:///{tmp_path}/server.db"))
    wire = Wire(create_app(local))
    with serving(wire) as url:
        monkeypatch.setenv("PENSTOCK_API_URL", f"{url}/api")
        yield wire
        wiring.shut_down()
    local.close()


def rows() -> list[dict[str, Any]]:
    return [{"name": f"{CANARY}-{n}", "amount": NUMBER + n} for n in range(20)]


@task(cache_key_fn=task_input_hash)
def extract(source: str) -> Any:
    import pyarrow as pa

    get_run_logger().info("extracting from %s", source)
    return pa.Table.from_pylist(rows())


@task(task_run_name="clean")
def clean(table: Any) -> Any:
    return table.slice(0, 10)


@task
def names(table: Any) -> list[str]:
    return list(table["name"].to_pylist())


@task
def failing(values: list[str]) -> None:
    raise ValueError("a value did not fit")


class Holder:
    """What no JSON can say, given as a flow's parameter."""

    def __init__(self, text: str):
        self.text = text

    def __repr__(self) -> str:
        return f"Holder({self.text})"


@flow
def below(table: Any, holder: Any) -> int:
    return int(table.num_rows)


@flow
def main(source: str, holder: Any) -> list[str]:
    table = clean(extract(source))
    Dataset("canary/birds").write(table)
    found = names(table)
    below(table, holder)
    failing.submit(found).wait()
    return found


def run_it() -> None:
    state = main("the aviary", Holder(f"{CANARY}-in-a-parameter"), return_state=True)
    assert "Failed" != state.name or state.message
    wiring.flush()


def test_no_data_goes_over_the_wire_or_into_the_servers_database(wire: Wire, tmp_path: Path) -> None:
    run_it()
    orchestrator = wiring.open_orchestrator()
    assert 2 == len(orchestrator.ask(ListFlowRuns()).items)
    assert 4 == len(orchestrator.ask(ListTaskRuns()).items)
    assert 1 <= len(orchestrator.ask(ListDatasetUses()).items)
    assert b"the aviary" in wire.heard  # what the user said is there, so that the search below can find something
    assert_no_canary(bytes(wire.heard))
    assert_no_canary(database_bytes(tmp_path / "server.db"))


def test_no_data_goes_into_the_database_of_an_embedded_run(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_LOGS_TO_TERMINAL", "false")
    run_it()
    assert b"the aviary" in database_bytes(home / "penstock.db")
    assert_no_canary(database_bytes(home / "penstock.db"))
    wiring.shut_down()


def assert_no_canary(content: bytes) -> None:
    found = content.find(CANARY.encode())
    assert -1 == found, content[max(0, found - 200) : found + 100]
    assert str(NUMBER)[:-1].encode() not in content


def database_bytes(path: Path) -> bytes:
    return b"".join(part.read_bytes() for part in path.parent.glob(f"{path.name}*"))
