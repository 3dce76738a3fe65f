"""The journal's records: each comes back from one line of JSON as it went in, and nothing else is a record."""

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.records import (
    JOURNAL_FORMAT,
    KINDS,
    SUPERSEDED,
    TAGS,
    Record,
    TaskSeen,
    WriterClosed,
    parse_lines,
    parse_record,
)

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
data = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))
records = st.sampled_from(sorted(KINDS)).flatmap(
    lambda tag: st.tuples(*[data] * len(KINDS[tag]._fields)).map(KINDS[tag]._make)
)


@given(st.integers(0, 2**63), records)
def test_a_record_comes_back_from_its_line(sequence: int, record: Record) -> None:
    line = json.dumps([TAGS[type(record)], sequence, *record])
    assert (sequence, record) == parse_record(json.loads(line))
    assert type(record) is type(parse_record(json.loads(line))[1])


@given(data)
def test_any_other_json_is_refused_and_never_breaks_the_reader(fields: Any) -> None:
    with pytest.raises(ValueError):
        parse_record(fields)


@given(records, st.integers(-3, 3).filter(bool))
def test_a_record_with_too_few_or_too_many_fields_is_refused(record: Record, change: int) -> None:
    fields = [*record, None, None, None][: len(record) + change]
    if len(fields) != len(record):
        with pytest.raises(ValueError):
            parse_record([TAGS[type(record)], 1, *fields])


@pytest.mark.parametrize("sequence", [None, "seven", [], {}, float("inf"), float("nan")])
def test_a_record_without_a_number_is_refused(sequence: Any) -> None:
    with pytest.raises(ValueError):
        parse_record(["close", sequence, 1])


def line_of(sequence: int, record: Record) -> bytes:
    return json.dumps([TAGS[type(record)], sequence, *record], separators=(",", ":")).encode()


def snapshot(task_run: int, epoch: int, state: str, run: int = 1) -> TaskSeen:
    known = (f"{run:032x}", epoch, f"{task_run:032x}", "7" * 32, None, 0, None, None, None, 1)
    return TaskSeen(*known, state, state.title(), None, None, 1, 2, None, None, None, None)


snapshots = st.builds(
    snapshot, st.integers(0, 3), st.sampled_from([1, 2, 12, 1234567890]), st.sampled_from(["RUNNING", "COMPLETED"])
)
others = st.builds(WriterClosed, st.integers(0, 2**53))


@given(st.lists(snapshots | others, max_size=12), st.integers(0, 10**12))
def test_of_a_task_runs_snapshots_in_an_epoch_the_last_of_a_batch_is_decoded(said: list[Record], begin: int) -> None:
    numbered = list(enumerate(said, start=begin))
    last = {(r[0], r[1], r[2]): n for n, r in numbered if isinstance(r, TaskSeen)}
    expected = [
        (n, r) if not isinstance(r, TaskSeen) or n == last[r[0], r[1], r[2]] else (n, SUPERSEDED) for n, r in numbered
    ]
    assert expected == parse_lines([line_of(*pair) for pair in numbered])


@pytest.mark.parametrize(
    "line", [b'["task",]', b'["task",1,', b'["task",1,"a"]', b'["task"', b'["task","a"]', b"\xff", b" "]
)
def test_lines_that_no_writer_writes_are_refused(line: bytes) -> None:
    for lines in ([line], [line, line]):
        with pytest.raises(ValueError):
            parse_lines(lines)


@pytest.mark.parametrize("lines", [[b'["close",1', b"5]"], [b'["close",1,5],["close",2,6]']])
def test_a_line_is_one_record(lines: list[bytes]) -> None:
    with pytest.raises(ValueError, match="records"):
        parse_lines(lines)


def test_snapshots_that_another_program_wrote_with_spaces_are_decoded_each() -> None:
    spaced = [json.dumps(["task", n, *snapshot(1, 1, "RUNNING")]).encode() for n in (1, 2)]
    assert [(n, snapshot(1, 1, "RUNNING")) for n in (1, 2)] == parse_lines(spaced)


def test_every_kind_of_record_has_one_tag() -> None:
    assert set(get_args(Record)) == set(TAGS) == set(KINDS.values())
    assert len(KINDS) == len(TAGS)


def test_the_format_that_journals_are_written_in_has_not_changed_unnoticed() -> None:
    """Whoever changes a field raises JOURNAL_FORMAT, and teaches the reader the format before."""
    assert 1 == JOURNAL_FORMAT
    assert {
        "artifact": "flow_run_id task_run_id artifact_id key type description data at",
        "close": "at",
        "dataset": "flow_run_id task_run_id at action dataset location version write_key rows bytes schema_digest "
        "details",
        "def": "task_id key name tags source_hash retries description",
        "event": "event_id at kind resource related actor cause payload flow_run_id",
        "flow": "flow_run_id epoch flow_name name version parameters parent_run_id parent_task_run_id created_at tags "
        "code_version entrypoint upstream",
        "log": "flow_run_id task_run_id epoch at level logger message",
        "superseded": "",
        "state": "flow_run_id epoch at state_type state_name reason message result",
        "task": "flow_run_id epoch task_run_id task_id parent_id ordinal name tags upstream created_at state_type "
        "state_name reason message attempt started_at ended_at result cache_key attempts",
    } == {tag: " ".join(kind._fields) for tag, kind in KINDS.items()}
