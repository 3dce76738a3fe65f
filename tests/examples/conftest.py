"""A home for the runs of each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.testing import harness


@pytest.fixture
def run_home() -> Iterator[Path]:
    """A throw-away PENSTOCK_HOME in which flows run, silently."""
    with harness() as home:
        yield home
