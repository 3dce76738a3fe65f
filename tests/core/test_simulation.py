"""What schedules would do: runs, overlaps, full pools, runs that are too long."""

from datetime import UTC, datetime

from penstock.core import simulation
from penstock.core.schedules import Cron, Interval
from penstock.core.simulation import Planned, simulate
from tests.core.schedule_values import DAY, HOUR, at

HOURLY = Interval(3600, anchor=datetime(1970, 1, 1, tzinfo=UTC))


def test_runs_of_all_schedules_come_in_order() -> None:
    plans = [
        Planned(deployment="a", schedule=HOURLY),
        Planned(deployment="b", schedule=Cron("30 */2 * * *")),
        Planned(deployment="rests", schedule=Cron("* * * * *", active=False)),
    ]
    report = simulate(plans, since=0, until=4 * HOUR)
    assert [("a", 0.0), ("b", 0.5), ("a", 1.0), ("a", 2.0), ("b", 2.5), ("a", 3.0)] == [
        (run.deployment, run.tick.at / HOUR) for run in report.runs
    ]
    assert ([], [], [], False) == (report.overlaps, report.saturations, report.overruns, report.cut)


def test_ticks_that_are_skipped_are_left_out_and_moved_ones_are_where_they_are_now() -> None:
    moved = {HOUR: None, 2 * HOUR: 2 * HOUR + 1, 9 * HOUR: HOUR // 2, 3 * HOUR: 9 * HOUR}
    plan = Planned(deployment="a", schedule=HOURLY, excepted=moved)
    runs = simulate([plan], since=0, until=5 * HOUR).runs
    assert [0, HOUR // 2, 2 * HOUR + 1, 4 * HOUR] == [run.tick.at for run in runs]
    assert (8 * HOUR, 9 * HOUR) == (runs[1].tick.period_start, runs[1].tick.period_end)


def test_runs_of_one_deployment_overlap_across_its_schedules() -> None:
    plans = [
        Planned(deployment="a", schedule=HOURLY, expected_us=HOUR),
        Planned(deployment="a", schedule=Cron("30 1 * * *", slug="other"), expected_us=HOUR),
    ]
    report = simulate(plans, since=0, until=5 * HOUR)
    assert [(1.5, 1.0, 2), (2.0, 1.5, 2)] == [
        (clash.run.tick.at / HOUR, clash.earlier.tick.at / HOUR, clash.running) for clash in report.overlaps
    ]
    assert [] == report.overruns  # a run that ends when the next begins is not too long


def test_a_pool_is_full_where_more_would_run_than_it_takes() -> None:
    def plan(name: str, minutes: int) -> Planned:
        return Planned(deployment=name, schedule=HOURLY, expected_us=minutes * HOUR // 60, pool="small", pool_limit=2)

    report = simulate([plan("a", 10), plan("b", 20), plan("c", 30)], since=0, until=2 * HOUR)
    assert [("pool", "small", 2, 0, HOUR // 6, 3), ("pool", "small", 2, HOUR, HOUR + HOUR // 6, 3)] == [
        (full.kind, full.name, full.limit, full.since, full.until, full.most) for full in report.saturations
    ]


def test_a_deployments_own_limit_counts_too() -> None:
    plan = Planned(deployment="a", schedule=HOURLY, expected_us=90 * HOUR // 60, deployment_limit=1)
    report = simulate([plan], since=0, until=2 * HOUR)
    assert [("deployment", HOUR, HOUR + HOUR // 2)] == [(f.kind, f.since, f.until) for f in report.saturations]


def test_a_run_longer_than_its_period_cannot_end_before_the_next_tick() -> None:
    plan = Planned(deployment="a", schedule=HOURLY, expected_us=HOUR + 1)
    assert [(0, HOUR), (HOUR, 2 * HOUR)] == [
        (over.run.tick.at, over.next_at) for over in simulate([plan], since=0, until=2 * HOUR).overruns
    ]


def test_a_day_of_25_hours_has_25_hourly_runs() -> None:
    day = at("2026-10-24T22:00")
    report = simulate(
        [Planned(deployment="a", schedule=Cron("0 * * * *", "Europe/Berlin"))], since=day, until=day + 25 * HOUR
    )
    assert 25 == len(report.runs)


def test_no_simulation_is_without_end() -> None:
    report = simulate([Planned(deployment="a", schedule=Interval(1))], since=0, until=30 * DAY)
    assert (simulation.RUNS_MAX, True) == (len(report.runs), report.cut)
    assert report.runs[-1].tick.at < report.until == report.runs[-1].tick.at + 1_000_000
