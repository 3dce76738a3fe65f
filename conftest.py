"""What every test, doctest and code block of the docs stands on: a home of its own, never the developer's.

The fixtures themselves are in tests/fixtures/; tests/README.md lists them. Code blocks of one page of the docs share a
home and a namespace, in order; `make test` hands a whole page to one worker. `tests/fixtures/pages.py` runs them.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from _pytest.doctest import DoctestItem
from sybil import Sybil
from sybil.parsers.markdown import SkipParser

from tests.fixtures.pages import ConsoleParser, Page, PythonParser

pytest_plugins = ["tests.fixtures.postgres", "tests.fixtures.release"]

KEPT_VARIABLES = {"PENSTOCK_SHARED_DATA", "PENSTOCK_TEST_POSTGRES"}


def pytest_configure() -> None:
    """Forget the developer's own Penstock: no test may write to their home, database or server."""
    for name in [name for name in os.environ if name.startswith("PENSTOCK_") and name not in KEPT_VARIABLES]:
        del os.environ[name]
    os.environ["PENSTOCK_HOME"] = tempfile.mkdtemp(prefix="penstock-home-")


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


page = Page()
pytest_collect_file = Sybil(
    parsers=[PythonParser(), ConsoleParser(), SkipParser()],
    patterns=["README.md", "docs/*.md", "docs/**/*.md"],
    excludes=["docs/adr/*.md", "docs/reference/cli.md"],  # the latter is made from the commands themselves
    setup=page.set_up,
    teardown=page.tear_down,
).pytest()
