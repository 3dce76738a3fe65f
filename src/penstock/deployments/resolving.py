"""What `{{ penstock.blocks... }}`, `{{ penstock.variables... }}` and `{{ $NAME }}` stand for, where code is fetched or deployed."""

from typing import Any

from penstock.orchestrator.placeholders import resolve
from penstock.sdk.variables import current_ports


def resolve_all(document: Any) -> Any:
    """A document with blocks, variables and the environment filled in, for the process that needs the values.

    Raises `PlaceholderUnknown`, and what loading a block raises.
    """
    return resolve(document, *current_ports(), strict=False)


def resolve_public(document: Any) -> Any:
    """A document with variables and the environment filled in, to be saved. Blocks may hold secrets: they are left as they are.

    Raises `PlaceholderUnknown`.
    """
    return resolve(document, *current_ports(), with_blocks=False, strict=False)
