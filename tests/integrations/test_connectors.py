"""Databases as blocks, by the names that the course uses."""

import pickle
from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import text

from penstock.blocks import Block
from penstock.blockverbs import GetBlock
from penstock.integrations.sqlalchemy import ConnectionComponents, SqlAlchemyConnector, SyncDriver
from penstock.sdk.variables import current_ports
from penstock.testing import harness

CANARY = "canary-4711-secret"


@pytest.fixture(autouse=True)
def home() -> object:
    with harness() as home:
        yield home


def test_a_database_is_saved_by_its_parts_and_used_by_its_name(tmp_path: Path) -> None:
    parts = ConnectionComponents(driver=SyncDriver.SQLITE_PYSQLITE, database=str(tmp_path / "taxi.db"))
    SqlAlchemyConnector(connection_info=parts).save("sqlite-connector")
    database = SqlAlchemyConnector.load("sqlite-connector")
    database.execute("CREATE TABLE rides (id INTEGER)")
    with database.get_connection(begin=False) as connection:
        connection.execute(text("INSERT INTO rides VALUES (1)"))  # not committed
    assert [] == database.fetch_all("SELECT * FROM rides")
    with database.get_connection() as connection:
        connection.execute(text("INSERT INTO rides VALUES (1), (2), (3)"))
    assert ((1,), [(1,), (2,)]) == (
        database.fetch_one("SELECT id FROM rides"),
        database.fetch_many("SELECT id FROM rides", size=2),
    )
    assert 3 == database.execute("DELETE FROM rides WHERE id > :id", {"id": 0})
    again = pickle.loads(pickle.dumps(database))
    assert [] == again.fetch_all("SELECT * FROM rides")
    database.close()


def test_a_password_is_shown_nowhere() -> None:
    parts = {
        "driver": "postgresql+psycopg2",
        "username": "root",
        "password": CANARY,
        "host": "localhost",
        "database": "ny",
    }
    for name, info in (("parts", parts), ("url", f"postgresql://root:{CANARY}@localhost:5432/ny")):
        SqlAlchemyConnector(connection_info=info).save(name)  # type: ignore[arg-type]  # coerced
        loaded = SqlAlchemyConnector.load(name)
        orchestrator, principal = current_ports()
        saved = orchestrator.ask(GetBlock(type_slug="sqlalchemy-connector", name=name), principal)
        assert CANARY not in f"{loaded!r} {loaded.url} {saved.values}"
        assert (CANARY, "ny") == (loaded.url.password, loaded.url.database)
    with pytest.raises(ValidationError) as told:
        SqlAlchemyConnector(connection_info=CANARY)  # type: ignore[arg-type]  # the mistake
    assert CANARY not in str(told.value)


def test_a_real_postgresql_is_reached(postgres_url: str) -> None:
    SqlAlchemyConnector(connection_info=postgres_url).save("postgres-connector")  # type: ignore[arg-type]  # coerced
    with Block.load("sqlalchemy-connector/postgres-connector") as database:  # type: ignore[attr-defined]
        assert [(2,)] == database.fetch_all("SELECT 1 + :one", {"one": 1})
