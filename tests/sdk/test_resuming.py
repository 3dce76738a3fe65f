"""Going on with a run that ended before it was complete: what is remembered, what runs again, what is refused."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pandas
import pytest

from penstock import flow, task
from penstock.core.errors import Ambiguous, NotFound, RunNotResumable
from penstock.core.ids import as_uuid_text
from penstock.runtime import flow_run
from penstock.sdk import wiring
from penstock.testing import History

DATABASES = ("sqlite", "postgres")


class Counter:
    """Counts what ran."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def step(self, name: str, function: Any = None, **options: Any) -> Any:
        def run(*args: Any) -> Any:
            self.ran.append(name)
            return function(*args) if function is not None else name

        return task(name=name, **options)(run)


def resume(subject: Any, history: History, **options: Any) -> Any:
    return subject.resume(history.flow_run().id, **options)


def fails_first() -> None:
    if flow_run.epoch == 1:
        raise RuntimeError("first time")


def test_completed_calls_return_what_is_recorded(history: History) -> None:
    counter = Counter()
    frame = pandas.DataFrame({"a": [1]})
    one, two = counter.step("one", lambda: (1, frame)), counter.step("two", lambda pair: pair[1])

    @flow
    def body() -> Any:
        made = two(one())
        fails_first()
        return made

    body(return_state=True)
    pandas.testing.assert_frame_equal(frame, resume(body, history))

    assert ["one", "two"] == counter.ran
    run = history.flow_run()
    assert (2, "Completed", {"COMPLETED": 2}) == (run.epoch, run.state.name, run.task_counts)
    assert [1, 1] == [t.epoch for t in history.task_runs()]


def test_parameters_and_name_are_those_of_the_run(history: History) -> None:
    seen: list[Any] = []

    @flow(flow_run_name="run-{n}")
    def body(n: int, text: str = "x") -> Any:
        seen.append((n, text, flow_run.name))
        fails_first()

    body(3, return_state=True)
    resume(body, history)

    assert [(3, "x", "run-3")] * 2 == seen


def test_failed_calls_run_again(history: History) -> None:
    counter = Counter()
    good, bad = counter.step("good"), counter.step("bad", lambda: fails_first())

    @flow
    def body() -> None:
        good()
        bad()

    body(return_state=True)
    resume(body, history)

    assert ["good", "bad", "bad"] == counter.ran
    assert ("Completed", 2) == (history.task_run("bad").state.name, history.task_run("bad").epoch)


def test_mapped_and_submitted_calls_are_remembered_whatever_their_order(history: History) -> None:
    counter = Counter()
    step = counter.step("step", lambda n: n * 10)

    @flow
    def body() -> list[int]:
        order = [1, 2, 3, 3] if flow_run.epoch == 1 else [3, 2, 1, 3]
        values = [future.result() for future in step.map(order)]
        fails_first()
        return values

    body(return_state=True)

    assert [30, 20, 10, 30] == resume(body, history)
    assert 4 == len(counter.ran)


def test_what_depends_on_futures_is_remembered_by_its_producers(history: History) -> None:
    counter = Counter()
    make, use = counter.step("make", lambda: object.__new__(Opaque)), counter.step("use", lambda value: "used")

    @flow
    def body() -> str:
        value = use.submit(make.submit()).result()
        fails_first()
        return value

    body(return_state=True)

    assert "used" == resume(body, history)
    assert ["make", "use"] == counter.ran


class Opaque:
    """Has no written form of its own."""


def test_skipped_calls_stay_skipped(history: History) -> None:
    from penstock import Skip

    counter = Counter()

    def skip() -> None:
        raise Skip("nothing")

    step, after = counter.step("skips", skip), counter.step("after", lambda value: value)

    @flow
    def body() -> str:
        name = after(step(return_state=True), return_state=True).name
        fails_first()
        return name

    body(return_state=True)
    assert "Skipped" == resume(body, history)
    assert ["skips"] == counter.ran


def test_subflows_are_remembered_whole_or_go_on_from_where_they_stopped(history: History) -> None:
    counter = Counter()
    step = counter.step("step", lambda n: n)

    @flow
    def whole() -> int:
        return step(1)

    @flow
    def half() -> int:
        value = step(2)
        fails_first()
        return value + step(3)

    @flow
    def body() -> tuple[int, int]:
        return whole(), half()

    body(return_state=True)

    assert (1, 5) == resume(body, history)
    assert 3 == len(counter.ran)
    assert [("whole", 1, "Completed"), ("half", 2, "Completed")] == [
        (run.flow_name, run.epoch, run.state.name) for run in history.subflow_runs()
    ]


def test_a_subflow_with_storage_of_its_own_is_remembered(history: History, tmp_path: Path) -> None:
    ran: list[int] = []

    @flow(result_storage=tmp_path)
    def sub() -> str:
        ran.append(1)
        return "x" * 100_000

    @flow
    def body() -> int:
        size = len(sub())
        fails_first()
        return size

    body(return_state=True)
    assert (100_000, [1]) == (resume(body, history), ran)


def test_a_run_is_resumed_by_its_name_or_id(history: History) -> None:
    tries: list[int] = []

    @flow(flow_run_name="load of {month}")
    def load(month: str) -> int:
        tries.append(1)
        if len(tries) % 2:
            raise ValueError
        return len(tries)

    load("April", return_state=True)
    assert 2 == load.resume("load of April")
    for _ in range(2):
        tries.clear()
        load("May", return_state=True)
    assert 2 == load.resume(as_uuid_text(history.flow_run().id))
    with pytest.raises(Ambiguous):
        load.resume("load of May")
    with pytest.raises(NotFound):
        load.resume("load of June")


def test_async_flows_are_resumed(history: History) -> None:
    ran: list[int] = []

    @task
    async def step(n: int) -> int:
        ran.append(n)
        return n

    @flow
    async def body() -> int:
        total = sum(await asyncio.gather(step(1), step(2)))
        fails_first()
        return total

    asyncio.run(body(return_state=True))

    assert 3 == asyncio.run(body.resume(history.flow_run().id))
    assert [1, 2] == sorted(ran)


def test_a_run_is_resumed_as_often_as_it_takes(history: History) -> None:
    counter = Counter()
    step = counter.step("step", lambda n: n)

    @flow
    def body() -> int:
        for n in range(flow_run.epoch):
            step(n)
        if flow_run.epoch < 4:
            raise ValueError
        return flow_run.epoch

    body(return_state=True)
    for _ in range(2):
        resume(body, history, return_state=True)

    assert 4 == resume(body, history)
    assert 4 == len(counter.ran)


# ---- Results that are gone ----


@pytest.mark.parametrize("damage", ["missing", "corrupt"])
def test_a_missing_or_damaged_result_is_detected_and_the_call_runs_again(damage: str, history: History) -> None:
    counter = Counter()
    large, small = counter.step("large", lambda: "x" * 100_000), counter.step("small", lambda: "y")

    @flow
    def body() -> int:
        size = len(large()) + len(small())
        fails_first()
        return size

    body(return_state=True)
    root: Path = wiring.result_store().root / "runs" / history.flow_run().id  # type: ignore[attr-defined]  # a folder
    if damage == "missing":
        shutil.rmtree(root)
    else:
        for path in root.iterdir():
            path.write_bytes(b"\0" * path.stat().st_size)

    assert 100_001 == resume(body, history)
    assert ["large", "small"] * 2 == counter.ran
    warned = [line.task_run_id for line in history.logs() if line.level == 30]
    assert {t.id for t in history.task_runs()} <= set(warned)


def test_a_call_whose_result_was_not_kept_runs_again(history: History) -> None:
    import threading

    counter = Counter()
    unkept, unkeepable = counter.step("unkept", persist_result=False), counter.step("unkeepable", threading.Lock)

    @flow
    def body() -> None:
        unkept()
        unkeepable()
        fails_first()

    body(return_state=True)
    resume(body, history)

    assert ["unkept", "unkeepable"] * 2 == counter.ran


# ---- What is refused ----


def test_a_complete_run_is_not_resumed(history: History) -> None:
    @flow
    def body() -> None: ...

    body()

    with pytest.raises(RunNotResumable):
        resume(body, history)


def test_a_run_of_another_flow_or_no_run_is_not_resumed(history: History) -> None:
    @flow
    def body() -> None:
        raise ValueError

    @flow
    def other() -> None: ...

    body(return_state=True)

    with pytest.raises(RunNotResumable, match="body"):
        resume(other, history)
    for unknown in ("0" * 32, "no id"):
        with pytest.raises(NotFound):
            body.resume(unknown)


def test_a_run_is_not_resumed_while_it_goes_on() -> None:
    @flow
    def body() -> None:
        with pytest.raises(RunNotResumable, match="alive"):
            body.resume(flow_run.id)

    body()


def test_a_run_with_bad_parameters_stays_bad(history: History) -> None:
    @flow
    def body(n: int) -> None: ...

    body("x", return_state=True)  # type: ignore[call-overload]  # the point

    assert resume(body, history, return_state=True).is_failed()
    assert 2 == history.flow_run().epoch
