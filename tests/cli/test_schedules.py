"""`penstock schedule preview`: when a schedule fires, without a database."""

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli


def preview(cli: Cli, *arguments: str) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = cli.ok("schedule", "preview", *arguments, "--json").json
    return shown


def test_a_cron_is_shown_in_its_zone_with_periods(cli: Cli, schemas: Any, home: Path) -> None:
    shown = preview(cli, "5 4 * * 1", "--tz", "Europe/Berlin", "-n", "2", "--from", "2026-03-24")
    schemas("schedule preview", shown)
    assert {
        "at": "2026-03-30T02:05:00.000000Z",
        "local": "2026-03-30T04:05:00+02:00",
        "period_start": "2026-03-23T03:05:00.000000Z",
        "period_end": "2026-03-30T02:05:00.000000Z",
        "clocks": ["went forward 1 h 00 min"],
    } == shown[0]
    assert (
        "Mon 2026-03-30 04:05:00 +0200"
        in cli.ok(
            "schedule", "preview", "5 4 * * 1", "--tz", "Europe/Berlin", "--from", "2026-03-24", terminal=True
        ).out
    )
    assert not home.exists()


def test_what_clocks_do_is_said_at_the_times_that_it_touches(cli: Cli) -> None:
    forward = preview(cli, "30 2 * * *", "--tz", "Europe/Berlin", "--from", "2026-03-28", "-n", "3")
    assert [0, 2, 0] == [len(time["clocks"]) for time in forward]
    back = preview(cli, "30 * * * *", "--tz", "Europe/Berlin", "--from", "2026-10-25T02:00", "-n", "3")
    assert [1, 2, 0] == [len(time["clocks"]) for time in back]


def test_intervals_and_rules_are_shown_too(cli: Cli) -> None:
    every = preview(cli, "--every", "1h30m", "--anchor", "2026-01-01T00:10", "--from", "2026-01-01", "-n", "2")
    assert ["2026-01-01T00:10:00+00:00", "2026-01-01T01:40:00+00:00"] == [time["local"] for time in every]
    rule = "DTSTART:20260101T050000\\nRRULE:FREQ=DAILY;COUNT=2"
    assert 2 == len(preview(cli, "--rrule", rule, "--from", "2025-01-01"))
    assert [] == preview(cli, "--rrule", rule, "--from", "2027-01-01")


def test_a_time_without_an_offset_is_in_the_schedules_zone(cli: Cli) -> None:
    shown = preview(cli, "0 * * * *", "--tz", "Asia/Tokyo", "--from", "2026-01-01", "-n", "1")
    assert "2026-01-01T00:00:00+09:00" == shown[0]["local"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["5 25 * * *"], "hour `25`"),
        (["5 4 * * *", "--tz", "Europe/Berln"], "`Europe/Berlin`"),
        (["5 4 * * *", "--every", "15m"], "one of them"),
        ([], "one of them"),
        (["--every", "often"], "`15m`"),
        (["--every", "0s"], "1 second"),
        (["--every", "9" * 400 + "d"], "--every"),
        (["5 4 * * *", "--anchor", "2026-01-01"], "--every"),
        (["5 4 * * *", "--from", "tomorrow"], "`tomorrow`"),
        (["5 4 * * *", "--from", "0001-01-01"], "1900"),
        (["--rrule", "FREQ=SOMETIMES"], "FREQ"),
    ],
)
def test_what_is_wrong_is_said_and_is_a_wrong_command_line(cli: Cli, arguments: list[str], said: str) -> None:
    outcome = cli("schedule", "preview", *arguments)
    assert (2, "") == (outcome.code, outcome.out)
    assert said in outcome.err
