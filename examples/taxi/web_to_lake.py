"""From the web to the lake: months of taxi trips, each fetched, cleaned and kept as a part of a versioned dataset.

    python examples/taxi/web_to_lake.py --color green --year 2020 --months 4 5

Run it twice: nothing is fetched again within a day, and nothing is in the lake twice.
"""

import argparse
from datetime import timedelta
from pathlib import Path

from penstock import flow, task, task_input_hash
from penstock.demo.trips import RELEASES, Color, download, may_pass, to_parquet, trip_file_url
from penstock.lake import Dataset, Version


@task(
    retries=3,
    retry_delay_seconds=[0.2, 2, 10],
    retry_condition_fn=may_pass,
    cache_key_fn=task_input_hash,
    cache_expiration=timedelta(days=1),
)
def fetch(url: str) -> Path:
    """Download a month of trips."""
    return download(url)


@task
def clean(trip_file: Path, color: Color, month: str) -> Path:
    """Give every column its name and type, and drop nothing.

    A file holds a few trips of other months (somebody's clock stood at 2009), so that the month which a trip belongs to
    is that of its file, kept in a column of its own.
    """
    return to_parquet(trip_file, color, source_month=month)


@task
def store(parquet: Path, color: Color, month: str) -> Version:
    """Write a month to the lake, in place of what was there of it."""
    trips = Dataset(f"taxi/{color}")
    return trips.write(parquet, replace_where={"source_month": month}, partition_by="source_month")


@flow(flow_run_name="{color}-{year}-{month:02}")
def month_to_lake(color: Color, year: int, month: int, source: str = RELEASES) -> int:
    """Bring one month to the lake and return its number of trips."""
    url = trip_file_url(color, year, month, source)
    trip_file = fetch(url)
    if not trip_file.exists():  # remembered, but tidied away since
        trip_file = fetch.with_options(refresh_cache=True)(url)
    parquet = clean(trip_file, color, f"{year}-{month:02}")
    version = store(parquet, color, f"{year}-{month:02}")
    return version.rows or 0


@flow(log_prints=True)
def web_to_lake(
    color: Color = "green", year: int = 2020, months: tuple[int, ...] = (4, 5), source: str = RELEASES
) -> int:
    """Bring months to the lake and return their number of trips. `source` is an address or a folder."""
    rows = sum(month_to_lake(color, year, month, source) for month in months)
    print(f"{rows:,} {color} trips of {year} are in the lake.")
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=web_to_lake.__doc__)
    parser.add_argument("--color", choices=["green", "yellow"], default="green")
    parser.add_argument("--year", type=int, default=2020)
    parser.add_argument("--months", type=int, nargs="+", default=[4, 5])
    parser.add_argument("--source", default=RELEASES, help="where months are published: an address or a folder")
    web_to_lake(**vars(parser.parse_args()))
