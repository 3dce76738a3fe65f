"""Read-only SQL over the documented views."""

from penstock.ports import QueryTable, RunQuery
from penstock.store.database import Store
from penstock.store.values import clean_half_pairs

ROWS_MAX = 1_000_000
TIMEOUT_SECONDS_MAX = 600.0


def run_query(store: Store, request: RunQuery, workspace: str) -> QueryTable:
    """Answer `RunQuery`."""
    limit = max(0, min(request.row_limit, ROWS_MAX))
    timeout = max(0.001, min(request.timeout_seconds, TIMEOUT_SECONDS_MAX))
    with store.read() as connection:
        workspace_id = store.workspace_id(connection, workspace)
    columns, rows = store.database.query(
        clean_half_pairs(request.sql), workspace_id=workspace_id, row_limit=limit, timeout_seconds=timeout
    )
    return QueryTable(columns=columns, rows=rows[:limit], truncated=len(rows) > limit)
