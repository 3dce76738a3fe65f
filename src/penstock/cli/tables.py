"""Tables on the terminal: aligned by the cells that characters take, cut only where a terminal is narrow.

Drawn here and not by rich, whose console alone takes 45 ms to load; rich's measure of characters is used.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

GAP = 2
GIVING_WIDTH_MIN = 10


@dataclass(frozen=True, slots=True)
class Cell:
    """A value in a table, in a colour of the terminal's sixteen; `short` is what a narrow terminal shows of it."""

    text: str
    colour: str | None = None
    short: str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. The widest columns with `give` are cut first where the terminal is narrow."""

    title: str
    right: bool = False
    give: bool = False


Paint = Callable[[str, str | None, bool], str]
"""Gives a text a colour, and boldness."""
Clean = Callable[[str], str]
"""Makes a text harmless, and such that the terminal has its characters."""


def draw_table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str | Cell]],
    *,
    width: int,
    paint: Paint,
    clean: Clean,
    rule: str | None,
) -> Iterator[str]:
    """Lines of a table at most `width` wide, if its columns give enough; `rule` is what the line under the titles is
    made of."""
    from rich.cells import cell_len, set_cell_size  # lazy: rich's table of characters, 2 ms

    def measure() -> list[int]:
        titles = [cell_len(column.title) for column in columns]
        return [max([wide, *(cell_len(row[number]) for row in texts)]) for number, wide in enumerate(titles)]

    cells = [[value if isinstance(value, Cell) else Cell(value) for value in row] for row in rows]
    texts = [[clean(cell.text) for cell in row] for row in cells]
    needs = measure()
    if sum(needs) + GAP * (len(needs) - 1) > width:
        texts = [[clean(cell.text if cell.short is None else cell.short) for cell in row] for row in cells]
        needs = measure()
    ellipsis = clean("…")
    widths = fit_widths(columns, needs, width=width)

    def line(values: Sequence[str], colours: Sequence[str | None], *, bold: bool) -> str:
        parts = []
        for column, value, colour, wide in zip(columns, values, colours, widths, strict=True):
            length = cell_len(value)
            shown = value if length <= wide else set_cell_size(value, wide - cell_len(ellipsis)).rstrip() + ellipsis
            space = " " * max(wide - min(length, cell_len(shown)), 0)
            painted = paint(shown, colour, bold)
            parts.append(space + painted if column.right else painted + space)
        return (" " * GAP).join(parts).rstrip()

    yield line([clean(column.title) for column in columns], [None] * len(columns), bold=True)
    if rule is not None:
        yield rule * (sum(widths) + GAP * (len(widths) - 1))
    for row, row_texts in zip(cells, texts, strict=True):
        yield line(row_texts, [cell.colour for cell in row], bold=False)


def fit_widths(columns: Sequence[Column], needs: Sequence[int], *, width: int) -> list[int]:
    """What each column gets: all it needs, or on a narrow terminal less for those that give, the widest first.

    >>> fit_widths([Column("ID"), Column("Name", give=True)], [20, 40], width=50)
    [20, 28]
    """
    widths = list(needs)
    excess = sum(widths) + GAP * (len(widths) - 1) - width
    giving = [number for number, column in enumerate(columns) if column.give]
    while excess > 0 and giving:
        widest = max(giving, key=lambda number: widths[number])
        if widths[widest] <= GIVING_WIDTH_MIN:
            break
        widths[widest] -= 1
        excess -= 1
    return widths
