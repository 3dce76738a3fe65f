"""From a flow and options to what is saved."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from penstock import flow
from penstock.core.errors import ParameterInvalid, ScheduleInvalid
from penstock.core.schedules import Cron, Interval, to_json
from penstock.deployments import Deployment, GitRepository, NotDeployable
from penstock.deployments.project import read_project
from penstock.deployments.writing import new_project, write_deployment
from penstock.sdk.flows import Flow
from tests.deployments.repositories import Repository


@flow(tags=["taxi"])
def parent(color: str = "yellow", year: int = 2021, months: list[int] = [1, 2]) -> None:  # noqa: B006  # as users write
    """Bring trips into the lake."""


other = parent.with_options(name="other-name")


def test_a_deployment_says_where_its_flow_is_and_what_its_parameters_are() -> None:
    made = parent.to_deployment("monthly", parameters={"color": "green"}, tags=["month"], work_pool_name="local")
    spec = made.spec
    assert ("parent", "monthly") == (made.flow_name, made.name)
    assert Path(__file__) == Path(spec.path or "", (spec.entrypoint or "").partition(":")[0])
    assert "parent" == (spec.entrypoint or "").partition(":")[2]
    assert {"color", "year", "months"} == set((spec.parameter_schema or {})["properties"])
    assert ({"color": "green"}, ["month", "taxi"], "local") == (spec.parameters, spec.tags, spec.work_pool)
    assert "Bring trips into the lake." == spec.description


def test_a_flow_of_another_name_is_found_by_the_name_it_was_assigned_to() -> None:
    assert (other.to_deployment("a").spec.entrypoint or "").endswith(":other")


def test_a_flow_that_no_other_process_can_find_is_refused() -> None:
    @flow
    def inner() -> None: ...

    for lost in (inner, parent.with_options(name="nowhere")):
        with pytest.raises(NotDeployable):
            lost.to_deployment("a")


def test_schedules_come_from_short_forms_and_long_ones() -> None:
    made = parent.to_deployment(
        "a",
        cron=["0 5 1 * *", "0 6 * * *"],
        interval=timedelta(hours=1),
        timezone="Europe/Berlin",
        schedules=[Cron("0 7 * * *", slug="seven"), {"rrule": "FREQ=DAILY"}, Interval(60, slug="minutely")],
    )
    assert made.schedules is not None
    assert ["cron", "cron-2", "interval", "seven", "rrule", "minutely"] == [each.slug for each in made.schedules]
    assert ["Europe/Berlin"] * 3 + ["UTC"] * 3 == [each.timezone for each in made.schedules]


def test_silence_about_schedules_leaves_them_and_an_empty_list_takes_them() -> None:
    assert None is parent.to_deployment("a").request().schedules
    assert [] == parent.to_deployment("a", schedules=[]).request().schedules


def test_what_does_not_fit_is_refused_before_anything_is_asked() -> None:
    for options, error in (
        ({"parameters": {"year": "soon"}}, ParameterInvalid),
        ({"parameters": {"months": object()}}, NotDeployable),
        ({"cron": "61 * * * *"}, ScheduleInvalid),
        ({"schedule": 5.5}, NotDeployable),
        ({"concurrency_limit": 0}, NotDeployable),
        ({"concurrency_limit": {"limit": 1, "collision": "fight"}}, NotDeployable),
        ({"deadline": "soon"}, NotDeployable),
        ({"tag": ["x"]}, NotDeployable),
    ):
        with pytest.raises(error):
            parent.to_deployment("a", **options)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(NotDeployable):
        parent.to_deployment("a/b")


def test_parameters_that_a_period_fills_in_are_left_to_it() -> None:
    made = parent.to_deployment("a", parameters={"year": "{{ period.start.year }}"})
    assert {"year": "{{ period.start.year }}"} == made.spec.parameters


def test_a_limit_and_a_deadline_are_read_in_all_their_forms() -> None:
    made = parent.to_deployment("a", concurrency_limit={"limit": 2, "collision": "cancel_new"}, deadline="2h")
    assert (2, "cancel_new", 7200.0) == (
        made.spec.concurrency_limit,
        made.spec.collision,
        made.spec.deadline_seconds,
    )


FLOWS = "from penstock import flow\n\n\n@flow\ndef hello(name: str = 'you') -> str:\n    return name\n"


def test_a_flow_from_git_is_loaded_and_its_deployments_fetch_it(tmp_path: Path, home: Path) -> None:
    repository = Repository(tmp_path / "remote")
    commit = repository.commit(fetched_flows=FLOWS)
    for loaded in (
        flow.from_source(GitRepository(repository.url, branch="main"), "fetched_flows.py:hello"),  # type: ignore[attr-defined]
        Flow.from_source(repository.url, "fetched_flows.py:hello"),
    ):
        assert "me" == loaded.fn("me")
        spec = loaded.to_deployment("a").spec
        assert (None, "fetched_flows.py:hello", commit) == (spec.path, spec.entrypoint, spec.code_version)
        assert repository.url == spec.pull_steps[0]["git_clone"]["repository"]


def test_a_project_file_keeps_what_else_it_says(tmp_path: Path) -> None:
    path = tmp_path / "penstock.yaml"
    path.write_text(new_project(tmp_path, "local", repository="", branch="", image="", code=""))
    first = parent.to_deployment("first", cron="0 5 1 * *", work_pool_name="local", parameters={"color": "green"})
    second = parent.to_deployment("second", work_pool_name="local")
    for each in (first, second):
        write_deployment(path, each)
    path.write_text(path.read_text().replace("- name: second", "# kept\n  - name: second") + "# the end\n")
    first.parameters = {"color": "yellow"}
    write_deployment(path, first)
    text = path.read_text()
    assert text.startswith("# What this project deploys")
    assert "# kept\n" in text
    assert text.endswith("# the end\n")
    assert [("first", {"color": "yellow"}), ("second", {})] == [
        (entry.name, entry.parameters) for entry in read_project(path).deployments
    ]


@pytest.mark.parametrize("recipe", ["local", "git", "docker"])
def test_each_recipe_is_a_project(tmp_path: Path, recipe: str) -> None:
    path = tmp_path / "penstock.yaml"
    path.write_text(new_project(tmp_path, recipe, repository="https://x/y.git", branch="main", image="i", code="/c"))
    assert [] == list(read_project(path).deployments)


@pytest.mark.parametrize(("recipe", "pool"), [("local", "local"), ("git", "local"), ("docker", "docker")])
def test_the_example_of_each_recipe_deploys_once_its_comment_signs_are_gone(
    tmp_path: Path, recipe: str, pool: str
) -> None:
    text = new_project(tmp_path, recipe, repository="https://x/y.git", branch="main", image="i", code="/c")
    before, example = text.split("deployments: []\n")
    path = tmp_path / "penstock.yaml"
    path.write_text(f"{before}deployments:\n" + example.replace("# ", "  "))
    (entry,) = read_project(path).deployments
    assert ("monthly", pool) == (entry.name, entry.work_pool)
    assert ("image" in entry.job_variables) == (recipe == "docker")


def test_what_is_written_is_read_back_as_it_was(tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "schedules": [
            Cron("0 5 1 * *", timezone="Europe/Berlin", slug="monthly", catchup="all", jitter=90, overlap="skip"),
            Interval(90, timezone="America/New_York", active=False, parameters={"year": 2020}),
        ],
        "concurrency_limit": {"limit": 3, "collision": "cancel_new"},
        "on_crash": "resume",
        "deadline": timedelta(hours=1),
        "work_pool_name": "local",
        "work_queue_name": "slow",
        "job_variables": {"warm": False},
        "tags": ["no", "1e3"],
    }
    made = parent.to_deployment("a", **options)
    path = tmp_path / "penstock.yaml"
    write_deployment(path, made)
    entry = read_project(path).get_entry("parent/a")
    assert made.schedules is not None
    assert entry.schedules is not None
    assert [to_json(each) for each in made.schedules] == [to_json(each) for each in entry.schedules]
    spec = made.spec
    assert (spec.concurrency_limit, spec.collision, spec.on_crash, spec.deadline_seconds) == (
        entry.concurrency_limit,
        entry.collision,
        entry.on_crash,
        entry.deadline_seconds,
    )
    assert (spec.work_pool, spec.work_queue, spec.job_variables) == (
        entry.work_pool,
        entry.work_queue,
        entry.job_variables,
    )
    assert sorted(["no", "1e3"]) == sorted(entry.tags)


def test_a_deployment_is_a_value_that_may_be_changed_before_it_is_saved() -> None:
    made: Deployment = parent.to_deployment("a")
    made.parameters = {"year": 2020}
    assert {"year": 2020} == made.request().spec.parameters
