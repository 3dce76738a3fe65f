"""A file of trips into a table of a database, chunk by chunk.

    python examples/taxi/ingest.py data/yellow_tripdata_2021-01.csv.gz --table yellow_taxi_trips

The database is SQLite, a file in PENSTOCK_HOME, unless `--database` names a PostgreSQL. Run it twice: every row has the
key (file, row number), so that none is there twice.
"""

import argparse
from collections.abc import Iterator
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from penstock import flow, task, task_input_hash
from penstock.demo.trips import download, may_pass, read_chunks, to_parquet
from penstock.integrations.sqlalchemy import SqlWarehouse

CHUNK_ROWS = 100_000
KEYS = ["source_file", "row_number"]


@task(
    retries=3,
    retry_delay_seconds=[0.2, 2, 10],
    retry_condition_fn=may_pass,
    tags=["extract"],
    cache_key_fn=task_input_hash,
    cache_expiration=timedelta(days=1),
)
def extract(url: str) -> Iterator[pa.Table]:
    """Fetch the file, check that it is whole, and hand it out in chunks until it runs out."""
    trip_file = download(url)
    yield from read_chunks(to_parquet(trip_file, source_file=trip_file.name), CHUNK_ROWS)


@task(log_prints=True)
def transform(trips: pa.Table) -> pa.Table:
    """Drop the trips without passengers; where nobody knows how many there were, the trip stays."""
    empty = pc.equal(trips["passenger_count"], 0).fill_null(False)
    print(f"trips without passengers: {pc.sum(empty).as_py():,} of {len(trips):,} are dropped")
    return trips.filter(pc.invert(empty))


@task(retries=3, retry_delay_seconds=1)
def load(trips: pa.Table, table: str, database: str | None) -> int:
    """Bring a chunk into the table; rows that are there already are updated."""
    return SqlWarehouse(database).load(table, trips, mode="merge", keys=KEYS).rows


@flow(log_prints=True)
def log_subflow(table: str) -> None:
    """Say what is about to happen."""
    print(f"Trips are brought into the table {table}.")


@flow(log_prints=True)
def ingest(url: str, table: str = "yellow_taxi_trips", database: str | None = None) -> int:
    """Bring a file of trips, at an address or a path, into a table; return the number of its rows."""
    log_subflow(table)
    rows = sum(load(transform(chunk), table, database) for chunk in extract(url))
    print(f"{rows:,} trips of {url} are in the table {table}.")
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=ingest.__doc__)
    parser.add_argument("url", help="an address or a path")
    parser.add_argument("--table", default="yellow_taxi_trips")
    parser.add_argument("--database", help="such as postgresql://user:password@host/database")
    ingest(**vars(parser.parse_args()))
