"""From the lake to the warehouse: months of a dataset become rows of the table `rides`.

    python examples/taxi/lake_to_warehouse.py --color green --year 2020 --months 4 5

The warehouse is DuckDB, a file in PENSTOCK_HOME. Run it twice: no ride is there twice.
"""

import argparse

import pyarrow as pa

from penstock import flow, task
from penstock.demo.trips import PICKUPS, Color
from penstock.integrations.duckdb import DuckDBWarehouse
from penstock.lake import Dataset


@task(retries=3, retry_delay_seconds=1)
def extract(color: Color, month: str) -> pa.Table:
    """Read a month from the lake."""
    return Dataset(f"taxi/{color}").read(filter={"source_month": month})


@task(log_prints=True)
def transform(trips: pa.Table, color: Color) -> pa.Table:
    """Fill null passengers with 0, and give rides of both colours the same columns."""
    passengers = trips["passenger_count"]
    filled = passengers.fill_null(0)
    print(f"null passengers: {passengers.null_count:,} before, {filled.null_count:,} after")
    prefix = PICKUPS[color].removesuffix("pickup_datetime")
    names = [name.removeprefix(prefix) for name in trips.column_names]
    rides = trips.set_column(names.index("passenger_count"), "passenger_count", filled).rename_columns(names)
    return rides.append_column("color", pa.repeat(color, len(rides)))


@task
def load(rides: pa.Table, table: str, color: Color, month: str) -> int:
    """Load a month into the warehouse, in place of what was there of it."""
    report = DuckDBWarehouse().load(table, rides, replace_where={"color": color, "source_month": month})
    return report.rows


@flow(log_prints=True)
def lake_to_warehouse(
    color: Color = "green", year: int = 2020, months: tuple[int, ...] = (4, 5), table: str = "rides"
) -> int:
    """Load months of the lake into the warehouse and return their number of rides."""
    rows = 0
    for month in [f"{year}-{month:02}" for month in months]:
        trips = extract(color, month)
        rows += load(transform(trips, color), table, color, month)
    print(f"{rows:,} {color} rides of {year} are in the warehouse's table {table}.")
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=lake_to_warehouse.__doc__)
    parser.add_argument("--color", choices=["green", "yellow"], default="green")
    parser.add_argument("--year", type=int, default=2020)
    parser.add_argument("--months", type=int, nargs="+", default=[4, 5])
    parser.add_argument("--table", default="rides")
    lake_to_warehouse(**vars(parser.parse_args()))
