"""Flows with their last runs, the grid of tasks and runs, and the overview."""

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select

from penstock.core.errors import NotFound
from penstock.core.ids import RunId, definition_id
from penstock.core.states import FINAL_TYPES, StateType
from penstock.ports import Flow, Page, RunFilter
from penstock.reports import (
    BARS_MAX,
    GRID_TASK_RUNS_MAX,
    FailingFlow,
    FlowGrid,
    FlowSummary,
    GetFlowGrid,
    GetFlowSummary,
    GetOverview,
    ListFlowSummaries,
    Overview,
    RunBar,
    SlowRun,
)
from penstock.store.activity import duration, success_rate
from penstock.store.database import Store
from penstock.store.flow_runs import read_flow_run, select_flow_runs, to_flow_run
from penstock.store.near import near_names
from penstock.store.pages import clamp, decode_cursor, make_page
from penstock.store.run_lists import filter_conditions
from penstock.store.tables import COUNT_COLUMNS, flow, flow_run, task, task_run

SHOWN_MAX = 50
WINDOW_SECONDS_MAX = 10 * 366 * 86_400
FLOWS_MAX = 500
STUCK_FACTOR = 3
"""A run that takes so many times as long as usual is called stuck."""
STUCK_MIN_US = 60_000_000

f, r = flow.c, flow_run.c
FINAL = tuple(sorted(type_.value for type_ in FINAL_TYPES))


def list_flow_summaries(store: Store, request: ListFlowSummaries, workspace: str) -> Page[FlowSummary]:
    """Answer `ListFlowSummaries`."""
    limit = clamp(request.limit)
    with store.read() as connection:
        conditions: list[ColumnElement[bool]] = [f.workspace_id == store.workspace_id(connection, workspace)]
        if request.cursor is not None:
            conditions.append(f.name > decode_cursor(request.cursor, str)[0])
        if request.name_contains:
            conditions.append(func.lower(f.name).contains(request.name_contains.lower(), autoescape=True))
        rows = connection.execute(select(flow).where(*conditions).order_by(f.name).limit(limit + 1)).all()
        now = store.now_us(connection)
        made = {
            row.seq: _summary(connection, row, workspace, since=request.since, runs=request.runs, now=now)
            for row in rows[:limit]
        }
    return make_page(rows, limit, item=lambda row: made[row.seq], keys=lambda row: (row.name,))


def get_flow_summary(store: Store, request: GetFlowSummary, workspace: str) -> FlowSummary:
    """Answer `GetFlowSummary`."""
    with store.read() as connection:
        row = _find(store, connection, request.name, workspace)
        now = store.now_us(connection)
        return _summary(connection, row, workspace, since=request.since, runs=request.runs, now=now)


def get_flow_grid(store: Store, request: GetFlowGrid, workspace: str) -> FlowGrid:
    """Answer `GetFlowGrid`."""
    with store.read() as connection:
        row = _find(store, connection, request.name, workspace)
        now = store.now_us(connection)
        runs: list[Row[Any]] = []
        left = GRID_TASK_RUNS_MAX
        found = _recent(connection, row.seq, request.runs)
        for run in found:
            left -= sum(run._mapping[column] for column in COUNT_COLUMNS.values())
            if left < 0 and runs:
                break
            runs.append(run)
        counted = _count_tasks(connection, [run.seq for run in runs])
    names = sorted({name for _, name in counted})
    cells = [[dict(counted[run.seq, name]) if (run.seq, name) in counted else None for run in runs] for name in names]
    return FlowGrid(runs=[_bar(run, now) for run in runs], tasks=names, cells=cells, truncated=len(runs) < len(found))


def get_overview(store: Store, request: GetOverview, workspace: str) -> Overview:
    """Answer `GetOverview`."""
    window = max(1, min(request.window_seconds, WINDOW_SECONDS_MAX)) * 1_000_000
    with store.read() as connection:
        workspace_id = store.workspace_id(connection, workspace)
        now = store.now_us(connection)
        mine = r.workspace_id == workspace_id
        is_running = (mine, r.state_type == StateType.RUNNING.value)
        running = connection.execute(
            select_flow_runs().where(*is_running).order_by(r.start_at.desc(), r.seq.desc()).limit(SHOWN_MAX)
        ).all()
        return Overview(
            at=now,
            running=[to_flow_run(row) for row in running],
            running_count=connection.execute(select(func.count()).where(*is_running)).scalar_one(),
            failing=_failing(connection, workspace_id, since=now - window),
            stuck=_stuck(connection, workspace_id, now=now),
            success_rate=_rate(connection, workspace_id, since=now - window, until=now + 1),
            success_rate_before=_rate(connection, workspace_id, since=now - 2 * window, until=now - window),
        )


def _find(store: Store, connection: Connection, name: str, workspace: str) -> Row[Any]:
    mine = f.workspace_id == store.workspace_id(connection, workspace)
    row = connection.execute(select(flow).where(mine, f.name == name)).one_or_none()
    if row is None:
        names = connection.execute(select(f.name).where(mine).order_by(f.name).limit(1_000)).scalars()
        raise NotFound("flow", name, near=near_names(name, names), listing="penstock flow ls")
    return row


def _summary(connection: Connection, row: Row[Any], workspace: str, *, since: int, runs: int, now: int) -> FlowSummary:
    recent = _recent(connection, row.seq, runs)
    of_flow = r.flow_seq == row.seq
    counted = connection.execute(
        select(r.state_type, func.count()).where(of_flow, r.start_at >= since).group_by(r.state_type)
    )
    counts = {state_type: number for state_type, number in counted}  # noqa: C416 - rows are no pairs to `dict`
    total = sum(counts.values()) if since <= 0 else connection.execute(select(func.count()).where(of_flow)).scalar_one()
    took = [
        length
        for run in recent
        if run.state_type == StateType.COMPLETED.value and (length := duration(run, now)) is not None
    ]
    return FlowSummary(
        flow=Flow(
            id=definition_id(workspace, row.name),
            name=row.name,
            created_at=row.created_at,
            run_count=total,
            last_run_at=recent[0].start_at if recent else None,
        ),
        recent=[_bar(run, now) for run in recent],
        counts=counts,
        success_rate=success_rate(counts),
        duration_median=int(median(took)) if took else None,
    )


def _recent(connection: Connection, flow_seq: int, runs: int) -> Sequence[Row[Any]]:
    counts = [r[column] for column in COUNT_COLUMNS.values()]
    return connection.execute(
        select(r.seq, r.id, r.name, r.state_type, r.state_name, r.start_at, r.started_at, r.ended_at, *counts)
        .where(r.flow_seq == flow_seq)
        .order_by(r.start_at.desc(), r.seq.desc())
        .limit(max(1, min(runs, BARS_MAX)))
    ).all()


def _bar(run: Row[Any], now: int) -> RunBar:
    return RunBar(
        id=RunId(run.id),
        name=run.name,
        state_type=StateType(run.state_type),
        state_name=run.state_name,
        started_at=run.start_at,
        duration=duration(run, now),
    )


def _count_tasks(connection: Connection, run_seqs: Sequence[int]) -> Mapping[tuple[int, str], Counter[str]]:
    t = task_run.c
    counted: dict[tuple[int, str], Counter[str]] = {}
    rows = connection.execute(
        select(t.flow_run_seq, task.c.name, t.state_type, func.count())
        .join(task, task.c.seq == t.task_seq)
        .where(t.flow_run_seq.in_(run_seqs))
        .group_by(t.flow_run_seq, task.c.name, t.state_type)
    )
    for run_seq, name, state_type, number in rows:
        counted.setdefault((run_seq, name), Counter())[state_type] += number
    return counted


def _failing(connection: Connection, workspace_id: int, *, since: int) -> list[FailingFlow]:
    """Flows whose last ended top-level run did not succeed, if it started within the window."""
    failed = (StateType.FAILED.value, StateType.CRASHED.value)
    candidates = (
        connection.execute(
            select(r.flow_seq)
            .where(r.workspace_id == workspace_id, r.state_type.in_(failed), r.start_at >= since)
            .where(r.parent_run_id.is_(None))
            .distinct()
            .limit(FLOWS_MAX)
        )
        .scalars()
        .all()
    )
    found = []
    for flow_seq in candidates:
        ended = connection.execute(
            select(r.id, r.state_type)
            .where(r.flow_seq == flow_seq, r.state_type.in_(FINAL), r.parent_run_id.is_(None))
            .order_by(r.start_at.desc(), r.seq.desc())
            .limit(BARS_MAX)
        ).all()
        in_a_row = next((n for n, run in enumerate(ended) if run.state_type not in failed), len(ended))
        if in_a_row:
            run = read_flow_run(connection, workspace_id, ended[0].id)
            found.append(FailingFlow(flow_name=run.flow_name, run=run, failures_in_a_row=in_a_row))
    found.sort(key=lambda item: item.run.started_at or item.run.created_at, reverse=True)
    return found[:SHOWN_MAX]


def _stuck(connection: Connection, workspace_id: int, *, now: int) -> list[SlowRun]:
    """Runs that take far longer than their flow does, and those that were to have started."""
    mine = r.workspace_id == workspace_id
    found = []
    running = connection.execute(
        select(r.id).where(mine, r.state_type == StateType.RUNNING.value).order_by(r.start_at).limit(FLOWS_MAX)
    ).scalars()
    for run_id in running.all():
        run = read_flow_run(connection, workspace_id, run_id)
        begun = run.started_at or run.created_at
        if run.expected_end_at is None:
            continue
        usual = run.expected_end_at - begun
        if now - begun > max(STUCK_FACTOR * usual, STUCK_MIN_US):
            factor = (now - begun) / max(usual, 1)
            reason = f"It has run {factor:,.0f} times as long as it usually does."
            found.append(SlowRun(run=run, reason=reason))
    late = connection.execute(
        select_flow_runs()
        .where(mine, r.state_type == StateType.SCHEDULED.value, r.start_at < now - STUCK_MIN_US)
        .order_by(r.start_at)
        .limit(SHOWN_MAX)
    ).all()
    found += [SlowRun(run=to_flow_run(row), reason="It was to start and nobody has taken it.") for row in late]
    return found[:SHOWN_MAX]


def _rate(connection: Connection, workspace_id: int, *, since: int, until: int) -> float | None:
    wanted = filter_conditions(connection, workspace_id, RunFilter(since=since, until=until, top_level=True), now=until)
    counted = connection.execute(
        select(r.state_type, func.count()).where(r.workspace_id == workspace_id, *wanted).group_by(r.state_type)
    )
    return success_rate({state_type: number for state_type, number in counted})  # noqa: C416
