"""Retention: runs that ended long ago go, and with them what was kept for them in the result storage.

A pass is bounded. A server makes one every few minutes; where there is none, the process of a run makes one when it
ends, once a day: the time of the last one is that of an empty file beside the database.
"""

import contextlib
import os
from pathlib import Path

from penstock.appendfile import translate
from penstock.ports import LOCAL, Orchestrator, Principal, ResultStore

DAY_US = 86_400_000_000
RUNS_PER_PASS = 200
"""A run waits for its own pass: for some 2 ms a run that goes."""
STAMP = "last-retention"


def prune_once(
    orchestrator: Orchestrator,
    results: ResultStore,
    *,
    now: int,
    days: float,
    limit: int = RUNS_PER_PASS,
    principal: Principal = LOCAL,
) -> int:
    """Remove what ended more than `days` ago, at most `limit` top-level runs; answers how many runs went.

    `now` is in microseconds UTC. Nothing goes if `days` is 0.
    """
    if days <= 0:
        return 0
    from penstock.lookups import Prune  # lazy: 20 ms, once a day

    before = now - int(days * DAY_US)
    removed = orchestrator.ask(Prune(runs_older_than=before, limit=limit), principal)
    for run_id in removed.run_ids:
        results.remove_run(run_id)
    prune = getattr(results, "prune", None)  # a result store of the user's own may have none
    if prune is not None:
        prune(now=now, keep_since=before)
    return len(removed.run_ids)


def prune_daily(
    orchestrator: Orchestrator, results: ResultStore, home: Path, *, now: int, days: float, principal: Principal
) -> None:
    """Make a pass if a day has passed since the last one, or if that one left something to do."""
    if days <= 0 or not is_due(home, now=now):
        return
    if prune_once(orchestrator, results, now=now, days=days, principal=principal) >= RUNS_PER_PASS:
        os.utime(home / STAMP, (0, 0))


def is_due(home: Path, *, now: int) -> bool:
    """Whether a day has passed since a process last asked and was told so: whoever is told so does it.

    A home that nobody has asked about is new, and holds nothing that is old.
    """
    stamp = home / STAMP
    try:
        if abs(now - stamp.stat().st_mtime_ns // 1000) < DAY_US:
            return False
        stamp.touch()
    except FileNotFoundError:
        with contextlib.suppress(FileNotFoundError):  # the home was removed meanwhile
            stamp.touch(mode=0o600)
        return False
    except OSError as error:
        raise translate(error, stamp) from error
    return True
