"""Tags for everything that begins within a block of code."""

from collections.abc import Iterator
from contextlib import contextmanager

from penstock.engine.context import current_tags
from penstock.sdk.declarations import check_tags


@contextmanager
def tags(*names: str) -> Iterator[frozenset[str]]:
    """Give every flow and task run that begins inside the block these tags too; blocks nest.

    >>> with tags("nightly"):
    ...     with tags("eu") as both:
    ...         sorted(both)
    ['eu', 'nightly']
    """
    together = current_tags.get() | check_tags(names)
    token = current_tags.set(together)
    try:
        yield together
    finally:
        current_tags.reset(token)
