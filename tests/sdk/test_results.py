"""What calls return: kept, kept elsewhere, not kept, and what cannot be kept."""

import threading
from pathlib import Path
from typing import Any

import pandas
import pytest

from penstock import flow, task
from penstock.core.errors import ResultCorrupt
from penstock.sdk import wiring
from penstock.testing import History, harness

DATABASES = ("sqlite", "postgres")


def references(history: History) -> dict[str, str | None]:
    return {t.task_name: t.result for t in history.task_runs()}


def load(reference: str | None) -> Any:
    assert reference is not None
    return wiring.result_store().get(reference)


def test_results_are_kept_and_records_hold_references_only(history: History) -> None:
    @task
    def give() -> str:
        return "canary"

    @flow
    def body() -> list[str]:
        return [give()]

    body()

    assert "canary" == load(references(history)["give"])
    assert ["canary"] == load(history.flow_run().result)
    assert "canary" not in repr(history.task_runs()) + repr(history.flow_run())


def test_tasks_flows_and_settings_say_whether_results_are_kept(history: History) -> None:
    @task
    def follows() -> int:
        return 1

    @task(persist_result=True)
    def always() -> int:
        return 2

    @task(persist_result=False)
    def never() -> int:
        return 3

    def body() -> int:
        return follows() + always() + never()

    def kept() -> list[str]:
        return sorted(name for name, reference in references(history).items() if reference is not None)

    flow(body)()
    assert (["always", "follows"], True) == (kept(), history.flow_run().result is not None)
    flow(persist_result=False)(body)()
    assert (["always"], None) == (kept(), history.flow_run().result)
    with harness(persist_results="false"):
        flow(body)()
        assert (["always"], None) == (kept(), history.flow_run().result)
        flow(persist_result=True)(body)()
        assert ["always", "follows"] == kept()


def test_a_flow_and_a_task_may_keep_results_in_a_folder_of_their_own(history: History, tmp_path: Path) -> None:
    @task
    def follows() -> str:
        return "x" * 100_000

    @task(result_storage=tmp_path / "task's own")
    def own() -> str:
        return "y" * 100_000

    @flow(result_storage=str(tmp_path / "flow's own"))
    def body() -> str:
        return follows() + own()

    body()

    sizes = {
        folder.name: sorted(path.stat().st_size for path in folder.rglob("*.result")) for folder in tmp_path.iterdir()
    }
    assert {"flow's own": [100_000, 200_000], "task's own": [100_000]} == sizes


@pytest.mark.parametrize("serializer", ["json", "pickle", "compressed/json", "compressed/pickle"])
def test_a_serializer_can_be_chosen(serializer: str, history: History) -> None:
    value = {"a": [1, "ü", None, 1.5]}

    @task(result_serializer=serializer)
    def give() -> Any:
        return value

    @flow
    def body() -> None:
        give()

    body()

    assert value == load(references(history)["give"])


def test_a_flows_serializer_holds_for_its_tasks(history: History) -> None:
    @task
    def give() -> Any:
        return (1, 2)

    @flow(result_serializer="json")
    def body() -> str:
        give()
        return "done"

    assert "done" == body()
    assert "result_unstorable" == history.task_run("give").state.reason


def test_a_result_that_cannot_be_pickled_is_warned_about_and_the_run_completes(history: History) -> None:
    @task
    def lock() -> Any:
        return threading.Lock()

    @task
    def takes(value: Any) -> str:
        return type(value).__name__

    @flow
    def body() -> Any:
        made = lock()
        return takes(made), made

    name, made = body()

    assert "lock" == name
    assert hasattr(made, "acquire")
    assert ("Completed", "result_unstorable") == (
        history.task_run("lock").state.name,
        history.task_run("lock").state.reason,
    )
    assert [30, 30] == [line.level for line in history.logs() if line.level >= 30]
    assert "Completed" == history.flow_run().state.name


@pytest.mark.parametrize(
    "value",
    [
        (1, (2,)),
        {1: "a", (1, 2): "b"},
        {"nan": float("inf")},
        b"bytes",
        "\ud800",
        {1, 2},
        pandas.Timestamp("2020-01-01"),
        Path("/a"),
        [None, True, 1, 1.0, "1"],
        10**400,
    ],
    ids=repr,
)
def test_values_come_back_as_they_were(value: Any, history: History) -> None:
    @task
    def give() -> Any:
        return value

    @flow
    def body() -> None:
        give()

    body()

    back = load(references(history)["give"])
    assert (type(value), repr(value)) == (type(back), repr(back))


def test_a_value_can_be_let_go_of_and_is_loaded_when_asked_for(history: History) -> None:
    @task(cache_result_in_memory=False)
    def give() -> list[int]:
        return [1, 2]

    @flow(cache_result_in_memory=False)
    def body() -> Any:
        future = give.submit()
        state = future.wait().state
        return state._data, future.result(), give()

    state = body(return_state=True)  # type: ignore[call-overload]  # every call takes it

    assert None is state._data
    assert (None, [1, 2], [1, 2]) == state.result()


def test_a_damaged_result_is_detected_when_it_is_loaded(history: History) -> None:
    @task
    def give() -> str:
        return "x" * 100_000

    @flow
    def body() -> None:
        give()

    body()
    reference = references(history)["give"]
    assert reference is not None
    path = wiring.result_store().root / f"{reference.split(':')[1]}.result"  # type: ignore[attr-defined]  # a folder
    path.write_bytes(b"y" * 100_000)

    with pytest.raises(ResultCorrupt, match=path.stem):
        load(reference)


def test_a_named_result_is_found_by_its_name(history: History) -> None:
    @task(result_storage_key="report-{parameters[day]}-{kind}")
    def report(day: str, kind: str = "full") -> str:
        return f"of {day}"

    @task
    def today() -> str:
        return "monday"

    @flow
    def body() -> None:
        report.submit(today.submit()).wait()

    body()

    hit = wiring.result_store().find_cached("named:report-monday-full", now=0)
    assert hit is not None
    assert "of monday" == wiring.result_store().get(hit.reference)


def test_a_state_loads_its_value_from_the_store_when_asked_again(history: History) -> None:
    @task
    def give() -> dict[str, int]:
        return {"a": 1}

    @flow
    def body() -> Any:
        state = give(return_state=True)
        return state.result(), state.result_reference

    value, reference = body()
    assert {"a": 1} == value == load(reference)
