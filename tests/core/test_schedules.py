"""Schedules as values: what makes one invalid, and that they come back from JSON as they were."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.core.errors import PenstockError, ScheduleInvalid, TemplateInvalid
from penstock.core.schedules import (
    Cron,
    Interval,
    RRule,
    Schedule,
    check,
    from_json,
    to_json,
    with_distinct_slugs,
)
from tests.core.schedule_values import schedules

NEW_YEAR = datetime(2026, 1, 1)


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("61 4 * * *", "minute `61`"),
        ("5 25 * * *", "hour `25`"),
        ("5 4 32 * *", "day of month `32`"),
        ("5 4 * 13 *", "month `13`"),
        ("5 4 * * MOON", "day of week `MOON`"),
        ("5 4 * *", "4 fields"),
        ("0 5 4 * * *", "use an interval"),
        ("", "0 fields"),
        ("@often", "@daily"),
        ("0 0 30 2 *", "never fires"),
        ("* " * 300, "longer"),
        (5, "must be text"),
        (None, "missing"),
    ],
)
def test_a_broken_cron_says_which_field_and_what_may_be_there(cron: Any, said: str) -> None:
    with pytest.raises(ScheduleInvalid) as caught:
        Cron(cron)
    assert "cron" == caught.value.field
    assert said in str(caught.value)


def test_days_that_never_meet_never_fire() -> None:
    assert Cron("0 0 31 2 1")
    with pytest.raises(ScheduleInvalid, match="never fires"):
        Cron("0 0 31 2 1", day_or=False)


@pytest.mark.parametrize(
    ("zone", "near"), [("Europe/Berln", "Europe/Berlin"), ("Berlin", "Europe/Berlin"), ("new york", "America/New_York")]
)
def test_an_unknown_zone_names_near_ones(zone: str, near: str) -> None:
    with pytest.raises(ScheduleInvalid) as caught:
        Cron("5 4 * * *", timezone=zone)
    assert ("timezone", zone) == (caught.value.field, caught.value.value)
    assert f"`{near}`" in str(caught.value)


@pytest.mark.parametrize("zone", ["", "../../etc/passwd", "/etc/passwd", "Europe", "a\0b", "x" * 5000])
def test_no_name_of_a_zone_reads_a_file_that_is_none(zone: str) -> None:
    with pytest.raises(ScheduleInvalid):
        Cron("5 4 * * *", timezone=zone)


@pytest.mark.parametrize(
    "interval", [0, -5, 0.5, timedelta(0), timedelta(days=40_000), float("nan"), float("inf"), True, "5"]
)
def test_an_interval_is_at_least_a_second(interval: Any) -> None:
    with pytest.raises(ScheduleInvalid) as caught:
        Interval(interval)
    assert caught.value.field in ("interval", "interval_us")


@pytest.mark.parametrize(
    "rrule",
    [
        "",
        "FREQ=SOMETIMES",
        "BYDAY=MO",
        "FREQ=DAILY;BYHOUR=25",
        "FREQ=DAILY;BYDAY=XX",
        "FREQ=DAILY;HUMIDITY=5",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;COUNT=3",
        "FREQ=DAILY;UNTIL=19990101T000000",
        "FREQ=DAILY;UNTIL=20239901T000000Z",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=3",
        "FREQ=DAILY;BYSETPOS=2",
        "FREQ=SECONDLY;BYMONTH=1",
        "FREQ=MINUTELY;INTERVAL=10000;BYHOUR=3",
        "FREQ=DAILY;INTERVAL=7;BYDAY=TU",
        "DTSTART:20240101T000000",
        "DTSTART:yesterday\nRRULE:FREQ=DAILY",
        "DTSTART:20240101\nDTSTART:20240102\nRRULE:FREQ=DAILY",
        "EXRULE:FREQ=DAILY",
        "hello",
        "FREQ=DAILY;" + "BYHOUR=1;" * 600,
    ],
)
def test_a_broken_rrule_is_refused(rrule: str) -> None:
    with pytest.raises(ScheduleInvalid) as caught:
        RRule(rrule)
    assert "rrule" == caught.value.field


def test_an_rrule_of_another_zone_says_to_set_the_zone() -> None:
    text = "DTSTART;TZID=America/New_York:20240101T050000\nRRULE:FREQ=DAILY"
    with pytest.raises(ScheduleInvalid, match="timezone"):
        RRule(text, timezone="Europe/Berlin")
    assert RRule(text, timezone="America/New_York")


def test_a_schedule_ends_after_it_starts_and_fires_between() -> None:
    with pytest.raises(ScheduleInvalid) as caught:
        Cron("0 0 * * *", start=datetime(2026, 2, 1), end=NEW_YEAR)
    assert "end" == caught.value.field
    with pytest.raises(ScheduleInvalid, match="never fires"):
        Cron("0 0 15 6 *", start=NEW_YEAR, end=datetime(2026, 3, 1))
    with pytest.raises(ScheduleInvalid, match="never fires"):
        RRule("FREQ=DAILY;UNTIL=20250101T000000", start=NEW_YEAR)


@pytest.mark.parametrize(
    "options",
    [
        {"slug": "Every Night"},
        {"slug": ""},
        {"slug": "-x"},
        {"catchup": "some"},
        {"catchup_limit": 0},
        {"overlap": "maybe"},
        {"jitter": -1},
        {"active": 1},
        {"start": 5},
    ],
)
def test_an_option_that_it_cannot_have_is_refused_by_name(options: dict[str, Any]) -> None:
    with pytest.raises(ScheduleInvalid) as caught:
        Cron("0 0 * * *", **options)
    assert caught.value.field.removesuffix("_us") in options


def test_a_broken_template_is_refused_when_the_schedule_is_made() -> None:
    with pytest.raises(TemplateInvalid):
        Cron("0 0 * * *", parameters={"month": "{{ periode.start }}"})


def test_times_without_a_zone_are_in_the_schedules() -> None:
    schedule = Interval(
        3600, anchor=NEW_YEAR, timezone="Asia/Tokyo", start=NEW_YEAR, end=datetime(2026, 1, 2, tzinfo=UTC)
    )
    tokyo = datetime(2025, 12, 31, 15, tzinfo=UTC).timestamp() * 1_000_000
    assert (tokyo, tokyo) == (schedule.anchor_us, schedule.start_us)
    assert datetime(2026, 1, 2, tzinfo=UTC).timestamp() * 1_000_000 == schedule.end_us


def test_prefects_names_make_the_same_schedules() -> None:
    from penstock.schedules import CronSchedule, IntervalSchedule, RRuleSchedule

    assert Cron("0 5 * * *", "Europe/Berlin") == CronSchedule(cron="0 5 * * *", timezone="Europe/Berlin", day_or=True)
    assert Interval(60, anchor=NEW_YEAR) == IntervalSchedule(
        interval=timedelta(minutes=1), anchor_date=NEW_YEAR, timezone="UTC"
    )
    assert RRule("FREQ=DAILY") == RRuleSchedule(rrule="FREQ=DAILY", timezone="UTC")


@given(schedules())
@settings(deadline=None)
def test_a_schedule_comes_back_from_json_as_it_was(schedule: Schedule) -> None:
    check(schedule)
    assert schedule == from_json(to_json(schedule))
    assert hash(schedule) == hash(from_json(to_json(schedule)))


@pytest.mark.parametrize(
    ("shape", "field"),
    [
        ({"kind": "cron", "slug": "x", "cron": "* * * * *", "cronn": 1}, "cronn"),
        ({"slug": "x", "cron": "* * * * *"}, "kind"),
        ({"kind": "cron", "cron": "* * * * *"}, "slug"),
        ({"kind": "weekly", "slug": "x"}, "kind"),
        ({"kind": "cron", "slug": "x"}, "cron"),
        ({"kind": "cron", "slug": "x", "cron": "* * * * *", "interval_us": 60_000_000}, "interval_us"),
        ({"kind": "interval", "slug": "x", "interval_us": "60"}, "interval_us"),
        ({"kind": "interval", "slug": "x", "interval_us": 60_000_000, "start_us": 1.5}, "start_us"),
        ({"kind": "cron", "slug": "x", "cron": "* * * * *", "parameters": [1]}, "parameters"),
        ({"kind": "cron", "slug": "x", "cron": "* * * * *", "timezone": None}, "timezone"),
    ],
)
def test_json_that_is_no_schedule_names_the_part(shape: dict[str, Any], field: str) -> None:
    with pytest.raises(ScheduleInvalid) as caught:
        from_json(shape)
    assert field == caught.value.field


@given(st.text(max_size=40))
def test_no_text_breaks_the_reading_of_crons(text: str) -> None:
    with pytest.raises(PenstockError):
        Cron(f"{text} x")


@given(st.text(alphabet="0123456789*/-,LW# MONFRI", max_size=14))
def test_a_field_of_the_right_letters_is_read_or_refused(field: str) -> None:
    for cron in (f"0 0 {field} * *", f"0 0 * * {field}", f"{field} 0 * * *"):
        with suppress(ScheduleInvalid):
            Cron(cron)


def test_slugs_that_were_not_given_are_numbered() -> None:
    made = with_distinct_slugs([Cron("0 5 * * *"), Cron("0 6 * * *"), Interval(60), Cron("0 7 * * *", slug="late")])
    assert ["cron", "cron-2", "interval", "late"] == [schedule.slug for schedule in made]
    with pytest.raises(ScheduleInvalid):
        with_distinct_slugs([Cron("0 5 * * *", slug="a"), Cron("0 6 * * *", slug="a")])
