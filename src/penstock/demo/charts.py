"""Charts without a library: bars in SVG for an artifact, and in one line of text for the terminal."""

from collections.abc import Sequence
from datetime import date
from urllib.parse import quote

WIDTH, HEIGHT, MARGIN = 720, 240, 28
BARS = "▁▂▃▄▅▆▇█"


def bar_chart(title: str, counts: Sequence[tuple[date, int]]) -> str:
    """Draw counts per day as an image address (`data:image/svg+xml,...`).

    >>> bar_chart("Trips", [(date(2020, 4, 1), 2), (date(2020, 4, 2), 4)])[:19]
    'data:image/svg+xml,'
    """
    most = max((count for _, count in counts), default=0) or 1
    step = (WIDTH - 2 * MARGIN) / max(1, len(counts))
    bars = []
    for place, (day, count) in enumerate(counts):
        height = (HEIGHT - 2 * MARGIN) * count / most
        bars.append(
            f'<rect x="{MARGIN + place * step:.1f}" y="{HEIGHT - MARGIN - height:.1f}" width="{step * 0.8:.1f}" '
            f'height="{height:.1f}"><title>{day}: {count:,}</title></rect>'
        )
    first, last = (counts[0][0], counts[-1][0]) if counts else ("", "")
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12" fill="#2f6f8f"><text x="{MARGIN}" y="18" font-size="14">{title}, at most {most:,} a day</text>'
        f'{"".join(bars)}<text x="{MARGIN}" y="{HEIGHT - 8}">{first}</text>'
        f'<text x="{WIDTH - MARGIN}" y="{HEIGHT - 8}" text-anchor="end">{last}</text></svg>'
    )
    return "data:image/svg+xml," + quote(svg, safe=" =:/,#'\"<>").replace("#", "%23").replace('"', "'")


def sparkline(counts: Sequence[int]) -> str:
    """Draw counts in one line.

    >>> sparkline([0, 5, 10])
    '▁▄█'
    """
    most = max(counts, default=0) or 1
    return "".join(BARS[count * (len(BARS) - 1) // most] for count in counts)
