"""Runs of flows over a real database: one throw-away home for each module, as runs do not see one another.

A module that sets `DATABASES = ("sqlite", "postgres")` is run over both.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.testing import History, harness


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    databases = getattr(metafunc.module, "DATABASES", ("sqlite",))
    marks = {"postgres": [pytest.mark.postgres]}
    parameters = [pytest.param(name, marks=marks.get(name, [])) for name in databases]
    metafunc.fixturenames.append("database")
    metafunc.parametrize("database", parameters, ids=list(databases), scope="module", indirect=True)


@pytest.fixture(scope="module")
def database(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A home that the module's tests share, over SQLite or PostgreSQL."""
    if request.param == "sqlite":
        with harness() as home:
            yield home
        return
    server = request.getfixturevalue("postgres")
    url = server.fresh_database()
    with harness(database_url=url.replace("postgresql://", "postgresql+psycopg://")) as home:
        yield home
    server.drop_database(url)


@pytest.fixture(autouse=True)
def home(database: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The module's home, also for tests that ask for `home`."""
    return database


@pytest.fixture
def fresh_home(database: Path) -> Iterator[Path]:
    """A home of this test's own."""
    with harness() as folder:
        yield folder


@pytest.fixture
def history() -> History:
    """What was recorded."""
    return History()
