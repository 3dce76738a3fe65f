"""What every test, doctest and code block of the docs stands on: a home of its own, never the developer's.

The fixtures themselves are in tests/fixtures/; tests/README.md lists them. Code blocks of one page of the docs share a
home and a namespace, in order; `make test` hands a whole page to one worker. `tests/fixtures/pages.py` runs them.
"""

import os
import shutil
import signal
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from _pytest.doctest import DoctestItem
from sybil import Sybil
from sybil.parsers.markdown import SkipParser
from sybil.sybil import SybilCollection

from tests.fixtures.pages import ConsoleParser, Page, PythonParser

if TYPE_CHECKING:  # pytest rewrites plugins' assertions only if nobody imported them before
    from tests.fixtures.postgres import PostgresServer

pytest_plugins = [
    "tests.fixtures.docker",
    "tests.fixtures.network",
    "tests.fixtures.objects",
    "tests.fixtures.postgres",
    "tests.fixtures.release",
]

KEPT_VARIABLES = {"PENSTOCK_SHARED_DATA", "PENSTOCK_TEST_DOCKER", "PENSTOCK_TEST_POSTGRES"}


def pytest_configure() -> None:
    """Forget the developer's own Penstock: no test may write to their home, database or server."""
    for name in [name for name in os.environ if name.startswith("PENSTOCK_") and name not in KEPT_VARIABLES]:
        del os.environ[name]
    os.environ["PENSTOCK_HOME"] = tempfile.mkdtemp(prefix="penstock-home-")
    if (
        threading.current_thread() is threading.main_thread()
    ):  # whoever runs this in the background may have Ctrl-C ignored
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_unconfigure() -> None:
    shutil.rmtree(os.environ["PENSTOCK_HOME"], ignore_errors=True)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A throw-away PENSTOCK_HOME, for this process and the ones it starts."""
    home = tmp_path / "home"
    monkeypatch.setenv("PENSTOCK_HOME", str(home))
    return home


@pytest.fixture(autouse=True)
def home_for_doctests(request: pytest.FixtureRequest) -> None:
    if isinstance(request.node, DoctestItem):
        request.getfixturevalue("home")


@pytest.fixture(scope="session")
def page_database(postgres: "PostgresServer") -> str:
    """The database of the page about PostgreSQL."""
    return postgres.fresh_database()


def sybil(patterns: list[str], *, excludes: list[str], fixtures: list[str]) -> Sybil:
    """How some pages of the docs are run."""
    page = Page()
    return Sybil(
        parsers=[PythonParser(), ConsoleParser(), SkipParser()],
        patterns=patterns,
        excludes=excludes,
        fixtures=fixtures,
        setup=page.set_up,
        teardown=page.tear_down,
    )


ON_POSTGRES = "docs/how-to/use-postgresql.md"
LEFT_OUT = ["docs/adr/*.md", "docs/reference/cli.md"]  # the latter is made from the commands themselves
pytest_collect_file = SybilCollection(
    [
        sybil(["README.md", "docs/*.md", "docs/**/*.md"], excludes=[*LEFT_OUT, ON_POSTGRES], fixtures=[]),
        sybil([ON_POSTGRES], excludes=[], fixtures=["page_database"]),
    ]
).pytest()
