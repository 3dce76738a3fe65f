"""`flow-run`, `task-run` and `flow`: what they show of real runs, by which names, in which shapes."""

import re
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli


def names(cli: Cli, *arguments: str) -> list[str]:
    return [run["name"] for run in cli.ok("flow-run", "ls", "--json", *arguments).json]


@pytest.fixture
def history(cli: Cli, program: Path) -> Cli:
    """Three runs: `good` (numbers, with a subflow), `bad` (failing), `other` (later)."""
    cli.ok("run", f"{program}:numbers", "-p", "n=3", "--name", "good", "--tag", "a", "--tag", "b")
    cli("run", f"{program}:failing", "--name", "bad", "--tag", "b")
    cli.ok("run", f"{program}:later", "--name", "other")
    return cli


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), ["other", "bad", "good"]),
        (("--state", "failed"), ["bad"]),
        (("--state", "Completed"), ["other", "good"]),
        (("--state", "failed", "--state", "CRASHED"), ["bad"]),
        (("--state", "late", "--state", "failed"), ["bad"]),
        (("--flow", "numbers", "--flow", "later"), ["other", "good"]),
        (("--name", "oo"), ["good"]),
        (("--tag", "b"), ["bad", "good"]),
        (("--tag", "b", "--tag", "a"), ["good"]),
        (("--since", "1h"), ["other", "bad", "good"]),
        (("--until", "1h"), []),
        (("--limit", "2"), ["other", "bad"]),
        (("--all",), ["other", "bad", "good"]),
    ],
)
def test_runs_are_chosen_by(history: Cli, arguments: tuple[str, ...], expected: list[str]) -> None:
    assert expected == names(history, "--top-level", *arguments)


def test_subflow_runs_are_listed_by_their_parent(history: Cli) -> None:
    assert ["inner"] == [r["flow"]["name"] for r in history.ok("flow-run", "ls", "--parent", "good", "--json").json]


def test_a_cut_list_says_that_there_is_more(history: Cli) -> None:
    assert "--all" in history.ok("flow-run", "ls", "--limit", "1").err
    assert "" == history.ok("flow-run", "ls", "--all").err


def test_a_misspelt_filter_names_the_near_one(history: Cli) -> None:
    assert "`Completed`" in history.ok("flow-run", "ls", "--state", "complted").err
    assert "`numbers`" in history.ok("flow-run", "ls", "--flow", "number").err
    assert 2 == history("flow-run", "ls", "--since", "soon").code


def test_many_runs_are_paged_without_loss_or_double(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "many.py"
    path.write_text(
        "from penstock import flow\n@flow\ndef child(n: int): return n\n"
        "@flow\ndef parent():\n    for n in range(1100):\n        child(n)\n    return 1\n"
    )
    cli.ok("run", str(path) + ":parent")
    found = [run["parameters"]["n"] for run in cli.ok("flow-run", "ls", "--flow", "child", "--all", "--json").json]
    assert list(range(1100)) == sorted(found)
    assert 1050 == len(cli.ok("flow-run", "ls", "--flow", "child", "--limit", "1050", "--json").json)


def test_a_run_is_known_by_name_id_and_the_beginning_of_its_id(history: Cli) -> None:
    run = history.ok("flow-run", "inspect", "good", "--json").json
    for text in (run["id"], run["id"].replace("-", ""), run["id"].upper(), run["id"][:30]):
        assert "good" == history.ok("flow-run", "inspect", text, "--json").json["name"]


def test_a_text_that_fits_several_runs_lists_them(history: Cli, program: Path) -> None:
    history.ok("run", f"{program}:later", "--name", "good")
    outcome = history("flow-run", "inspect", "good")
    assert 1 == outcome.code
    assert 2 == outcome.err.count("good (")


def test_inspect_follows_its_schema_and_tells_everything(history: Cli, schemas: Any) -> None:
    run = history.ok("flow-run", "inspect", "good", "--json").json
    schemas("flow-run inspect", run)
    assert {"n": 3, "label": "none"} == run["parameters"]
    assert ["Running", "Completed"] == [state["name"] for state in run["states"]]
    assert ["fetch-0", "fetch-1", "fetch-2", "add-0"] == [task_run["name"] for task_run in run["task_runs"]]
    added = run["task_runs"][-1]
    assert 1 == len(added["attempts"])
    assert ["inner"] == [child["flow"]["name"] for child in run["subflow_runs"]]
    assert ["summary", "squares"] == [artifact["key"] for artifact in run["artifacts"]]
    assert {"COMPLETED": 4} == run["task_counts"]
    assert run["result"]


def test_inspect_of_a_failed_task_tells_its_tries(cli: Cli, program: Path, schemas: Any) -> None:
    cli("run", f"{program}:numbers", "-p", "n=14", "--name", "unlucky")
    run = cli.ok("flow-run", "inspect", "unlucky", "--json").json
    schemas("flow-run inspect", run)
    unlucky = next(t for t in run["task_runs"] if t["state"]["type"] == "FAILED")
    assert [1, 2] == [attempt["number"] for attempt in unlucky["attempts"]]
    shown = cli.ok("task-run", "inspect", unlucky["id"][:30]).out
    assert 2 <= shown.count("thirteen is not there")


@pytest.mark.parametrize(
    "command",
    [("flow-run", "ls"), ("flow", "ls"), ("task-run", "ls"), ("task-run", "ls", "--run", "good"), ("artifact", "ls")],
)
def test_lists_follow_their_schemas(history: Cli, schemas: Any, command: tuple[str, ...]) -> None:
    shown = history.ok(*command, "--json").json
    assert shown
    schemas(" ".join(command[:2]), shown)


def test_what_people_see_of_a_run_names_what_hangs_on_it(history: Cli) -> None:
    shown = history.ok("flow-run", "inspect", "good").out
    for word in ("good", "Completed", "fetch-2", "inner", "summary", '"n": 3'):
        assert word in shown


def test_of_many_task_runs_people_see_some_and_those_in_trouble(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "many.py"
    path.write_text(
        "from penstock import flow, task\n@task\ndef step(n):\n    if n == 190: raise ValueError('this one')\n"
        "@flow\ndef many():\n    for n in range(200): step(n, return_state=True)\n    return 1\n"
    )
    cli.ok("run", str(path), "--name", "many")
    outcome = cli.ok("flow-run", "inspect", "many")
    assert "this one" in outcome.out
    assert "150 more task runs" in outcome.err
    assert 200 == len(cli.ok("flow-run", "inspect", "many", "--json").json["task_runs"])
    assert 1 == len(cli.ok("task-run", "ls", "--run", "many", "--state", "failed", "--json").json)
    assert 200 == len(cli.ok("task-run", "ls", "--run", "many", "--task", "step", "--all", "--json").json)


def test_task_runs_are_chosen_by_the_name_of_a_state_too(history: Cli) -> None:
    assert [] == history.ok("task-run", "ls", "--state", "Cached", "--json").json
    assert 5 == len(history.ok("task-run", "ls", "--state", "completed", "--json").json)
    assert 2 == history("task-run", "ls", "--state", "Chached").code


def test_a_task_run_is_known_by_its_id(history: Cli, schemas: Any) -> None:
    task_run = history.ok("task-run", "ls", "--run", "good", "--json").json[0]
    shown = history.ok("task-run", "inspect", task_run["id"], "--json").json
    schemas("task-run inspect", shown)
    assert task_run == shown
    assert task_run == history.ok("task-run", "inspect", f"good/{task_run['name']}", "--json").json
    assert 1 == history("task-run", "inspect", "ffff").code
    assert f"`good/{task_run['name']}`" in history("task-run", "inspect", task_run["name"]).err
    assert 0 == history.ok("result", "show", "good/fetch-0", "--json").json["value"]


def test_logs_are_printed_in_order_with_those_of_subflows(history: Cli, schemas: Any) -> None:
    lines = history.ok("flow-run", "logs", "good", "--json").json_lines
    for line in lines:
        schemas("flow-run logs", line)
    said = [line["message"] for line in lines if line["message"].startswith(("fetching", "inside"))]
    assert ["fetching 0", "fetching 1", "fetching 2", "inside \x1b[31m3", "fetching 3"] == said


def test_logs_are_chosen_by_level_task_head_and_tail(history: Cli) -> None:
    def messages(*arguments: str) -> list[str]:
        lines = history.ok("flow-run", "logs", "good", "--json", *arguments).json_lines
        return [line["message"] for line in lines]

    everything = messages()
    assert ["inside \x1b[31m3"] == messages("--level", "warning")
    assert ["fetching 0", "fetching 1", "fetching 2"] == messages("--task", "fetch")
    assert ["fetching 1"] == messages("--task", "fetch-1")
    assert everything[:2] == messages("--head", "2")
    assert everything[-2:] == messages("--tail", "2")
    assert everything == messages("--follow")
    assert everything[-2:] == messages("--follow", "--tail", "2")
    assert 2 == history("flow-run", "logs", "good", "--head", "1", "--tail", "1").code
    assert "`fetch`" in history("flow-run", "logs", "good", "--task", "fetsh").err


@pytest.mark.parametrize("terminal", [False, True])
def test_what_runs_say_cannot_command_the_terminal(history: Cli, terminal: bool) -> None:
    shown = history.ok("flow-run", "logs", "good", terminal=terminal).out
    assert "inside \\x1b[31m3" in shown
    assert "\x1b[31m3" not in shown
    shown = history.ok("flow-run", "inspect", "bad", terminal=terminal).out
    assert "\\x1b[2J" in shown
    assert "\x1b[2J" not in shown


def test_watching_a_run_that_ended_tells_all_and_how_it_ended(history: Cli, schemas: Any) -> None:
    assert 0 == history("flow-run", "watch", "good").code
    outcome = history("flow-run", "watch", "bad", "--json")
    assert 1 == outcome.code
    for line in outcome.json_lines:
        schemas("flow-run watch", line)
    assert ["Running", "Failed"] == [line["name"] for line in outcome.json_lines if line["kind"] == "state"]


def test_a_run_is_watched_until_it_is_cancelled_from_elsewhere(cli: Cli, program: Path) -> None:
    with cli.start("run", f"{program}:waiting", "--name", "endless") as run:
        assert run.stdout is not None
        assert "waiting\n" == run.stdout.readline()
        with cli.start("flow-run", "watch", "endless", "--json") as watch:
            assert watch.stdout is not None
            first = watch.stdout.readline()
            assert '"Running"' in first
            assert 0 == cli("flow-run", "cancel", "endless").code
            assert 3 == watch.wait(60)
            assert '"CANCELLED"' in watch.stdout.read()
        assert 3 == run.wait(60)
    assert 1 == cli("flow-run", "cancel", "endless").code


def test_ctrl_c_stops_the_watching_and_not_the_run(cli: Cli, program: Path) -> None:
    with cli.start("run", f"{program}:waiting", "--name", "endless") as run:
        assert run.stdout is not None
        assert "waiting\n" == run.stdout.readline()
        with cli.start("flow-run", "logs", "endless", "--follow") as watch:
            assert watch.stdout is not None
            assert "Beginning" in watch.stdout.readline()
            watch.send_signal(signal.SIGINT)
            assert 130 == watch.wait(60)
        assert "RUNNING" == cli.ok("flow-run", "inspect", "endless", "--json").json["state"]["type"]
        run.send_signal(signal.SIGINT)
        run.wait(60)


def test_watching_notices_that_the_process_died(cli: Cli, program: Path) -> None:
    with cli.start("run", f"{program}:waiting", "--name", "doomed") as run:
        assert run.stdout is not None
        assert "waiting\n" == run.stdout.readline()
        with cli.start("flow-run", "watch", "doomed", "--no-logs") as watch:
            assert watch.stdout is not None
            assert "Running" in watch.stdout.readline()
            run.kill()
            run.wait(60)
            assert 1 == watch.wait(60)
            assert "Crashed" in watch.stdout.read()


def test_deleting_takes_subflows_along_and_says_so(history: Cli) -> None:
    refused = history("flow-run", "delete", "good")
    assert 2 == refused.code
    assert "1 subflow run" in refused.err
    history.ok("flow-run", "delete", "good", "bad", "--yes")
    assert ["other"] == names(history)
    assert 1 == history("flow-run", "inspect", "good").code


def test_deleting_asks_and_takes_no_for_an_answer(history: Cli) -> None:
    assert 1 == history("flow-run", "delete", "good", typed="n\n", terminal=True).code
    assert "good" in names(history)
    assert 0 == history("flow-run", "delete", "good", typed="y\n", terminal=True).code
    assert "good" not in names(history)


def test_a_run_that_goes_on_is_deleted_by_force_only(cli: Cli, program: Path) -> None:
    with cli.start("run", f"{program}:waiting", "--name", "endless") as run:
        assert run.stdout is not None
        assert "waiting\n" == run.stdout.readline()
        assert 1 == cli("flow-run", "delete", "endless", "--yes").code
        assert ["endless"] == names(cli)
        assert "> " in cli.ok("flow-run", "ls").out  # what it took so far
        run.send_signal(signal.SIGINT)
        run.wait(60)


def test_a_narrow_terminal_cuts_names_and_never_ids(
    history: Cli, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "90")
    history.ok("run", f"{program}:later", "--name", "long-" * 30)
    shown = history.ok("flow-run", "ls", terminal=True).out
    assert "…" in shown
    assert all(len(line.split()[0]) >= 18 for line in shown.splitlines()[2:])
    monkeypatch.setenv("COLUMNS", "80")
    assert all(len(uncoloured(line)) <= 80 for line in history.ok("flow-run", "ls", terminal=True).out.splitlines())


def uncoloured(line: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", line)


def test_task_runs_of_several_runs_say_of_which(history: Cli) -> None:
    shown = history.ok("task-run", "ls").out
    assert ("Flow run" in shown, "good" in shown) == (True, True)
    assert "Flow run" not in history.ok("task-run", "ls", "--run", "good").out


def test_no_color_means_no_colour(history: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[32m" in history.ok("flow-run", "ls", terminal=True).out
    assert "\x1b" not in history.ok("--no-color", "flow-run", "ls", terminal=True).out
    assert "\x1b" not in history.ok("flow-run", "ls").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in history.ok("flow-run", "ls", terminal=True).out


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("terminal", [False, True])
def test_any_name_can_be_shown_in_any_encoding(
    cli: Cli, program: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, terminal: bool
) -> None:
    monkeypatch.setenv("COLUMNS", "150")
    name = "naïve 雪 🦦 \x1b]0;title\x07"
    cli.ok("run", f"{program}:later", "--name", name)
    assert name == cli.ok("flow-run", "ls", "--json", encoding=encoding, terminal=terminal).json[0]["name"]
    shown = cli.ok("flow-run", "ls", encoding=encoding, terminal=terminal).out
    assert "\x07" not in shown
    assert "\\x07" in shown
    cli.ok("flow-run", "inspect", name, encoding=encoding, terminal=terminal)


def test_inspect_names_the_datasets_that_a_run_read_and_wrote(cli: Cli, tmp_path: Path, schemas: Any) -> None:
    path = tmp_path / "lake.py"
    path.write_text(
        "import pyarrow\nfrom penstock import flow\nfrom penstock.lake import Dataset\n"
        "@flow\ndef fill():\n    trips = Dataset('trips')\n    trips.write(pyarrow.table({'n': [1, 2]}))\n    trips.read()\n"
    )
    cli.ok("run", str(path), "--name", "fill")
    run = cli.ok("flow-run", "inspect", "fill", "--json").json
    schemas("flow-run inspect", run)
    assert [("trips", 2)] == [(use["dataset"], use["rows"]) for use in run["datasets"]["written"]]
    assert ["trips"] == [use["dataset"] for use in run["datasets"]["read"]]
    assert "trips" in cli.ok("flow-run", "inspect", "fill").out
