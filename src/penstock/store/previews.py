"""When a schedule that nobody has saved yet would fire."""

from collections.abc import Sequence
from itertools import islice

from penstock.core.schedules import check, from_json
from penstock.core.ticks import ticks
from penstock.core.wallclock import MOMENT_MAX, MOMENT_MIN, SECOND, find_zone, offset_at
from penstock.scheduling import FiringTime, PreviewSchedule
from penstock.store.database import Store

FIRINGS_MAX = 100


def preview_schedule(store: Store, request: PreviewSchedule) -> Sequence[FiringTime]:
    """Answer `PreviewSchedule`; of the store it needs the clock."""
    definition = from_json(request.definition)
    check(definition)
    zone = find_zone(definition.timezone)
    since = store.now_us() if request.since is None else request.since
    since = max(MOMENT_MIN, min(since, MOMENT_MAX))
    count = max(0, min(request.count, FIRINGS_MAX))
    return [
        FiringTime(
            at=tick.at,
            period_start=tick.period_start,
            period_end=tick.period_end,
            offset_seconds=offset_at(tick.at, zone) // SECOND,
        )
        for tick in islice(ticks(definition, since), count)
    ]
