"""When schedules fire: where clocks change, at leap days and ends of years, and for any schedule at any time."""

import calendar
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.core.schedules import Cron, Interval, RRule, Schedule
from penstock.core.ticks import GRACE, Tick, due, jittered, next_tick, ticks
from tests.core.schedule_values import DAY, HOUR, RRULES, ZONES, at, crons, local, moments, schedules, zones

MINUTE = 60_000_000
ONE_DAY = timedelta(days=1)


def fired(schedule: Schedule, since: str, until: str) -> list[str]:
    """Ticks between two times of the schedule's zone, as clocks there show them."""
    zone = ZoneInfo(schedule.timezone)
    first, last = (at(datetime.fromisoformat(text).replace(tzinfo=zone).isoformat()) for text in (since, until))
    found = takewhile(lambda tick: tick.at < last, ticks(schedule, first - 1))
    return [local(tick.at, schedule.timezone) for tick in found]


# A time of day, where it never comes and where it comes twice: zone, the day, the time, when it fires.
CHANGES = [
    ("Europe/Berlin", "2026-03-29", "30 2", "03-29 03:00 +0200"),
    ("Europe/Berlin", "2026-10-25", "30 2", "10-25 02:30 +0200"),
    ("America/New_York", "2026-03-08", "30 2", "03-08 03:00 -0400"),
    ("America/New_York", "2026-11-01", "30 1", "11-01 01:30 -0400"),
    ("Australia/Lord_Howe", "2026-10-04", "15 2", "10-04 02:30 +1100"),
    ("Australia/Lord_Howe", "2026-04-05", "45 1", "04-05 01:45 +1100"),
    ("Africa/Casablanca", "2026-03-22", "30 2", "03-22 03:00 +0100"),
    ("Africa/Casablanca", "2026-02-15", "30 2", "02-15 02:30 +0100"),
    ("America/Sao_Paulo", "2018-11-04", "0 0", "11-04 01:00 -0200"),
    ("America/Sao_Paulo", "2018-02-17", "30 23", "02-17 23:30 -0200"),
    ("Pacific/Apia", "2011-12-30", "0 5", "12-31 00:00 +1400"),
]


@pytest.mark.parametrize(("zone", "day", "time", "expected"), CHANGES)
def test_a_time_of_day_fires_once_whatever_the_clocks_do(zone: str, day: str, time: str, expected: str) -> None:
    minute, hour = map(int, time.split())
    opening = datetime.fromisoformat(day)
    before, after = (f"{opening + each * ONE_DAY:%Y-%m-%d}" for each in (-1, 2))
    if zone == "Pacific/Apia":  # a whole day that never came
        before = "2011-12-29"
    schedules = [
        Cron(f"{minute} {hour} * * *", zone),
        RRule(f"FREQ=DAILY;BYHOUR={hour};BYMINUTE={minute}", zone),
        Interval(ONE_DAY, datetime(2011, 1, 1, hour, minute), zone),
    ]
    for schedule in schedules:
        found = fired(schedule, before, after)
        assert expected in found
        usual = {shown for shown in found if shown.endswith(f"{hour:02}:{minute:02} {shown[-5:]}")} | {expected}
        assert set(found) == usual
        assert len(found) == len(set(found)) == (opening + 2 * ONE_DAY - datetime.fromisoformat(before)).days


@pytest.mark.parametrize(
    ("zone", "since", "until", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", "2026-03-30", 23),
        ("Europe/Berlin", "2026-10-25", "2026-10-26", 25),
        ("America/New_York", "2026-03-08", "2026-03-09", 23),
        ("America/New_York", "2026-11-01", "2026-11-02", 25),
        ("Africa/Casablanca", "2026-02-15", "2026-02-16", 25),
        ("Africa/Casablanca", "2026-03-22", "2026-03-23", 23),
        ("America/Sao_Paulo", "2018-11-04T01:00", "2018-11-05", 23),
    ],
)
def test_an_hourly_cron_fires_each_real_hour(zone: str, since: str, until: str, hours: int) -> None:
    found = fired(Cron("30 * * * *", zone), since, until)
    assert hours == len(found) == len(set(found))


def test_where_clocks_change_by_half_an_hour_an_hourly_cron_goes_by_what_they_show() -> None:
    back, forward = Cron("45 * * * *", "Australia/Lord_Howe"), Cron("15 * * * *", "Australia/Lord_Howe")
    assert ["04-05 00:45 +1100", "04-05 01:45 +1100", "04-05 01:45 +1030", "04-05 02:45 +1030"] == fired(
        back, "2026-04-05", "2026-04-05T03:00"
    )
    assert ["10-04 01:15 +1030", "10-04 03:15 +1100"] == fired(forward, "2026-10-04T01:00", "2026-10-04T04:00")


def test_a_minutely_cron_fires_each_real_minute_in_order() -> None:
    for since in ("2026-03-28T20:00", "2026-10-24T20:00"):
        found = [tick.at for tick in islice(ticks(Cron("* * * * *", "Europe/Berlin"), at(since)), 600)]
        assert [at(since) + n * MINUTE for n in range(1, 601)] == found


def test_every_other_hour_is_a_time_of_day_each_and_none_is_missed() -> None:
    every_other = Cron("0 */2 * * *", "Europe/Berlin")
    assert ["00:00 +0100", "03:00 +0200", "04:00 +0200"] == [
        f[6:] for f in fired(every_other, "2026-03-29", "2026-03-29T06:00")
    ]
    assert ["00:00 +0200", "02:00 +0200", "04:00 +0100"] == [
        f[6:] for f in fired(every_other, "2026-10-25", "2026-10-25T06:00")
    ]


def test_several_hidden_times_fire_once_together() -> None:
    twice_an_hour = Cron("0,30 2,3 * * *", "Europe/Berlin")
    assert ["03-29 03:00 +0200", "03-29 03:30 +0200"] == fired(twice_an_hour, "2026-03-29", "2026-03-30")
    assert ["10-25 02:00 +0200", "10-25 02:30 +0200", "10-25 03:00 +0100", "10-25 03:30 +0100"] == fired(
        twice_an_hour, "2026-10-25", "2026-10-26"
    )


def test_intervals_of_days_keep_the_time_of_day_and_shorter_ones_elapsed_time() -> None:
    days = Interval(timedelta(days=7), datetime(2026, 3, 26, 9), "Europe/Berlin")
    hours = Interval(timedelta(hours=12), datetime(2026, 3, 28, 9), "Europe/Berlin")
    assert ["03-26 09:00 +0100", "04-02 09:00 +0200"] == fired(days, "2026-03-26", "2026-04-03")
    assert ["03-28 09:00 +0100", "03-28 21:00 +0100", "03-29 10:00 +0200", "03-29 22:00 +0200"] == fired(
        hours, "2026-03-28T08:00", "2026-03-30"
    )


@pytest.mark.parametrize(
    ("schedule", "since", "until", "expected"),
    [
        (Cron("0 5 29 2 *"), "2023-01-01", "2029-01-01", ["02-29 05:00 +0000", "02-29 05:00 +0000"]),
        (Cron("0 5 L * *"), "2024-01-01", "2024-04-01", ["01-31 05:00 +0000", "02-29 05:00 +0000", "03-31 05:00 +0000"]),
        (Cron("0 5 31 * *"), "2026-01-01", "2026-06-01", ["01-31 05:00 +0000", "03-31 05:00 +0000", "05-31 05:00 +0000"]),
        (Cron("59 23 31 12 *"), "2025-06-01", "2026-06-01", ["12-31 23:59 +0000"]),
        (Cron("0 0 * 2 MON#5"), "2024-03-01", "2053-01-01", ["02-29 00:00 +0000"]),
        (RRule("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29"), "2024-01-01", "2029-01-01", ["02-29 00:00 +0000"] * 2),
        (RRule("DTSTART:20240131\nRRULE:FREQ=MONTHLY"), "2024-01-01", "2024-06-01",
         ["01-31 00:00 +0000", "03-31 00:00 +0000", "05-31 00:00 +0000"]),
        (RRule("DTSTART:20240101T120000Z\nFREQ=DAILY;COUNT=2", "Asia/Tokyo"), "2024-01-01", "2025-01-01",
         ["01-01 21:00 +0900", "01-02 21:00 +0900"]),
        (RRule("FREQ=DAILY;UNTIL=20240102T150000Z", "Asia/Tokyo"), "2024-01-01", "2025-01-01",
         ["01-01 00:00 +0900", "01-02 00:00 +0900", "01-03 00:00 +0900"]),
        (Interval(timedelta(days=365), datetime(2024, 2, 29)), "2024-01-01", "2026-01-01",
         ["02-29 00:00 +0000", "02-28 00:00 +0000"]),
    ],
)  # fmt: skip
def test_leap_days_and_ends_of_months_and_years(
    schedule: Schedule, since: str, until: str, expected: list[str]
) -> None:
    assert expected == fired(schedule, since, until)


def test_a_period_reaches_back_to_the_time_before_even_across_the_start() -> None:
    monthly = Cron("0 5 1 * *", "Europe/Berlin", start=datetime(2026, 3, 1), end=datetime(2026, 5, 1, 5))
    assert [("02-01 05:00 +0100", "03-01 05:00 +0100"), ("03-01 05:00 +0100", "04-01 05:00 +0200")] == [
        (local(tick.period_start, "Europe/Berlin"), local(tick.period_end, "Europe/Berlin"))
        for tick in islice(ticks(monthly, 0), 2)
    ]
    assert ["03-01 05:00 +0100", "04-01 05:00 +0200", "05-01 05:00 +0200"] == fired(monthly, "2020-01-01", "2030-01-01")


def test_the_first_period_of_a_rule_with_a_beginning_is_as_long_as_its_second() -> None:
    weekly = RRule("DTSTART:20260105T050000\nRRULE:FREQ=WEEKLY")
    assert Tick(at("2026-01-05T05:00"), at("2025-12-29T05:00"), at("2026-01-05T05:00")) == next_tick(weekly, 0)
    only = RRule("RDATE:20260105T050000")
    assert [Tick(*[at("2026-01-05T05:00")] * 3)] == list(ticks(only, 0))


@given(schedules(), moments)
@settings(max_examples=100, deadline=None)
def test_ticks_ascend_are_never_twice_and_join_their_periods(schedule: Schedule, after: int) -> None:
    found = list(islice(ticks(schedule, after), 12))
    assert found[:1] == ([] if next_tick(schedule, after) is None else [next_tick(schedule, after)])
    assert all(tick.at > after and tick.period_start < tick.period_end == tick.at for tick in found)
    for one, other in pairwise(found):
        assert one.at == other.period_start < other.at
        assert other == next_tick(schedule, one.at)
        assert one == next_tick(schedule, one.at - 1)


@given(schedules(), moments, st.integers(0, 40 * DAY))
@settings(deadline=None)
def test_the_time_before_is_the_last_that_came(schedule: Schedule, since: int, span: int) -> None:
    until = since + span
    found = list(islice(takewhile(lambda moment: moment < until, schedule.recurrence.after(since)), 3_000))
    if found and len(found) < 3_000:
        assert found[-1] == schedule.recurrence.before(until)


@given(crons, zones, moments)
@settings(max_examples=60, deadline=None)
def test_a_cron_fires_where_its_fields_match_the_clocks(cron: str, zone: str, since: int) -> None:
    since -= since % MINUTE
    span = range(since + MINUTE, since + 3 * DAY, MINUTE)
    if (
        cron.split()[1] != "*"
        and len({offset(moment, zone) for moment in range(since - DAY, since + 5 * DAY, HOUR)}) > 1
    ):
        return  # times of day where clocks change: their rules are tested one by one
    expected = [moment for moment in span if matches(cron, moment, zone)]
    assert expected == [
        tick.at for tick in takewhile(lambda tick: tick.at < since + 3 * DAY, ticks(Cron(cron, zone), since))
    ]


@given(st.sampled_from(RRULES), moments)
@settings(deadline=None)
def test_an_rrule_that_begins_anew_names_the_same_times(text: str, after: int) -> None:
    """Rules are not counted from their beginning; `dateutil` does, and says the same."""
    from dateutil.rrule import rrulestr

    wall = datetime(1970, 1, 1) + timedelta(microseconds=after)
    counted = rrulestr(text, dtstart=datetime(2001, 1, 1))
    assert list(islice(counted.xafter(wall), 5)) == [
        datetime(1970, 1, 1) + timedelta(microseconds=tick.at) for tick in islice(ticks(RRule(text), after), 5)
    ]


# ---- which missed ticks run ----------------------------------------------------------------------------------------


def hours(found: list[Tick]) -> list[int]:
    return [tick.at // HOUR for tick in found]


HOURLY = Interval(3600, anchor=datetime(1970, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("catchup", "late", "expected"),
    [
        ("skip", 0, [10]),
        ("skip", GRACE, [10]),
        ("skip", GRACE + 1, []),
        ("latest", 30 * MINUTE, [10]),
        ("all", 30 * MINUTE, [6, 7, 8, 9, 10]),
    ],
)
def test_missed_ticks_run_as_the_policy_says(catchup: str, late: int, expected: list[int]) -> None:
    schedule = replace(HOURLY, catchup=catchup)
    assert expected == hours(due(schedule, last=5 * HOUR, now=10 * HOUR + late))


def test_no_more_than_the_limit_are_caught_up_the_oldest_first() -> None:
    assert [6, 7] == hours(due(replace(HOURLY, catchup="all", catchup_limit=2), last=5 * HOUR, now=10 * HOUR))


@pytest.mark.parametrize("catchup", ["skip", "latest", "all"])
def test_ticks_that_are_all_on_time_all_run(catchup: str) -> None:
    every_ten = replace(Interval(10), catchup=catchup)
    now = at("2026-01-01T00:00:35")
    assert 3 == len(due(every_ten, last=at("2026-01-01T00:00:05"), now=now))


def test_a_year_of_seconds_missed_is_one_run_and_no_year_of_counting() -> None:
    newest = due(Interval(1), last=at("2020-01-01"), now=at("2026-01-01"))
    assert [at("2026-01-01")] == [tick.at for tick in newest]
    assert [at("2026-01-01") - 1_000_000] == [tick.period_start for tick in newest]


def test_clocks_that_step_back_repeat_nothing() -> None:
    assert [] == due(HOURLY, last=10 * HOUR, now=10 * HOUR)
    assert [] == due(HOURLY, last=10 * HOUR, now=9 * HOUR + 1)
    assert [] == due(HOURLY, last=10 * HOUR, now=10 * HOUR + 1)
    assert [11] == hours(due(HOURLY, last=10 * HOUR, now=11 * HOUR))


def test_after_its_end_the_newest_is_its_last() -> None:
    ended = replace(HOURLY, end_us=7 * HOUR, catchup="latest")
    assert [7] == hours(due(ended, last=5 * HOUR, now=100 * HOUR))
    assert [] == due(ended, last=7 * HOUR, now=100 * HOUR)


def test_a_schedule_that_rests_has_nothing_due() -> None:
    assert [] == due(replace(HOURLY, active=False), last=5 * HOUR, now=10 * HOUR)


@settings(deadline=None)
@given(schedules(), moments, st.lists(st.integers(1, 10 * DAY), min_size=1, max_size=10))
def test_no_tick_is_due_twice_however_often_one_looks(schedule: Schedule, last: int, steps: list[int]) -> None:
    seen: list[int] = []
    now = last
    for step in steps:
        now += step
        found = due(schedule, last, now)
        seen += [tick.at for tick in found]
        last = max([last, *seen]) if schedule.catchup == "all" and found else now
    assert sorted(set(seen)) == seen


@given(st.text(), st.integers(1, 7 * 86_400))
def test_jitter_is_the_same_for_the_same_key_and_within_bounds(key: str, seconds: int) -> None:
    schedule = Interval(3600, jitter=seconds)
    tick = Tick(10 * HOUR, 9 * HOUR, 10 * HOUR)
    assert 0 <= jittered(tick, schedule, key) - tick.at < seconds * 1_000_000
    assert jittered(tick, schedule, key) == jittered(tick, schedule, key)
    assert tick.at == jittered(tick, HOURLY, key)


def test_jitter_spreads_keys() -> None:
    tick = Tick(10 * HOUR, 9 * HOUR, 10 * HOUR)
    spread = {jittered(tick, Interval(3600, jitter=600), f"deployment-{n}") // MINUTE for n in range(200)}
    assert 10 == len(spread)


# ---- an account of crons that is not the one under test ---------------------------------------------------------------


def offset(moment: int, zone: str) -> timedelta | None:
    return datetime.fromtimestamp(moment // 1_000_000, ZoneInfo(zone)).utcoffset()


def matches(cron: str, moment: int, zone: str) -> bool:
    shown = datetime.fromtimestamp(moment // 1_000_000, ZoneInfo(zone))
    minute, hour, day, month, weekday = cron.split()
    on_day, on_weekday = day_matches(day, shown), weekday_matches(weekday, shown)
    both = day.startswith("*") or weekday.startswith("*")
    return (
        number_matches(minute, shown.minute)
        and number_matches(hour, shown.hour)
        and number_matches(month, shown.month)
        and (on_day and on_weekday if both else on_day or on_weekday)
    )


def number_matches(field: str, number: int) -> bool:
    if field == "*":
        return True
    if field.startswith("*/"):
        return number % int(field[2:]) == 0
    parts = [part.split("-") for part in field.split(",")]
    return any(int(part[0]) <= number <= int(part[-1]) for part in parts)


def day_matches(field: str, shown: datetime) -> bool:
    last = calendar.monthrange(shown.year, shown.month)[1]
    if field == "L":
        return shown.day == last
    if field == "LW":
        ending = shown.replace(day=last)
        while ending.weekday() > 4:
            ending -= ONE_DAY
        return shown.day == ending.day
    return number_matches(field, shown.day)


def weekday_matches(field: str, shown: datetime) -> bool:
    today = (shown.weekday() + 1) % 7
    last = calendar.monthrange(shown.year, shown.month)[1]
    if "#" in field:
        wanted, nth = field.split("#")
        return today == int(wanted) and (shown.day + 6) // 7 == int(nth)
    if field.endswith("L"):
        return today == int(field[:-1]) and shown.day + 7 > last
    named = {"MON": "1", "SUN": "0"}.get(field, field)
    return number_matches(named, today)


def test_the_zones_of_these_tests_differ() -> None:
    assert len(ZONES) == len(
        {tuple(offset(at(f"2018-{month:02}-15"), zone) for month in range(1, 13)) for zone in ZONES}
    )
