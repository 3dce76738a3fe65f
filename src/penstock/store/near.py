"""Names like one that was not found, for the error's hint."""

from collections.abc import Iterable

NEAR_MAX = 3


def near_names(name: str, known: Iterable[str]) -> list[str]:
    """The known names that `name` may have been meant to be.

    >>> near_names("tokn", ["token", "bucket"])
    ['token']
    """
    from difflib import get_close_matches  # lazy: difflib, for an error only

    return get_close_matches(name, list(known), n=NEAR_MAX)
