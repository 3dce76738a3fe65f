"""`penstock deploy`, `deployment`, `flow-run` and `backfill`: from a file with flows to runs by a worker."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import SOURCE, Cli
from tests.deployments.repositories import Repository

FLOWS = """
from penstock import flow, suspend_flow_run, task

@task
def fetch(color: str, year: int, month: int) -> str:
    return f"{color}-{year}-{month}"

@flow
def parent(color: str = "yellow", year: int = 2021, months: list[int] = [1, 2]) -> list[str]:
    return [fetch(color, year, month) for month in months]

@flow
def asking() -> int:
    return suspend_flow_run(int, message="How many?")
"""


@pytest.fixture
def project(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with flows, worked in, and a pool."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "flows.py").write_text(FLOWS)
    monkeypatch.chdir(folder)
    cli.ok("work-pool", "create", "local")
    return folder


def work(cli: Cli) -> None:
    """Have a worker run what waits."""
    done = cli.process("worker", "start", "-p", "local", "--run-once")
    assert 0 == done.code, done


def runs(cli: Cli, *arguments: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = cli.ok("flow-run", "ls", *arguments, "--json").json
    return listed


def test_what_is_printed_is_of_a_stable_shape(cli: Cli, project: Path, schemas: Any) -> None:
    deploy = ("deploy", "flows.py:parent", "-n", "monthly", "--pool", "local", "--cron", "0 5 1 * *", "--json")
    schemas("deploy", cli.ok(*deploy).json)
    run = cli.ok("deployment", "run", "monthly", "--json").json
    schemas("deployment run", run)
    for command in ("deployment ls", "schedule simulate"):
        schemas(command, cli.ok(*command.split(), "--json").json)
    for command in ("deployment inspect", "deployment versions", "deployment schedule ls"):
        schemas(command, cli.ok(*command.split(), "monthly", "--json").json)
    for command in ("flow-run inspect", "flow-run why", "flow-run inputs"):
        schemas(command, cli.ok(*command.split(), run["name"], "--json").json)
    span = ("--from", "2020-01-01", "--to", "2020-04-01", "--json")
    schemas("backfill create", cli.ok("backfill", "create", "monthly", *span, "--dry-run").json)
    made = cli.ok("backfill", "create", "monthly", *span).json
    schemas("backfill create", made)
    schemas("backfill ls", cli.ok("backfill", "ls", "--json").json)
    schemas("backfill inspect", cli.ok("backfill", "inspect", made["id"], "--json").json)


# ---- The way of it ----------------------------------------------------------------------------------------------


def test_a_run_that_is_asked_for_is_run_by_a_worker_with_its_parameters(cli: Cli, project: Path, schemas: Any) -> None:
    cli.ok("deploy", "flows.py:parent", "-n", "monthly", "--pool", "local", "-p", "color=green")
    asked = cli.ok("deployment", "run", "parent/monthly", "-p", "months=[4]", "--json").json
    assert "Scheduled" == asked["state"]["name"]
    (reason,) = [each["code"] for each in cli.ok("flow-run", "why", asked["name"], "--json").json][:1]
    assert "no_worker" == reason
    work(cli)
    (run,) = runs(cli)
    schemas("flow-run inspect", cli.ok("flow-run", "inspect", run["name"], "--json").json)
    assert ("COMPLETED", {"color": "green", "months": [4]}) == (run["state"]["type"], run["parameters"])
    assert ["green-2021-4"] == json.loads(cli.ok("result", "show", run["name"]).out)
    assert ["ended"] == [each["code"] for each in cli.ok("flow-run", "why", run["name"], "--json").json]


def test_what_the_course_types_is_written_deployed_and_run(cli: Cli, project: Path, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "remote")
    (repository.folder / "flows").mkdir()
    elsewhere = "import os" + FLOWS.replace("{color}", "{os.environ['TAXI']}-{color}")
    (repository.folder / "flows" / "flows.py").write_text(elsewhere)
    commit = repository.commit()
    cli.ok("block", "create", "github", "zoom", "-p", f"repository={repository.url}", "-p", "access_token=t0ken")
    cli.ok("block", "create", "process", "zoom", "-p", "env.TAXI=yellow-cab")
    build = ("deployment", "build", "./flows.py:parent", "-n", "monthly", "-ib", "process/zoom")
    code = ("-sb", "github/zoom/flows", "-jv", "stream_output=false", "-q", "default", "-t", "taxi")
    said = ("--cron", "0 5 1 * *", "--param", "color=green", "--params", '{"months": [4]}')
    cli.ok(*build, *code, *said, "-o", "monthly.yaml", "-a")
    built = cli.ok("deployment", "inspect", "parent/monthly", "--json").json
    assert "t0ken" not in (project / "monthly.yaml").read_text() + json.dumps(built)
    cli.ok("deployment", "apply", "monthly.yaml")
    assert built == cli.ok("deployment", "inspect", "parent/monthly", "--json").json  # no new version

    cli.ok("deployment", "run", "parent/monthly")
    cli.process("agent", "start", "-q", "default", "--run-once")
    (run,) = runs(cli)
    assert ("COMPLETED", commit) == (run["state"]["type"], run["code_version"]), run["state"]["message"]
    assert ["yellow-cab-green-2021-4"] == json.loads(cli.ok("result", "show", run["name"]).out)


def test_a_run_is_run_again_with_other_parameters_and_a_completed_one_is_not_retried(cli: Cli, project: Path) -> None:
    cli.ok("deploy", "flows.py:parent", "-n", "monthly", "--pool", "local")
    cli.ok("deployment", "run", "monthly", "-p", "months=[4]", "--tag", "trial", "--name", "first")
    work(cli)
    refused = cli("flow-run", "retry", "first")
    assert 1 == refused.code
    assert "Ask for a new run" in refused.err
    cli.ok("flow-run", "rerun", "first", "-p", "year=1999")
    work(cli)
    run = runs(cli)[0]
    assert ({"months": [4], "year": 1999}, ["trial"]) == (run["parameters"], run["tags"])
    assert "COMPLETED" == run["state"]["type"]


def test_a_failed_run_is_retried_by_a_worker(cli: Cli, project: Path) -> None:
    (project / "flows.py").write_text(FLOWS.replace('return f"{color}', 'open("there"); return f"{color}'))
    cli.ok("deploy", "flows.py:parent", "-n", "monthly", "--pool", "local")
    cli.ok("deployment", "run", "monthly", "--name", "first")
    work(cli)
    assert "FAILED" == runs(cli)[0]["state"]["type"]
    (project / "there").touch()
    cli.ok("flow-run", "retry", "first")
    work(cli)
    (run,) = runs(cli)
    assert ("COMPLETED", 2) == (run["state"]["type"], run["epoch"])


def test_a_suspended_run_goes_on_by_a_worker_with_the_answer_that_is_typed(
    cli: Cli, project: Path, schemas: Any
) -> None:
    cli.ok("deploy", "flows.py:asking", "-n", "now", "--pool", "local")
    cli.ok("deployment", "run", "asking/now", "--name", "question")
    work(cli)
    (asked,) = listed = cli.ok("flow-run", "inputs", "question", "--json").json
    schemas("flow-run inputs", listed)
    assert ("How many?", None, None) == (asked["message"], asked["answer"], asked["answered_at"])
    assert 2 == cli("flow-run", "resume", "question").code  # it asks for more than to go on
    refused = cli("flow-run", "answer", "question", "-p", "value=many")
    assert (1, True) == (refused.code, "`value`" in refused.err)
    cli.ok("flow-run", "answer", "question", typed="7\n", terminal=True)
    work(cli)
    assert "7" == cli.ok("result", "show", "question").out.strip()
    assert 1 == cli("flow-run", "answer", "question").code


def test_deploying_again_makes_a_version_only_if_something_changed(cli: Cli, project: Path) -> None:
    deploy = ("deploy", "flows.py:parent", "-n", "monthly", "--pool", "local", "--cron", "0 5 1 * *")
    cli.ok(*deploy, "--timezone", "Europe/Berlin", "--save")
    cli.ok("deploy", "--all")
    assert 1 == cli.ok("deployment", "inspect", "monthly", "--json").json["version"]
    cli.ok("deploy", "-n", "monthly", "-p", "year=1999")
    assert [2, 1] == [each["number"] for each in cli.ok("deployment", "versions", "monthly", "--json").json]
    cli.ok("deployment", "rollback", "monthly")
    found = cli.ok("deployment", "inspect", "monthly", "--json").json
    assert (1, {}) == (found["version"], found["spec"]["parameters"])
    assert ["Europe/Berlin"] == [each["definition"]["timezone"] for each in found["schedules"]]


ENTRY = """\
name: taxi
pull: []
deployments:
  - name: monthly
    entrypoint: flows.py:parent  # the one of 2019
    parameters: {color: "{{ penstock.variables.color }}", year: 2020}
    build:
      - run_shell_script: {id: built, script: echo 7}
    schedule: {cron: 0 5 1 * *}
    work_pool: {name: local, job_variables: {env: {TAG: "{{ built.stdout }}"}}}
  - name: other  # as it is
    entrypoint: flows.py:parent
"""


def test_what_is_saved_keeps_templates_and_steps_of_the_file(cli: Cli, project: Path) -> None:
    file = project / "penstock.yaml"
    file.write_text(ENTRY)
    cli.ok("variable", "set", "color", "green")
    cli.ok("deploy", "-n", "monthly", "--save")
    assert ENTRY == file.read_text()
    changed = ("-p", "year=2019", "-jv", "working_dir=/srv", "--cron", "0 6 * * *", "-q", "slow")
    cli.ok("deploy", "-n", "monthly", *changed, "--save")
    spec = cli.ok("deployment", "inspect", "monthly", "--json").json["spec"]
    assert {"color": "green", "year": 2019} == spec["parameters"]
    assert {"env": {"TAG": "7"}, "working_dir": "/srv"} == spec["job_variables"]
    monthly, _ = yaml.safe_load(file.read_text())["deployments"]
    assert {
        "name": "monthly",
        "entrypoint": "flows.py:parent",
        "parameters": {"color": "{{ penstock.variables.color }}", "year": 2019},
        "build": [{"run_shell_script": {"id": "built", "script": "echo 7"}}],
        "schedules": [{"cron": "0 6 * * *", "timezone": "UTC"}],
        "work_pool": {
            "name": "local",
            "work_queue_name": "slow",
            "job_variables": {"env": {"TAG": "{{ built.stdout }}"}, "working_dir": "/srv"},
        },
    } == monthly
    assert "- name: other  # as it is" in file.read_text()
    cli.ok("deploy", "-n", "monthly", "--no-schedule", "--save")
    assert [] == yaml.safe_load(file.read_text())["deployments"][0]["schedules"]


def test_schedules_rest_and_go_on(cli: Cli, project: Path) -> None:
    cli.ok("deploy", "flows.py:parent", "-n", "monthly", "--pool", "local", "--cron", "0 5 1 * *")
    cli.ok("deployment", "pause", "monthly")
    assert cli.ok("deployment", "inspect", "monthly", "--json").json["paused"]
    cli.ok("deployment", "resume", "parent/monthly")
    cli.ok("deployment", "schedule", "add", "monthly", "--interval", "1h", "--slug", "hourly", "-p", "year=1999")
    cli.ok("deployment", "schedule", "deactivate", "monthly", "hourly")
    listed = {each["slug"]: each for each in cli.ok("deployment", "schedule", "ls", "monthly", "--json").json}
    assert (True, False) == (listed["cron"]["active"], listed["hourly"]["active"])
    cli.ok("deployment", "schedule", "activate", "monthly", "hourly")
    runs = cli.ok("schedule", "simulate", "--days", "1", "--json").json["runs"]
    cli.ok("deployment", "schedule", "skip", "monthly", "hourly")
    cli.ok("deployment", "schedule", "move", "monthly", "hourly", "--to", "in 5m")
    cli.ok("deployment", "schedule", "skip", "monthly", "hourly", "in 23h")
    changed = cli.ok("schedule", "simulate", "--days", "1", "--json").json
    assert (len(runs) - 2, 2) == (len(changed["runs"]), len(changed["skipped"]))
    assert changed["runs"][0]["at"] not in [run["at"] for run in runs]
    cli.ok("deployment", "schedule", "restore", "monthly", "hourly")
    assert len(runs) == len(cli.ok("schedule", "simulate", "--days", "1", "--json").json["runs"])
    assert 2 == cli("deployment", "schedule", "skip", "monthly", "hourly", "whenever").code
    cli.ok("deployment", "schedule", "remove", "monthly", "hourly", "--yes")
    assert ["cron"] == [each["slug"] for each in cli.ok("deployment", "schedule", "ls", "monthly", "--json").json]
    cli.ok("deployment", "delete", "monthly", "--yes")
    assert [] == cli.ok("deployment", "ls", "--json").json


# ---- Backfills and what would be --------------------------------------------------------------------------------


def test_a_backfill_is_shown_made_stopped_and_cancelled(cli: Cli, project: Path) -> None:
    cli.ok(
        "deploy", "flows.py:parent", "-n", "monthly", "--pool", "local", "--cron", "0 5 1 * *",
        "--timezone", "Europe/Berlin", "-p", 'months=["{{ period.start.month }}"]',
    )  # fmt: skip
    span = ("--from", "2020-01-01", "--to", "2020-04-01")
    preview = cli.ok("backfill", "create", "monthly", *span, "--dry-run", "--json").json
    assert (3, [[1], [2], [3]]) == (preview["total"], [each["parameters"]["months"] for each in preview["ahead"]])
    assert [] == cli.ok("backfill", "ls", "--json").json

    declined = cli("backfill", "create", "monthly", *span, typed="n\n", terminal=True)
    assert 1 == declined.code
    assert [] == cli.ok("backfill", "ls", "--json").json

    made = cli.ok("backfill", "create", "monthly", *span, "--concurrency", "2", "--json").json
    cli.ok("backfill", "pause", made["id"][:18])
    assert "paused" == cli.ok("backfill", "inspect", made["id"], "--json").json["status"]
    cli.ok("backfill", "resume", made["id"])
    cli.ok("backfill", "cancel", made["id"])
    (known,) = cli.ok("backfill", "ls", "--deployment", "monthly", "--json").json
    assert "cancelled" == known["status"]
    assert 1 == cli("backfill", "resume", made["id"]).code
    assert 1 == cli("backfill", "inspect", "feed").code


def test_a_simulation_counts_what_the_schedules_would_ask_for(cli: Cli, project: Path) -> None:
    for name, arguments in (("hourly", ["--interval", "1h"]), ("daily", ["--cron", "0 5 * * *"]), ("idle", [])):
        cli.ok("deploy", "flows.py:parent", "-n", name, "--pool", "local", *arguments)
    cli.ok("deployment", "run", "hourly")
    work(cli)
    made = cli.ok("schedule", "simulate", "--days", "2", "--json").json
    counts = [sum(run["slug"] == slug for run in made["runs"]) for slug in ("interval", "cron")]
    assert [48, 2] == counts
    assert (False, [], [], []) == (made["cut"], made["overlaps"], made["overruns"], made["deadlines_missed"])
    assert all(each["expected_seconds"] > 0 for each in made["schedules"])
    cli.ok("deployment", "pause", "hourly")
    assert 2 == len(cli.ok("schedule", "simulate", "--days", "2", "--json").json["runs"])


# ---- What is wrong is said --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["flows.py:parent", "--pool", "lokal"], 1, "`local`"),
        (["flows.py:parent", "--pool", "local", "-q", "defualt2"], 0, ""),  # a queue is made
        (["flows.py:parent", "--pool", "local", "--cron", "61 * * * *"], 1, "minute `61`"),
        (
            ["flows.py:parent", "--pool", "local", "--cron", "@daily", "--timezone", "Europe/Berln"],
            1,
            "`Europe/Berlin`",
        ),
        (["flows.py:parnt", "--pool", "local"], 1, "`parent`"),
        (["flow.py:parent", "--pool", "local"], 1, "flow.py"),
        (["broken.py:parent", "--pool", "local"], 1, "broken.py, line 2"),
        (["flows.py:parent", "--pool", "local", "-p", "year=soon"], 1, "`year`"),
        (["flows.py:parent"], 2, "--pool"),
        (["-n", "monthly"], 2, "penstock init"),
        (["--all"], 2, "penstock init"),
        (["--all", "-f", "empty.yaml"], 2, "names no deployments"),
        (["flows.py:parent", "--pool", "local", "--deadline", "soon"], 2, "--deadline"),
        (["flows.py:parent", "--pool", "local", "-jv", "worm=1"], 1, "`warm`"),
    ],
)
def test_a_deploy_that_cannot_be_says_why(cli: Cli, project: Path, arguments: list[str], code: int, said: str) -> None:
    (project / "empty.yaml").write_text("deployments: []\n")
    (project / "broken.py").write_text("from penstock import flow\ndef broken(:\n")
    outcome = cli("deploy", *arguments)
    assert code == outcome.code, outcome
    assert said in outcome.err
    assert bool(code) == (cli.ok("deployment", "ls", "--json").json == [])


def test_a_block_that_a_build_cannot_use_is_named(cli: Cli, project: Path) -> None:
    cli.ok("block", "create", "docker-container", "zoom", "-p", "image=zoom:1")
    for option, reference, told in (
        ("-ib", "docker-container/zoomm", "`docker-container/zoom`"),
        ("-ib", "kubernetes-job/cluster", "penstock block create kubernetes-job cluster"),
        ("-ib", "docker/zom", "`docker-container/NAME`"),
        ("-ib", "zoom", "type/name"),
        ("-sb", "github/course", "GitHub(...).save("),
        ("-sb", "docker-container/zoom/flows", "no place of code"),
    ):
        refused = cli("deployment", "build", "flows.py:parent", "-n", "a", option, reference)
        assert (1, True) == (refused.code, told in refused.err), refused
    refused = cli(
        "deployment", "build", "flows.py:parent", "-n", "a", "-ib", "docker-container/zoom", "--pool", "local"
    )
    assert (1, True) == (refused.code, "`local` is of type process" in refused.err), refused
    assert [] == list(project.glob("*.yaml"))


def test_a_deploy_into_containers_needs_an_image_or_says_which_it_takes(cli: Cli, project: Path) -> None:
    cli.ok("work-pool", "create", "containers", "--type", "docker")
    cli.ok("work-pool", "create", "cluster", "--type", "kubernetes")
    for pool in ("containers", "cluster"):
        deploy = ("deploy", "flows.py:parent", "-n", pool, "--pool", pool)
        refused = cli(*deploy)
        assert (1, []) == (refused.code, cli.ok("deployment", "ls", "--json").json)
        assert "image=NAME" in refused.err
        cli.ok(*deploy, "-jv", "image=taxi")
        cli.ok("deployment", "delete", pool, "--yes")
    (project / "penstock.yaml").write_text(
        "pull: [{set_working_directory: {directory: /code}}]\n"
        "deployments:\n"
        "  - {name: a, entrypoint: 'flows.py:parent', work_pool: {name: containers}}\n"
    )
    assert "penstock:0.1.0" in cli.ok("deploy", "-n", "a").err
    assert 1 == cli("deploy", "-n", "a", "--pool", "cluster").code
    template = cli.ok("work-pool", "get-default-base-job-template", "--type", "kubernetes").out
    image = json.loads(template)
    image["variables"]["properties"]["image"]["default"] = "taxi"
    (project / "template.json").write_text(json.dumps(image))
    cli.ok("work-pool", "update", "cluster", "--base-job-template", "template.json")
    cli.ok("deploy", "-n", "a", "--pool", "cluster")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["parent/montly"], 1, "`parent/monthly`"),
        (["monthly", "-p", "year=soon"], 1, "`year`"),
        (["monthly", "-p", "jear=1999"], 1, "jear"),
        (["monthly", "--at", "whenever"], 2, "--at"),
        (["monthly", "--in", "a while"], 2, "--in"),
        (["monthly", "--in", "1h", "--at", "noon"], 2, "--at"),
        (["monthly", "--queue", "defalt"], 1, "`default`"),
        (["monthly", "-p", "year"], 2, "KEY=VALUE"),
    ],
)
def test_a_run_that_cannot_be_asked_for_says_why(
    cli: Cli, project: Path, arguments: list[str], code: int, said: str
) -> None:
    cli.ok("deploy", "flows.py:parent", "-n", "monthly", "--pool", "local")
    outcome = cli("deployment", "run", *arguments)
    assert code == outcome.code, outcome
    assert said in outcome.err
    assert [] == runs(cli)


def test_a_run_whose_code_has_gone_or_broke_since_says_so(cli: Cli, project: Path) -> None:
    for number, text in enumerate(
        ["def broken(:\n", FLOWS.replace("def parent", "def other"), "raise OSError('no disk')", None]
    ):
        path = project / f"flows{number}.py"
        path.write_text(FLOWS)
        cli.ok("deploy", f"{path.name}:parent", "-n", f"d{number}", "--pool", "local")
        cli.ok("deployment", "run", f"parent/d{number}", "--name", f"run-{number}")
        path.unlink() if text is None else path.write_text(text)
    work(cli)
    messages = {run["name"]: run["state"]["message"] for run in runs(cli) if run["state"]["type"] == "FAILED"}
    assert "flows0.py, line 1, is no valid Python" in messages["run-0"]
    assert "No flow in " in messages["run-1"]
    assert "`parent`" in messages["run-1"]
    assert "cannot be imported: OSError: no disk" in messages["run-2"]
    assert "flows3.py" in messages["run-3"]


def test_a_run_that_waits_is_held_back_until_somebody_lets_it_go_on(cli: Cli, project: Path) -> None:
    cli.ok("deploy", "flows.py:parent", "-n", "monthly", "--pool", "local")
    cli.ok("deployment", "run", "monthly", "--name", "first")
    cli.ok("deployment", "run", "monthly", "--name", "later", "--in", "1d")
    cli.ok("flow-run", "pause", "first", "--message", "Not yet.")
    cli.ok("flow-run", "pause", "later")
    work(cli)
    assert ["Suspended"] * 2 == [run["state"]["name"] for run in runs(cli)]
    assert ["waiting_for_input"] == [each["code"] for each in cli.ok("flow-run", "why", "first", "--json").json]
    cli.ok("flow-run", "resume", "first")
    cli.ok("flow-run", "resume", "later")
    work(cli)
    states = {run["name"]: run["state"]["name"] for run in runs(cli)}
    assert {"first": "Completed", "later": "Resuming"} == states  # whose time has not come
    assert 1 == cli("flow-run", "pause", "first").code


def test_a_served_flow_that_nobody_serves_says_so(cli: Cli, project: Path) -> None:
    program = "from flows import parent\nparent.to_deployment('here').apply()\n"
    assert (
        0 == subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(SOURCE)}).returncode
    )
    run = cli.ok("deployment", "run", "parent/here", "--json").json
    (reason,) = cli.ok("flow-run", "why", run["name"], "--json").json
    assert ("no_worker", True) == (reason["code"], "`parent/here`" in reason["message"])


def test_on_a_terminal_what_is_missing_is_asked_for(cli: Cli, project: Path) -> None:
    cli.ok("work-pool", "delete", "local", "--yes")
    answers = "1\nmonthly\n0 25 * * *\n\n0 5 1 * *\nEurope/Berlin\ny\ny\n"  # the first schedule cannot be
    asked = cli.ok("deploy", typed=answers, terminal=True)
    assert "the hour `25`" in asked.err
    deployed = cli.ok("deployment", "inspect", "parent/monthly", "--json").json
    assert ("local", "Europe/Berlin") == (
        deployed["spec"]["work_pool"], deployed["schedules"][0]["definition"]["timezone"]
    )  # fmt: skip
    assert "cron: 0 5 1 * *" in (project / "penstock.yaml").read_text()
    cli.ok("deploy", typed="1\n", terminal=True)  # which of the file's
