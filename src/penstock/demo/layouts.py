"""What the columns of trip files are called and hold, across colours and years.

The files drift: whole numbers are published as decimals and back, columns come and go, headers have spaces or another
case, and the oldest years have names of their own. Every column that is known here is kept under one name and type.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from penstock.demo.errors import TripColumnsWrong, TripFileDamaged

Color = Literal["green", "yellow"]

WHOLE, AMOUNT, TEXT, MOMENT = pa.int64(), pa.float64(), pa.string(), pa.timestamp("us")

KNOWN: dict[str, pa.DataType] = {
    "VendorID": WHOLE,
    "lpep_pickup_datetime": MOMENT,
    "lpep_dropoff_datetime": MOMENT,
    "tpep_pickup_datetime": MOMENT,
    "tpep_dropoff_datetime": MOMENT,
    "store_and_fwd_flag": TEXT,
    "RatecodeID": WHOLE,
    "PULocationID": WHOLE,
    "DOLocationID": WHOLE,
    "passenger_count": WHOLE,
    "trip_distance": AMOUNT,
    "fare_amount": AMOUNT,
    "extra": AMOUNT,
    "mta_tax": AMOUNT,
    "tip_amount": AMOUNT,
    "tolls_amount": AMOUNT,
    "ehail_fee": AMOUNT,
    "improvement_surcharge": AMOUNT,
    "total_amount": AMOUNT,
    "payment_type": WHOLE,
    "trip_type": WHOLE,
    "congestion_surcharge": AMOUNT,
    "airport_fee": AMOUNT,
    "cbd_congestion_fee": AMOUNT,
    "pickup_longitude": AMOUNT,
    "pickup_latitude": AMOUNT,
    "dropoff_longitude": AMOUNT,
    "dropoff_latitude": AMOUNT,
    "surcharge": AMOUNT,
    "vendor_name": TEXT,
    "payment_name": TEXT,
}

ALIASES = {
    "pickup_datetime": "tpep_pickup_datetime",
    "dropoff_datetime": "tpep_dropoff_datetime",
    "trip_pickup_datetime": "tpep_pickup_datetime",
    "trip_dropoff_datetime": "tpep_dropoff_datetime",
    "fare_amt": "fare_amount",
    "tip_amt": "tip_amount",
    "tolls_amt": "tolls_amount",
    "total_amt": "total_amount",
    "start_lon": "pickup_longitude",
    "start_lat": "pickup_latitude",
    "end_lon": "dropoff_longitude",
    "end_lat": "dropoff_latitude",
    "rate_code": "RatecodeID",
    "store_and_forward": "store_and_fwd_flag",
    "vendor_id": "vendor_name",
}
"""The names of 2009 to 2014."""

PICKUPS: dict[Color, str] = {"green": "lpep_pickup_datetime", "yellow": "tpep_pickup_datetime"}
REQUIRED = ("passenger_count", "trip_distance", "total_amount")

_BY_FOLDED_NAME = {name.lower(): name for name in KNOWN} | ALIASES


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a file, and what it is kept as."""

    given: str
    name: str
    type: pa.DataType
    known: bool


def read_layout(file: str, header: Sequence[str], *, color: Color | None) -> tuple[Column, ...]:
    """Say what a file's columns are kept as. Raises `TripColumnsWrong` or `TripFileDamaged` for what holds no trips.

    >>> [
    ...     (column.name, str(column.type))
    ...     for column in read_layout(
    ...         "trips.csv",
    ...         [" Pickup_Datetime", "passenger_count", "trip_distance", "total_amount", "weather"],
    ...         color="yellow",
    ...     )
    ... ][::4]
    [('tpep_pickup_datetime', 'timestamp[us]'), ('weather', 'string')]
    """
    columns = tuple(_column(given) for given in header if given.strip())
    names = [column.name for column in columns]
    if not any(column.known for column in columns):
        raise TripFileDamaged(file, "this is no file of trips: its first line names none of their columns.")
    for name in names:
        if names.count(name) > 1:
            raise TripColumnsWrong(file, f"there are two columns `{name}`.", column=name)
    _check_pickup(file, names, color)
    for name in REQUIRED:
        if name not in names:
            raise TripColumnsWrong(file, f"column `{name}` is missing; there are {', '.join(names)}.", column=name)
    return columns


def _column(given: str) -> Column:
    name = _BY_FOLDED_NAME.get(given.strip().lower(), given.strip())
    return Column(given, name, KNOWN.get(name, TEXT), name in KNOWN)


def _check_pickup(file: str, names: Sequence[str], color: Color | None) -> None:
    found = [pickup for pickup in PICKUPS.values() if pickup in names]
    if len(found) > 1:
        raise TripColumnsWrong(
            file,
            f"both `{found[0]}` and `{found[1]}` are there: green and yellow trips were mixed up in it.",
            column=found[1],
        )
    wanted = PICKUPS[color] if color else "_or_".join(PICKUPS.values())
    if not found or (color and found != [wanted]):
        has = f"; it has `{found[0]}`, so it is of another colour" if found else ""
        raise TripColumnsWrong(file, f"column `{wanted}` is missing{has}.", column=wanted)
