"""Schedules and moments for tests: written ones, and drawn ones."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from penstock.core.schedules import Cron, Interval, RRule, Schedule, schedule_options

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "America/Sao_Paulo")
"""Both hemispheres, a shift of 30 minutes, clocks changed four times a year (Ramadan), changes at midnight (until 2018)."""

HOUR, DAY = 3_600_000_000, 86_400_000_000


def at(text: str) -> int:
    """A moment from ISO 8601, UTC unless it says otherwise."""
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 1_000_000 + moment.microsecond


def local(moment: int, zone: str) -> str:
    """A moment as clocks in a zone show it, with their offset."""
    shown = datetime.fromtimestamp(moment // 1_000_000, UTC).astimezone(ZoneInfo(zone))
    return shown.strftime("%m-%d %H:%M %z")


moments = st.integers(at("2005-01-01"), at("2035-01-01"))

_minutes = st.sampled_from(["0", "30", "*/15", "5,35", "*", "59"])
_hours = st.sampled_from(["*", "*/2", "2", "0", "1-3", "0,23", "2,3"])
_days = st.sampled_from(["*", "*", "1", "29", "31", "L", "LW", "1-7"])
_months = st.sampled_from(["*", "*", "2", "3,10", "12"])
_weekdays = st.sampled_from(["*", "*", "MON", "1-5", "SUN", "5#2", "0L"])
crons = st.tuples(_minutes, _hours, _days, _months, _weekdays).map(" ".join).filter(lambda c: "31 2 *" not in c)
zones = st.sampled_from(ZONES)

_options = st.fixed_dictionaries(
    {},
    optional={
        "slug": st.from_regex(r"[a-z][a-z0-9-]{0,20}[a-z]", fullmatch=True),
        "parameters": st.dictionaries(
            st.text(max_size=5), st.integers() | st.booleans() | st.lists(st.text("abc {é", max_size=1))
        ),
        "active": st.booleans(),
        "catchup": st.sampled_from(["skip", "latest", "all"]),
        "catchup_limit": st.integers(1, 50),
        "jitter": st.integers(0, 600),
        "overlap": st.sampled_from(["allow", "skip", "queue", "cancel_running"]),
        "start": st.datetimes(datetime(2010, 1, 1), datetime(2030, 1, 1)),
    },
).filter(lambda options: schedule_options(timezone="UTC", **options))

RRULES = (
    "FREQ=DAILY;BYHOUR=2;BYMINUTE=30",
    "FREQ=DAILY;INTERVAL=3;BYHOUR=0,12",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;BYHOUR=2",
    "FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=17",
    "FREQ=MONTHLY;BYMONTHDAY=-1",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
    "FREQ=HOURLY;INTERVAL=5;BYDAY=MO,TU",
    "DTSTART:20200307T023000\nRRULE:FREQ=WEEKLY\nRRULE:FREQ=MONTHLY\nEXDATE:20200314T023000\nRDATE:20200315T023000",
)


def schedules() -> st.SearchStrategy[Schedule]:
    """Any kind of schedule, with any options."""
    seconds = st.integers(600, 90_000) | st.sampled_from([3_600, 86_400, 86_400 * 7])
    anchors = st.none() | st.datetimes(datetime(2010, 1, 1), datetime(2030, 1, 1)).map(
        lambda d: d.replace(microsecond=0)
    )
    return st.one_of(
        st.builds(lambda c, z, d, o: Cron(c, z, d, **o), crons, zones, st.just(True), _options),
        st.builds(lambda s, a, z, o: Interval(s, a, z, **o), seconds, anchors, zones, _options),
        st.builds(lambda r, z, o: RRule(r, z, **o), st.sampled_from(RRULES), zones, _options),
    )
