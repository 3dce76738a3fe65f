"""Runs over time and as points, counted in the database.

There is no table of rollups: a count over time reads one index and no row, 6 ms at 50,000 runs (see docs/adr).
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, func, literal_column, or_, select

from penstock.core.ids import RunId
from penstock.core.states import FINAL_TYPES, StateType
from penstock.ports import RunFilter
from penstock.reports import BUCKETS_MAX, POINTS_MAX, GetRunActivity, ListRunPoints, RunActivity, RunPoints
from penstock.store.database import Store
from penstock.store.pages import in_workspace
from penstock.store.run_lists import filter_conditions
from penstock.store.tables import flow, flow_run

TIME_MAX = 2**60
"""Microseconds: far enough from what databases hold to be added to."""

BAD = (StateType.FAILED.value, StateType.CRASHED.value)
"""What a sample never leaves out."""

r = flow_run.c


def get_run_activity(store: Store, request: GetRunActivity, workspace: str) -> RunActivity:
    """Answer `GetRunActivity`."""
    buckets = max(1, min(request.buckets, BUCKETS_MAX))
    since = max(-TIME_MAX, min(request.since, TIME_MAX))
    until = max(min(request.until, TIME_MAX), since + buckets)
    width = -(-(until - since) // buckets)
    wanted = RunFilter(since=since, until=until, where=request.where, top_level=request.top_level)
    with store.read() as connection:
        workspace_id = store.workspace_id(connection, workspace)
        conditions = filter_conditions(connection, workspace_id, wanted, now=store.now_us(connection))
        # Numbers of our own, not parameters: PostgreSQL must see that what is selected is what is grouped by.
        bucket: ColumnElement[int] = literal_column(f"(flow_run.start_at - {since:d}) / {width:d}").label("bucket")
        counted = connection.execute(
            select(bucket, r.state_type, func.count())
            .where(r.workspace_id == workspace_id, *conditions)
            .group_by(bucket, r.state_type)
        ).all()
    counts: dict[str, list[int]] = {}
    for at, state_type, number in counted:
        counts.setdefault(state_type, [0] * buckets)[min(int(at), buckets - 1)] += number
    totals = {state_type: sum(numbers) for state_type, numbers in counts.items()}
    return RunActivity(
        since=since, until=until, bucket_us=width, counts=counts, totals=totals, success_rate=success_rate(totals)
    )


def list_run_points(store: Store, request: ListRunPoints, workspace: str) -> RunPoints:
    """Answer `ListRunPoints`."""
    limit = max(1, min(request.limit, POINTS_MAX))
    with store.read() as connection:
        workspace_id = store.workspace_id(connection, workspace)
        now = store.now_us(connection)
        # The flows named are of the workspace: their own index is to be used.
        within = (
            in_workspace(r.workspace_id, workspace_id) if request.filter.flow_names else r.workspace_id == workspace_id
        )
        mine = (within, *filter_conditions(connection, workspace_id, request.filter, now=now))
        total = int(connection.execute(select(func.count()).select_from(flow_run).where(*mine)).scalar_one())
        every = -(-total // limit) if total > limit else 1
        if every > 1:
            limit = POINTS_MAX
            mine = (*mine, or_(r.seq % every == 0, r.state_type.in_(BAD)))
        rows = connection.execute(
            select(r.id, r.name, r.state_type, r.start_at, r.started_at, r.ended_at, flow.c.name.label("flow_name"))
            .join(flow, flow.c.seq == r.flow_seq)
            .where(*mine)
            .order_by(r.start_at.desc(), r.seq.desc())
            .limit(limit + 1)
        ).all()
    shown = rows[:limit]
    flows: dict[str, int] = {}
    return RunPoints(
        ids=[RunId(row.id) for row in shown],
        names=[row.name for row in shown],
        flows=[flows.setdefault(row.flow_name, len(flows)) for row in shown],
        flow_names=list(flows),
        states=[row.state_type for row in shown],
        starts=[row.start_at for row in shown],
        durations=[duration(row, now) for row in shown],
        truncated=len(rows) > limit,
        total=total,
        every=every,
    )


def success_rate(totals: Mapping[str, int]) -> float | None:
    """Completed of those that ended.

    >>> success_rate({"COMPLETED": 3, "FAILED": 1, "RUNNING": 5})
    0.75
    """
    ended = sum(totals.get(type_.value, 0) for type_ in FINAL_TYPES)
    return totals.get(StateType.COMPLETED.value, 0) / ended if ended else None


def duration(row: Any, now: int) -> int | None:
    """How long a run took, or has taken so far."""
    if row.started_at is None:
        return None
    return max(0, (now if row.ended_at is None else row.ended_at) - int(row.started_at))
