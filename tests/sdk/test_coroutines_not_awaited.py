"""A coroutine that nobody awaits is work that nobody did: a run that returns one has failed."""

import warnings
from collections.abc import Coroutine
from typing import Any

import pytest

from penstock import flow, task


@task
async def fetch() -> str:
    return "rows"


@task
def forgetful() -> Coroutine[Any, Any, str]:
    return fetch.fn()


@flow
def returns_a_coroutine() -> Coroutine[Any, Any, str]:
    return fetch()


@flow
def calls_a_task_that_does() -> str:
    return forgetful(return_state=True).name


def test_a_flow_that_returns_a_coroutine_has_failed() -> None:
    assert returns_a_coroutine(return_state=True).is_failed()


def test_so_has_a_task() -> None:
    assert "Failed" == calls_a_task_that_does()


@flow
def forgets_it() -> int:
    fetch()
    return 1


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_python_warns_of_it_by_the_name_of_the_task() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        forgets_it()
    assert any("'fetch'" in str(warning.message) for warning in caught)
