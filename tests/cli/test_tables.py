"""Tables: aligned whatever the characters, cut only where columns give."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from penstock.cli.tables import GIVING_WIDTH_MIN, Cell, Column, draw_table
from penstock.cli.text import harmless_line

COLUMNS = [Column("ID"), Column("Name", give=True), Column("Count", right=True)]
CELLS = st.text(st.sampled_from("ab雪é\x1b\n "), max_size=40)


def draw(rows: Sequence[Sequence[str | Cell]], *, width: int) -> list[str]:
    return list(draw_table(COLUMNS, rows, width=width, paint=lambda text, *_: text, clean=harmless_line, rule="-"))


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=5), st.integers(10, 200))
def test_a_table_has_a_line_for_each_row(rows: list[tuple[str, str, str]], width: int) -> None:
    assert len(rows) + 2 == len(draw(rows, width=width))


@given(st.lists(st.tuples(st.just("id"), CELLS, st.just("1")), max_size=5), st.integers(25, 200))
def test_a_table_is_as_wide_as_the_terminal_at_most(rows: list[tuple[str, str, str]], width: int) -> None:
    assert all(cell_len(line) <= max(width, GIVING_WIDTH_MIN + 11) for line in draw(rows, width=width))


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=5))
def test_with_room_nothing_is_cut(rows: list[tuple[str, str, str]]) -> None:
    for row, line in zip(rows, draw(rows, width=100_000)[2:], strict=True):
        assert all(harmless_line(value).strip() in line for value in row)


def test_what_has_a_short_form_shows_it_where_room_is_short() -> None:
    rows = [("a", "b", Cell("2026-11-21 12:00:00", short="12:00:00"))]
    assert any("2026-11-21 12:00:00" in line for line in draw(rows, width=80))
    assert "a   b     12:00:00" == draw(rows, width=20)[-1]


def test_numbers_stand_on_the_right() -> None:
    assert [
        "ID  Name  Count",
        "---------------",
        "a   雪        1",
        "b   cd       10",
    ] == draw([("a", "雪", "1"), ("b", "cd", "10")], width=80)
