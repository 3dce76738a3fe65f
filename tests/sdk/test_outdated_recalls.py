"""What resume does not recall: what was made of a failure that has been mended since."""

import pytest

from penstock import allow_failure, flow, task

away = {"it": True}


@pytest.fixture(autouse=True)
def _away() -> None:
    away["it"] = True


@task
def load() -> str:
    if away["it"]:
        raise ConnectionError("away")
    return "loaded"


@task(when="one_failed")
def alarm(_: str) -> str:
    return "told somebody"


@task(when="all_done")
def tell(rows: object) -> str:
    return repr(rows)


@task
def describe(rows: object) -> str:
    return repr(rows)


@flow
def told_by_rule() -> list[object]:
    rows = load.submit()
    return [tell.submit(rows), alarm.submit(rows), rows]


@flow
def told_by_wrapper() -> list[object]:
    rows = load.submit()
    return [describe.submit(allow_failure(rows)), rows]


def test_a_rule_that_took_a_failure_is_asked_again_once_it_is_mended() -> None:
    failed = told_by_rule(return_state=True)
    assert failed.is_failed()
    away["it"] = False
    told, alarmed, rows = told_by_rule.resume(failed.run_id, return_state=True).result(raise_on_failure=False)
    assert ("'loaded'", None, "loaded") == (told, alarmed, rows)


def test_a_call_that_was_given_a_failure_runs_again_once_it_is_mended() -> None:
    failed = told_by_wrapper(return_state=True)
    away["it"] = False
    assert ["'loaded'", "loaded"] == told_by_wrapper.resume(failed.run_id)


def test_while_the_failure_lasts_the_run_stays_failed() -> None:
    failed = told_by_wrapper(return_state=True)
    assert told_by_wrapper.resume(failed.run_id, return_state=True).is_failed()
