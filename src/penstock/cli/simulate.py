"""`penstock schedule simulate`: what the schedules would do, by how long runs usually take."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import click

from penstock.cli.commands import Command, json_option
from penstock.cli.deployment_views import get_deployment, key_of
from penstock.cli.session import Session, pass_session
from penstock.cli.tables import Column
from penstock.cli.text import as_count, as_duration, as_iso, as_local_time
from penstock.core.schedules import from_json
from penstock.core.simulation import Clash, Overrun, Planned, Saturation, Simulation, simulate
from penstock.core.states import StateType
from penstock.ports import PAGE_SIZE_MAX, FlowRun, ListFlowRuns, RunFilter
from penstock.scheduling import Deployment, ListDeployments, ListTicks
from penstock.work import ListWorkPools

DAYS_MAX = 3_660
SHOWN_MAX = 20
RUNS_LOOKED_AT = 20
DAY_US = 86_400_000_000


@click.command(
    "simulate",
    cls=Command,
    examples=[
        "penstock schedule simulate --days 30",
        "penstock schedule simulate --days 365 --deployment parent/monthly --json",
        "penstock schedule simulate --pool local",
    ],
)
@click.option("--days", type=click.IntRange(1, DAYS_MAX), default=30, show_default=True, help="So many days ahead.")
@click.option("--deployment", metavar="DEPLOYMENT", help="Only this one; pools are then looked at as if it were alone.")
@click.option("--pool", "work_pool", metavar="NAME", help="Only deployments of this work pool.")
@json_option
@pass_session
def simulate_schedules(
    session: Session, days: int, deployment: str | None, work_pool: str | None, as_json: bool
) -> None:
    """Show what the active schedules would do.

    Times that are to be skipped are left out, those that were moved are where they are now. Runs are taken to last as long as the
    last ones that completed. Told are runs that would overlap, pools and deployments whose
    limit would be reached, runs longer than the time to the next, and deadlines that would be missed.
    """
    chosen = [get_deployment(session, deployment)] if deployment else list(_deployments(session, work_pool))
    resting = [item for item in chosen if item.paused]
    usual = {item.id: _usual_duration(session, item) for item in chosen if item.schedules and not item.paused}
    since = session.now()
    until = since + days * DAY_US
    plans = list(_plans(session, [item for item in chosen if item.id in usual], usual, since=since, until=until))
    made = simulate(plans, since, until)
    late = [
        item
        for item in chosen
        if item.spec.deadline_seconds is not None and (usual.get(item.id) or 0) > item.spec.deadline_seconds * 1_000_000
    ]
    if as_json:
        session.terminal.json(_shape(made, plans, late))
        return
    _show(session, made, plans, late)
    if resting:
        session.terminal.say(f"Left out because they are paused: {', '.join(key_of(item) for item in resting)}.")


def _deployments(session: Session, work_pool: str | None) -> Iterator[Deployment]:
    return session.pages(lambda cursor: ListDeployments(work_pool=work_pool, cursor=cursor, limit=PAGE_SIZE_MAX))


def _usual_duration(session: Session, item: Deployment) -> int | None:
    """The median of the last completed runs: of the deployment, or else of its flow."""
    for deployments in ([item.name], []):
        wanted = RunFilter(flow_names=[item.flow_name], deployments=deployments, state_types=[StateType.COMPLETED])
        runs: Iterable[FlowRun] = session.ask(ListFlowRuns(filter=wanted, limit=RUNS_LOOKED_AT)).items
        took = sorted(run.ended_at - run.started_at for run in runs if run.ended_at and run.started_at)
        if took:
            return took[len(took) // 2]
    return None


def _plans(
    session: Session, items: Iterable[Deployment], usual: dict[str, int | None], *, since: int, until: int
) -> Iterator[Planned]:
    limits = {
        pool.name: pool.concurrency_limit
        for pool in session.pages(lambda cursor: ListWorkPools(cursor=cursor, limit=PAGE_SIZE_MAX))
    }
    for item in items:
        ticks = session.ask(ListTicks(since=since, until=until, deployment=item.id, excepted=True))
        for row in item.schedules:
            if row.active:
                mine = [tick for tick in ticks if tick.slug == row.slug]
                yield Planned(
                    deployment=key_of(item),
                    schedule=from_json(row.definition),
                    expected_us=usual[item.id],
                    deployment_limit=item.spec.concurrency_limit,
                    pool=item.spec.work_pool,
                    pool_limit=limits.get(item.spec.work_pool or ""),
                    excepted={tick.fire_at: None if tick.skipped else tick.at for tick in mine},
                )


# ---- Shown ------------------------------------------------------------------------------------------------------


def _show(session: Session, made: Simulation, plans: list[Planned], late: list[Deployment]) -> None:
    terminal = session.terminal
    counts = Counter((run.deployment, run.planned.schedule.slug) for run in made.runs)
    first = {(run.deployment, run.planned.schedule.slug): run.tick.at for run in reversed(made.runs)}
    columns = [
        Column("Deployment", give=True), Column("Schedule"), Column("Rule", give=True), Column("Runs", right=True),
        Column("First"), Column("Takes", right=True),
    ]  # fmt: skip
    terminal.table(
        columns,
        (
            (
                plan.deployment,
                plan.schedule.slug,
                plan.schedule.rule,
                f"{counts[plan.deployment, plan.schedule.slug]:,}",
                as_local_time(first.get((plan.deployment, plan.schedule.slug))),
                as_duration(plan.expected_us) if plan.expected_us is not None else "unknown",
            )
            for plan in plans
        ),
        empty="No active schedule is there.",
    )
    if not plans:
        return
    until = as_local_time(made.until)
    skipped = [(plan.deployment, at) for plan, at in _skipped(plans)]
    for deployment, at in skipped[:SHOWN_MAX]:
        terminal.say(f"{as_local_time(at)}  {deployment} is skipped.")
    terminal.say(f"{as_count(len(made.runs), 'run')} until {until}{', where it was cut' if made.cut else ''}.")
    problems = [
        *map(_say_clash, made.overlaps),
        *map(_say_saturation, made.saturations),
        *map(_say_overrun, made.overruns),
    ]
    problems += [
        f"Runs of {key_of(item)} take longer than their deadline of {item.spec.deadline_seconds:g} s." for item in late
    ]
    for problem in problems[:SHOWN_MAX]:
        terminal.data(problem, colour="yellow")
    if len(problems) > SHOWN_MAX:
        terminal.say(f"... and {len(problems) - SHOWN_MAX:,} more: --json has all.")
    if not problems:
        terminal.data("Nothing overlaps, no limit is reached.", colour="green")


def _skipped(plans: list[Planned]) -> list[tuple[Planned, int]]:
    found = [(plan, at) for plan in plans for at, to in plan.excepted.items() if to is None]
    return sorted(found, key=lambda pair: pair[1])


def _say_clash(clash: Clash) -> str:
    return f"{as_local_time(clash.run.tick.at)}  {clash.run.deployment} would begin while an earlier run goes on ({clash.running} at once)."


def _say_saturation(found: Saturation) -> str:
    until = as_local_time(found.until)
    what = "work pool" if found.kind == "pool" else "deployment"
    return f"{as_local_time(found.since)}  {what} {found.name} would be full until {until}: {found.most} runs, {found.limit} may."


def _say_overrun(found: Overrun) -> str:
    return f"{as_local_time(found.run.tick.at)}  {found.run.deployment} would not be done at its next time, {as_local_time(found.next_at)}."


def _shape(made: Simulation, plans: list[Planned], late: list[Deployment]) -> dict[str, Any]:
    return {
        "since": as_iso(made.since),
        "until": as_iso(made.until),
        "cut": made.cut,
        "schedules": [
            {
                "deployment": plan.deployment,
                "slug": plan.schedule.slug,
                "rule": plan.schedule.rule,
                "expected_seconds": None if plan.expected_us is None else plan.expected_us / 1_000_000,
            }
            for plan in plans
        ],
        "runs": [
            {
                "deployment": run.deployment,
                "slug": run.planned.schedule.slug,
                "at": as_iso(run.tick.at),
                "expected_end_at": as_iso(run.ends_at),
            }
            for run in made.runs
        ],
        "skipped": [
            {"deployment": plan.deployment, "slug": plan.schedule.slug, "at": as_iso(at)}
            for plan, at in _skipped(plans)
        ],
        "overlaps": [
            {"deployment": clash.run.deployment, "at": as_iso(clash.run.tick.at), "running": clash.running}
            for clash in made.overlaps
        ],
        "saturations": [
            {
                "kind": found.kind,
                "name": found.name,
                "limit": found.limit,
                "most": found.most,
                "since": as_iso(found.since),
                "until": as_iso(found.until),
            }
            for found in made.saturations
        ],
        "overruns": [
            {"deployment": found.run.deployment, "at": as_iso(found.run.tick.at), "next_at": as_iso(found.next_at)}
            for found in made.overruns
        ],
        "deadlines_missed": [key_of(item) for item in late],
    }
