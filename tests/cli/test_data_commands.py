"""`variable`, `artifact`, `result`, `sql`, `database`: what is kept, and how it comes out."""

import csv
import io
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli


@pytest.fixture
def history(cli: Cli, program: Path) -> Cli:
    cli.ok("run", f"{program}:numbers", "-p", "n=3", "--name", "good")
    return cli


@pytest.mark.parametrize(
    ("text", "value"), [("eu", "eu"), ("[4, 5]", [4, 5]), ("null", None), ('"12"', "12"), ("ä\n雪", "ä\n雪")]
)
def test_a_variable_comes_out_as_it_went_in(cli: Cli, schemas: Any, text: str, value: Any) -> None:
    cli.ok("variable", "set", "name", text, "--tag", "t")
    shown = cli.ok("variable", "get", "name", "--json").json
    schemas("variable get", shown)
    assert (value, ["t"]) == (shown["value"], shown["tags"])
    schemas("variable ls", cli.ok("variable", "ls", "--json").json)
    assert "name" in cli.ok("variable", "ls").out


def test_a_variable_can_be_text_that_looks_like_json(cli: Cli) -> None:
    cli.ok("variable", "set", "name", "12", "--text")
    assert "12" == cli.ok("variable", "get", "name", "--json").json["value"]
    assert "12\n" == cli.ok("variable", "get", "name").out


def test_a_variable_is_not_overwritten_where_that_is_not_wanted(cli: Cli) -> None:
    cli.ok("variable", "set", "name", "1")
    assert 1 == cli("variable", "set", "name", "2", "--no-overwrite").code
    assert "1\n" == cli.ok("variable", "get", "name").out


def test_a_missing_variable_names_the_near_one(cli: Cli) -> None:
    cli.ok("variable", "set", "region", "eu")
    outcome = cli("variable", "get", "regoin")
    assert 1 == outcome.code
    assert "`region`" in outcome.err


def test_a_variable_is_forgotten_after_a_question(cli: Cli) -> None:
    cli.ok("variable", "set", "name", "1")
    assert 2 == cli("variable", "unset", "name").code
    assert 1 == cli("variable", "unset", "name", typed="n\n", terminal=True).code
    cli.ok("variable", "unset", "name", "--yes")
    assert 1 == cli("variable", "get", "name").code


def test_artifacts_are_found_by_run_key_and_id(history: Cli, schemas: Any) -> None:
    artifacts = history.ok("artifact", "ls", "--run", "good", "--json").json
    assert {"summary", "squares"} == {artifact["key"] for artifact in artifacts}
    for text in ("squares", next(a["id"] for a in artifacts if a["key"] == "squares")):
        shown = history.ok("artifact", "inspect", text, "--json").json
        schemas("artifact inspect", shown)
        assert "table" == shown["type"]
    assert 1 == len(history.ok("artifact", "ls", "--key", "summary", "--json").json)


@pytest.mark.parametrize("terminal", [False, True])
def test_artifacts_are_drawn_by_their_type(history: Cli, terminal: bool) -> None:
    assert "square" in history.ok("artifact", "inspect", "squares", terminal=terminal).out
    assert "Numbers" in history.ok("artifact", "inspect", "summary", terminal=terminal).out


def test_a_missing_artifact_names_the_near_one(history: Cli) -> None:
    assert "`summary`" in history("artifact", "inspect", "sumary").err


VALUES = """
from penstock import flow
@flow
def value(kind: str):
    if kind == "json": return {"a": [1, 2, None], "b": "\\x1b[2J"}
    if kind == "text": return "x" * 30_000
    if kind == "bytes": return b"\\x00\\x01"
    if kind == "set": return {1}
    if kind == "nothing": return None
    if kind == "frame":
        import pandas
        return pandas.DataFrame({"n": range(30), "s": ["\\x1b[31m"] * 30})
    import pyarrow
    return pyarrow.table({"n": list(range(30))})
"""


NAMED = """
from penstock import flow, task

@task(result_storage_key="report-{day}")
def report(day: str, value: int) -> int:
    return value

@flow
def reporting(day: str, value: int) -> None:
    report(day, value)
"""


@pytest.fixture
def values(cli: Cli, tmp_path: Path) -> Any:
    path = tmp_path / "values.py"
    path.write_text(VALUES)

    def make(kind: str) -> str:
        cli.ok("run", str(path), "-p", f"kind={kind}", "--name", kind)
        return kind

    return make


@pytest.mark.parametrize("kind", ["json", "text", "bytes", "set", "frame", "table"])
def test_a_result_is_shown_to_people_and_programs(cli: Cli, values: Any, schemas: Any, kind: str) -> None:
    run = values(kind)
    shown = cli.ok("result", "show", run).out
    assert shown
    assert "\x1b" not in shown
    schemas("result show", cli.ok("result", "show", run, "--json").json)


def test_a_result_is_found_by_its_reference_too(history: Cli) -> None:
    run = history.ok("flow-run", "inspect", "good", "--json").json
    assert 6 == history.ok("result", "show", run["result"], "--json").json["value"]
    assert 3 == history.ok("result", "show", run["task_runs"][-1]["id"], "--json").json["value"]


@pytest.mark.parametrize(
    ("kind", "suffix", "read"),
    [
        ("json", ".json", lambda path: json.loads(path.read_text()) == {"a": [1, 2, None], "b": "\x1b[2J"}),
        ("text", ".txt", lambda path: path.read_text() == "x" * 30_000),
        ("bytes", ".bin", lambda path: path.read_bytes() == b"\x00\x01"),
        ("set", ".pickle", lambda path: pickle.loads(path.read_bytes()) == {1}),
        ("frame", ".csv", lambda path: len(path.read_text().splitlines()) == 31),
        ("table", ".csv", lambda path: len(path.read_text().splitlines()) == 31),
        ("table", ".parquet", lambda path: path.read_bytes().startswith(b"PAR1")),
    ],
)
def test_a_result_is_written_whole(cli: Cli, values: Any, tmp_path: Path, kind: str, suffix: str, read: Any) -> None:
    output = tmp_path / f"out{suffix}"
    cli.ok("result", "show", values(kind), "--output", str(output))
    assert read(output)


def test_a_value_that_a_format_cannot_hold_is_refused(cli: Cli, values: Any, tmp_path: Path) -> None:
    outcome = cli("result", "show", values("set"), "--output", str(tmp_path / "out.json"))
    assert 1 == outcome.code
    assert ".pickle" in outcome.err
    assert 1 == cli("result", "show", "set", "--output", str(tmp_path / "no" / "folder.pickle")).code


def test_the_latest_result_of_a_name_is_found_by_it(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "named.py"
    path.write_text(NAMED)
    for value in (1, 2):
        cli.ok("run", str(path), "-p", "day=monday", "-p", f"value={value}")
    cli.ok("run", str(path), "-p", "day=tuesday", "-p", "value=3")
    assert [2, 3] == [
        cli.ok("result", "show", f"report-{day}", "--json").json["value"] for day in ("monday", "tuesday")
    ]


@pytest.mark.parametrize("what", ["nothing", "p:", "p:x", "p:a/b:0:1:zz:j", "r:a:1:j", "::::", "../../etc/passwd"])
def test_what_leads_to_no_result_is_said(cli: Cli, what: str) -> None:
    outcome = cli("result", "show", what)
    assert 1 == outcome.code
    assert "fault" not in outcome.err


def test_a_missing_result_is_said(history: Cli, home: Path) -> None:
    for path in (home / "results").rglob("*.pack"):
        path.unlink()
    outcome = history("result", "show", "good")
    assert 1 == outcome.code
    assert "fault" not in outcome.err


QUERY = "select name, state, 1 as n, null as absent from flow_runs order by name"


def test_sql_prints_a_table(history: Cli) -> None:
    outcome = history.ok("sql", QUERY)
    assert ["name", "state", "n", "absent"] == outcome.out.splitlines()[0].split()
    assert "2 rows" in outcome.err


def test_sql_prints_csv(history: Cli) -> None:
    rows = list(csv.reader(io.StringIO(history.ok("sql", QUERY, "--format", "csv").out)))
    assert (["name", "state", "n", "absent"], 3) == (rows[0], len(rows))
    assert ["good", "Completed", "1", ""] in rows


@pytest.mark.parametrize("option", [("--format", "json"), ("--json",)])
def test_sql_prints_json(history: Cli, schemas: Any, option: tuple[str, ...]) -> None:
    rows = history.ok("sql", QUERY, *option).json
    schemas("sql", rows)
    assert {"name": "good", "state": "Completed", "n": 1, "absent": None} in rows
    assert [] == history.ok("sql", "select 1 as a from flow_runs where 1 = 0", *option).json


def test_sql_tells_columns_of_one_name_apart(history: Cli) -> None:
    assert {"a": 1, "a_2": 2} == history.ok("sql", "select 1 as a, 2 as a", "--json").json[0]


def test_sql_writes_parquet(history: Cli, tmp_path: Path) -> None:
    from pyarrow import parquet

    history.ok("sql", QUERY, "--format", "parquet", "--output", str(tmp_path / "out.parquet"))
    assert 2 == parquet.read_table(tmp_path / "out.parquet").num_rows
    piped = history.process("sql", QUERY, "--format", "csv", "--output", str(tmp_path / "out.csv"))
    assert 0 == piped.code


def test_sql_refuses_parquet_on_a_terminal_and_mixed_columns(history: Cli) -> None:
    assert 2 == history("sql", QUERY, "--format", "parquet", terminal=True).code
    outcome = history("sql", "select 1 as a union all select 'x'", "--format", "parquet")
    assert 1 == outcome.code
    assert "`a`" in outcome.err


def test_sql_reads_the_question_from_standard_input(history: Cli) -> None:
    assert [{"a": 1}] == history.ok("sql", "-", "--json", typed="select 1 as a").json


def test_sql_says_when_there_is_more(history: Cli) -> None:
    outcome = history.ok("sql", "select * from task_runs", "--limit", "2", "--format", "csv")
    assert 3 == len(outcome.out.splitlines())
    assert "--limit" in outcome.err


@pytest.mark.parametrize(
    "query",
    ["delete from flow_runs", "select * from flow_run", "select", "", "attach 'x' as y", "pragma writable_schema=1"],
)
def test_sql_refuses_what_is_no_question(history: Cli, query: str) -> None:
    outcome = history("sql", query)
    assert 1 == outcome.code
    assert "fault" not in outcome.err
    assert ["good"] == [r["name"] for r in history.ok("flow-run", "ls", "--top-level", "--json").json]


def test_sql_gives_up_in_time(history: Cli) -> None:
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"
    outcome = history("sql", endless, "--timeout", "0.2")
    assert 1 == outcome.code
    assert "0.2 s" in outcome.err


def test_sql_reads_lists_and_parameters_as_rows(history: Cli) -> None:
    query = "select p.key, p.value from flow_runs f, json_each(f.parameters) p where f.name = 'good' and p.key = 'n'"
    assert [{"key": "n", "value": 3}] == history.ok("sql", query, "--json").json
    assert [{"n": 2}] == history.ok("sql", "select count(*) as n from json_each('[1, 2]')", "--json").json


def test_the_database_says_what_it_is(history: Cli, schemas: Any, home: Path) -> None:
    shown = history.ok("database", "info", "--json").json
    schemas("database info", shown)
    assert str(home) in shown["location"]
    assert str(home) in history.ok("database", "info").out


def test_the_database_is_emptied_after_a_question_only(history: Cli) -> None:
    assert 2 == history("database", "reset").code
    refused = history("database", "reset", typed="n\n", terminal=True)
    assert 1 == refused.code
    assert "2 flow runs" in refused.err
    assert 2 == len(history.ok("flow-run", "ls", "--json").json)
    history.ok("database", "reset", "--yes")
    assert [] == history.ok("flow-run", "ls", "--json").json


def test_an_upgraded_or_vacuumed_database_holds_what_it_held(history: Cli) -> None:
    history.ok("database", "upgrade")
    history.ok("database", "vacuum")
    assert 2 == len(history.ok("flow-run", "ls", "--json").json)


@pytest.mark.parametrize("command", ["upgrade", "vacuum", "reset"])
def test_a_servers_database_is_not_touched_from_here(
    history: Cli, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("PENSTOCK_API_URL", "http://127.0.0.1:9/api")
        outcome = history("database", command, *(["--yes"] if command == "reset" else []))
        assert 1 == outcome.code
        assert "PENSTOCK_API_URL" in outcome.err
    assert 2 == len(history.ok("flow-run", "ls", "--json").json)


def test_a_file_that_is_no_database_is_named(cli: Cli, home: Path) -> None:
    home.mkdir(mode=0o700)
    (home / "penstock.db").write_bytes(b"no database" * 1_000)
    outcome = cli("flow-run", "ls")
    assert 1 == outcome.code
    assert "penstock.db" in outcome.err
    assert "fault" not in outcome.err


@pytest.mark.parametrize("command", ["config view", "config validate", "profile ls", "profile inspect", "version"])
def test_settings_follow_their_schemas(cli: Cli, schemas: Any, command: str) -> None:
    cli.ok("config", "set", "PENSTOCK_LOG_LEVEL=DEBUG")
    schemas(command, cli.ok(*command.split(), "--json").json)


def test_an_embedded_image_is_written_to_a_file_and_not_to_the_terminal(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "chart.py"
    path.write_text(
        "from penstock import flow\nfrom penstock.artifacts import create_image_artifact\n"
        "@flow\ndef draw():\n    create_image_artifact('data:image/svg+xml,%3Csvg/%3E', key='chart')\n"
    )
    cli.ok("run", str(path))
    assert "svg/" not in cli.ok("artifact", "inspect", "chart").out
    cli.ok("artifact", "inspect", "chart", "--output", str(tmp_path / "chart.svg"))
    assert "<svg/>" == (tmp_path / "chart.svg").read_text()
    assert 1 == cli("artifact", "inspect", "chart", "--output", str(tmp_path / "no" / "chart.svg")).code


def test_artifacts_are_written_as_what_they_are(history: Cli, tmp_path: Path) -> None:
    history.ok("artifact", "inspect", "summary", "--output", str(tmp_path / "summary.md"))
    assert "# Numbers" == (tmp_path / "summary.md").read_text()
    history.ok("artifact", "inspect", "squares", "--output", str(tmp_path / "squares.json"))
    assert 3 == len(json.loads((tmp_path / "squares.json").read_text()))
