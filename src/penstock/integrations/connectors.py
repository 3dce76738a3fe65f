"""Databases as blocks, through SQLAlchemy: credentials are saved once, by name, and code asks for the name."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from typing import Any, ClassVar, Self

import sqlalchemy as sa
from pydantic import BaseModel as Model
from pydantic import Field, PrivateAttr, SecretStr, field_validator
from sqlalchemy.engine import URL, Connection, CursorResult, make_url

from penstock.core.errors import MissingExtra
from penstock.sdk.blocks import Block

FETCH_SIZE_DEFAULT = 1_000
POSTGRES = frozenset({"postgres", "postgresql", "postgresql+psycopg2"})


class SyncDriver(StrEnum):
    """Drivers of databases. Any other that SQLAlchemy knows can be named by its text."""

    POSTGRESQL_PSYCOPG = "postgresql+psycopg"
    POSTGRESQL_PSYCOPG2 = "postgresql+psycopg2"
    SQLITE_PYSQLITE = "sqlite+pysqlite"
    MYSQL_PYMYSQL = "mysql+pymysql"
    MSSQL_PYODBC = "mssql+pyodbc"
    ORACLE_CX_ORACLE = "oracle+cx_oracle"


class ConnectionComponents(Model):
    """The parts of a database's address."""

    driver: SyncDriver | str
    database: str
    username: str | None = None
    password: SecretStr | None = None
    host: str | None = None
    port: int | None = None
    query: dict[str, str] = Field(default_factory=dict)

    def create_url(self) -> URL:
        """The address."""
        return URL.create(
            str(self.driver),
            username=self.username,
            password=None if self.password is None else self.password.get_secret_value(),
            host=self.host,
            port=self.port,
            database=self.database,
            query=self.query,
        )


class SqlAlchemyConnector(Block):
    """A database, with what it takes to connect to it.

    >>> SqlAlchemyConnector(connection_info="sqlite:///:memory:").save("scratch")
    'sqlalchemy-connector/scratch'
    >>> with SqlAlchemyConnector.load("scratch") as database:
    ...     _ = database.execute("CREATE TABLE trips (id INTEGER, fare REAL)")
    ...     _ = database.execute_many(
    ...         "INSERT INTO trips VALUES (:id, :fare)", [{"id": 1, "fare": 8.5}, {"id": 2, "fare": 7}]
    ...     )
    ...     database.fetch_all("SELECT id, fare FROM trips ORDER BY id")
    [(1, 8.5), (2, 7.0)]
    """

    _block_type_name: ClassVar[str | None] = "SQLAlchemy Connector"
    _block_type_slug: ClassVar[str | None] = "sqlalchemy-connector"
    _description: ClassVar[str | None] = "A database, by SQLAlchemy."
    _block_schema_capabilities: ClassVar[Sequence[str]] = ("sql",)

    connection_info: ConnectionComponents | SecretStr
    """Parts, or a URL as SQLAlchemy writes it; all of a URL is secret."""
    connect_args: dict[str, Any] = Field(default_factory=dict)
    fetch_size: int = Field(FETCH_SIZE_DEFAULT, ge=1)

    _engine: sa.Engine | None = PrivateAttr(None)

    @field_validator("connection_info")
    @classmethod
    def _check(cls, value: ConnectionComponents | SecretStr) -> ConnectionComponents | SecretStr:
        if isinstance(value, SecretStr):
            try:
                make_url(value.get_secret_value())
            except sa.exc.ArgumentError:
                raise ValueError("is no database URL: write it like postgresql://user:password@host/database") from None
        return value

    @property
    def url(self) -> URL:
        """The database's address; its text hides the password."""
        info = self.connection_info
        made = make_url(info.get_secret_value()) if isinstance(info, SecretStr) else info.create_url()
        return (
            made.set(drivername=SyncDriver.POSTGRESQL_PSYCOPG)
            if made.drivername in POSTGRES and _lacks_psycopg2()
            else made
        )

    def get_engine(self) -> sa.Engine:
        """SQLAlchemy's engine, made once. Raises `MissingExtra` if the database's driver is not installed."""
        if self._engine is None:
            try:
                self._engine = sa.create_engine(self.url, connect_args=self.connect_args, **_pool_of(self.url))
            except ImportError as error:
                extra = "postgres" if self.url.get_backend_name() == "postgresql" else self.url.drivername
                raise MissingExtra(f"The driver {self.url.drivername}", extra=extra, because=error) from error
        return self._engine

    def get_connection(self, begin: bool = True) -> AbstractContextManager[Connection]:
        """A connection, in a transaction that is committed at the end; with `begin=False`, in none yet."""
        engine = self.get_engine()
        return engine.begin() if begin else engine.connect()

    def execute(self, operation: str, parameters: Mapping[str, Any] | None = None) -> int:
        """Execute a statement, in a transaction of its own; returns how many rows it touched, -1 if the driver cannot tell."""
        with self.get_connection() as connection:
            return int(connection.execute(sa.text(operation), parameters or {}).rowcount)

    def execute_many(self, operation: str, seq_of_parameters: Sequence[Mapping[str, Any]]) -> int:
        """Execute a statement for each of several parameters, in one transaction."""
        with self.get_connection() as connection:
            return int(connection.execute(sa.text(operation), [dict(one) for one in seq_of_parameters]).rowcount)

    def fetch_one(self, operation: str, parameters: Mapping[str, Any] | None = None) -> tuple[Any, ...] | None:
        """The first row that a query answers."""
        with self._asked(operation, parameters) as answer:
            row = answer.fetchone()
            return None if row is None else tuple(row)

    def fetch_many(
        self, operation: str, parameters: Mapping[str, Any] | None = None, size: int | None = None
    ) -> list[tuple[Any, ...]]:
        """The first rows that a query answers, `fetch_size` unless said."""
        with self._asked(operation, parameters) as answer:
            return [tuple(row) for row in answer.fetchmany(size or self.fetch_size)]

    def fetch_all(self, operation: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """All rows that a query answers."""
        with self._asked(operation, parameters) as answer:
            return [tuple(row) for row in answer.fetchall()]

    def close(self) -> None:
        """Close the connections that are open."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        private = dict(state.get("__pydantic_private__") or {})
        return {**state, "__pydantic_private__": {**private, "_engine": None}}  # another process makes its own

    @contextmanager
    def _asked(self, operation: str, parameters: Mapping[str, Any] | None) -> Iterator[CursorResult[Any]]:
        with self.get_connection(begin=False) as connection:
            yield connection.execute(sa.text(operation), parameters or {})


def _pool_of(url: URL) -> dict[str, Any]:
    """One connection for a database in memory: another would see another database."""
    in_memory = url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")
    return {"poolclass": sa.StaticPool} if in_memory else {}


def _lacks_psycopg2() -> bool:
    """Whether psycopg2 is not installed: psycopg 3 speaks to the same databases."""
    from importlib.util import find_spec  # lazy: for PostgreSQL only

    return find_spec("psycopg2") is None
