"""What `{{ penstock.blocks... }}`, `{{ penstock.variables... }}` and `{{ $NAME }}` stand for, where code is fetched or deployed."""

import os
from collections.abc import Mapping
from functools import partial
from typing import Any

from penstock.blockverbs import GetBlock
from penstock.core.errors import NotFound, PlaceholderUnknown
from penstock.deployments.placeholders import KEEP, fill, is_about
from penstock.ports import GetVariable
from penstock.sdk.variables import current_ports


def resolve_all(document: Any) -> Any:
    """A document with blocks, variables and the environment filled in, for the process that needs the values.

    Raises `PlaceholderUnknown`, and what loading a block raises.
    """
    return fill(document, partial(_look_up, with_blocks=True))


def resolve_public(document: Any) -> Any:
    """A document with variables and the environment filled in, to be saved. Blocks may hold secrets: they are left as they are.

    Raises `PlaceholderUnknown`.
    """
    return fill(document, partial(_look_up, with_blocks=False))


def _look_up(placeholder: str, *, with_blocks: bool) -> Any:
    if placeholder.startswith("$"):
        name = placeholder[1:]
        if name not in os.environ:
            raise PlaceholderUnknown(placeholder, where="", why=f"the environment has no variable {name}.")
        return os.environ[name]
    if is_about(placeholder, "variables"):
        return _find_variable(placeholder)
    if with_blocks and is_about(placeholder, "blocks"):
        return _find_block(placeholder)
    return KEEP


def _find_variable(placeholder: str) -> Any:
    name = placeholder.partition(".variables.")[2]
    orchestrator, principal = current_ports()
    try:
        return orchestrator.ask(GetVariable(name=name), principal).value
    except NotFound as error:
        raise PlaceholderUnknown(placeholder, where="", why=str(error)) from error


def _find_block(placeholder: str) -> Any:
    """A block's values; of a block that has nothing but a `value`, such as a secret, that."""
    slug, _, rest = placeholder.partition(".blocks.")[2].partition(".")
    name, *path = rest.split(".")
    if not name:
        why = "write `penstock.blocks.TYPE.NAME`, and a field after it if one is meant."
        raise PlaceholderUnknown(placeholder, where="", why=why)
    orchestrator, principal = current_ports()
    try:
        value: Any = orchestrator.ask(GetBlock(type_slug=slug, name=name, with_secrets=True), principal).values
    except NotFound as error:
        raise PlaceholderUnknown(placeholder, where="", why=str(error)) from error
    if not path and set(value) == {"value"}:
        return value["value"]
    for key in path:
        if not isinstance(value, Mapping) or key not in value:
            raise PlaceholderUnknown(placeholder, where="", why=f"block `{slug}/{name}` has no `{'.'.join(path)}`.")
        value = value[key]
    return value
