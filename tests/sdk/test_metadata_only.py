"""Task data stays in the user's own storage: canaries in arguments, results and rows never reach the database."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas
import pytest
from pydantic import BaseModel

from penstock import allow_failure, flow, task, unmapped
from penstock.cache_policies import INPUTS
from penstock.core.errors import ParameterInvalid
from penstock.sdk import wiring
from penstock.transactions import transaction

CANARY = "canary-7f3a"


@dataclass
class Secret:
    word: str


class Model(BaseModel):
    word: str


def files_with_canaries(home: Path) -> list[str]:
    """What holds the canary outside of the result storage, by the bytes of the files."""
    return [
        str(path.relative_to(home))
        for path in home.rglob("*")
        if path.is_file() and not path.is_relative_to(home / "results") and CANARY.encode() in path.read_bytes()
    ]


def run_and_search(home: Path, body: Any, *args: Any) -> list[str]:
    flow(body)(*args, return_state=True)
    wiring.flush()
    found = files_with_canaries(home)
    wiring.shut_down()
    return found + files_with_canaries(home)


@task
def same(value: Any, other: Any = None) -> Any:
    return value


@task(cache_policy=INPUTS, task_run_name="named")
def cached(value: Any) -> Any:
    return value


@task
def rows(value: str) -> Any:
    yield {"row": value}


@task(retries=1)
def fails(value: Any) -> Any:
    raise ValueError("without data")


@task
def unkeepable(value: Any) -> Any:
    return lambda: value


def test_arguments_and_results_stay_out_of_the_database(fresh_home: Path) -> None:
    def body() -> Any:
        frame = pandas.DataFrame({CANARY: [CANARY]})
        for value in (CANARY, [CANARY], {CANARY: {1}}, Secret(CANARY), Model(word=CANARY), frame, CANARY.encode()):
            same(value)
            same.submit(value).wait()
            cached(value)
        same.map([CANARY], other=unmapped(CANARY)).wait()
        list(rows(CANARY))
        same(allow_failure(fails.submit(CANARY)))
        unkeepable(CANARY)
        with transaction(key="plain key") as txn:
            txn.set("word", CANARY)
            txn.stage(CANARY)
        logging.getLogger("penstock").debug(CANARY)
        return CANARY

    assert [] == run_and_search(fresh_home, body)


def test_parameters_that_are_no_json_stay_out_of_the_database(fresh_home: Path) -> None:
    def body(frame: Any, blob: Any, keyed: Any) -> None: ...

    found = run_and_search(fresh_home, body, pandas.DataFrame({"a": [CANARY]}), CANARY.encode(), {1: CANARY})
    assert [] == found


def test_what_the_user_chose_to_say_is_recorded(fresh_home: Path) -> None:
    """The search finds what it should: otherwise the other tests would prove nothing."""

    def body(word: str) -> None: ...

    assert ["penstock.db"] == sorted(set(run_and_search(fresh_home, body, CANARY)) - {"penstock.db-wal"})


def test_a_result_that_cannot_be_kept_or_a_cache_that_cannot_be_keyed_is_not_quoted(fresh_home: Path) -> None:
    class Unpicklable:
        def __init__(self, word: str):
            self.word = word

        def __repr__(self) -> str:
            return self.word

        def __reduce__(self) -> Any:
            raise TypeError("no pickling")

    def body() -> None:
        same(Unpicklable(CANARY))
        cached(Unpicklable(CANARY))

    assert [] == run_and_search(fresh_home, body)


@pytest.mark.parametrize("nested", [False, True])
def test_a_bad_parameter_is_quoted_to_the_caller_only_in_short(fresh_home: Path, nested: bool) -> None:
    @flow
    def body(n: int) -> None: ...

    with pytest.raises(ParameterInvalid) as caught:
        body("x" * 5_000)  # type: ignore[arg-type]  # the point
    assert len(str(caught.value)) < 600
