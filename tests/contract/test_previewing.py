"""When a schedule would fire, asked before it is saved."""

from datetime import UTC, datetime

import pytest

from penstock.core.errors import ScheduleInvalid, TemplateInvalid
from penstock.scheduling import GetDeployment, PreviewSchedule
from penstock.testing import FakeClock
from tests.contract.scheduled import HOUR, KEY, SECOND_US, cron, deploy, every
from tests.contract.telling import Teller


def us(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * SECOND_US  # type: ignore[misc,arg-type]  # its zone comes by name


def test_the_next_times_are_told_with_their_periods_and_the_zone_s_offset(teller: Teller) -> None:
    spring = cron("30 4 * * *", timezone="Europe/Berlin")
    before, after = teller.ask(PreviewSchedule(definition=spring, since=us(2026, 3, 28), count=2))
    assert (us(2026, 3, 28, 3, 30), HOUR) == (before.at, before.offset_seconds)
    assert (us(2026, 3, 29, 2, 30), 2 * HOUR) == (after.at, after.offset_seconds)
    assert (before.at, after.at) == (after.period_start, after.period_end)


def test_a_preview_begins_now_and_keeps_nothing(teller: Teller, clock: FakeClock) -> None:
    deploy(teller)
    times = teller.ask(PreviewSchedule(definition=every(60), count=3))
    assert 3 == len(times)
    assert 0 < times[0].at - clock.now_us() <= 60 * SECOND_US
    assert [] == list(teller.ask(GetDeployment(key=KEY)).schedules)


def test_a_schedule_that_ends_has_no_more_times(teller: Teller) -> None:
    ending = every(60, start_us=0, end_us=120 * SECOND_US)
    assert [0, 60, 120] == [
        each.at // SECOND_US for each in teller.ask(PreviewSchedule(definition=ending, since=-1, count=9))
    ]


@pytest.mark.parametrize(
    ("definition", "field"),
    [(cron("61 * * * *"), "cron"), (cron("0 5 * * *", timezone="Europe/Berlyn"), "timezone"), ({"slug": "x"}, "kind")],
)
def test_what_can_never_fire_is_refused_by_the_field(teller: Teller, definition: dict[str, object], field: str) -> None:
    with pytest.raises(ScheduleInvalid) as refused:
        teller.ask(PreviewSchedule(definition=definition))
    assert field == refused.value.field


def test_a_template_that_cannot_be_filled_in_is_refused(teller: Teller) -> None:
    with pytest.raises(TemplateInvalid):
        teller.ask(PreviewSchedule(definition=every(60, parameters={"month": "{{ open(1) }}"})))
