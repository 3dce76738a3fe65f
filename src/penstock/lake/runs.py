"""What the lake tells the run that it works for, and what it asks of it: settings, write keys, facts and log lines.

Outside of runs the settings are read afresh, writes have no key unless they are given one, and nothing is recorded.
"""

import logging
from hashlib import blake2b
from typing import Any

from penstock.core.records import DatasetSeen
from penstock.engine.context import current_flow_run, current_task_run, find_place
from penstock.engine.logs import emit
from penstock.settings import Settings, load_settings

COLUMNS_RECORDED_MAX = 1_000

LOGGER = "penstock.lake"


def current_settings() -> Settings:
    """The settings of the current run, or of this process outside of runs."""
    run = current_flow_run.get()
    return load_settings() if run is None else run.services.settings


def next_write_key(location: str) -> str | None:
    """Return the key of the write that is about to happen: that of the same write in an earlier attempt or epoch.

    It stands for the n-th write to this place by the current task run (or by the flow itself).
    """
    place = find_place()
    if place is None:
        return None
    ordinal = place.next_ordinal(f"write {location}")
    parts = (place.flow_run_id, place.task_run_id or "", location, str(ordinal))
    return blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def record_use(
    action: str,
    *,
    dataset: str,
    location: str,
    version: int,
    write_key: str | None = None,
    rows: int | None = None,
    size: int | None = None,
    schema_digest: str | None = None,
    details: dict[str, Any] | None = None,
) -> None:
    """Record in the current run, if any, that it read or wrote a version. Only counts, names and types are told."""
    place = find_place()
    if place is None:
        return
    place.record(
        DatasetSeen(
            flow_run_id=place.flow_run_id,
            task_run_id=place.task_run_id,
            at=place.now_us(),
            action=action,
            dataset=dataset,
            location=location,
            version=version,
            write_key=write_key,
            rows=rows,
            bytes=size,
            schema_digest=schema_digest,
            details=details,
        )
    )


def say(message: str, *, level: int = logging.INFO) -> None:
    """Log a line to the current run, or to the standard logger `penstock.lake` outside of runs."""
    run = current_flow_run.get()
    if run is None:
        logging.getLogger(LOGGER).log(level, message)
    else:
        emit(run, current_task_run.get(), level, message, logger=LOGGER)
