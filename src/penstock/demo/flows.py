"""The demo's flow: two of the example flows, one after the other, and a chart of what is in the warehouse then."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from penstock import flow, task
from penstock.artifacts import create_image_artifact
from penstock.demo.charts import bar_chart
from penstock.demo.taxi.lake_to_warehouse import lake_to_warehouse  # type: ignore[import-untyped, import-not-found, unused-ignore]  # see there
from penstock.demo.taxi.web_to_lake import web_to_lake  # type: ignore[import-untyped, import-not-found, unused-ignore]  # see there
from penstock.integrations.duckdb import DuckDBWarehouse
from penstock.lake import Dataset

COLOR: Any = "green"  # Any: the example flows' own type
YEAR, MONTHS = 2020, (4, 5)
PERIODS = [f"{YEAR}-{month:02}" for month in MONTHS]
CHART_KEY = "trips-per-day"


@task
def draw_trips_per_day() -> list[tuple[str, int]]:
    """Count the rides of each day in the warehouse, and show them as a chart."""
    counts = count_per_day()
    create_image_artifact(bar_chart("Green taxi trips", counts), key=CHART_KEY, description="Green taxi trips per day")
    return [(day.isoformat(), count) for day, count in counts]


@flow
def taxi_demo(source: str) -> list[tuple[str, int]]:
    """Bring two months of green taxi trips from the web to the lake to the warehouse, and draw a chart."""
    web_to_lake(COLOR, YEAR, MONTHS, source)
    lake_to_warehouse(COLOR, YEAR, MONTHS)
    return draw_trips_per_day()


def count_per_day() -> Sequence[tuple[date, int]]:
    """The warehouse's trips of each day of the two months; trips whose clock stood elsewhere are left out."""
    rides = DuckDBWarehouse().query(
        "SELECT pickup_datetime::DATE AS day, count(*) AS trips FROM rides WHERE color = 'green' "
        f"AND source_month IN ('{PERIODS[0]}', '{PERIODS[-1]}') "
        f"AND pickup_datetime >= '{PERIODS[0]}-01' AND pickup_datetime < '{YEAR}-{MONTHS[-1] + 1:02}-01' "
        "GROUP BY day ORDER BY day"
    )
    return [(row["day"], row["trips"]) for row in rides.to_pylist()]


def count_month(period: str) -> dict[str, int]:
    """What became of a month: rows and null passengers, in the lake and in the warehouse."""
    lake = Dataset(f"taxi/{COLOR}").read(columns=["passenger_count"], filter={"source_month": period})
    (warehouse,) = (
        DuckDBWarehouse()
        .query(
            "SELECT count(*) AS rows, count(*) - count(passenger_count) AS nulls FROM rides "
            f"WHERE color = '{COLOR}' AND source_month = '{period}'"
        )
        .to_pylist()
    )
    return {
        "stored": lake.num_rows,
        "filled": lake["passenger_count"].null_count - warehouse["nulls"],
        "warehoused": warehouse["rows"],
    }
