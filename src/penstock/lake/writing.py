"""How a write is done: look for an earlier commit of it, plan, check, commit; again if another writer got in first.

Nothing is committed before everything is checked, and a commit is one atomic step: readers see the version before or
the version after.
"""

import random
import time
from dataclasses import replace
from typing import Any

from deltalake import DeltaTable

from penstock.lake.commits import Commit, commit_first, commit_merge, commit_next, commit_widened, find_committed
from penstock.lake.conforming import ConformedRows, check_rows
from penstock.lake.errors import DataRefused, LakeError, WriteConflict
from penstock.lake.history import list_commits
from penstock.lake.incoming import Rows, column_fits, open_rows
from penstock.lake.locations import Target
from penstock.lake.options import Options, check_options
from penstock.lake.runs import next_write_key, record_use, say
from penstock.lake.schemas import plan_write
from penstock.lake.tables import Conflict, arrow_schema, count_rows, find_table
from penstock.lake.versions import Version, version_from_commit

COMMIT_ATTEMPTS_MAX = 20
PAUSE_SECONDS_MAX = 1.0


def write(target: Target, data: Any, options: Options) -> Version:
    """Commit data as a new version of a dataset, once. Raises what `Dataset.write` says."""
    check_options(target.label, options)
    options = replace(options, write_key=options.write_key or next_write_key(target.public_location))
    table, because = find_table(target), ""
    if version := _find_written(target, table, options):
        return version
    with open_rows(data, target.label) as rows:
        for attempt in range(COMMIT_ATTEMPTS_MAX):
            try:
                return _tell(target, _attempt(target, table, rows, options))
            except Conflict as conflict:
                because = str(conflict)
            time.sleep(random.uniform(0, min(PAUSE_SECONDS_MAX, 0.01 * 2**attempt)))
            # The write key is looked for in the very state that the next attempt commits to: what is committed after
            # it is a conflict again.
            table = find_table(target)
            if version := _find_written(target, table, options):
                return version
    raise WriteConflict(target.label, attempts=COMMIT_ATTEMPTS_MAX, because=because)


def _attempt(target: Target, table: DeltaTable | None, rows: Rows, options: Options) -> Commit:
    """Plan against one state of the dataset, and commit if it is still that. Raises `Conflict` if it is not."""
    have = None if table is None or options.schema_mode == "replace" else arrow_schema(table)
    plan = plan_write(target.label, have=have, got=rows.schema, fits=lambda name, type_: column_fits(rows, name, type_))
    if have is not None and options.schema_mode == "strict" and plan.changes:
        raise DataRefused(target.label, f"its schema is strict and would change: {'; '.join(plan.changes)}.")
    conformed = ConformedRows(rows, plan)
    check_rows(target.label, conformed, options)
    for note in plan.notes:
        say(f"{target.label}: {note}.")
    if table is None:
        return commit_first(target, conformed, options)
    _check_partitions(target, table, options)
    if plan.widened:
        commit_widened(target, table, plan)
    if options.mode == "merge":
        return commit_merge(target, table, conformed, options)
    return commit_next(target, table, conformed, options)


def _check_partitions(target: Target, table: DeltaTable, options: Options) -> None:
    has, wanted = table.metadata().partition_columns, options.partition_by
    if wanted and list(wanted) != has and options.schema_mode != "replace":
        raise LakeError(
            f"{target.label} is partitioned by {', '.join(has) or 'nothing'}, not by {', '.join(wanted)}. "
            "Overwrite it with schema_mode='replace' to change that."
        )


def _find_written(target: Target, table: DeltaTable | None, options: Options) -> Version | None:
    """Return the version that this write became in an earlier attempt or epoch, if it was committed then."""
    if table is None or options.write_key is None:
        return None
    commit = find_committed(target, table, options.write_key)
    if commit is None:
        return None
    version = version_from_commit(target.name, target.public_location, commit)
    table.load_as_version(version.number)
    rows_total, bytes_total = count_rows(table)
    say(f"{target.label}: this write is version {version.number} already; it was not repeated.")
    return _record(table, replace(version, rows_total=rows_total, bytes_total=bytes_total, repeated=True))


def _tell(target: Target, commit: Commit) -> Version:
    rows_total, bytes_total = count_rows(commit.table)
    version = replace(
        version_from_commit(target.name, target.public_location, next(list_commits(target, commit.table, 1))),
        rows_total=rows_total,
        bytes_total=bytes_total,
        rows_replaced=commit.rows_replaced,
    )
    in_place = f" in place of {version.rows_replaced:,}" if version.rows_replaced else ""
    say(f"{target.label}: version {version.number} has {version.rows:,} new rows{in_place}, {rows_total:,} in all.")
    return _record(commit.table, version)


def _record(table: DeltaTable, version: Version) -> Version:
    """Tell the run, if any, of the version: counts, names and types, no data."""
    details: dict[str, Any] = {
        "mode": version.operation,
        "rows_total": version.rows_total,
        "columns": [[field.name, str(field.type)] for field in arrow_schema(table)],
    }
    if version.schema_changes:
        details["schema_changes"] = list(version.schema_changes)
    if version.repeated:
        details["repeated"] = True
    record_use(
        "write",
        dataset=version.dataset,
        location=version.location,
        version=version.number,
        write_key=version.write_key,
        rows=version.rows,
        size=version.bytes_total,
        schema_digest=version.schema_digest,
        details=details,
    )
    return version
