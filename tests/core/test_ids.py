"""Identifiers: in the order of time, and equal where the call is equal."""

import uuid

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from penstock.core.ids import RunId, as_uuid_text, call_id, definition_id, parse_id, time_ordered_id

moments = st.integers(0, (1 << 48) * 1000 - 1)
entropy = st.binary(min_size=10, max_size=10)
run_ids = st.builds(time_ordered_id, moments, entropy).map(RunId)


@given(moments, moments, entropy, entropy)
def test_ids_lie_in_the_order_of_time(earlier: int, later: int, one: bytes, other: bytes) -> None:
    assume(earlier // 1000 < later // 1000)
    assert time_ordered_id(earlier, one) < time_ordered_id(later, other)


@given(moments, entropy)
def test_an_id_is_a_uuid_of_version_7_that_tells_its_millisecond(now: int, entropy: bytes) -> None:
    known = uuid.UUID(hex=time_ordered_id(now, entropy))
    assert (7, uuid.RFC_4122, now // 1000) == (known.version, known.variant, known.int >> 80)


@given(moments, entropy, entropy)
def test_other_entropy_is_another_id(now: int, one: bytes, other: bytes) -> None:
    kept = ((1 << 74) - 1) | (0xFFF << 68)  # six of its 80 bits give way to version and variant
    assume((int.from_bytes(one) ^ int.from_bytes(other)) & kept & ~(0b111111 << 62))
    assert time_ordered_id(now, one) != time_ordered_id(now, other)


@given(run_ids)
def test_an_id_is_read_back_in_both_of_its_forms(identifier: RunId) -> None:
    assert identifier == parse_id(identifier)
    assert identifier == parse_id(as_uuid_text(identifier))
    assert identifier == parse_id(f"  {as_uuid_text(identifier).upper()}\n")


@pytest.mark.parametrize("text", ["", "abc", "g" * 32, "0" * 31, "0" * 33, "018bcfe5-6800-7000-8000"])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_id(text)


@given(run_ids, st.binary(max_size=200))
def test_a_call_has_the_same_id_whenever_it_is_asked(run_id: RunId, key: bytes) -> None:
    assert call_id(run_id, key) == call_id(run_id, key)


@given(run_ids, st.binary(max_size=200), st.binary(max_size=200))
def test_other_calls_of_a_run_have_other_ids(run_id: RunId, one: bytes, other: bytes) -> None:
    assert (one == other) == (call_id(run_id, one) == call_id(run_id, other))


@given(run_ids, run_ids, st.binary(max_size=200))
def test_the_same_call_of_another_run_has_another_id(one: RunId, other: RunId, key: bytes) -> None:
    assert (one == other) == (call_id(one, key) == call_id(other, key))


@given(run_ids, st.binary(max_size=200))
def test_a_calls_id_lies_beside_its_runs(run_id: RunId, key: bytes) -> None:
    identifier = call_id(run_id, key)
    assert run_id[:12] == identifier[:12]
    assert identifier == parse_id(identifier)


def test_a_calls_id_stays_what_it_was_in_the_first_release() -> None:
    """Resuming under a newer Penstock finds what an older one recorded."""
    run_id = RunId("018bcfe5680070008000000000000000")
    assert "018bcfe568009d98955ccf5c1f4ad9e3" == call_id(run_id, b"|etl.fetch|(1,){}|0")


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\0", codec="utf-8")), min_size=1, max_size=4))
def test_a_definition_is_known_by_all_of_its_names(names: list[str]) -> None:
    assert definition_id(*names) == definition_id(*names)
    assert definition_id(*names) != definition_id(*names, "")
    assert definition_id(*names) != definition_id("x", *names)
