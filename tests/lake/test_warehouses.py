"""What every warehouse does alike: run over DuckDB, SQLite and a real PostgreSQL."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from penstock import flow, task
from penstock.integrations.duckdb import DuckDBWarehouse
from penstock.integrations.sqlalchemy import SqlWarehouse
from penstock.lake import DataRefused, LakeUnavailable, RowsOutside, SchemaConflict, WarehouseBusy, WarehouseError
from penstock.lake.warehouse import Warehouse
from penstock.ports import ListDatasetUses
from penstock.sdk.wiring import open_orchestrator
from penstock.testing import harness

APRIL, MAY = [{"month": "2020-04", "n": 1}, {"month": "2020-04", "n": 2}], [{"month": "2020-05", "n": 3}]


@pytest.fixture(params=["duckdb", "sqlite", "postgresql"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    if request.param == "duckdb":
        return DuckDBWarehouse(tmp_path / "w.duckdb")
    if request.param == "sqlite":
        return SqlWarehouse(f"sqlite:///{tmp_path}/w.sqlite")
    return SqlWarehouse(request.getfixturevalue("postgres_url"))


def rows(warehouse: Warehouse, table: str = "rides", order: str = "n") -> list[dict[str, Any]]:
    return warehouse.query(f"SELECT * FROM {table} ORDER BY {order}").to_pylist()


def test_loads_are_appended_and_counted(warehouse: Warehouse) -> None:
    first, second = warehouse.load("rides", APRIL), warehouse.load("rides", MAY)
    assert (1, 2, 0, 2) == (first.number, first.rows, first.rows_replaced, first.rows_total)
    assert (2, 1, 0, 3) == (second.number, second.rows, second.rows_replaced, second.rows_total)
    assert APRIL + MAY == rows(warehouse)


@pytest.mark.parametrize("where", [{"month": "2020-04"}, {"month": ["2020-04"]}, "month = '2020-04'"], ids=str)
def test_a_part_that_is_loaded_twice_is_there_once(warehouse: Warehouse, where: Any) -> None:
    warehouse.load("rides", MAY)
    for _ in range(2):
        report = warehouse.load("rides", APRIL, replace_where=where)
    assert (2, 2, 3) == (report.rows, report.rows_replaced, report.rows_total)
    assert APRIL + MAY == rows(warehouse)


def test_rows_outside_of_what_they_replace_are_refused(warehouse: Warehouse) -> None:
    warehouse.load("rides", MAY)
    with pytest.raises(RowsOutside):
        warehouse.load("rides", APRIL + MAY, replace_where={"month": "2020-04"})
    assert MAY == rows(warehouse)


def test_an_overwrite_replaces_all_rows(warehouse: Warehouse) -> None:
    warehouse.load("rides", APRIL)
    assert 2 == warehouse.load("rides", MAY, mode="overwrite").rows_replaced
    assert MAY == rows(warehouse)


def test_a_merge_updates_what_is_there_and_adds_the_rest(warehouse: Warehouse) -> None:
    for _ in range(2):
        warehouse.load(
            "rides", [{"Id": 1, "part": "a", "n": 1}, {"Id": 2, "part": "a", "n": 2}], "merge", ["Id", "part"]
        )
    report = warehouse.load(
        "rides", [{"Id": 2, "part": "a", "n": 20}, {"Id": 2, "part": "b", "n": 3}], "merge", ["Id", "part"]
    )
    assert (2, 1, 3) == (report.rows, report.rows_replaced, report.rows_total)
    assert [1, 3, 20] == [row["n"] for row in rows(warehouse)]


def test_a_merge_goes_into_a_table_that_was_made_without_keys(warehouse: Warehouse) -> None:
    warehouse.load("rides", [{"k": 1, "n": 1}])
    warehouse.load("rides", [{"k": 1, "n": 2}], mode="merge", keys="k")
    assert [{"k": 1, "n": 2}] == rows(warehouse)


def test_a_load_key_is_loaded_once(warehouse: Warehouse) -> None:
    reports = [warehouse.load("rides", APRIL, load_key="april") for _ in range(2)]
    assert [False, True] == [report.repeated for report in reports]
    assert [1, 1] == [report.number for report in reports]
    assert 2 == len(rows(warehouse))
    assert not warehouse.load("other", APRIL, load_key="april").repeated


def test_new_columns_are_added_and_missing_ones_become_null(warehouse: Warehouse) -> None:
    warehouse.load("rides", [{"n": 1, "Old Name": "a"}])
    report = warehouse.load("rides", [{"n": 2, "new": 0.5}])
    assert ("added new: double",) == report.schema_changes
    assert [{"n": 1, "Old Name": "a", "new": None}, {"n": 2, "Old Name": None, "new": 0.5}] == rows(warehouse)


def test_columns_are_widened_where_values_stay_exact(warehouse: Warehouse) -> None:
    warehouse.load("rides", pa.table({"n": pa.array([1], pa.int32())}))
    warehouse.load("rides", pa.table({"n": pa.array([2**40], pa.int64())}))
    warehouse.load("rides", [{"n": 0.5}])
    assert [0.5, 1, 2**40] == [row["n"] for row in rows(warehouse)]
    warehouse.load("exact", [{"n": 2**60 + 1}])
    with pytest.raises(SchemaConflict):
        warehouse.load("exact", [{"n": 0.5}])
    assert [{"n": 2**60 + 1}] == rows(warehouse, "exact")


def test_types_that_do_not_meet_are_refused_and_nothing_is_loaded(warehouse: Warehouse) -> None:
    warehouse.load("rides", APRIL)
    with pytest.raises(SchemaConflict) as conflict:
        warehouse.load("rides", [{"month": 4, "n": 1}])
    assert "month" == conflict.value.column
    assert APRIL == rows(warehouse)


def test_values_of_every_plain_type_come_back(warehouse: Warehouse) -> None:
    row = {
        "n": 1,
        "f": 0.1,
        "b": True,
        "s": "it's 'ünïcode'",
        "d": date(2020, 4, 1),
        "t": datetime(2020, 4, 1, 3, 30, 0, 123456),
        "m": Decimal("1.25"),
        "y": b"\x00\xff",
    }
    for _ in range(2):
        warehouse.load("rides", [row, dict.fromkeys(row)], mode="overwrite")
    stored = next(r for r in rows(warehouse) if r["n"] is not None)
    assert row["s"] == stored["s"]
    assert 0.1 == stored["f"]
    assert Decimal("1.25") == Decimal(str(stored["m"]))
    assert row["t"] == datetime.fromisoformat(str(stored["t"]))
    assert row["y"] == stored["y"]


def test_times_with_a_zone_are_loaded_again_and_again(warehouse: Warehouse) -> None:
    for _ in range(2):
        warehouse.load("rides", [{"n": 1, "at": datetime(2020, 4, 1, tzinfo=UTC)}])
    assert 2 == len(rows(warehouse))


def test_a_load_that_fails_on_the_way_leaves_nothing(warehouse: Warehouse, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    warehouse.load("rides", APRIL)
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"n": list(range(200_000)), "month": ["m"] * 200_000}), path, row_group_size=10_000)
    content = bytearray(path.read_bytes())
    content[-40_000:-20_000] = bytes(20_000)
    path.write_bytes(content)
    with pytest.raises(DataRefused, match=r"x\.parquet"):
        warehouse.load("rides", path)
    assert APRIL == rows(warehouse)


@pytest.mark.parametrize("table", ["", "a b", "a;DROP", "a.b.c", "1st", "x" * 64])
def test_a_table_name_that_could_not_be_one_everywhere_is_refused(warehouse: Warehouse, table: str) -> None:
    with pytest.raises(WarehouseError):
        warehouse.load(table, APRIL)


def test_a_query_that_fails_says_why(warehouse: Warehouse) -> None:
    warehouse.load("rides", APRIL)
    with pytest.raises((WarehouseError, LakeUnavailable), match="nope"):
        warehouse.query("SELECT nope FROM rides")


def test_threads_load_one_table_together(warehouse: Warehouse) -> None:
    warehouse.load("rides", [{"month": "none", "n": -1}])
    with ThreadPoolExecutor(4) as pool:
        list(
            pool.map(
                lambda n: warehouse.load("rides", [{"month": str(n), "n": n}], replace_where={"month": str(n)}),
                range(8),
            )
        )
    assert list(range(-1, 8)) == [row["n"] for row in rows(warehouse)]


@pytest.fixture
def run_home() -> Iterator[Path]:
    with harness() as home:
        yield home


def test_a_load_of_a_task_that_is_retried_is_done_once(warehouse: Warehouse, run_home: Path) -> None:
    tries: list[int] = []

    @task(retries=1)
    def store() -> bool:
        report = warehouse.load("rides", APRIL)
        tries.append(1)
        if len(tries) < 2:
            raise OSError("after the load")
        return report.repeated

    @flow
    def pipeline() -> bool:
        return store()

    assert pipeline()
    assert 2 == len(rows(warehouse))
    uses = open_orchestrator().ask(ListDatasetUses(action="write")).items
    assert {1} == {use.version for use in uses}
    assert all(use.dataset.endswith("/rides") for use in uses)


def test_the_default_warehouses_are_files_in_the_home(run_home: Path) -> None:
    DuckDBWarehouse().load("rides", APRIL)
    SqlWarehouse().load("rides", APRIL)
    assert (run_home / "warehouse.duckdb").is_file()
    assert (run_home / "warehouse.sqlite").is_file()


def test_a_table_lies_in_a_schema_of_its_own(warehouse: Warehouse) -> None:
    if "sqlite" in repr(warehouse):
        pytest.skip("SQLite has no schemas")
    warehouse.load("taxi.rides", APRIL)
    warehouse.load("taxi.rides", APRIL, replace_where={"month": "2020-04"})
    assert APRIL == rows(warehouse, "taxi.rides")


HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


def test_a_duckdb_file_that_another_process_holds_is_waited_for_and_then_named(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdin is not None
    assert holder.stdout is not None
    holder.stdout.readline()
    try:
        with pytest.raises(WarehouseBusy, match=str(holder.pid)):
            DuckDBWarehouse(path, wait_seconds=0.2).load("rides", APRIL)
    finally:
        holder.stdin.close()
    assert 2 == DuckDBWarehouse(path).load("rides", APRIL).rows_total
    holder.wait()


@pytest.mark.parametrize("kind", ["duckdb", "sqlite"])
def test_a_file_that_is_no_warehouse_is_refused_and_left_alone(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("nothing of the kind " * 1_000)
    with pytest.raises(WarehouseError):
        (DuckDBWarehouse(path) if kind == "duckdb" else SqlWarehouse(f"sqlite:///{path}")).load("rides", APRIL)
    assert path.read_text().startswith("nothing of the kind")


def test_a_warehouse_that_does_not_answer_is_named_without_its_password() -> None:
    with pytest.raises(LakeUnavailable) as refusal:
        SqlWarehouse("postgresql://me:secret@127.0.0.1:1/nowhere").load("rides", APRIL)
    assert "secret" not in str(refusal.value)
    assert "127.0.0.1" in str(refusal.value)


@pytest.mark.parametrize("url", ["nonsense", ""])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(WarehouseError):
        SqlWarehouse(url)
