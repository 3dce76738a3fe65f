"""Names for runs."""

from hypothesis import given
from hypothesis import strategies as st

from penstock.core.names import ADJECTIVES, ANIMALS, run_name


@given(st.integers(0, 1 << 80))
def test_any_number_has_a_name_of_two_words(entropy: int) -> None:
    adjective, animal = run_name(entropy).split("-")
    assert adjective in ADJECTIVES
    assert animal in ANIMALS


def test_no_word_is_there_twice() -> None:
    assert len(set(ADJECTIVES)) == len(ADJECTIVES)
    assert len(set(ANIMALS)) == len(ANIMALS)


def test_every_pair_of_words_is_some_numbers_name() -> None:
    pairs = len(ADJECTIVES) * len(ANIMALS)
    assert pairs == len({run_name(n) for n in range(pairs)})
