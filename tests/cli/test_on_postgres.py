"""The commands on a PostgreSQL database: one walk through a run's life."""

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli


def test_a_run_on_postgres_is_run_shown_asked_about_and_deleted(
    cli: Cli, program: Path, schemas: Any, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_DATABASE_URL", postgres_url)
    cli.ok("run", f"{program}:numbers", "-p", "n=3", "--name", "good", "--tag", "a")
    assert ["good"] == [run["name"] for run in cli.ok("flow-run", "ls", "--tag", "a", "--top-level", "--json").json]
    schemas("flow-run inspect", cli.ok("flow-run", "inspect", "good", "--json").json)
    assert 0 == cli("flow-run", "watch", "good").code
    rows = cli.ok("sql", "select name, state, started_at from flow_runs where name = 'good'", "--json").json
    assert ["good"] == [row["name"] for row in rows]
    schemas("database info", cli.ok("database", "info", "--json").json)
    cli.ok("flow-run", "delete", "good", "--yes")
    assert [] == cli.ok("flow-run", "ls", "--json").json


def test_a_database_out_of_reach_is_an_error_without_its_password(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_DATABASE_URL", "postgresql://somebody:s3cret@127.0.0.1:1/nothing")
    outcome = cli("flow-run", "ls")
    assert 1 == outcome.code
    assert "s3cret" not in outcome.err
    assert "fault" not in outcome.err
