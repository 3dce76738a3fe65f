"""What docs/reference/sql-views.md promises of the views."""

import re
from pathlib import Path

import pytest

from penstock.orchestrator.local import LocalOrchestrator
from penstock.ports import RunQuery
from penstock.store import Store
from penstock.store.views import VIEWS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "sql-views.md"


@pytest.mark.parametrize("view", VIEWS)
def test_each_column_of_a_view_is_documented(store: Store, view: str) -> None:
    columns = LocalOrchestrator(store).ask(RunQuery(sql=f"SELECT * FROM {view}")).columns
    assert sorted(columns) == sorted(documented(view))


def documented(view: str) -> list[str]:
    section = PAGE.read_text().partition(f"\n## {view}\n")[2].partition("\n## ")[0]
    first_cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return [column for cell in first_cells for column in re.findall(r"`(\w+)`", cell)]
