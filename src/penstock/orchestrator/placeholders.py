"""`{{ penstock.blocks.TYPE.NAME }}`, `{{ penstock.variables.NAME }}` and `{{ $NAME }}` in what people write, and what they stand for.

A text that is one placeholder becomes its value, of whatever type; within other text the value is written as text. What a block
or variable holds is taken as it is: placeholders within it stand for nothing.
"""

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from penstock.blockverbs import GetBlock
from penstock.core.block_values import TYPE_KEY, reference_of, split_reference, unescape_key
from penstock.core.errors import NotFound, PlaceholderUnknown
from penstock.ports import LOCAL, GetVariable, Orchestrator, Principal

PLACEHOLDER = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
NAMESPACES = ("penstock", "prefect")
DEPTH_MAX = 20
"""How many blocks may refer to one another in a row."""

_KEEP: Any = object()


def resolve(
    document: Any,
    orchestrator: Orchestrator,
    principal: Principal = LOCAL,
    *,
    environ: Mapping[str, str] | None = None,
    with_blocks: bool = True,
    strict: bool = True,
) -> Any:
    """A document (mappings, lists, texts) with its placeholders filled in.

    `penstock.blocks.TYPE.NAME` is a block's values, secrets included; of a block that is nothing but a `value`, such as a secret,
    that. `.field` after it chooses a field, also through blocks that it refers to. `$NAME` is of `environ`, this process's if none.
    Without `with_blocks` those of blocks stay as they are, so that no secret is written down. Without `strict`, so do placeholders
    that are about something else, which others fill in. Raises `PlaceholderUnknown`, naming the placeholder and where it stands.
    """
    source = _Source(orchestrator, principal, os.environ if environ is None else environ)

    def look_up(placeholder: str, where: str) -> Any:
        try:
            return source.look_up(placeholder, with_blocks=with_blocks, strict=strict)
        except _Unknown as error:
            raise PlaceholderUnknown(placeholder, where=where, why=str(error)) from error.__cause__

    return _walk(document, "", look_up)


class _Unknown(Exception):
    """A placeholder stands for nothing; its text says why."""


class _Source:
    """Where values come from."""

    def __init__(self, orchestrator: Orchestrator, principal: Principal, environ: Mapping[str, str]):
        self._orchestrator, self._principal, self._environ = orchestrator, principal, environ

    def look_up(self, placeholder: str, *, with_blocks: bool, strict: bool) -> Any:
        if placeholder.startswith("$"):
            return self._variable_of_environment(placeholder[1:])
        namespace, _, rest = placeholder.partition(".")
        kind, _, rest = rest.partition(".")
        if namespace in NAMESPACES and kind == "variables":
            return self._variable(rest)
        if namespace in NAMESPACES and kind == "blocks":
            return self._block(rest) if with_blocks else _KEEP
        if strict:
            raise _Unknown("it is neither penstock.blocks.TYPE.NAME nor penstock.variables.NAME nor $NAME.")
        return _KEEP

    def _variable_of_environment(self, name: str) -> str:
        if name not in self._environ:
            raise _Unknown(f"the environment has no variable {name}.")
        return self._environ[name]

    def _variable(self, name: str) -> Any:
        try:
            return self._orchestrator.ask(GetVariable(name=name), self._principal).value
        except NotFound as error:
            raise _Unknown(str(error)) from error

    def _block(self, path: str) -> Any:
        slug, _, rest = path.partition(".")
        name, *keys = rest.split(".")
        if not slug or not name:
            raise _Unknown("write penstock.blocks.TYPE.NAME, and a field after it if one is meant.")
        value = self._values(slug, name)
        if not keys and set(value) == {"value"}:
            return value["value"]
        for key in keys:
            if isinstance(value, list) and key.isdigit() and int(key) < len(value):
                value = value[int(key)]
            elif isinstance(value, dict) and key in value:
                value = value[key]
            else:
                # Not told what is there: a secret can be a mapping.
                raise _Unknown(f"block `{slug}/{name}` has no `{'.'.join(keys)}`.")
        return value

    def _values(self, slug: str, name: str, depth: int = 0) -> Any:
        if depth > DEPTH_MAX:
            raise _Unknown(f"block `{slug}/{name}` is one of more than {DEPTH_MAX} that refer to one another.")
        try:
            request = GetBlock(type_slug=slug, name=name, with_secrets=True)
            return self._plain(self._orchestrator.ask(request, self._principal).values, depth)
        except NotFound as error:
            raise _Unknown(str(error)) from error

    def _plain(self, value: Any, depth: int) -> Any:
        reference = reference_of(value)
        if reference is not None:
            return self._values(*split_reference(reference), depth + 1)
        if isinstance(value, dict):
            return {unescape_key(key): self._plain(item, depth) for key, item in value.items() if key != TYPE_KEY}
        return [self._plain(item, depth) for item in value] if isinstance(value, list) else value


def _walk(document: Any, where: str, look_up: Callable[[str, str], Any]) -> Any:
    if isinstance(document, str):
        return _fill(document, where, look_up)
    if isinstance(document, Mapping):
        return {key: _walk(item, f"{where}.{key}" if where else str(key), look_up) for key, item in document.items()}
    if isinstance(document, list | tuple):
        return [_walk(item, f"{where}[{index}]", look_up) for index, item in enumerate(document)]
    return document


def _fill(text: str, where: str, look_up: Callable[[str, str], Any]) -> Any:
    whole = PLACEHOLDER.fullmatch(text.strip())
    if whole is not None:
        value = look_up(whole[1], where)
        return text if value is _KEEP else value

    def write(found: re.Match[str]) -> str:
        value = look_up(found[1], where)
        return found[0] if value is _KEEP else str(value)

    return PLACEHOLDER.sub(write, text)
