"""A throw-away home."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock.sdk import wiring


@contextmanager
def harness(**settings: str) -> Iterator[Path]:
    """Run flows in a home of their own that is gone afterwards; `settings` are set as `PENSTOCK_*` variables.

    Inside, the terminal stays silent. The home's path is what the block gets.

    >>> from penstock import flow
    >>> @flow
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> with harness() as home:
    ...     double(4), (home / "penstock.db").exists()
    (8, True)
    """
    with tempfile.TemporaryDirectory(prefix="penstock-test-") as folder:
        changed = {
            "PENSTOCK_HOME": folder,
            "PENSTOCK_TEST_MODE": "1",
            "PENSTOCK_LOGS_TO_TERMINAL": "0",
            **{f"PENSTOCK_{name.upper()}": value for name, value in settings.items()},
        }
        dropped = [name for name in os.environ if name.startswith("PENSTOCK_") and name not in changed]
        before = {name: os.environ.get(name) for name in [*changed, *dropped]}
        wiring.shut_down()
        for name in dropped:
            del os.environ[name]
        os.environ.update(changed)
        try:
            yield Path(folder)
        finally:
            wiring.shut_down()
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
