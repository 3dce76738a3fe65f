"""What the database is and holds."""

from sqlalchemy import func, select

from penstock.ports import DescribeStore, StoreInfo
from penstock.store.database import Store
from penstock.store.schema import SCHEMA_VERSION
from penstock.store.tables import artifact, dataset_use, event, flow, flow_run, log, task_run, variable

COUNTED = (flow, flow_run, task_run, log, artifact, event, variable, dataset_use)


def describe_store(store: Store, request: DescribeStore, workspace: str) -> StoreInfo:
    """Answer `DescribeStore`; the counts are of the whole database."""
    with store.read() as connection:
        connection.execute(select(flow.c.seq).limit(1))  # so that one that is away is noticed
        counts = {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (COUNTED if request.counted else ())
        }
        return StoreInfo(
            dialect=store.dialect,
            location=store.database.location(),
            schema_version=SCHEMA_VERSION,
            bytes=store.database.size_bytes(connection),
            counts=counts,
        )
