"""`{{ placeholders }}` in what people write: which of them are filled in here, and which are left for later.

A text that is one placeholder becomes its value, of whatever type; within other text the value is written as text.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

PLACEHOLDER = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
PENSTOCK_NAMES = ("penstock.", "prefect.")
KEEP: Any = object()
"""What a look-up answers for a placeholder that is left as it is."""

Lookup = Callable[[str], Any]


def fill(document: Any, lookup: Lookup) -> Any:
    """A document with its placeholders looked up.

    >>> fill({"image": "{{ built.image }}:{{ tag }}"}, {"built.image": "taxi", "tag": 3}.__getitem__)
    {'image': 'taxi:3'}
    >>> fill("{{ later }}", lambda name: KEEP)
    '{{ later }}'
    """
    if isinstance(document, str):
        return _fill_text(document, lookup)
    if isinstance(document, Mapping):
        return {key: fill(value, lookup) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [fill(item, lookup) for item in document]
    return document


def find_placeholders(document: Any) -> Iterator[str]:
    """The names of all placeholders in a document."""
    if isinstance(document, str):
        yield from PLACEHOLDER.findall(document)
    elif isinstance(document, Mapping):
        for value in document.values():
            yield from find_placeholders(value)
    elif isinstance(document, list | tuple):
        for item in document:
            yield from find_placeholders(item)


def is_about(placeholder: str, kind: str) -> bool:
    """Whether a placeholder names something that Penstock keeps, such as one of its `blocks` or `variables`.

    >>> is_about("prefect.blocks.secret.token", "blocks"), is_about("period.start", "blocks")
    (True, False)
    """
    return any(placeholder.startswith(f"{prefix}{kind}.") for prefix in PENSTOCK_NAMES)


def _fill_text(text: str, lookup: Lookup) -> Any:
    whole = PLACEHOLDER.fullmatch(text.strip())
    if whole is not None:
        value = lookup(whole[1])
        return text if value is KEEP else value

    def write(found: re.Match[str]) -> str:
        value = lookup(found[1])
        return found[0] if value is KEEP else str(value)

    return PLACEHOLDER.sub(write, text)
