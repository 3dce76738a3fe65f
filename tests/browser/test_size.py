"""How much a browser loads before it shows the first page."""

import gzip
import re
from pathlib import Path

FIRST_PAGE_BYTES_MAX = 250_000


def test_the_first_page_loads_little(built: Path) -> None:
    index = (built / "index.html").read_text()
    scripts = set(re.findall(r'(?:src|href)="/(assets/[^"]+\.js)"', index))
    assert scripts
    assert FIRST_PAGE_BYTES_MAX > sum(len(gzip.compress((built / script).read_bytes())) for script in scripts)


def test_the_first_page_names_no_other_address(built: Path) -> None:
    assert [] == re.findall(r'(?:src|href)="(?!/)[^"]*"', (built / "index.html").read_text())
