"""What `penstock.yaml` may say, and how an error in it is told."""

from datetime import timedelta
from pathlib import Path

import pytest

from penstock.deployments.errors import ProjectInvalid
from penstock.deployments.project import Project, find_project_file, read_project
from penstock.deployments.spans import parse_span

TAXI = """\
name: taxi
penstock-version: 0.1.0

definitions:
  tags: &tags [taxi, monthly]
  pool: &pool
    name: local
    job_variables: {warm: false}

pull:
  - git_clone:
      id: code
      repository: https://example.org/taxi.git
      branch: main
  - run_shell_script:
      script: echo hello
      directory: "{{ code.directory }}"

deployments:
  - name: green
    entrypoint: flows/taxi.py:parent
    tags: *tags
    parameters: {color: green, year: 2020, months: [4, 5]}
    work_pool: *pool
    schedules:
      - cron: 0 5 1 * *
        timezone: Europe/Berlin
        slug: monthly
        catchup: all
        catchup_limit: 12
        overlap: skip
        jitter: 5m
        parameters: {year: "{{ period.start.year }}"}
      - interval: 1h30m
        active: false
      - rrule: FREQ=MONTHLY;BYDAY=-1FR
    concurrency_limit: {limit: 2, collision_strategy: CANCEL_NEW}
    on_crash: resume
    deadline: 2h
  - name: yellow
    entrypoint: flows/taxi.py:parent
    work_pool:
      <<: *pool
      work_queue_name: slow
    schedule: {cron: "@monthly"}
    pull:
      - prefect.deployments.steps.set_working_directory: {directory: /srv/taxi}
"""


def project(tmp_path: Path, text: str) -> Project:
    path = tmp_path / "penstock.yaml"
    path.write_text(text)
    return read_project(path)


def test_a_deployment_says_what_it_runs_where_and_when(tmp_path: Path) -> None:
    green = project(tmp_path, TAXI).get_entry("green")
    assert ("flows/taxi.py:parent", "local", {"warm": False}) == (
        green.entrypoint,
        green.work_pool,
        green.job_variables,
    )
    assert {"color": "green", "year": 2020, "months": [4, 5]} == green.parameters
    assert (2, "cancel_new", "resume", 7200.0) == (
        green.concurrency_limit,
        green.collision,
        green.on_crash,
        green.deadline_seconds,
    )
    assert ["taxi", "monthly"] == green.tags


def test_schedules_are_read_with_all_that_they_may_say(tmp_path: Path) -> None:
    schedules = project(tmp_path, TAXI).get_entry("green").schedules
    assert schedules is not None
    monthly, hourly, fridays = schedules
    assert ("monthly", "Europe/Berlin", "all", 12, "skip") == (
        monthly.slug,
        monthly.timezone,
        monthly.catchup,
        monthly.catchup_limit,
        monthly.overlap,
    )
    assert 300_000_000 == monthly.jitter_us
    assert {"year": "{{ period.start.year }}"} == monthly.parameters
    assert (5_400_000_000, False) == (hourly.interval_us, hourly.active)
    assert "FREQ=MONTHLY;BYDAY=-1FR" == fridays.rrule


def test_a_merged_mapping_is_completed_and_not_replaced(tmp_path: Path) -> None:
    yellow = project(tmp_path, TAXI).get_entry("yellow")
    assert ("local", "slow", {"warm": False}) == (yellow.work_pool, yellow.work_queue, yellow.job_variables)


def test_a_deployments_own_steps_replace_the_projects(tmp_path: Path) -> None:
    read = project(tmp_path, TAXI)
    assert ["git_clone", "run_shell_script"] == [next(iter(step)) for step in read.get_entry("green").pull]
    assert [{"prefect.deployments.steps.set_working_directory": {"directory": "/srv/taxi"}}] == read.get_entry(
        "yellow"
    ).pull


def test_silence_about_schedules_is_not_the_same_as_none(tmp_path: Path) -> None:
    read = project(tmp_path, "deployments:\n  - name: a\n  - name: b\n    schedules: []\n")
    assert (None, ()) == (read.get_entry("a").schedules, read.get_entry("b").schedules)


@pytest.mark.parametrize(
    ("text", "line", "where", "said"),
    [
        ("deployments:\n  - name: a\n    entripoint: x.py:f\n", 3, "deployments[0].entripoint", "`entrypoint`"),
        ("deploiments: []\n", 1, "deploiments", "`deployments`"),
        ("deployments:\n  - entrypoint: x.py:f\n", 2, "deployments[0].name", "missing"),
        ("deployments:\n  - name: a/b\n", 2, "deployments[0].name", "`/`"),
        ("deployments:\n  - name: a\n    tags: 3\n", 3, "deployments[0].tags", "list"),
        ("deployments:\n  - name: a\n    parameters: [1]\n", 3, "deployments[0].parameters", "mapping"),
        ("deployments:\n  - name: a\n    paused: maybe\n", 3, "deployments[0].paused", "true or false"),
        ("deployments:\n  - name: a\n    concurrency_limit: 0\n", 3, "deployments[0].concurrency_limit", "at least 1"),
        ("deployments:\n  - name: a\n    on_crash: weep\n", 3, "deployments[0].on_crash", "resume"),
        ("deployments:\n  - name: a\n    deadline: soon\n", 3, "deployments[0].deadline", "1h30m"),
        ("deployments:\n  - name: a\n    triggers:\n      - x\n", 3, "deployments[0].triggers", "later release"),
        (
            "deployments:\n  - name: a\n    work_pool:\n      nam: p\n",
            4,
            "deployments[0].work_pool.nam",
            "`name`",
        ),
        (
            "deployments:\n  - name: a\n    schedules:\n      - cron: 61 * * * *\n",
            4,
            "deployments[0].schedules[0].cron",
            "61",
        ),
        (
            "deployments:\n  - name: a\n    schedule:\n      cron: 0 5 * * *\n      timezone: Mars/Olympus\n",
            5,
            "deployments[0].schedule.timezone",
            "Mars/Olympus",
        ),
        (
            "deployments:\n  - name: a\n    schedule:\n      corn: 0 5 * * *\n",
            4,
            "deployments[0].schedule.corn",
            "`cron`",
        ),
        ("pull:\n  - git_clone: 3\n", 2, "pull[0].git_clone", "mapping"),
        ("name: x\nname: y\n", 2, "name", "line 1"),
    ],
)
def test_an_error_names_the_key_and_its_line(tmp_path: Path, text: str, line: int, where: str, said: str) -> None:
    with pytest.raises(ProjectInvalid) as raised:
        project(tmp_path, text)
    assert (line, where) == (raised.value.line, raised.value.where)
    assert said in str(raised.value)
    assert f"penstock.yaml, line {line}" in str(raised.value)


@pytest.mark.parametrize(
    "text", ["deployments: [", "a: !!python/object/apply:os.system [ls]\n", "&a [*a]\n", "a: \x00\n", "- a\n"]
)
def test_what_is_no_project_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ProjectInvalid):
        project(tmp_path, text)


def test_aliases_that_blow_up_are_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    with pytest.raises(ProjectInvalid):
        project(tmp_path, "\n".join(lines))


def test_a_name_said_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectInvalid) as raised:
        project(tmp_path, "deployments:\n  - name: a\n  - name: a\n")
    assert 3 == raised.value.line


def test_an_unknown_deployment_names_the_near_one(tmp_path: Path) -> None:
    with pytest.raises(ProjectInvalid, match="`green`"):
        project(tmp_path, TAXI).get_entry("gren")


def test_dates_stay_text(tmp_path: Path) -> None:
    read = project(tmp_path, "deployments:\n  - name: a\n    parameters: {day: 2024-05-01}\n")
    assert {"day": "2024-05-01"} == read.get_entry("a").parameters


def test_prefects_file_is_read_where_there_is_no_other(tmp_path: Path) -> None:
    (tmp_path / "prefect.yaml").write_text("prefect-version: 3.0\n")
    assert tmp_path / "prefect.yaml" == find_project_file(tmp_path)
    (tmp_path / "penstock.yaml").write_text("")
    assert tmp_path / "penstock.yaml" == find_project_file(tmp_path)
    assert [] == list(read_project(tmp_path / "penstock.yaml").deployments)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("1h30m", 5400), ("2 days", 172_800), (0.5, 0.5), ("1h, 5m", 3900)]
)
def test_spans_are_read_as_people_write_them(text: str | float, seconds: float) -> None:
    assert timedelta(seconds=seconds) == parse_span(text)


@pytest.mark.parametrize("text", ["", "soon", "5x", "1h and more", "-5m"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_span(text)
