"""Homes and databases that are read-only, full, damaged, foreign, newer, locked or away."""

import os
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest

from penstock import flow, task
from penstock.core.errors import StoreCorrupt, StoreReadOnly, StoreTooNew, StoreUnavailable
from penstock.sdk import wiring
from tests.fixtures.disks import SmallDisk, read_only_folder, unprivileged
from tests.system.conftest import World, until


@task
def increment(n: int) -> int:
    return n + 1


@flow
def counting() -> int:
    return sum(increment(n) for n in range(3))


# ---- Read-only ----


def test_a_home_that_cannot_be_made_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with read_only_folder() as folder, unprivileged(folder):
        monkeypatch.setenv("PENSTOCK_HOME", str(folder / "home"))
        with pytest.raises(StoreReadOnly, match=str(folder)):
            counting()


def test_a_home_that_became_read_only_is_named_and_what_was_recorded_can_be_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with read_only_folder() as folder:
        monkeypatch.setenv("PENSTOCK_HOME", str(folder / "home"))
        counting()
        wiring.shut_down()
        with unprivileged(folder), pytest.raises(StoreReadOnly, match=str(folder)):
            counting()
        assert ["Completed"] == [run.state.name for run in world.history.flow_runs()]
        wiring.shut_down()


def test_a_home_that_is_a_file_is_named(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PENSTOCK_HOME", str(tmp_path / "file"))

    with pytest.raises(StoreReadOnly, match="file"):
        counting()


# ---- Damaged, foreign, newer ----


@pytest.mark.parametrize(
    ("content", "error"),
    [(b"this is no database" * 1_000, StoreCorrupt), (os.urandom(100_000), StoreCorrupt)],
    ids=["text", "noise"],
)
def test_a_file_that_is_no_database_is_named_and_left_as_it_is(world: World, content: bytes, error: Any) -> None:
    world.home.mkdir(mode=0o700)
    path = world.home / "penstock.db"
    path.write_bytes(content)

    with pytest.raises(error, match=r"penstock\.db"):
        counting()
    assert content == path.read_bytes()


def test_a_database_of_another_program_is_left_as_it_is(world: World) -> None:
    world.home.mkdir(mode=0o700)
    with sqlite3.connect(world.home / "penstock.db") as connection:
        connection.execute("CREATE TABLE theirs (a)")
    connection.close()

    with pytest.raises(StoreCorrupt, match=r"penstock\.db"):
        counting()


def test_a_database_damaged_in_the_middle_is_told(world: World) -> None:
    for _ in range(3):
        counting()
    wiring.shut_down()
    path = world.home / "penstock.db"
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))

    with pytest.raises(StoreCorrupt, match=r"penstock\.db"):
        counting()


def test_a_newer_database_is_left_to_newer_code(world: World) -> None:
    counting()
    wiring.shut_down()
    with sqlite3.connect(world.home / "penstock.db") as connection:
        connection.execute("PRAGMA user_version = 9999")
    connection.close()

    with pytest.raises(StoreTooNew, match=r"9999|newer"):
        counting()


def test_a_program_that_cannot_record_ends_with_a_message_and_not_with_success(world: World) -> None:
    world.home.mkdir(mode=0o700)
    (world.home / "penstock.db").write_bytes(b"this is no database" * 1_000)

    code, _, err = world.start("flows.py", "quick", "1").wait()

    assert 1 == code
    assert "StoreCorrupt" in err.splitlines()[-1]


# ---- Full ----


@pytest.mark.parametrize("size", [200, 5_000])
def test_a_full_disk_ends_the_run_and_says_what_was_not_recorded(
    world: World, small_disk: SmallDisk, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = small_disk.path / "home"
    monkeypatch.setenv("PENSTOCK_HOME", str(home))
    counting()
    wiring.shut_down()
    with small_disk.full(but_for=600_000):
        code, _, err = world.start("flows.py", "filling", str(size)).wait()
    told = [line for line in err.splitlines() if "Full" in line or "No space" in line]

    assert code not in (0, -7, -11)  # an exit code of its own, and no bus error
    assert told
    assert str(home) in "".join(told)
    assert any("record" in line for line in told)

    noted = len(world.ledger.lines())
    run = until(lambda: world.sweep() is not None and world.history.flow_runs("filling"), "the run")[0]
    assert run.state.name in ("Failed", "Crashed")
    kept = [line for line in world.history.logs(run.id) if line.logger == "penstock.flow_runs"]
    assert noted <= len(kept) <= noted + 1
    counting()


def test_results_that_find_no_room_fail_the_task(world: World, small_disk: SmallDisk, monkeypatch: Any) -> None:
    monkeypatch.setenv("PENSTOCK_RESULTS_PATH", str(small_disk.path / "results"))

    @task
    def large() -> bytes:
        return os.urandom(30_000_000)

    @flow
    def keeping() -> None:
        large()

    state = keeping(return_state=True)

    assert state.is_failed()
    assert str(small_disk.path) in str(world.history.task_run("large").state.message)
    assert "Failed" == world.history.flow_run().state.name


# ---- Locked or away ----


def test_a_flow_goes_on_while_somebody_holds_the_database(world: World, tmp_path: Path) -> None:
    counting()
    go = tmp_path / "go"
    program = world.start("flows.py", "locked_out", "500", environ={"GO": str(go)})
    world.ledger.wait_for("begun")
    holder = sqlite3.connect(world.home / "penstock.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    go.touch()
    world.ledger.wait_for("worked")
    assert None is program.process.poll()
    holder.execute("ROLLBACK")
    holder.close()

    assert f"{sum(range(1, 501))}\n" == program.ok()
    assert ("Completed", {"COMPLETED": 501}) == (
        world.history.flow_run().state.name,
        world.history.flow_run().task_counts,
    )


class Away:
    """A PostgreSQL database that lets nobody in for a while."""

    def __init__(self, url: str):
        self._server, _, self._name = url.rpartition("/")

    def __enter__(self) -> None:
        self._say(f'ALTER DATABASE "{self._name}" ALLOW_CONNECTIONS false')
        self._say(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self._name}'")

    def __exit__(self, *_: object) -> None:
        self._say(f'ALTER DATABASE "{self._name}" ALLOW_CONNECTIONS true')

    def _say(self, statement: str) -> None:
        with psycopg.connect(f"{self._server}/postgres", autocommit=True) as connection:
            connection.execute(statement.encode())


@pytest.mark.postgres
def test_a_flow_goes_on_while_the_database_is_away(
    world: World, tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_DATABASE_URL", postgres_url)
    counting()
    wiring.shut_down()
    go = tmp_path / "go"
    program = world.start("flows.py", "locked_out", "500", environ={"GO": str(go)})
    world.ledger.wait_for("begun")
    with Away(postgres_url):
        go.touch()
        world.ledger.wait_for("worked")

    assert f"{sum(range(1, 501))}\n" == program.ok()
    assert ("Completed", {"COMPLETED": 501}) == (
        world.history.flow_run().state.name,
        world.history.flow_run().task_counts,
    )


@pytest.mark.postgres
def test_a_run_whose_database_stays_away_is_brought_in_by_the_next_process(
    world: World, tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_DATABASE_URL", postgres_url)
    counting()
    wiring.shut_down()
    go = tmp_path / "go"
    program = world.start("flows.py", "locked_out", "50", environ={"GO": str(go), "PENSTOCK_LOGS_TO_TERMINAL": "1"})
    world.ledger.wait_for("begun")
    with Away(postgres_url):
        go.touch()
        world.ledger.wait_for("worked")
        _, out, err = program.wait()
    assert ("1275\n", True) == (out, "journals" in err)
    world.sweep()

    assert ("Completed", {"COMPLETED": 51}) == (
        world.history.flow_run().state.name,
        world.history.flow_run().task_counts,
    )


@pytest.mark.parametrize("url", ["postgresql+psycopg://nobody@127.0.0.1:1/none", "mysql://x/y", "no address"])
def test_a_database_that_cannot_be_reached_is_named(world: World, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_DATABASE_URL", url)

    with pytest.raises(StoreUnavailable):
        counting()


def test_a_home_is_for_its_owner_only(world: World) -> None:
    counting()
    wiring.shut_down()

    assert 0o700 == world.home.stat().st_mode & 0o777
    assert "" == subprocess.run(["find", str(world.home), "-perm", "/077"], capture_output=True, text=True).stdout
