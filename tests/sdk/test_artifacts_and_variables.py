"""Artifacts that runs show, and variables that they share."""

import asyncio
from typing import Any

import pandas
import pyarrow
import pytest

from penstock import artifacts, flow, task
from penstock.core.errors import Conflict, InvalidDefinition, NotFound, NotInRun
from penstock.testing import History
from penstock.variables import Variable

DATABASES = ("sqlite", "postgres")


def test_each_kind_of_artifact_is_recorded_with_its_run(history: History) -> None:
    @task
    def shows() -> None:
        artifacts.create_markdown_artifact("# Trips\n*many*", key="report", description="What happened")
        artifacts.create_link_artifact("https://example.org", link_text="There")
        artifacts.create_image_artifact("data:image/svg+xml,<svg/>", key="chart")

    @flow
    def body() -> None:
        artifacts.create_table_artifact([{"a": 1, "b": None}, {"a": 2, "b": "x"}], key="table")
        shows()

    body()

    recorded = {a.type: a for a in history.artifacts()}
    run, call = history.flow_run(), history.task_run("shows")
    assert {"markdown", "link", "image", "table"} == set(recorded)
    assert ("report", "What happened", "# Trips\n*many*", run.id, call.id) == (
        recorded["markdown"].key,
        recorded["markdown"].description,
        recorded["markdown"].data,
        recorded["markdown"].flow_run_id,
        recorded["markdown"].task_run_id,
    )
    assert None is recorded["table"].task_run_id
    assert [{"a": 1, "b": None}, {"a": 2, "b": "x"}] == recorded["table"].data
    assert {"link": "https://example.org", "text": "There"} == recorded["link"].data


@pytest.mark.parametrize(
    ("table", "data"),
    [
        ({"a": [1, 2]}, {"a": [1, 2]}),
        ([[1, 2], [3, 4]], [[1, 2], [3, 4]]),
        (lambda: ({"a": n} for n in range(2)), [{"a": 0}, {"a": 1}]),
        (pyarrow.table({"a": [1, 2]}), [{"a": 1}, {"a": 2}]),
        (pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]}), [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]),
    ],
)
def test_tables_come_as_columns_dicts_rows_or_frames(table: Any, data: Any, history: History) -> None:
    @flow
    def body() -> None:
        artifacts.create_table_artifact(table() if callable(table) else table)

    body()

    assert [data] == [artifact.data for artifact in history.artifacts()]


def test_progress_is_brought_forward_in_place(history: History) -> None:
    @flow
    def body() -> None:
        bar = artifacts.create_progress_artifact(0, key="download", description="Downloading")
        for percent in (25, 50.5):
            artifacts.update_progress_artifact(bar, percent)

    body()

    (bar,) = history.artifacts()
    assert (50.5, "download", "Downloading") == (bar.data, bar.key, bar.description)


def test_artifacts_of_one_key_are_versions(history: History) -> None:
    @flow
    def body(text: str) -> None:
        artifacts.create_markdown_artifact(text, key="daily")

    body("one")
    body("two")

    assert ["two"] == [a.data for a in history.artifacts()]


@pytest.mark.parametrize(
    "make",
    [
        lambda: artifacts.create_markdown_artifact("x", key="Not Allowed"),
        lambda: artifacts.create_markdown_artifact(3),  # type: ignore[arg-type]  # the point
        lambda: artifacts.create_markdown_artifact("x" * 2_000_000),
        lambda: artifacts.create_table_artifact("abc"),
        lambda: artifacts.create_table_artifact([1, 2]),
        lambda: artifacts.create_progress_artifact(101),
        lambda: artifacts.create_progress_artifact(float("nan")),
    ],
)
def test_artifacts_that_nobody_could_read_are_refused(make: Any) -> None:
    @flow
    def body() -> None:
        make()

    with pytest.raises(InvalidDefinition):
        body()


def test_artifacts_belong_to_runs() -> None:
    with pytest.raises(NotInRun):
        artifacts.create_markdown_artifact("x")


def test_a_variable_is_set_read_and_removed() -> None:
    Variable.set("region", {"name": "eu", "zones": [1, 2]}, tags=["geo"])

    assert {"name": "eu", "zones": [1, 2]} == Variable.get("region")
    Variable.unset("region")
    assert "none" == Variable.get("region", default="none")
    assert None is Variable.get("region", default=None)
    with pytest.raises(NotFound):
        Variable.get("region")
    with pytest.raises(NotFound):
        Variable.unset("region")


def test_a_variable_is_not_overwritten_unless_allowed() -> None:
    Variable.set("kept", 1)
    Variable.set("kept", 2)

    with pytest.raises(Conflict):
        Variable.set("kept", 3, overwrite=False)
    assert 2 == Variable.get("kept")


def test_flows_and_tasks_read_variables() -> None:
    Variable.set("limit", 7)

    @task
    def reads() -> Any:
        return Variable.get("limit")

    @flow
    async def body() -> Any:
        return reads(), reads.submit().result(), Variable.get("limit")

    assert (7, 7, 7) == asyncio.run(body())


@pytest.mark.parametrize("value", [object(), {1, 2}, float("nan"), "x" * 70_000])
def test_variables_are_small_json(value: Any) -> None:
    with pytest.raises(InvalidDefinition):
        Variable.set("big", value)


@pytest.mark.parametrize("name", ["", "with space", "ünï", "a/b", 3])
def test_names_of_variables_are_plain(name: Any) -> None:
    with pytest.raises(InvalidDefinition):
        Variable.set(name, 1)
