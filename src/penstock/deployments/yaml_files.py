"""YAML files with the line of each key, so that an error can say where it is. Anchors, aliases and merges are plain YAML.

Nothing is made but mappings, lists and scalars: tags that name Python objects are refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.deployments.errors import ProjectInvalid

if TYPE_CHECKING:
    from yaml import SafeLoader
    from yaml.nodes import MappingNode, Node

BYTES_MAX = 1_000_000
DEPTH_MAX = 50
NODES_MAX = 100_000
MERGE = "tag:yaml.org,2002:merge"

Keys = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class YamlFile:
    """What a file says, and where it says it."""

    path: Path
    value: Any
    """Mappings, lists and scalars."""
    lines: Mapping[Keys, int] = field(default_factory=dict)
    """The line of each key or item, by the keys that lead to it, counted from 1."""
    ends: Mapping[Keys, int] = field(default_factory=dict)
    """The last line of it."""

    def line_of(self, keys: Keys) -> int | None:
        """The line of a key, or of the nearest thing that holds it."""
        while keys:
            if keys in self.lines:
                return self.lines[keys]
            keys = keys[:-1]
        return None


def read_yaml(path: Path) -> YamlFile:
    """Read a file. Raises `ProjectInvalid` for what is no YAML, for a key said twice, and for a file that cannot be read."""
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ProjectInvalid(path, "there is no such file; make one with `penstock init`") from error
    except OSError as error:
        raise ProjectInvalid(path, f"it cannot be read: {error.strerror or error}") from error
    if len(content) > BYTES_MAX:
        raise ProjectInvalid(path, f"it has {len(content):,} bytes; {BYTES_MAX:,} are allowed")
    return parse_yaml(path, content)


def parse_yaml(path: Path, content: bytes | str) -> YamlFile:
    """Read what a file holds; dates stay text, as JSON has none. Raises `ProjectInvalid`."""
    import yaml  # lazy: 15 ms

    found = _Places(path)
    try:
        loader = _make_loader(content)
        node = loader.get_single_node()
        if node is None:
            return YamlFile(path, None)
        found.locate(node, ())
        value = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = None if error.problem_mark is None else error.problem_mark.line + 1
        raise ProjectInvalid(path, f"this is no valid YAML: {error.problem or error}", line=line) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ProjectInvalid(path, f"this is no valid YAML: {str(error).splitlines()[0]}") from error
    return YamlFile(path, value, found.lines, found.ends)


def _make_loader(content: bytes | str) -> "SafeLoader":
    from yaml import SafeLoader  # lazy: loaded by the caller

    loader = SafeLoader(content)
    loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in loader.yaml_implicit_resolvers.items()
    }
    return loader


class _Places:
    """Where each key of a file is; refuses what aliases blow up, and keys said twice."""

    def __init__(self, path: Path):
        self.path = path
        self.lines: dict[Keys, int] = {}
        self.ends: dict[Keys, int] = {}
        self._count = 0

    def locate(self, node: "Node", keys: Keys) -> None:
        from yaml.nodes import CollectionNode, MappingNode, SequenceNode  # lazy: loaded by the caller

        self._count += 1
        line = node.start_mark.line + 1
        if len(keys) > DEPTH_MAX or self._count > NODES_MAX:
            raise ProjectInvalid(self.path, "it says too much, or aliases of itself", line=line)
        self.lines.setdefault(keys, line)
        is_block = isinstance(node, CollectionNode) and not node.flow_style  # which ends where the next thing begins
        self.ends[keys] = node.end_mark.line + (0 if is_block else 1)
        if isinstance(node, MappingNode):
            self._locate_keys(node, keys)
        elif isinstance(node, SequenceNode):
            for place, item in enumerate(node.value):
                self.lines[*keys, place] = item.start_mark.line + 1
                self.locate(item, (*keys, place))

    def _locate_keys(self, node: "MappingNode", keys: Keys) -> None:
        for key, value in node.value:  # what is merged first: the mapping's own keys come on top
            if key.tag == MERGE:
                for merged in value.value if value.id == "sequence" else [value]:
                    self.locate(merged, keys)
        said: dict[str, int] = {}
        for key, value in node.value:
            line, name = key.start_mark.line + 1, str(key.value)
            if key.tag == MERGE:
                continue
            if name in said:
                raise ProjectInvalid(self.path, f"is said twice, first in line {said[name]}", where=name, line=line)
            said[name] = self.lines[*keys, name] = line
            self.locate(value, (*keys, name))
