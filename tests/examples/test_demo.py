"""`penstock demo`: its numbers, what it leaves behind, and what it says where it cannot run."""

import subprocess
import sys
from pathlib import Path

import pytest

from penstock.core.states import StateType
from penstock.demo.program import SAMPLE, run_demo
from penstock.demo.serving import serving
from penstock.lake import Dataset
from penstock.ports import GetArtifact, ListFlowRuns, RunFilter
from penstock.sdk.wiring import open_orchestrator
from tests.fixtures.postgres import free_port


def cells(output: str, month: str) -> list[str]:
    line = next(line for line in output.splitlines() if month in line and "│" in line)
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_the_demos_numbers_are_those_of_the_data(run_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run_demo()
    printed = capsys.readouterr().out
    assert ["2020-04", "35,612", "11,110", "35,612", "35,612"] == cells(printed, "2020-04")
    assert ["2020-05", "57,360", "26,074", "57,360", "57,360"] == cells(printed, "2020-05")
    assert "penstock flow-run ls" in printed


def test_the_demos_runs_and_its_chart_are_there_afterwards(run_home: Path) -> None:
    for _ in range(2):
        assert 0 == run_demo()
    runs = open_orchestrator().ask(ListFlowRuns(filter=RunFilter(flow_names=["taxi-demo"]))).items
    assert [StateType.COMPLETED] * 2 == [run.state.type for run in runs]
    chart = open_orchestrator().ask(GetArtifact(id_or_key="trips-per-day"))
    assert "image" == chart.type
    assert "svg" in str(chart.data)
    assert 35612 + 57360 == Dataset("taxi/green").read(columns=["VendorID"]).num_rows


def test_what_was_fetched_for_one_demo_need_not_be_fetched_for_the_next(tmp_path: Path) -> None:
    """The cache knows a download by its address, which has the port; of two demos at once the second has another one."""
    port = free_port()
    with serving(tmp_path, port=port) as first:
        with serving(tmp_path, port=port) as beside:
            assert first != beside
    with serving(tmp_path, port=port) as second:
        assert f"http://127.0.0.1:{port}" == first == second


def test_the_sample_is_what_was_published(shared_data: Path) -> None:
    for month in ("04", "05"):
        name = f"green/green_tripdata_2020-{month}.csv.gz"
        assert (shared_data / "release" / name).read_bytes() == (SAMPLE / name).read_bytes()


@pytest.mark.parametrize("library", ["deltalake", "pyarrow", "duckdb"])
def test_without_the_lakes_libraries_one_command_is_named_and_nothing_is_done(home: Path, library: str) -> None:
    program = (
        f"import sys; sys.modules[{library!r}] = None; from penstock.demo.program import run_demo; sys.exit(run_demo())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert 2 == done.returncode
    assert 'pip install "penstock[lake]"' in done.stderr
    assert "" == done.stdout
    assert not home.exists()


@pytest.mark.parametrize("library", ["deltalake", "pyarrow"])
def test_without_its_libraries_a_dataset_names_the_extra(home: Path, library: str) -> None:
    program = f"import sys; sys.modules[{library!r}] = None; from penstock.lake import Dataset; Dataset('x').exists()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert 'MissingExtra: The lake needs an extra: pip install "penstock[lake]"' in done.stderr


def test_importing_the_lake_loads_none_of_its_libraries() -> None:
    program = "import sys; from penstock.lake import Dataset; print([m for m in ('pyarrow', 'deltalake', 'duckdb', 'pandas') if m in sys.modules])"
    assert (
        "[]"
        == subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
    )
