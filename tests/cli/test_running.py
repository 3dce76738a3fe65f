"""`run`, `resume`, `flow-run rerun`: flows run from the command line, recorded in a real database."""

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli


def newest(cli: Cli) -> Any:
    return cli.ok("flow-run", "ls", "--top-level", "--limit", "1", "--json").json[0]


def test_a_flow_of_a_file_runs_and_is_recorded(cli: Cli, program: Path) -> None:
    outcome = cli.ok("run", f"{program}:numbers", "-p", "n=3", "--tag", "trial", "--name", "first {try}")
    assert "label none\n" == outcome.out
    run = newest(cli)
    assert ("COMPLETED", "first {try}", ["trial"]) == (run["state"]["type"], run["name"], run["tags"])
    assert {"n": 3, "label": "none"} == run["parameters"]


def test_single_parameters_come_on_top_of_params(cli: Cli, program: Path) -> None:
    cli.ok("run", f"{program}:numbers", "--params", '{"n": 3, "label": "a"}', "-p", "label=b c")
    assert {"n": 3, "label": "b c"} == newest(cli)["parameters"]


def test_a_text_parameter_gets_the_text_that_was_typed(cli: Cli, program: Path) -> None:
    cli.ok("run", f"{program}:numbers", "-p", "label=12")
    assert {"n": 2, "label": "12"} == newest(cli)["parameters"]


@pytest.mark.parametrize(
    "arguments", [("-p", "n"), ("-p", "=1"), ("--params", "{"), ("--params", "[1]"), ("--nothing",)]
)
def test_a_wrong_command_line_runs_nothing(cli: Cli, program: Path, arguments: tuple[str, ...]) -> None:
    assert 2 == cli("run", f"{program}:numbers", *arguments).code
    assert [] == cli.ok("flow-run", "ls", "--json").json


def test_a_value_that_does_not_fit_fails_the_run_and_is_named(cli: Cli, program: Path) -> None:
    outcome = cli("run", f"{program}:numbers", "-p", "n=many")
    assert 1 == outcome.code
    assert "`n`" in outcome.err
    assert "Traceback" not in outcome.err
    assert "parameters_invalid" == newest(cli)["state"]["reason"]


def test_an_unknown_parameter_is_an_error_without_traceback(cli: Cli, program: Path) -> None:
    outcome = cli("run", f"{program}:numbers", "-p", "m=1")
    assert 1 == outcome.code
    assert "m" in outcome.err
    assert "Traceback" not in outcome.err


def test_the_only_flow_of_a_file_needs_no_name(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "single.py"
    path.write_text("from penstock import flow\n@flow\ndef only(): return 1\n")
    cli.ok("run", str(path))
    assert "only" == newest(cli)["flow"]["name"]


def test_of_several_flows_the_command_asks_which(cli: Cli, program: Path) -> None:
    outcome = cli("run", str(program))
    assert 1 == outcome.code
    assert ":numbers" in outcome.err
    assert ":waiting" in outcome.err


def test_an_unknown_flow_names_the_near_one(cli: Cli, program: Path) -> None:
    outcome = cli("run", f"{program}:nunbers")
    assert 1 == outcome.code
    assert "`numbers`" in outcome.err


@pytest.mark.parametrize(
    "target", ["nowhere.py", "nowhere.py:flow", "no.such.module", "no.such.module:flow", ".", "..x:flow"]
)
def test_what_is_not_there_is_named(cli: Cli, target: str) -> None:
    outcome = cli("run", target)
    assert 1 == outcome.code
    assert "nowhere" in outcome.err or "no" in outcome.err
    assert "Traceback" not in outcome.err


def test_a_file_that_raises_shows_the_users_frames_only(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("from penstock import flow\n\ndef early():\n    raise KeyError('too early')\n\nearly()\n")
    outcome = cli("run", str(path))
    assert 1 == outcome.code
    frames = [line for line in outcome.err.splitlines() if line.strip().startswith("File ")]
    assert ["early()" in outcome.err, 2, True] == [True, len(frames), all(str(path) in frame for frame in frames)]


def test_a_failed_run_shows_the_users_traceback_and_exits_1(cli: Cli, program: Path) -> None:
    outcome = cli("run", f"{program}:failing")
    assert 1 == outcome.code
    frames = [line for line in outcome.err.splitlines() if line.strip().startswith("File ")]
    assert frames
    assert all(str(program) in frame for frame in frames)
    assert "in deeper" in frames[-1]
    assert "\x1b" not in outcome.err


def test_an_async_flow_runs(cli: Cli, program: Path) -> None:
    cli.ok("run", f"{program}:later", "-p", "n=4")
    assert "COMPLETED" == newest(cli)["state"]["type"]
    assert 5 == cli.ok("result", "show", newest(cli)["name"], "--json").json["value"]


def test_a_module_of_the_working_folder_runs(cli: Cli, program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(program.parent)
    assert 0 == cli.process("run", "program:later").code


def test_ctrl_c_records_the_run_as_cancelled(cli: Cli, program: Path) -> None:
    with cli.start("run", f"{program}:waiting") as process:
        assert process.stdout is not None
        assert "waiting\n" == process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert 130 == process.wait(60)
    assert ("CANCELLED", "interrupted") == tuple(newest(cli)["state"][key] for key in ("type", "reason"))


def test_a_killed_run_is_shown_as_crashed_and_resumes_from_what_it_completed(cli: Cli, program: Path) -> None:
    with cli.start("run", f"{program}:waiting", "--name", "doomed") as process:
        assert process.stdout is not None
        assert "waiting\n" == process.stdout.readline()
        process.kill()
        process.wait(60)
    assert ("CRASHED", "process_died") == tuple(newest(cli)["state"][key] for key in ("type", "reason"))
    with cli.start("resume", "doomed") as process:
        assert process.stdout is not None
        assert "waiting\n" == process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.wait(60)
    run = cli.ok("flow-run", "inspect", "doomed", "--json").json
    assert [1, 2] == [epoch["epoch"] for epoch in run["epochs"]]
    assert [1] == [task_run["epoch"] for task_run in run["task_runs"]]


def test_a_run_that_is_complete_is_not_resumed(cli: Cli, program: Path) -> None:
    cli.ok("run", f"{program}:later", "--name", "done")
    assert 1 == cli("resume", "done").code
    assert 1 == cli("flow-run", "resume", "done").code


def test_a_resumed_run_finds_its_parameters_and_flow_again(cli: Cli, program: Path, tmp_path: Path) -> None:
    signal_file = tmp_path / "signal"
    signal_file.write_text("wait")
    assert 1 == cli("run", f"{program}:stubborn", "-p", f"path={signal_file}", "--name", "again").code
    signal_file.write_text("go")
    cli.ok("resume", "again")
    run = cli.ok("flow-run", "inspect", "again", "--json").json
    assert ("COMPLETED", 2) == (run["state"]["type"], run["epoch"])
    assert {"fetch-0": 1, "fetch-1": 2} == {task_run["name"]: task_run["epoch"] for task_run in run["task_runs"]}


def test_changed_code_is_resumed_only_where_that_is_allowed(cli: Cli, program: Path, tmp_path: Path) -> None:
    signal_file = tmp_path / "signal"
    signal_file.write_text("wait")
    assert 1 == cli.process("run", f"{program}:stubborn", "-p", f"path={signal_file}", "--name", "again").code
    signal_file.write_text("go")
    program.write_text(program.read_text() + "\n# changed\n")
    refused = cli.process("resume", "again")
    assert 1 == refused.code
    assert "--allow-code-change" in refused.err
    assert 0 == cli.process("resume", "again", "--allow-code-change").code


def test_a_flow_that_moved_is_resumed_from_where_it_is_now(cli: Cli, program: Path, tmp_path: Path) -> None:
    signal_file = tmp_path / "signal"
    signal_file.write_text("wait")
    assert 1 == cli.process("run", f"{program}:stubborn", "-p", f"path={signal_file}", "--name", "again").code
    signal_file.write_text("go")
    moved = program.rename(tmp_path / "moved.py")
    assert 1 == cli.process("resume", "again").code
    assert 0 == cli.process("resume", "again", "--entrypoint", f"{moved}:stubborn").code


def test_a_rerun_is_a_new_run_with_the_parameters_of_the_old_one(cli: Cli, program: Path) -> None:
    cli.ok("run", f"{program}:numbers", "-p", "n=3", "-p", "label=a", "--tag", "trial", "--name", "first")
    cli.ok("flow-run", "rerun", "first", "-p", "n=1")
    run = newest(cli)
    assert "first" != run["name"]
    assert ({"n": 1, "label": "a"}, ["trial"]) == (run["parameters"], run["tags"])


def test_a_missing_run_names_the_near_one(cli: Cli, program: Path) -> None:
    cli.ok("run", f"{program}:later", "--name", "brave-otter")
    outcome = cli("resume", "brave-oter")
    assert 1 == outcome.code
    assert "`brave-otter`" in outcome.err


TWO_FLOWS = """
from penstock import flow

@flow
def first(): return {returned}

@flow
def {second}(): return {returned}
"""


def two_flows(path: Path, second: str, returned: str = "None") -> str:
    path.write_text(TWO_FLOWS.format(second=second, returned=returned))
    return str(path)


def test_of_several_flows_the_one_named_like_the_file_runs(cli: Cli, tmp_path: Path) -> None:
    cli.ok("run", two_flows(tmp_path / "taxi_etl.py", "taxi_etl"))
    assert "taxi-etl" == newest(cli)["flow"]["name"]


def test_several_flows_of_other_names_are_listed(cli: Cli, tmp_path: Path) -> None:
    path = two_flows(tmp_path / "pipelines.py", "second")
    outcome = cli("run", path)
    assert 1 == outcome.code
    assert f"{path}:first, {path}:second" in outcome.err


def test_a_near_name_is_suggested_once(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("run", two_flows(tmp_path / "pipelines.py", "second") + ":secnd")
    assert 1 == outcome.err.count("`second`")


def test_what_a_flow_returns_is_shown_if_it_is_short(cli: Cli, tmp_path: Path) -> None:
    def shown(returned: str, name: str) -> str:
        return cli.ok("run", two_flows(tmp_path / f"{name}.py", name, returned)).err

    assert "It returned {'rows': 2}\n" in shown("{'rows': 2}", "short")
    for place, returned in enumerate(
        ("None", "'x' * 200", "list(range(201))", "type('T', (), {'__repr__': lambda self: 1 / 0})()")
    ):
        assert "It returned" not in shown(returned, f"other{place}")
