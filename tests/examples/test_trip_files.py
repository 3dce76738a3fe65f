"""What becomes of trip files: every real one as DATA.md says, every damaged one refused by name."""

import gzip
import pickle
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from penstock.demo.trips import (
    TripColumnsWrong,
    TripFileDamaged,
    TripFileError,
    TripFileMissing,
    read_chunks,
    to_parquet,
    trip_file_url,
)

pytestmark = pytest.mark.usefixtures("run_home")

HEADER = "VendorID,tpep_pickup_datetime,tpep_dropoff_datetime,passenger_count,trip_distance,total_amount"
TRIP = "1,2021-01-01 00:30:10,2021-01-01 00:36:12,1,2.10,11.8"


def write(path: Path, *lines: str, end: str = "\n") -> Path:
    path.write_text("\n".join(lines) + end)
    return path


def real_files() -> list[tuple[str, int, int, int, int, float]]:
    """The table of DATA.md, as it stands beside the checkout; the tests that use it need the files anyway."""
    from tests.fixtures.release import SHARED

    if not (SHARED / "DATA.md").is_file():
        return []
    rows = [
        re.split(r"\s*\|\s*", line.strip("| \n"))
        for line in (SHARED / "DATA.md").open()
        if line.startswith(("| release/", "| parquet/"))
    ]
    return [(row[0], int(row[1]), int(row[2]), int(row[3]), int(row[4]), float(row[5])) for row in rows]


@pytest.mark.parametrize(("file", "rows", "columns", "zeros", "nulls", "amount"), real_files())
def test_a_real_file_becomes_parquet_with_every_row_and_value(
    shared_data: Path, file: str, rows: int, columns: int, zeros: int, nulls: int, amount: float
) -> None:
    trips = pq.read_table(to_parquet(shared_data / file))
    passengers = trips["passenger_count"]
    assert (rows, columns) == (trips.num_rows, trips.num_columns)
    assert (zeros, nulls) == (pc.sum(pc.equal(passengers, 0)).as_py(), passengers.null_count)
    assert amount == round(pc.sum(trips["total_amount"]).as_py(), 2)
    assert pa.int64() == passengers.type


def test_both_ways_that_a_real_month_was_published_become_the_same(shared_data: Path) -> None:
    kinds = [
        to_parquet(shared_data / f"parquet/green_tripdata_2024-01.tlc_{kind}.parquet") for kind in ("int", "float")
    ]
    whole, decimals = (pq.read_table(kind) for kind in kinds)
    assert whole.schema == decimals.schema
    assert whole.equals(decimals)


@pytest.mark.parametrize(
    ("file", "error", "said"),
    [
        ("yellow_tripdata_2021-01.truncated.csv", TripFileDamaged, "line 22,794 has 2 of 18 columns"),
        ("yellow_tripdata_2021-01.truncated.parquet", TripFileDamaged, "no whole Parquet file"),
        ("green_tripdata_2020-11.wrongcolumns.parquet", TripColumnsWrong, "tpep_pickup_datetime"),
        ("yellow_2017_mixed_dates.csv", TripColumnsWrong, "`tpep_pickup_datetime`.* in line 2"),
    ],
)
def test_a_real_damaged_file_is_refused_by_name_column_and_line(
    shared_data: Path, run_home: Path, file: str, error: type[TripFileError], said: str
) -> None:
    with pytest.raises(error, match=re.escape(file) + ".*" + said):
        to_parquet(shared_data / "messy" / file)
    assert not [path for path in run_home.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("lines", "error", "said"),
    [
        (["<!DOCTYPE html>", "<html><body>Not here, sorry</body></html>"], TripFileDamaged, "no file of trips"),
        (["LocationID,Borough,Zone", "1,EWR,Newark"], TripFileDamaged, "no file of trips"),
        ([HEADER], TripFileDamaged, "no trips"),
        ([HEADER, TRIP, '"', TRIP], TripFileDamaged, "cut off|CSV"),
        ([HEADER.replace(",total_amount", ""), TRIP.rpartition(",")[0]], TripColumnsWrong, "`total_amount` is missing"),
        ([HEADER.replace("tpep_pickup_datetime", "when"), TRIP], TripColumnsWrong, "pickup_datetime` is missing"),
        ([HEADER + ",total_amount", TRIP + ",1"], TripColumnsWrong, "two columns `total_amount`"),
        ([HEADER, TRIP, TRIP.replace("2.10", "far")], TripColumnsWrong, "`trip_distance`.* in line 3"),
        ([HEADER, TRIP.replace(",1,2.10", ",1.5,2.10")], TripColumnsWrong, "`passenger_count`.*whole number"),
        ([HEADER, TRIP.replace("2021-01-01 00:30:10", "01/02/2021")], TripColumnsWrong, "`tpep_pickup_datetime`"),
    ],
)
def test_what_is_no_file_of_trips_is_refused(
    tmp_path: Path, lines: list[str], error: type[TripFileError], said: str
) -> None:
    with pytest.raises(error, match=rf"odd\.csv: .*({said})"):
        to_parquet(write(tmp_path / "odd.csv", *lines))


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe" * 100, b"PAR1 but no more", b"\x1f\x8b broken"])
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "odd.csv").write_bytes(content)
    with pytest.raises(TripFileDamaged, match=r"odd\.csv"):
        to_parquet(tmp_path / "odd.csv")


def test_a_message_quotes_no_value(tmp_path: Path) -> None:
    for lines in (
        [HEADER, TRIP.replace("2.10", "canary")],
        [HEADER, "canary,canary"],
        [HEADER, TRIP.replace("11.8", "canary")],
    ):
        with pytest.raises(TripFileError) as refusal:
            to_parquet(write(tmp_path / "odd.csv", *lines))
        assert "canary" not in str(refusal.value)


def test_an_error_travels_between_processes(tmp_path: Path) -> None:
    with pytest.raises(TripColumnsWrong) as refusal:
        to_parquet(write(tmp_path / "odd.csv", HEADER, TRIP.replace("2.10", "far")))
    error = pickle.loads(pickle.dumps(refusal.value))
    assert ("odd.csv", "trip_distance", str(refusal.value)) == (error.file, error.column, str(error))


def test_a_cut_off_compressed_file_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress("\n".join([HEADER, *[TRIP] * 1_000]).encode())
    for cut in (-1, -9, len(whole) // 2):
        (tmp_path / "cut.csv.gz").write_bytes(whole[:cut])
        with pytest.raises(TripFileDamaged, match="cut off"):
            to_parquet(tmp_path / "cut.csv.gz")


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(TripFileMissing):
        to_parquet(tmp_path / "nowhere.csv")


def test_a_file_may_be_compressed_or_not_whatever_its_name_says(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.csv.gz", HEADER, TRIP)
    packed = tmp_path / "packed.csv"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert pq.read_table(to_parquet(plain)).equals(pq.read_table(to_parquet(packed)))


def test_headers_with_spaces_other_cases_and_old_names_are_understood(tmp_path: Path) -> None:
    header = "vendor_id, pickup_datetime, Dropoff_DateTime, passenger_count, Trip_Distance, payment_type, total_amt"
    trips = pq.read_table(
        to_parquet(write(tmp_path / "old.csv", header, "CMT,2014-01-09 20:45:25,2014-01-09 20:52:31,1,0.7,CRD,8.5"))
    )
    assert (
        "vendor_name tpep_pickup_datetime tpep_dropoff_datetime passenger_count trip_distance payment_name total_amount"
        == (" ".join(trips.column_names))
    )


def test_whole_numbers_that_are_written_as_decimals_are_kept_whole(tmp_path: Path) -> None:
    trips = pq.read_table(
        to_parquet(
            write(
                tmp_path / "x.csv",
                HEADER,
                TRIP,
                TRIP.replace(",1,2.10", ",2.0,2.10"),
                TRIP.replace(",1,2.10", ",,2.10"),
            )
        )
    )
    assert [1, 2, None] == trips["passenger_count"].to_pylist()


def test_columns_that_nobody_knows_are_kept_as_text_and_those_without_a_name_left_out(tmp_path: Path) -> None:
    trips = pq.read_table(
        to_parquet(write(tmp_path / "x.csv", f",{HEADER},zone", f"7,{TRIP},N/A", f'8,{TRIP},""', f"9,{TRIP},"))
    )
    assert ["N/A", "", None] == trips["zone"].to_pylist()
    assert "" not in trips.column_names


@pytest.mark.parametrize(("color", "column"), [("green", "lpep_pickup_datetime"), ("yellow", "lpep_pickup_datetime")])
def test_a_file_of_another_colour_is_refused(tmp_path: Path, color: str, column: str) -> None:
    header = HEADER if color == "green" else HEADER.replace("tpep", "lpep")
    with pytest.raises(TripColumnsWrong, match="another colour"):
        to_parquet(write(tmp_path / "x.csv", header, TRIP), color)  # type: ignore[arg-type]


def test_a_file_is_read_in_chunks_whose_rows_are_numbered(tmp_path: Path) -> None:
    parquet = to_parquet(write(tmp_path / "x.csv", HEADER, *[TRIP] * 25), source_file="x.csv")
    chunks = list(read_chunks(parquet, 10))
    assert [10, 10, 5] == [len(chunk) for chunk in chunks]
    assert list(range(25)) == [n for chunk in chunks for n in chunk["row_number"].to_pylist()]
    assert {"x.csv"} == set(chunks[0]["source_file"].to_pylist())


def test_a_month_is_published_under_its_colour() -> None:
    assert "/srv/green/green_tripdata_2020-04.csv.gz" == trip_file_url("green", 2020, 4, "/srv")
