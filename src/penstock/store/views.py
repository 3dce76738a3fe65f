"""The documented views that `penstock sql` may read: what their columns are, on either dialect.

They are made anew for each query, as temporary views that hold the rows of one workspace only, so that nothing a query
says can widen what it sees. docs/reference/sql-views.md describes them for people.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

LEVELS = ((50, "CRITICAL"), (40, "ERROR"), (30, "WARNING"), (20, "INFO"), (0, "DEBUG"))


@dataclass(frozen=True, slots=True)
class Phrases:
    """How a dialect says what the views need; `{x}` is a column, `<hidden>` the name that a query is known by."""

    schema: str
    uuid: str
    time: str
    seconds: str
    uuids: str


SQLITE = Phrases(
    schema="main",
    uuid="lower(substr(hex({x}), 1, 8) || '-' || substr(hex({x}), 9, 4) || '-' || substr(hex({x}), 13, 4)"
    " || '-' || substr(hex({x}), 17, 4) || '-' || nullif(substr(hex({x}), 21), ''))",
    time="strftime('%Y-%m-%d %H:%M:%S', {x} / 1000000, 'unixepoch') || printf('.%06d', {x} % 1000000)",
    seconds="{x} / 1000000.0",
    uuids="(WITH RECURSIVE <hidden>(at) AS (SELECT 1 WHERE {x} IS NOT NULL UNION ALL"
    " SELECT at + 16 FROM <hidden> WHERE at + 16 <= length({x}))"
    " SELECT json_group_array(lower(hex(substr({x}, at, 16)))) FROM <hidden>)",
)
POSTGRES = Phrases(
    schema="penstock",
    uuid="{x}::text",
    time="to_timestamp({x} / 1000000.0)",
    seconds="({x} / 1000000.0)::float8",
    uuids="(SELECT coalesce(json_agg(encode(substring({x} FROM at FOR 16), 'hex') ORDER BY at), '[]'::json)::text"
    " FROM generate_series(1, coalesce(length({x}), 0), 16) AS at)",
)

# Each join names a column besides the row's number: SQLite asks its authorizer for a table of which it needs no column as
# if the user had named it.
FLOW_RUNS = """
SELECT <uuid r.id> AS id, f.name AS flow, r.name, r.state_name AS state, r.state_type, <time r.state_at> AS state_at,
    r.state_reason AS reason, r.state_message AS message, r.epoch, r.flow_version, r.code_version, r.entrypoint,
    r.parameters, r.tags, <uuid r.parent_run_id> AS parent_run_id, <uuid r.parent_task_run_id> AS parent_task_run_id,
    <time r.created_at> AS created_at, <time r.expected_start_at> AS expected_start_at, <time r.started_at> AS started_at,
    <time r.ended_at> AS ended_at, <seconds (r.ended_at - r.started_at)> AS duration_seconds,
    <time r.cancel_requested_at> AS cancel_requested_at,
    r.scheduled_tasks + r.pending_tasks + r.running_tasks + r.completed_tasks + r.failed_tasks + r.crashed_tasks
        + r.cancelling_tasks + r.cancelled_tasks + r.paused_tasks AS tasks,
    r.completed_tasks, r.failed_tasks, r.crashed_tasks, r.running_tasks, w.host, w.pid, r.result
FROM <schema>.flow_run r
JOIN <schema>.flow f ON f.seq = r.flow_seq AND f.workspace_id = r.workspace_id
LEFT JOIN <schema>.writer w ON w.seq = r.writer_seq AND w.workspace_id = r.workspace_id
WHERE r.workspace_id = <workspace>
"""
TASK_RUNS = """
SELECT <uuid t.id> AS id, <uuid r.id> AS flow_run_id, r.name AS flow_run, f.name AS flow, k.name AS task, k.key AS task_key,
    coalesce(t.name, k.name || '-' || t.ordinal) AS name, t.ordinal, t.state_name AS state, t.state_type, t.reason, t.message,
    t.epoch, t.attempt, <uuid t.parent_id> AS parent_id, coalesce(t.tags, k.tags) AS tags, <uuids t.upstream> AS upstream,
    <time t.created_at> AS created_at, <time t.started_at> AS started_at, <time t.ended_at> AS ended_at,
    <seconds (t.ended_at - t.started_at)> AS duration_seconds, t.result, t.cache_key
FROM <schema>.task_run t
JOIN <schema>.flow_run r ON r.seq = t.flow_run_seq
JOIN <schema>.flow f ON f.seq = r.flow_seq AND f.workspace_id = r.workspace_id
JOIN <schema>.task k ON k.seq = t.task_seq AND k.workspace_id = r.workspace_id
WHERE r.workspace_id = <workspace>
"""
LOGS = f"""
SELECT l.seq, <uuid r.id> AS flow_run_id, r.name AS flow_run, f.name AS flow, <uuid l.task_run_id> AS task_run_id,
    <time l.at> AS at, l.level, CASE {" ".join(f"WHEN l.level >= {level} THEN '{name}'" for level, name in LEVELS)} END AS level_name,
    l.logger, l.message
FROM <schema>.log l
JOIN <schema>.flow_run r ON r.seq = l.flow_run_seq
JOIN <schema>.flow f ON f.seq = r.flow_seq AND f.workspace_id = r.workspace_id
WHERE r.workspace_id = <workspace>
"""
EVENTS = """
SELECT e.seq, <uuid e.id> AS id, <time e.at> AS at, e.kind, e.resource, e.related, e.actor, e.cause, e.payload,
    <uuid r.id> AS flow_run_id
FROM <schema>.event e
LEFT JOIN <schema>.flow_run r ON r.seq = e.flow_run_seq AND r.workspace_id = e.workspace_id
WHERE e.workspace_id = <workspace>
"""
ARTIFACTS = """
SELECT <uuid a.id> AS id, a.key, a.type, a.description, a.data, <uuid r.id> AS flow_run_id,
    <uuid a.task_run_id> AS task_run_id, <time a.created_at> AS created_at, <time a.updated_at> AS updated_at
FROM <schema>.artifact a
LEFT JOIN <schema>.flow_run r ON r.seq = a.flow_run_seq AND r.workspace_id = a.workspace_id
WHERE a.workspace_id = <workspace>
"""
DATASETS = """
SELECT d.dataset, d.location, d.version, d.action, <time d.at> AS at, <uuid r.id> AS flow_run_id,
    <uuid d.task_run_id> AS task_run_id, d.write_key, d.rows, d.bytes, d.schema_digest, d.details
FROM <schema>.dataset_use d
LEFT JOIN <schema>.flow_run r ON r.seq = d.flow_run_seq AND r.workspace_id = d.workspace_id
WHERE d.workspace_id = <workspace>
"""

VIEWS: Mapping[str, str] = MappingProxyType(
    {
        "flow_runs": FLOW_RUNS,
        "task_runs": TASK_RUNS,
        "logs": LOGS,
        "events": EVENTS,
        "artifacts": ARTIFACTS,
        "datasets": DATASETS,
    }
)

READABLE = f"Only the views {', '.join(VIEWS)} can be read."
COLUMNS = f"The views are {', '.join(VIEWS)}; `SELECT * FROM view LIMIT 1` shows the columns of one."


def hint(said: str) -> str:
    """What helps somebody whose query the database refused with these words."""
    missing_table = "no such table" in said or ("relation" in said and "does not exist" in said)
    return f" {READABLE}" if missing_table else f" {COLUMNS}" if "column" in said else ""


def select_of(view: str, phrases: Phrases, workspace_id: int, *, hidden: str = "") -> str:
    """The query behind a view.

    >>> "WHERE r.workspace_id = 7" in select_of("logs", SQLITE, 7)
    True
    """
    said = VIEWS[view].replace("<schema>", phrases.schema).replace("<workspace>", str(int(workspace_id)))
    parts = said.split("<")
    return (parts[0] + "".join(_phrase(part, phrases) for part in parts[1:])).replace("<hidden>", hidden)


def _phrase(part: str, phrases: Phrases) -> str:
    said, closing, rest = part.partition(">")
    kind, blank, column = said.partition(" ")
    if not closing or not blank or kind not in ("uuid", "time", "seconds", "uuids"):
        return "<" + part
    return str(getattr(phrases, kind)).replace("{x}", column) + rest


def trim(sql: str) -> str:
    """A statement without the semicolon and blanks at its end."""
    return sql.strip().rstrip(";").rstrip()
