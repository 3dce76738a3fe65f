"""Old runs go by themselves where there is no server: at the end of a run, once a day."""

import os
from pathlib import Path

import pytest

from penstock import flow, task
from penstock.engine.retention import STAMP
from penstock.sdk import wiring
from penstock.testing import History

AT_ONCE = "0.000000001"  # days


@task
def give(number: int) -> int:
    return number


@flow
def body(number: int) -> int:
    return give(number)


def a_day_passes(home: Path) -> None:
    os.utime(home / STAMP, (0, 0))


def test_a_run_removes_old_ones_with_their_results_once_a_day(
    history: History, fresh_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body(1)
    monkeypatch.setenv("PENSTOCK_RETENTION_DAYS", AT_ONCE)
    body(2)
    assert 2 == len(history.flow_runs()), "nothing is due on a new home"
    first, kept = history.flow_runs()[0], [run.result for run in history.flow_runs()]
    a_day_passes(fresh_home)
    body(3)
    assert first.id not in {run.id for run in history.flow_runs()}
    assert {False} == {wiring.result_store().exists(str(reference)) for reference in kept}
    before = len(history.flow_runs())
    body(4)
    assert before + 1 == len(history.flow_runs()), "the next pass is due tomorrow"


def test_runs_that_are_young_or_kept_for_ever_stay(
    history: History, fresh_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body(1)
    a_day_passes(fresh_home)
    body(2)
    monkeypatch.setenv("PENSTOCK_RETENTION_DAYS", "0")
    a_day_passes(fresh_home)
    body(3)
    assert 3 == len(history.flow_runs())
