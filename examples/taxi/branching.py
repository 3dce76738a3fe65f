"""One month to two lakes at once, and from the first of them to the warehouse.

    python examples/taxi/branching.py --color green --year 2020 --month 4 --lakes primary mirror

                       ┌─> the first lake ──> the warehouse
    download ─> parquet
                       └─> the second lake

When a step fails, what depends on it does not run, and the rest does. A lake is a name, or the address of an object
store such as s3://bucket/trips.
"""

import argparse
from pathlib import Path

from penstock import flow, task
from penstock.demo import trips as trip_files
from penstock.demo.trips import RELEASES, Color, trip_file_url
from penstock.futures import Future
from penstock.integrations.duckdb import DuckDBWarehouse
from penstock.lake import Dataset, Version


@task(retries=3, retry_delay_seconds=[0.2, 2, 10], retry_condition_fn=trip_files.may_pass)
def download(url: str) -> Path:
    """Fetch the month."""
    return trip_files.download(url)


@task
def parquetize(trip_file: Path, color: Color, month: str) -> Path:
    """Make it a Parquet file."""
    return trip_files.to_parquet(trip_file, color, source_month=month)


@task(task_run_name="to-{lake}")
def to_lake(parquet: Path, lake: str, color: Color, month: str) -> Version:
    """Write it to a lake, in place of what was there of it."""
    return in_lake(lake, color).write(parquet, replace_where={"source_month": month}, partition_by="source_month")


@task
def to_warehouse(version: Version, lake: str, color: Color, month: str, table: str) -> int:
    """Load the very version that was written."""
    trips = in_lake(lake, color).read(version=version.number, filter={"source_month": month})
    return DuckDBWarehouse().load(table, trips, replace_where={"source_month": month}).rows


def in_lake(lake: str, color: Color) -> Dataset:
    """The dataset of a colour in a lake."""
    return Dataset(f"{lake}/{color}") if "/" not in lake else Dataset(f"taxi/{color}", location=f"{lake}/{color}")


@flow
def branching(
    color: Color = "green",
    year: int = 2020,
    month: int = 4,
    source: str = RELEASES,
    lakes: tuple[str, str] = ("primary", "mirror"),
    table: str = "branched_rides",
) -> list[Future]:
    """Bring a month to two lakes and to the warehouse."""
    period = f"{year}-{month:02}"
    trip_file = download.submit(trip_file_url(color, year, month, source))
    parquet = parquetize.submit(trip_file, color, period)
    first, second = (to_lake.submit(parquet, lake, color, period) for lake in lakes)
    loaded = to_warehouse.submit(first, lakes[0], color, period, table)
    return [trip_file, parquet, first, second, loaded]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=branching.__doc__)
    parser.add_argument("--color", choices=["green", "yellow"], default="green")
    parser.add_argument("--year", type=int, default=2020)
    parser.add_argument("--month", type=int, default=4)
    parser.add_argument("--source", default=RELEASES, help="where months are published: an address or a folder")
    parser.add_argument("--lakes", nargs=2, default=["primary", "mirror"])
    parser.add_argument("--table", default="branched_rides")
    branching(**vars(parser.parse_args()))
