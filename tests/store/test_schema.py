"""The schema's version, and the way from an older one."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from penstock.core.errors import StoreTooNew, StoreUnavailable
from penstock.orchestrator.local import LocalOrchestrator
from penstock.ports import Clock, DescribeStore
from penstock.store import Store, open_store
from penstock.store.schema import SCHEMA_VERSION, Migration
from penstock.store.sqlite import SqliteDatabase
from penstock.testing import FakeClock
from tests.contract.telling import Teller
from tests.fixtures.postgres import PostgresServer

NEXT = SCHEMA_VERSION + 1
OPENERS = 24  # so many that the server does not tell all of them in time what the first one made


def add_owner(operations: Any) -> None:
    operations.add_column("flow", sa.Column("owner", sa.Text, server_default="nobody"))


def fail(operations: Any) -> None:
    add_owner(operations)
    operations.execute("SELECT a FROM nowhere")


def open_next(url: str, migration: Migration, clock: Clock | None = None) -> Store:
    """Open a database by code whose schema is one version further."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return Store(SqliteDatabase(parsed, migrations=(migration,), version=NEXT), clock=clock)
    from penstock.store.postgres import PostgresDatabase  # lazy: PostgreSQL only

    return Store(PostgresDatabase(parsed, migrations=(migration,), version=NEXT), clock=clock)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{path}"
    url: str = request.getfixturevalue("postgres_url")
    return url


def test_an_older_database_is_migrated_and_keeps_what_it_has(url: str) -> None:
    older = open_store(url)
    run_id = Teller(LocalOrchestrator(older), FakeClock()).begin("etl")
    older.close()
    store = open_next(url, Migration(NEXT, add_owner))
    assert ["nobody"] == owners(store)
    assert run_id == Teller(LocalOrchestrator(store), FakeClock()).run(run_id).id
    store.close()
    with pytest.raises(StoreTooNew):
        open_store(url)
    open_next(url, Migration(NEXT, fail)).close()  # it is not run again


def test_what_versions_four_and_five_add_is_added_to_a_database_of_version_three(url: str) -> None:
    older = open_store(url)
    run_id = Teller(LocalOrchestrator(older), FakeClock()).begin("etl")
    set_version = {
        "sqlite": "PRAGMA user_version = 3",
        "postgresql": "UPDATE counter SET value = 3 WHERE name = 'schema_version'",
    }
    with older.write() as transaction:
        for statement in (
            "DROP TABLE run_message",
            "ALTER TABLE worker DROP COLUMN left_at",
            "ALTER TABLE writer DROP COLUMN environment",
            "ALTER TABLE concurrency_slot DROP COLUMN flow_run_id",
            set_version[older.dialect],
        ):
            transaction.connection.exec_driver_sql(statement)
    older.close()
    store = open_store(url)
    teller = Teller(LocalOrchestrator(store), FakeClock())
    assert teller.run(run_id).environment is None
    assert "0.1.0" == (teller.run(teller.begin("etl")).environment or {})["penstock"]
    store.close()


def test_a_migration_that_fails_changes_nothing(url: str) -> None:
    open_store(url).close()
    with pytest.raises(Exception, match="nowhere"):
        open_next(url, Migration(NEXT, fail))
    store = open_next(url, Migration(NEXT, add_owner))
    assert [] == owners(store)
    store.close()


def test_code_of_the_version_before_goes_on_beside_an_additive_migration(url: str) -> None:
    older = open_store(url)
    teller = Teller(LocalOrchestrator(older), FakeClock())
    teller.begin("a")
    open_next(url, Migration(NEXT, add_owner)).close()
    teller.begin("b")
    older.close()


def test_a_migration_that_is_not_additive_waits_until_it_is_alone(url: str) -> None:
    older = open_store(url)
    Teller(LocalOrchestrator(older), FakeClock()).begin("a")
    with pytest.raises(StoreUnavailable):
        open_next(url, Migration(NEXT, add_owner, additive=False))
    older.close()
    store = open_next(url, Migration(NEXT, add_owner, additive=False))
    assert ["nobody"] == owners(store)
    store.close()
    if url.startswith("sqlite"):
        with sqlite3.connect(make_url(url).database or "") as connection:
            assert ("wal",) == connection.execute("PRAGMA journal_mode").fetchone()


def test_two_processes_that_make_one_database_make_it_once(postgres: PostgresServer, postgres_url: str) -> None:
    program = f"from penstock.store import open_store; open_store({postgres_url!r}).close()"
    started = [
        subprocess.Popen([sys.executable, "-c", program], env={"PYTHONPATH": ":".join(sys.path)}) for _ in range(4)
    ]
    assert [0] * 4 == [process.wait() for process in started]


def test_everybody_who_finds_a_server_without_a_schema_waits_for_the_one_who_makes_it(postgres_url: str) -> None:
    """All of them have looked before the first one makes it: what they have seen holds no more."""
    have_looked = threading.Barrier(OPENERS)

    def before(statement: str) -> None:
        if "pg_advisory_xact_lock(" in statement:
            have_looked.wait(30)

    assert [0] * OPENERS == open_at_once(lambda: open_store(postgres_url, before_statement=before))


def test_a_file_that_another_process_makes_while_we_look_at_it_is_no_other_programs(tmp_path: Path) -> None:
    """It is made between any two of our looks; or not before the last of them, if they are one."""
    outer = sys.gettrace()
    for point in range(1, 12):
        url = f"sqlite:///{tmp_path / str(point)}.db"
        maker = threading.Thread(target=lambda url=url: open_store(url).close())
        passed = 0

        def trace(frame: FrameType, event: str, _: Any, point: int = point, maker: threading.Thread = maker) -> Any:
            nonlocal passed
            if event == "line" and frame.f_code.co_name == "_read_version":
                passed += 1
                if passed == point:
                    maker.start()
                    maker.join(0.2)  # it may have to wait for us
            return trace

        sys.settrace(trace)
        try:
            open_store(url).close()
        finally:
            sys.settrace(outer)
        if passed < point:
            break
        maker.join()
    assert point > 5


def open_at_once(open_it: Callable[[], Store]) -> list[object]:
    """How many runs each of several threads finds in there, or the error that it gets."""
    ready = threading.Barrier(OPENERS)

    def look() -> object:
        ready.wait(30)
        try:
            store = open_it()
        except Exception as error:
            return error
        info = LocalOrchestrator(store).ask(DescribeStore())
        store.close()
        return info.counts["flow_run"]

    with ThreadPoolExecutor(OPENERS) as pool:
        return [found.result() for found in [pool.submit(look) for _ in range(OPENERS)]]


def test_opening_a_database_loads_neither_alembic_nor_psycopg(path: Path) -> None:
    program = (
        f"import sys; from penstock.store import open_store; open_store('sqlite:///{path}').close();"
        "print(sorted({'alembic', 'psycopg', 'pydantic', 'sqlalchemy.orm'} & set(sys.modules)))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "[]\n" == said.stdout


def owners(store: Store) -> list[str]:
    with store.read() as connection:
        return list(connection.exec_driver_sql("SELECT owner FROM flow").scalars())
