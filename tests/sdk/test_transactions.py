"""Transactions: steps that are committed or rolled back together, and that a key makes happen once."""

import asyncio
from typing import Any

import pytest

from penstock import flow, task
from penstock.cache_policies import INPUTS
from penstock.core.errors import InvalidDefinition, NotInRun
from penstock.testing import History
from penstock.transactions import CommitMode, Transaction, get_transaction, transaction

DATABASES = ("sqlite", "postgres")


class Log:
    """What happened, in order."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def step(self, name: str, **options: Any) -> Any:
        """A task whose hooks are logged."""

        def run() -> str:
            self.events.append(f"run {name}")
            return name

        made = task(name=name, **options)(run)
        made.on_commit(lambda txn: self.events.append(f"commit {name}"))
        made.on_rollback(lambda txn: self.events.append(f"rollback {name}"))
        return made


def test_hooks_of_all_steps_run_when_the_block_commits() -> None:
    log = Log()
    one, two = log.step("one"), log.step("two")

    @flow
    def body() -> bool:
        with transaction() as txn:
            one()
            two()
            assert not txn.is_committed()
        return txn.is_committed()

    assert body() is True
    assert ["run one", "run two", "commit one", "commit two"] == log.events


def test_a_coroutine_has_transactions_too() -> None:
    log = Log()
    one = log.step("one")

    @task
    async def later() -> None:
        log.events.append("run later")

    @flow
    async def body(good: bool) -> None:
        async with transaction():
            async with transaction() as inner:
                one()
            await later()
            if not good:
                raise ValueError
            assert not inner.is_committed()
        assert inner.is_committed()

    asyncio.run(body(True))
    assert ["run one", "run later", "commit one"] == log.events
    with pytest.raises(ValueError):
        asyncio.run(body(False))
    assert ["run one", "run later", "rollback one"] == log.events[3:]


def test_an_error_rolls_back_last_step_first_and_goes_on_its_way(history: History) -> None:
    log = Log()
    one, two = log.step("one"), log.step("two")

    @flow
    def body() -> None:
        with transaction():
            one()
            two()
            raise ValueError("third step")

    with pytest.raises(ValueError, match="third step"):
        body()
    assert ["run one", "run two", "rollback two", "rollback one"] == log.events
    assert ["RolledBack", "RolledBack"] == [t.state.name for t in history.task_runs()]


def test_a_step_that_failed_is_not_rolled_back_itself() -> None:
    log = Log()
    good = log.step("good")

    @task
    def bad() -> None:
        raise ValueError

    bad.on_rollback(lambda txn: log.events.append("rollback bad"))

    @flow
    def body() -> None:
        with transaction():
            good()
            bad()

    body(return_state=True)
    assert ["run good", "rollback good"] == log.events


def test_hooks_get_the_transaction_and_what_it_carries() -> None:
    seen: list[Any] = []

    @task
    def writes() -> None:
        current = get_transaction()
        assert current is not None
        current.set("path", "/tmp/x")

    @writes.on_rollback
    def remove(txn: Transaction) -> None:
        seen.append((txn.get("path"), txn.get("missing", "none"), txn.is_rolled_back()))

    @flow
    def body() -> None:
        with transaction():
            writes()
            raise ValueError

    body(return_state=True)
    assert [("/tmp/x", "none", True)] == seen


def test_a_key_makes_a_block_happen_once() -> None:
    runs: list[int] = []

    @flow
    def body() -> Any:
        with transaction(key="once") as txn:
            if txn.is_committed():
                return "before", txn.read()
            runs.append(1)
            txn.stage({"n": 1})
        return "now", txn.read()

    assert [("now", {"n": 1}), ("before", {"n": 1})] == [body(), body()]
    assert [1] == runs


def test_a_key_of_a_block_that_failed_leads_nowhere() -> None:
    @flow
    def body(fail: bool) -> bool:
        with transaction(key="fails-first") as txn:
            before = txn.is_committed()
            txn.stage(1)
            if fail:
                raise ValueError
        return before

    body(True, return_state=True)

    assert body(False) is False
    assert body(False) is True


def test_a_key_can_be_overwritten() -> None:
    @flow
    def body(value: int, overwrite: bool = False) -> Any:
        with transaction(key="over", overwrite=overwrite) as txn:
            if not txn.is_committed():
                txn.stage(value)
        return txn.read()

    assert [1, 1, 3] == [body(1), body(2), body(3, overwrite=True)]


def test_inner_blocks_wait_for_the_outer_one() -> None:
    log = Log()
    inner, outer = log.step("inner"), log.step("outer")

    @flow
    def body(fail: bool) -> None:
        with transaction():
            with transaction() as nested:
                inner()
            assert not nested.is_committed()
            outer()
            if fail:
                raise ValueError

    body(False)
    assert ["run inner", "run outer", "commit inner", "commit outer"] == log.events
    log.events.clear()
    body(True, return_state=True)
    assert ["run inner", "run outer", "rollback outer", "rollback inner"] == log.events


def test_an_eager_inner_block_commits_at_its_own_end() -> None:
    log = Log()
    inner = log.step("inner")

    @flow
    def body() -> None:
        with transaction():
            with transaction(commit_mode=CommitMode.EAGER):
                inner()
            raise ValueError

    body(return_state=True)
    assert ["run inner", "commit inner"] == log.events


def test_a_block_that_commits_by_hand_only() -> None:
    log = Log()
    one = log.step("one")

    @flow
    def body(by_hand: bool) -> bool:
        with transaction(commit_mode="off") as txn:
            one()
            if by_hand:
                txn.commit()
        return txn.is_committed()

    assert [False, True] == [body(False), body(True)]
    assert ["run one", "run one", "commit one"] == log.events


def test_hooks_may_be_given_with_the_task() -> None:
    events: list[str] = []

    @task(on_commit=[lambda txn: events.append("commit")], on_rollback=lambda txn: events.append("rollback"))
    def step() -> None:
        events.append("run")

    @flow
    def body(fails: bool) -> None:
        with transaction():
            step()
            if fails:
                raise ValueError

    body(fails=False)
    body(fails=True, return_state=True)
    assert ["run", "commit", "run", "rollback"] == events


def test_a_commit_hook_that_raises_rolls_back() -> None:
    log = Log()
    one, two = log.step("one"), log.step("two")

    @two.on_commit
    def breaks(txn: Transaction) -> None:
        raise RuntimeError("cannot commit")

    @flow
    def body() -> bool:
        with transaction() as txn:
            one()
            two()
        return txn.is_rolled_back()

    assert body() is True
    assert ["run one", "run two", "commit one", "commit two", "rollback two", "rollback one"] == log.events


def test_a_rollback_hook_that_raises_does_not_keep_the_others_from_running(history: History) -> None:
    log = Log()
    one, two = log.step("one"), log.step("two")

    @two.on_rollback
    def breaks(txn: Transaction) -> None:
        raise RuntimeError("cannot roll back")

    @flow
    def body() -> None:
        with transaction():
            one()
            two()
            raise ValueError

    body(return_state=True)

    assert "rollback one" == log.events[-1]
    assert any("cannot roll back" in line.message for line in history.logs())


def test_a_task_outside_of_blocks_commits_by_itself() -> None:
    log = Log()
    one = log.step("one")

    @flow
    def body() -> None:
        one()
        one.submit().wait()

    body()
    assert ["run one", "commit one"] * 2 == log.events


def test_submitted_steps_belong_to_the_block_that_submitted_them() -> None:
    log = Log()
    one = log.step("one")

    @flow
    def body() -> None:
        with transaction():
            one.submit().wait()
            raise ValueError

    body(return_state=True)
    assert ["run one", "rollback one"] == log.events


def test_what_was_rolled_back_is_not_in_the_cache() -> None:
    log = Log()
    cached = log.step("cached", cache_policy=INPUTS)

    @flow
    def body(fail: bool) -> None:
        with transaction():
            cached()
            if fail:
                raise ValueError

    body(True, return_state=True)
    body(False)
    body(False)
    assert 2 == log.events.count("run cached")


def test_what_was_rolled_back_runs_again_when_the_run_is_resumed(history: History) -> None:
    log = Log()
    one = log.step("one")
    failing = [True]

    @flow
    def body() -> None:
        with transaction():
            one()
            if failing:
                raise ValueError

    body(return_state=True)
    failing.clear()
    body.resume(history.flow_run().id)

    assert ["run one", "rollback one", "run one", "commit one"] == log.events


def test_transactions_belong_to_runs_and_keys_are_texts() -> None:
    with pytest.raises(NotInRun), transaction():
        pass

    @flow
    def body(**options: Any) -> None:
        with transaction(**options):
            pass

    for options in ({"key": 3}, {"key": ""}, {"commit_mode": "sometimes"}):
        with pytest.raises(InvalidDefinition):
            body(**options)


def test_a_task_holds_a_transaction_of_its_own() -> None:
    log = Log()
    inner = log.step("inner")

    @task
    def outer() -> None:
        with transaction():
            inner()
            raise ValueError

    @flow
    def body() -> None:
        outer(return_state=True)

    body(return_state=True)
    assert ["run inner", "rollback inner"] == log.events
