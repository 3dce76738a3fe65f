"""Read-only SQL over the documented views."""

import json

import pytest

from penstock.core.errors import QueryRefused
from penstock.core.ids import as_uuid_text
from penstock.ports import Principal, QueryTable, RunQuery, SetVariable
from penstock.store.views import VIEWS
from tests.contract.telling import Teller, defined, logged, seen, shown, task_run_id, used


def ask(teller: Teller, sql: str, **limits: float) -> QueryTable:
    answer = teller.ask(RunQuery(sql=sql, **limits))
    assert isinstance(answer, QueryTable)
    return answer


@pytest.fixture
def filled(teller: Teller) -> Teller:
    """One of everything, and a secret."""
    run_id = teller.begin("etl", name="brave-fox", at=1_600_000_000_000_001, parameters={"n": 1})
    upstream = (task_run_id(run_id, "0"), task_run_id(run_id, "x"))
    teller.tell(
        defined(), seen(run_id, "1", upstream=upstream, started_at=1_000_000, ended_at=2_500_000), logged(run_id)
    )
    teller.tell(seen(run_id, "2"))
    teller.tell(shown(teller.new_id(), run_id=run_id), used(run_id))
    teller.ask(SetVariable(name="secret", value="canary"))
    return teller


def test_the_views_say_what_is_recorded(filled: Teller) -> None:
    runs = ask(filled, "SELECT flow, name, state, state_type, started_at, ended_at, tasks, parameters FROM flow_runs")
    assert ["flow", "name", "state", "state_type", "started_at", "ended_at", "tasks", "parameters"] == list(
        runs.columns
    )
    started = "2020-09-13 12:26:40.000001"
    assert [("etl", "brave-fox", "Running", "RUNNING", started, None, 2, '{"n":1}')] == list(runs.rows)
    assert [("fetch-0", 1.5)] == list(
        ask(filled, "SELECT name, duration_seconds FROM task_runs WHERE attempt = 1 LIMIT 1").rows
    )
    assert [("INFO", "hello")] == list(ask(filled, "SELECT level_name, message FROM logs").rows)
    assert [("penstock.flow-run.Running",)] == list(ask(filled, "SELECT kind FROM events").rows)
    assert [("report", '"# Hello"')] == list(ask(filled, "SELECT key, data FROM artifacts").rows)
    assert [("taxi/green", 1, "write", 10)] == list(
        ask(filled, "SELECT dataset, version, action, rows FROM datasets").rows
    )


def test_ids_are_uuids_that_join(filled: Teller) -> None:
    (row,) = ask(
        filled,
        "SELECT r.id, t.id, t.upstream FROM task_runs t JOIN flow_runs r ON r.id = t.flow_run_id WHERE t.upstream <> '[]'",
    ).rows
    run_id = row[0].replace("-", "")
    assert as_uuid_text(task_run_id(run_id, "1")) == row[1]
    assert [task_run_id(run_id, "0"), task_run_id(run_id, "x")] == json.loads(row[2])


ALLOWED = [
    "SELECT 1 AS one;",
    "WITH n AS (SELECT count(*) AS c FROM task_runs) SELECT c FROM n -- how many",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT sum(i) FROM n",
    "SELECT upper(name), avg(duration_seconds), count(*) FROM task_runs GROUP BY 1 ORDER BY 2",
    "SELECT * FROM flow_runs r JOIN task_runs t ON t.flow_run_id = r.id",
    "SELECT rank() OVER (ORDER BY started_at) FROM task_runs",
    "WITH slow AS (SELECT * FROM task_runs) SELECT count(*) FROM slow",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT count(*) FROM n",
    "SELECT count(*) FROM (SELECT message FROM logs) AS few, FLOW_RUNS",
    "VALUES (1), (2)",
]


def test_any_query_over_the_views_may_be_asked(filled: Teller) -> None:
    assert [] == [sql for sql in ALLOWED if not ask(filled, sql).rows]


def test_every_view_can_be_read_whole(filled: Teller) -> None:
    for what in ("SELECT *", "SELECT 1", "SELECT count(*)"):
        assert [] == [view for view in VIEWS if not ask(filled, f"{what} FROM {view}").rows]
    together = " CROSS JOIN ".join(VIEWS)
    assert 2 == ask(filled, f"SELECT count(*) FROM {together}").rows[0][0]
    assert 2 == len(ask(filled, f"SELECT 1 FROM {together}").rows)


REFUSED = [
    "SELECT * FROM variable",
    "SELECT * FROM main.variable",
    "SELECT * FROM penstock.variable",
    "SELECT value FROM flow_runs, variable",
    "SELECT (SELECT value FROM penstock.variable)",
    "SELECT (SELECT value FROM main.variable)",
    "WITH flow_runs AS (SELECT * FROM main.variable) SELECT * FROM flow_runs",
    "WITH flow_runs AS (SELECT * FROM penstock.variable) SELECT * FROM flow_runs",
    "WITH logs AS (SELECT value FROM variable) SELECT * FROM (SELECT * FROM logs) AS logs",
    "SELECT count(*) FROM task_run",
    "SELECT count(*) FROM main.task_run",
    "SELECT count(*) FROM Task_Run, flow_runs",
    "SELECT count(*) FROM sqlite_master",
    "SELECT count(*) FROM pragma_table_info('task_run')",
    "SELECT count(*) FROM dbstat",
    "SELECT count(*) FROM pg_class",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM sqlite_temp_master",
    "SELECT * FROM temp.sqlite_master",
    "SELECT * FROM pg_class",
    "SELECT * FROM pg_catalog.pg_authid",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM pragma_table_info('variable')",
    "SELECT query_to_xml('select * from penstock.variable', true, true, '')",
    "SELECT set_config('role', 'none', true)",
    "SELECT set_config('role', 'none', false), query_to_xml('select * from penstock.variable', true, true, '')",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_terminate_backend(1)",
    "SELECT load_extension('x')",
    "PRAGMA user_version",
    "PRAGMA writable_schema = 1",
    "ATTACH DATABASE '/tmp/other.db' AS other",
    "DELETE FROM flow_runs",
    "UPDATE flow_runs SET name = 'x'",
    "INSERT INTO logs (message) VALUES ('x')",
    "DROP VIEW flow_runs",
    "DROP TABLE variable",
    "CREATE TABLE mine (a int)",
    "CREATE TEMP TABLE mine AS SELECT * FROM flow_runs",
    "WITH gone AS (DELETE FROM penstock.log RETURNING *) SELECT * FROM gone",
    "SELECT 1; SELECT 2",
    "SELECT 1) AS q; DROP TABLE penstock.flow_run; SELECT 2 FROM (SELECT 1",
    "SELECT * INTO mine FROM flow_runs",
    "SELECT * FROM flow_runs FOR UPDATE OF flow_run",
    "RESET ROLE",
    "SET ROLE postgres",
    "COPY flow_runs TO '/tmp/x'",
    "VACUUM",
    "BEGIN",
    "COMMIT",
    "SELECT",
    "",
    "   ",
    "-- nothing",
    "not sql at all",
    "SELECT nothing FROM flow_runs",
    "SELECT * FROM nowhere",
    "SELECT '\0'",
]


def test_nothing_but_the_views_can_be_read_and_nothing_written(filled: Teller) -> None:
    assert [] == [sql for sql in REFUSED if not is_refused(filled, sql)]
    assert 1 == len(ask(filled, "SELECT * FROM flow_runs").rows)


def is_refused(teller: Teller, sql: str) -> bool:
    try:
        ask(teller, sql)
    except QueryRefused:
        return True
    return False


def test_a_query_has_a_row_limit(filled: Teller) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT i FROM n"
    assert (10, True) == (len(ask(filled, endless, row_limit=10).rows), ask(filled, endless, row_limit=10).truncated)
    whole = ask(filled, endless, row_limit=5_000)
    assert (5_000, False) == (len(whole.rows), whole.truncated)


def test_a_query_has_a_time_limit(filled: Teller) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(QueryRefused):
        ask(filled, endless, timeout_seconds=0.05)


def test_a_query_sees_its_workspace_only(filled: Teller) -> None:
    elsewhere = Teller(filled.orchestrator, filled.clock, principal=Principal(workspace="elsewhere"))
    for _ in range(2):
        for view in VIEWS:
            assert [] == list(ask(elsewhere, f"SELECT * FROM {view}").rows)
        elsewhere.tell()
