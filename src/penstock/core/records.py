"""The journal's records: what each kind holds, in which order, as one JSON array a line.

A record is a fact about a run, said once by the process that owns the run's epoch. Its first two fields are the kind
and the writer's sequence number. Task records are snapshots: the latest one of an epoch says all that is known, so
that a task that starts and ends within a batch costs one row. Records never hold task data.

Times are integer microseconds UTC; ids are 32 hexadecimal digits.
"""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

JOURNAL_FORMAT = 1


class TaskDefined(NamedTuple):
    """A task function as it stood when a run first called it."""

    task_id: str
    key: str
    """Module-qualified name of the function, which identifies the task across runs."""
    name: str
    tags: Sequence[str]
    source_hash: str | None
    retries: int
    description: str | None


class TaskSeen(NamedTuple):
    """A snapshot of a task run. `attempts` lists the tries before the current one as (start, end, name, message)."""

    flow_run_id: str
    epoch: int
    task_run_id: str
    task_id: str
    parent_id: str | None
    """The task run that called this one; none if the flow itself did."""
    ordinal: int
    """Counts the calls of this task in this run from 0; the run's display name is `<task>-<ordinal>` unless named."""
    name: str | None
    tags: Sequence[str] | None
    upstream: Sequence[str] | None
    created_at: int
    state_type: str
    state_name: str
    reason: str | None
    message: str | None
    attempt: int
    """The current try, from 1; 0 before the first."""
    started_at: int | None
    ended_at: int | None
    result: str | None
    """Where the result is kept (a reference, never the result)."""
    cache_key: str | None
    attempts: Sequence[Sequence[Any]] | None


class FlowSeen(NamedTuple):
    """A flow run that began inside another one; top-level runs begin by asking the orchestrator."""

    flow_run_id: str
    epoch: int
    flow_name: str
    name: str
    version: str | None
    parameters: Any
    parent_run_id: str | None
    parent_task_run_id: str | None
    created_at: int
    tags: Sequence[str]
    code_version: str | None
    entrypoint: str | None
    upstream: Sequence[str] | None


class StateSeen(NamedTuple):
    """A flow run moved, as said by the process that owns it."""

    flow_run_id: str
    epoch: int
    at: int
    state_type: str
    state_name: str
    reason: str | None
    message: str | None
    result: str | None


class LogSeen(NamedTuple):
    """A line that the user chose to log."""

    flow_run_id: str
    task_run_id: str | None
    epoch: int
    at: int
    level: int
    logger: str
    message: str


class ArtifactSeen(NamedTuple):
    """Something that the user chose to show: type is markdown, table, link, image or progress; data is JSON."""

    flow_run_id: str | None
    task_run_id: str | None
    artifact_id: str
    key: str | None
    type: str
    description: str | None
    data: Any
    at: int


class EventSeen(NamedTuple):
    """Something worth reacting to."""

    event_id: str
    at: int
    kind: str
    resource: str
    related: Sequence[str]
    actor: str | None
    cause: str | None
    payload: Any
    flow_run_id: str | None


class DatasetSeen(NamedTuple):
    """A run read or wrote a version of a dataset. `action` is read or write."""

    flow_run_id: str | None
    task_run_id: str | None
    at: int
    action: str
    dataset: str
    location: str
    version: int
    write_key: str | None
    rows: int | None
    bytes: int | None
    schema_digest: str | None
    details: Any


class WriterClosed(NamedTuple):
    """The writer ended in good order; nothing follows."""

    at: int


class Superseded(NamedTuple):
    """A snapshot of which a later one of the same batch says all: it only holds its place in the sequence.

    No journal holds it; see `parse_lines`.
    """


SUPERSEDED = Superseded()

Record = (
    TaskDefined
    | TaskSeen
    | FlowSeen
    | StateSeen
    | LogSeen
    | ArtifactSeen
    | EventSeen
    | DatasetSeen
    | WriterClosed
    | Superseded
)

KINDS: Mapping[str, type[Record]] = MappingProxyType(
    {
        "task": TaskSeen,
        "log": LogSeen,
        "def": TaskDefined,
        "flow": FlowSeen,
        "state": StateSeen,
        "artifact": ArtifactSeen,
        "event": EventSeen,
        "dataset": DatasetSeen,
        "close": WriterClosed,
        "superseded": Superseded,
    }
)
TAGS: Mapping[type[Record], str] = MappingProxyType({record: tag for tag, record in KINDS.items()})


def parse_record(fields: Sequence[Any]) -> tuple[int, Record]:
    """Turn one decoded journal line into its sequence number and record; raises `ValueError` on anything else.

    >>> parse_record(["close", 7, 1_700_000_000_000_000])
    (7, WriterClosed(at=1700000000000000))
    """
    try:
        tag, sequence, *rest = fields
        kind = KINDS[tag]
        return int(sequence), kind._make(rest)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise ValueError(f"not a journal record: {fields!r:.200}") from error


TASK_LINE = b'["task",'
WHOSE_BYTES = 80
"""What begins with the flow run's id says whose snapshot a line is: that id, the epoch, and the task run's."""


def parse_lines(lines: Sequence[bytes]) -> list[tuple[int, Record]]:
    """Decode journal lines, in order, leaving out what is superseded among them. Raises `ValueError`.

    Most task runs begin and end within a batch. A snapshot that is not the last of its epoch is not decoded: 0.6 µs in
    place of 3, of a time in which no other thread of Python runs. All others are decoded at once: 0.6 µs a line in
    place of 2.3.

    >>> parse_lines([b'["close",7,1700000000000000]'])
    [(7, WriterClosed(at=1700000000000000))]
    """
    said: list[bytes] = []
    superseded: list[int | None] = []
    later: set[bytes] = set()
    for line in reversed(lines):
        number = None
        if line.startswith(TASK_LINE):
            begin = line.find(b'"', len(TASK_LINE))
            whose, digits = line[begin : begin + WHOSE_BYTES], line[len(TASK_LINE) : begin - 1]
            if whose not in later:
                later.add(whose)
            elif digits.isdigit():
                number = int(digits)
        superseded.append(number)
        if number is None:
            said.append(line)
    decoded = json.loads(b"[" + b",".join(reversed(said)) + b"]")
    if len(decoded) != len(said):
        raise ValueError(f"{len(said)} lines hold {len(decoded)} records")
    records = map(parse_record, decoded)
    return [next(records) if number is None else (number, SUPERSEDED) for number in reversed(superseded)]
