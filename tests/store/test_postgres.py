"""PostgreSQL specifics: users with few rights, transactions of others, connections that break."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.engine import make_url

from penstock.core.errors import QueryRefused, SettingInvalid, StoreReadOnly, StoreUnavailable
from penstock.orchestrator.local import LocalOrchestrator
from penstock.ports import ListEvents, ListFlowRuns, RunQuery, SetVariable
from penstock.store import Store, open_store
from penstock.store.postgres_query import READER
from penstock.testing import FakeClock
from tests.contract.telling import Teller
from tests.fixtures.postgres import PostgresServer


@pytest.fixture
def user(postgres: PostgresServer, postgres_url: str) -> Iterator[str]:
    """A user who owns the database and may do nothing else."""
    name = f"user_{uuid4().hex[:8]}"
    postgres.execute(f"CREATE ROLE {name} LOGIN")
    postgres.execute(f'ALTER DATABASE "{make_url(postgres_url).database}" OWNER TO {name}')
    yield name
    postgres.execute(f'ALTER DATABASE "{make_url(postgres_url).database}" OWNER TO postgres')
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"DROP OWNED BY {name} CASCADE".encode())
    postgres.execute(f"DROP ROLE {name}")


@pytest.fixture
def reader(postgres: PostgresServer) -> str:
    """The reading role, which exists already and is not the user's."""
    url = postgres.fresh_database()
    open_store(url).close()
    postgres.drop_database(url)
    return READER


def of_user(url: str, user: str) -> str:
    return make_url(url).set(username=user).render_as_string(hide_password=False)


def test_a_user_who_owns_the_database_needs_no_more_to_record_runs(postgres_url: str, user: str) -> None:
    store = open_store(of_user(postgres_url, user))
    teller = Teller(LocalOrchestrator(store), FakeClock())
    run_id = teller.begin()
    assert run_id == teller.run(run_id).id
    store.close()


def test_without_the_reading_role_sql_is_refused_with_what_to_do(
    postgres: PostgresServer, postgres_url: str, user: str, reader: str
) -> None:
    store = open_store(of_user(postgres_url, user))
    orchestrator = LocalOrchestrator(store)
    orchestrator.ask(SetVariable(name="secret", value=1))
    with pytest.raises(QueryRefused, match=f"GRANT {reader} TO {user}"):
        orchestrator.ask(RunQuery(sql="SELECT * FROM flow_runs"))
    postgres.execute(f"GRANT {reader} TO {user}")
    assert [] == list(orchestrator.ask(RunQuery(sql="SELECT * FROM flow_runs")).rows)
    with pytest.raises(QueryRefused):
        orchestrator.ask(RunQuery(sql="SELECT * FROM penstock.variable"))
    store.close()


def test_a_user_who_may_make_roles_gets_the_reading_role(
    postgres: PostgresServer, postgres_url: str, user: str, reader: str
) -> None:
    postgres.execute(f"ALTER ROLE {user} CREATEROLE")
    postgres.execute(f"GRANT {reader} TO {user} WITH ADMIN OPTION")
    store = open_store(of_user(postgres_url, user))
    assert [] == list(LocalOrchestrator(store).ask(RunQuery(sql="SELECT * FROM logs")).rows)
    store.close()


def test_a_user_who_may_not_make_the_schema_is_told_so(postgres: PostgresServer, postgres_url: str) -> None:
    name = f"guest_{uuid4().hex[:8]}"
    postgres.execute(f"CREATE ROLE {name} LOGIN")
    with pytest.raises(StoreReadOnly):
        open_store(of_user(postgres_url, name))
    postgres.execute(f"DROP ROLE {name}")


def test_a_long_transaction_of_somebody_else_does_not_stop_followers(postgres_url: str) -> None:
    store = open_store(postgres_url)
    teller = Teller(LocalOrchestrator(store), FakeClock())
    with psycopg.connect(postgres_url) as theirs:
        theirs.execute("CREATE TABLE load (a int)")  # begins a transaction with a number
        teller.begin()
        assert 1 == len(teller.ask(ListEvents()).items)
        theirs.rollback()
    store.close()


def test_an_unfinished_transaction_of_ours_stops_followers_before_it(postgres_url: str) -> None:
    store = open_store(postgres_url)
    teller = Teller(LocalOrchestrator(store), FakeClock())
    with store.write():
        teller.begin()
        assert [] == list(teller.ask(ListEvents()).items)
    assert 1 == len(teller.ask(ListEvents()).items)
    store.close()


def test_connections_that_the_server_ended_are_made_anew(postgres: PostgresServer, postgres_url: str) -> None:
    store = open_store(postgres_url)
    teller = Teller(LocalOrchestrator(store), FakeClock())
    teller.begin()
    end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'"
    postgres.execute(end_all.format(make_url(postgres_url).database))
    teller.begin()
    assert 2 == len(teller.ask(ListFlowRuns()).items)
    with pytest.raises(StoreUnavailable):
        ask_after(store, lambda: postgres.execute(end_all.format(make_url(postgres_url).database)))
    assert 2 == len(teller.ask(ListFlowRuns()).items)
    store.close()


def ask_after(store: Store, act: Callable[[], None]) -> None:
    with store.write() as transaction:
        act()
        transaction.connection.exec_driver_sql("SELECT 1")


def test_a_database_that_cannot_hold_every_text_is_refused(postgres: PostgresServer) -> None:
    """`initdb` makes such where no locale is set: in containers, for one."""
    url = postgres.fresh_database()
    name = make_url(url).database
    postgres.execute(f'DROP DATABASE "{name}"')
    postgres.execute(f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
    with pytest.raises(SettingInvalid):
        open_store(url)
    postgres.drop_database(url)
