"""Database files that cannot be used: each says what is wrong with which file, and what to do."""

import os
import sqlite3
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from penstock.core.errors import (
    PenstockError,
    StoreContended,
    StoreCorrupt,
    StoreFull,
    StoreReadOnly,
    StoreTooNew,
    StoreUnavailable,
)
from penstock.orchestrator.local import LocalOrchestrator
from penstock.ports import GetFlowRun, ListFlowRuns, ListTaskRuns, RunQuery, SetVariable
from penstock.store import Store, open_store
from penstock.store.sqlite import SqliteDatabase
from penstock.store.sqlite_errors import translate
from penstock.testing import FakeClock
from tests.contract.telling import Teller, defined, seen

NOBODY = 65534


def test_a_new_database_is_for_its_owner_only(store: Store, path: Path, teller: Teller) -> None:
    teller.begin()
    assert 0o700 == stat.S_IMODE(path.parent.stat().st_mode)
    for file in path.parent.iterdir():
        assert 0o600 == stat.S_IMODE(file.stat().st_mode), file


def test_what_is_no_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("Dear diary, today I used no database at all. " * 50)
    before = path.read_bytes()
    with pytest.raises(StoreCorrupt, match=str(path)):
        open_store(f"sqlite:///{path}")
    assert before == path.read_bytes()


def test_a_database_of_another_program_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE album (title)")
    with pytest.raises(StoreCorrupt, match="another program"):
        open_store(f"sqlite:///{path}")


def test_a_damaged_database_is_said_to_be_damaged(path: Path, clock: FakeClock) -> None:
    store = open_store(f"sqlite:///{path}", clock=clock)
    teller = Teller(LocalOrchestrator(store), clock)
    run_id = teller.begin()
    teller.tell(defined(), *(seen(run_id, str(n)) for n in range(2_000)))
    store.close()
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * (path.stat().st_size // 2))
    with pytest.raises(StoreCorrupt, match=str(path)):
        read_all(path)


def test_an_empty_file_becomes_a_database(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    open_store(f"sqlite:///{path}").close()
    assert path.stat().st_size > 0


def test_a_newer_database_is_refused(store: Store, path: Path) -> None:
    store.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreTooNew, match="99"):
        open_store(f"sqlite:///{path}")


@pytest.mark.parametrize("place", ["file/penstock.db", "folder"])
def test_a_path_that_is_in_the_way_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreUnavailable, match=str(tmp_path)):
        open_store(f"sqlite:///{tmp_path}/{place}")


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "mysql://me@here/runs", "no address", "postgresql://[x"]
)
def test_an_address_of_no_use_is_refused(url: str) -> None:
    with pytest.raises(StoreUnavailable):
        open_store(url)


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1") as raised:
        open_store("postgresql://me:secret@127.0.0.1:1/runs")
    assert "secret" not in str(raised.value)


def test_a_full_disk_is_said_to_be_full_and_nothing_is_half_written(store: Store, teller: Teller) -> None:
    run_id = teller.begin()
    assert isinstance(store.database, SqliteDatabase)
    with store.write() as transaction:
        pages = transaction.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        transaction.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 10}")
    records = teller.number(defined(), *(seen(run_id, str(n)) for n in range(5_000)))
    with pytest.raises(StoreFull, match=r"penstock\.db"):
        teller.tell_numbered(records)
    assert {} == teller.run(run_id).task_counts
    with store.write() as transaction:
        transaction.connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    teller.tell_numbered(records)
    assert {"COMPLETED": 5_000} == teller.run(run_id).task_counts


def test_a_folder_that_cannot_be_written_is_said_to_be_read_only(path: Path) -> None:
    path.parent.mkdir()
    with not_to_be_written(path.parent):
        said = as_nobody(lambda: open_store(f"sqlite:///{path}"))
    assert said.startswith("StoreReadOnly")
    assert str(path.parent) in said


def test_a_file_that_cannot_be_written_can_still_be_read(store: Store, teller: Teller, path: Path) -> None:
    run_id = teller.begin()
    orchestrator = LocalOrchestrator(store)

    def write() -> None:
        assert run_id == LocalOrchestrator(open_store(f"sqlite:///{path}")).ask(GetFlowRun(id=run_id)).id
        LocalOrchestrator(open_store(f"sqlite:///{path}")).ask(SetVariable(name="a", value=1))

    orchestrator.ask(ListFlowRuns())
    (path.parent / "penstock.db-gate").chmod(0o666)
    (path.parent / "penstock.db-turn").chmod(0o666)
    (path.parent / "penstock.db-shm").chmod(0o666)
    with not_to_be_written(path.parent, path, Path(f"{path}-wal")):
        said = as_nobody(write)
    assert said.startswith("StoreReadOnly")
    assert str(path) in said


def test_other_errors_of_sqlite_have_names_too() -> None:
    assert StoreContended is type(translate(error_of("SQLITE_BUSY"), Path("x")))
    assert StoreUnavailable is type(translate(error_of("SQLITE_IOERR_READ"), Path("x")))
    assert StoreReadOnly is type(translate(error_of("SQLITE_READONLY_DIRECTORY"), Path("x")))
    assert StoreFull is type(translate(error_of("SQLITE_FULL"), Path("x")))
    assert isinstance(translate(error_of("SQLITE_SOMETHING"), Path("x")), PenstockError)


def test_a_closed_store_opens_again_when_it_is_used(store: Store, teller: Teller) -> None:
    run_id = teller.begin()
    store.close()
    assert run_id == teller.run(run_id).id
    LocalOrchestrator(store).ask(SetVariable(name="a", value=1))


def read_all(path: Path) -> None:
    orchestrator = LocalOrchestrator(open_store(f"sqlite:///{path}"))
    for run in orchestrator.ask(ListFlowRuns()).items:
        orchestrator.ask(ListTaskRuns(flow_run_id=run.id, limit=1_000))
    orchestrator.ask(RunQuery(sql="SELECT count(*), sum(attempt) FROM task_runs"))


def error_of(name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("said so")
    error.sqlite_errorname = name
    return error


@contextmanager
def not_to_be_written(*paths: Path) -> Iterator[None]:
    """Let everybody into the folders above, which pytest keeps to itself, and nobody write to these paths."""
    folders = [folder for folder in paths[0].parents if folder.is_relative_to(tempfile.gettempdir())][:-1]
    before = {path: stat.S_IMODE(path.stat().st_mode) for path in (*folders, *paths)}
    for path in folders:
        path.chmod(0o755)
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        yield
    finally:
        for path, mode in before.items():
            path.chmod(mode)


def as_nobody(act: Callable[[], object]) -> str:
    """The error that a process says which may not write there, as root may write everywhere."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        try:
            act()
        except BaseException as error:
            os.write(writer, f"{type(error).__name__} {error}".encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as file:
        return file.read()
