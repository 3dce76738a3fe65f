"""`penstock work-pool`, `work-queue` and `worker ls`: where runs wait."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli


def test_what_is_printed_is_of_a_stable_shape(cli: Cli, schemas: Any) -> None:
    cli.ok("worker", "start", "-p", "local", "--type", "process", "--run-once")
    schemas("work-pool ls", cli.ok("work-pool", "ls", "--json").json)
    schemas("work-pool inspect", cli.ok("work-pool", "inspect", "local", "--json").json)
    schemas("work-queue ls", cli.ok("work-queue", "ls", "--json").json)
    schemas("work-queue inspect", cli.ok("work-queue", "inspect", "default", "--json").json)
    schemas("worker ls", cli.ok("worker", "ls", "--json").json)


def test_a_pool_is_made_changed_and_forgotten(cli: Cli) -> None:
    cli.ok("work-pool", "create", "local", "--description", "The desk", "--concurrency-limit", "3")
    (pool,) = cli.ok("work-pool", "ls", "--json").json
    assert ("local", "process", "The desk", 3, False) == tuple(
        pool[key] for key in ("name", "type", "description", "concurrency_limit", "paused")
    )
    cli.ok("work-pool", "pause", "local")
    cli.ok("work-pool", "clear-concurrency-limit", "local")
    cli.ok("work-pool", "update", "local", "--description", "The rack")
    pool = cli.ok("work-pool", "inspect", "local", "--json").json
    assert ("The rack", None, True) == (pool["description"], pool["concurrency_limit"], pool["paused"])
    cli.ok("work-pool", "resume", "local")
    cli.ok("work-pool", "set-concurrency-limit", "local", "5")
    pool = cli.ok("work-pool", "inspect", "local", "--json").json
    assert ("The rack", 5, False) == (pool["description"], pool["concurrency_limit"], pool["paused"])
    assert 2 == cli("work-pool", "delete", "local").code  # nobody can be asked
    cli.ok("work-pool", "delete", "local", "--yes")
    assert [] == cli.ok("work-pool", "ls", "--json").json


def test_a_pool_that_is_there_is_not_made_again(cli: Cli) -> None:
    cli.ok("work-pool", "create", "local")
    again = cli("work-pool", "create", "local", "--concurrency-limit", "9")
    assert 1 == again.code
    assert "penstock work-pool update" in again.err
    cli.ok("work-pool", "create", "local", "--concurrency-limit", "9", "--overwrite")
    assert 9 == cli.ok("work-pool", "inspect", "local", "--json").json["concurrency_limit"]


@pytest.mark.parametrize("verb", ["inspect", "pause", "resume", "delete", "clear-concurrency-limit"])
def test_an_unknown_pool_is_not_made_by_accident_and_a_near_one_is_named(cli: Cli, verb: str) -> None:
    cli.ok("work-pool", "create", "local")
    outcome = cli("work-pool", verb, "locale")
    assert 1 == outcome.code
    assert "`local`" in outcome.err
    assert 1 == len(cli.ok("work-pool", "ls", "--json").json)


def test_the_default_template_of_a_type_makes_a_pool_of_it(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "template.json"
    cli.ok("work-pool", "get-default-base-job-template", "--type", "process", "--output", str(path))
    template = json.loads(path.read_text())
    template["variables"]["properties"]["warm"]["default"] = False
    path.write_text(json.dumps(template))
    cli.ok("work-pool", "create", "cold", "--base-job-template", str(path))
    assert template == cli.ok("work-pool", "inspect", "cold", "--json").json["base_job_template"]


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        ("{", 2, "no JSON"),
        ("[]", 2, "JSON object"),
        ('{"job_configuration": {"image": "{{ image }}"}}', 1, "{{ image }}"),
        ('{"variables": {"properties": {"a": {"type": "number!"}}}}', 1, "JSON Schema"),
    ],
)
def test_a_template_that_is_none_is_refused(cli: Cli, tmp_path: Path, content: str, code: int, said: str) -> None:
    path = tmp_path / "template.json"
    path.write_text(content)
    outcome = cli("work-pool", "create", "odd", "--base-job-template", str(path))
    assert code == outcome.code
    assert said in outcome.err
    assert [] == cli.ok("work-pool", "ls", "--json").json


def test_a_queue_is_made_changed_and_forgotten(cli: Cli) -> None:
    cli.ok("work-pool", "create", "local")
    cli.ok("work-queue", "create", "urgent", "--priority", "1")  # there is one pool only
    cli.ok("work-queue", "set-priority", "default", "7", "-p", "local")
    cli.ok("work-queue", "set-concurrency-limit", "urgent", "2")
    cli.ok("work-queue", "pause", "urgent")
    queues = {queue["name"]: queue for queue in cli.ok("work-queue", "ls", "--json").json}
    assert (1, 2, True) == tuple(queues["urgent"][key] for key in ("priority", "concurrency_limit", "paused"))
    assert 7 == queues["default"]["priority"]
    shown = cli.ok("work-queue", "ls").out
    assert shown.index("urgent") < shown.index("default")
    cli.ok("work-queue", "clear-concurrency-limit", "urgent")
    cli.ok("work-queue", "resume", "urgent")
    queue = cli.ok("work-queue", "inspect", "urgent", "--json").json
    assert (None, False) == (queue["concurrency_limit"], queue["paused"])
    cli.ok("work-queue", "delete", "urgent", "--yes")
    assert ["default"] == [queue["name"] for queue in cli.ok("work-queue", "ls", "--json").json]


def test_what_a_queue_command_cannot_do_is_said(cli: Cli) -> None:
    assert "work-pool create" in cli("work-queue", "ls").err
    cli.ok("work-pool", "create", "local")
    cli.ok("work-pool", "create", "other")
    assert "local, other" in cli("work-queue", "ls").err
    assert "`default`" in cli("work-queue", "pause", "defualt", "-p", "local").err
    assert 1 == cli("work-queue", "create", "default", "-p", "local").code
    assert 1 == cli("work-queue", "delete", "default", "-p", "local", "--yes").code


def test_a_worker_of_an_unknown_pool_or_queue_does_not_begin(cli: Cli) -> None:
    cli.ok("work-pool", "create", "local")
    for arguments, near in ((("-p", "locl"), "`local`"), (("-p", "local", "-q", "defaul"), "`default`")):
        outcome = cli("worker", "start", *arguments, "--run-once")
        assert 1 == outcome.code
        assert near in outcome.err
    assert 1 == cli("worker", "start", "-p", "local", "--type", "docker", "--run-once").code
    assert [] == cli.ok("worker", "ls", "--json").json


def test_a_worker_makes_the_pool_of_the_type_that_it_is_told(cli: Cli) -> None:
    cli.ok("worker", "start", "-p", "fresh", "--type", "process", "--run-once", "--name", "ada", "--limit", "2")
    assert "process" == cli.ok("work-pool", "inspect", "fresh", "--json").json["type"]
    (worker,) = cli.ok("worker", "ls", "--json").json
    assert ("ada", "fresh", 2, False) == tuple(worker[key] for key in ("name", "work_pool", "limit", "online"))
    assert worker["seen_at"] == worker["left_at"]
    assert [worker] == cli.ok("worker", "ls", "-p", "fresh", "--json").json


def test_an_agent_works_for_the_pool_that_stands_for_agents(cli: Cli) -> None:
    cli.ok("agent", "start", "-q", "default", "--run-once")
    assert ["default"] == [pool["name"] for pool in cli.ok("work-pool", "ls", "--json").json]
    assert [["default"]] == [worker["queues"] for worker in cli.ok("worker", "ls", "--json").json]
