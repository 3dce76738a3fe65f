"""Marks that follow from where a test is and what it uses. The fixtures are in fixtures/ and in the root's conftest."""

import os
from pathlib import Path

import hypothesis
import pytest

# No deadline: a busy machine is no finding. In CI the same examples every time, so that red means this change.
hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") == "true" else "here")

HERE = Path(__file__).parent
SLOW_PLACES = [HERE / "system", HERE / "browser", HERE.parent / "docs" / "tutorial", HERE.parent / "README.md"]
RACING_PLACES = [HERE / "system", HERE / "browser", HERE / "workers", HERE / "integrations"]
"""Real processes beside one another on real clocks: a failure there gets one more try, and is reported as RERUN."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Before `-m` chooses among them."""
    for item in items:
        if any(item.path.is_relative_to(place) for place in SLOW_PLACES):
            item.add_marker("slow")
        if any(item.path.is_relative_to(place) for place in RACING_PLACES):
            item.add_marker(pytest.mark.flaky(reruns=1))
        fixtures = getattr(item, "fixturenames", ())
        if "postgres" in fixtures:
            item.add_marker("postgres")
        if "shared_data" in fixtures:
            item.add_marker("shared_data")
