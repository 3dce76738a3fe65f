"""Values as people read and write them."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.cli.text import (
    as_duration,
    as_json,
    as_size,
    find_near,
    harmless,
    harmless_line,
    parse_moment,
    parse_value,
)

COMMANDS_TO_TERMINALS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
DAY = 86_400_000_000


@given(st.text())
def test_no_text_commands_a_terminal(text: str) -> None:
    assert not COMMANDS_TO_TERMINALS.search(harmless(text))


@given(st.text())
def test_a_line_has_no_breaks(text: str) -> None:
    assert 1 == len(harmless_line(text + "x").splitlines())


@given(st.text(alphabet=st.characters(exclude_categories=["C", "Z"])))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert text == harmless(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON, st.booleans())
def test_json_commands_no_terminal_and_reads_back_equal(value: object, ascii_only: bool) -> None:
    text = as_json(value, ascii_only=ascii_only)
    assert not COMMANDS_TO_TERMINALS.search(text)
    assert value == json.loads(text)


def test_json_has_null_for_what_is_no_number() -> None:
    assert [None, {"a": None}, 1.5] == json.loads(as_json([float("nan"), {"a": float("inf")}, 1.5]))


@given(JSON)
def test_a_value_written_as_json_is_read_from_the_command_line(value: object) -> None:
    assert value == parse_value(json.dumps(value))


@pytest.mark.parametrize("text", ["green", "NaN", "Infinity", "{", "007", "", "a=b", "'x'"])
def test_what_is_no_json_is_text(text: str) -> None:
    assert text == parse_value(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2h", 7_200),
        ("90s", 90),
        ("1d", 86_400),
        ("1h30m", 5_400),
        ("1.5h", 5_400),
        ("2 d 1 h", 176_400),
        ("1w", 604_800),
    ],
)
def test_a_span_is_counted_back_from_now(text: str, expected: int) -> None:
    assert 30 * DAY - expected * 1_000_000 == parse_moment(text, now=30 * DAY)


def test_a_moment_with_its_offset_is_that_moment() -> None:
    assert 8 * 3_600 * 1_000_000 == parse_moment("1970-01-01T10:00+02:00", now=0)


@pytest.mark.parametrize("text", ["soon", "", "2x", "2024-13-01", "h2"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_moment(text, now=0)


@given(st.integers(min_value=-(10**9), max_value=10**16))
def test_every_duration_has_a_short_form(microseconds: int) -> None:
    assert len(as_duration(microseconds)) <= 14


@given(st.integers(min_value=0, max_value=10**18))
def test_every_size_has_a_short_form(count: int) -> None:
    assert len(as_size(count)) <= 12


def test_near_names_are_found_whatever_their_case() -> None:
    assert ["Web-To-Lake"] == find_near("web-to-lak", ["Web-To-Lake", "ingest"])
