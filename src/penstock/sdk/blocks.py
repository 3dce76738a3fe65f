"""Blocks: typed configuration of outside systems, saved by name, secrets encrypted.

A class is a type of blocks. It is made known with the first block that is saved, or by `penstock block register`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from types import UnionType
from typing import Annotated, Any, ClassVar, Self, Union, get_args, get_origin

import pydantic
from pydantic import BaseModel, ConfigDict, PrivateAttr, SecretBytes, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import to_jsonable_python

from penstock.blockverbs import GetBlock, RegisterBlockType, RemoveBlock, SaveBlock
from penstock.core.block_values import (
    REFERENCE_KEY,
    TYPE_KEY,
    escape_key,
    reference_of,
    split_reference,
    unescape_key,
)
from penstock.core.errors import BlockInvalid, BlockTypeUnknown, InvalidDefinition, NotFound
from penstock.core.pointers import join_pointer
from penstock.sdk.variables import current_ports

ENTRY_POINTS = "penstock.blocks"
"""The group of entry points by which packages offer blocks: the type's slug, and `module:Class`."""
BUILT_IN: Mapping[str, str] = {
    "secret": "penstock.sdk.blocks:Secret",
    "json": "penstock.sdk.blocks:JSON",
    "sqlalchemy-connector": "penstock.integrations.connectors:SqlAlchemyConnector",
    "kubernetes-cluster-config": "penstock.integrations.clusters:KubernetesClusterConfig",
    "process": "penstock.deployments.infrastructure:Process",
    "docker-container": "penstock.deployments.infrastructure:DockerContainer",
    "kubernetes-job": "penstock.deployments.infrastructure:KubernetesJob",
    "github": "penstock.deployments.storage.github:GitHub",
}
DEPTH_MAX = 20
"""How deep blocks may lie within one another."""

SECRETS = (SecretStr, SecretBytes, pydantic.Secret)

SecretDict = pydantic.Secret[dict[str, Any]]
"""A mapping that is secret as a whole; `.get_secret_value()` gives it."""


class Block(BaseModel):
    """The base of all blocks: a pydantic model that is saved by name.

    `SecretStr` and `SecretDict` fields are encrypted. A field may be another block: one that was saved is referred to, so that
    changing it changes all that use it; any other is saved within.

    >>> from pydantic import SecretStr
    >>> class Warehouse(Block):
    ...     host: str
    ...     password: SecretStr
    >>> Warehouse(host="db.example.com", password="hunter2").save("main")
    'warehouse/main'
    >>> Warehouse.load("main")
    Warehouse(host='db.example.com', password=SecretStr('**********'))
    >>> Warehouse.load("main").password.get_secret_value()
    'hunter2'
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, populate_by_name=True)

    _block_type_name: ClassVar[str | None] = None
    _block_type_slug: ClassVar[str | None] = None
    _description: ClassVar[str | None] = None
    _logo_url: ClassVar[str | None] = None
    _documentation_url: ClassVar[str | None] = None
    _block_schema_capabilities: ClassVar[Sequence[str]] = ()
    """What blocks of this type can do, with what their base classes can."""

    _block_document_name: str | None = PrivateAttr(None)

    def save(self, name: str | None = None, overwrite: bool = False) -> str:
        """Save the block, and return what it is known by, `type/name`. One that was loaded may be saved without a name.

        Raises `Conflict` if there is a block of that name and `overwrite` is not set, `RequestInvalid` for a name that cannot be.
        """
        chosen = name or self._block_document_name
        if chosen is None:
            raise InvalidDefinition(f'Say what the {type(self).__name__} block is called: .save("name").')
        self.register_type_and_schema()
        values, secret_paths = _write(self)
        orchestrator, principal = current_ports()
        request = SaveBlock(
            type_slug=self.get_block_type_slug(),
            name=chosen,
            values=values,
            secret_paths=secret_paths,
            overwrite=overwrite or name is None,
        )
        orchestrator.ask(request, principal)
        self._block_document_name = chosen
        return f"{request.type_slug}/{chosen}"

    @classmethod
    def load(cls, name: str) -> Self:
        """Load a saved block: `MyBlock.load("name")`, or `Block.load("type/name")`.

        Raises `NotFound`; `BlockTypeUnknown` if no class here defines its type; `BlockInvalid` if it does not fit its type any more;
        `SecretUnreadable` if the key of its secrets is not here.
        """
        loaded = _load(cls._reference(name), ())
        if not isinstance(loaded, cls):
            raise BlockInvalid(name, [("type", f"is {type(loaded).__name__}, not {cls.__name__}")])
        return loaded

    @classmethod
    def delete(cls, name: str, force: bool = False) -> None:
        """Delete a saved block. Raises `NotFound`, and `Conflict` if others refer to it and `force` is not set."""
        slug, chosen = split_reference(cls._reference(name))
        orchestrator, principal = current_ports()
        orchestrator.ask(RemoveBlock(type_slug=slug, name=chosen, force=force), principal)

    @classmethod
    def register_type_and_schema(cls) -> str:
        """Make this type of blocks known, with its fields and which of them are secret; returns its slug."""
        if cls is Block:
            raise InvalidDefinition("Block is the base of blocks, not one: derive a class from it.")
        try:
            schema = cls.model_json_schema(schema_generator=_Describing)
        except pydantic.PydanticUserError as error:
            raise InvalidDefinition(f"The fields of {cls.__name__} cannot be described: {error.message}") from error
        orchestrator, principal = current_ports()
        request = RegisterBlockType(
            slug=cls.get_block_type_slug(),
            name=cls.get_block_type_name(),
            description=cls.get_description(),
            logo_url=cls._logo_url,
            documentation_url=cls._documentation_url,
            capabilities=cls.get_block_capabilities(),
            fields_schema=schema,
            secret_fields=[join_pointer(keys) for keys in _secret_fields(cls, ())],
            source=f"{cls.__module__}:{cls.__qualname__}",
        )
        return orchestrator.ask(request, principal).slug

    @classmethod
    def get_block_type_name(cls) -> str:
        """What people call this type."""
        return cls._block_type_name or cls.__name__

    @classmethod
    def get_block_type_slug(cls) -> str:
        """What this type is called in references, the console and commands."""
        slug = re.sub(r"[^a-z0-9]+", "-", (cls._block_type_slug or cls.get_block_type_name()).lower()).strip("-")
        return slug or "block"

    @classmethod
    def get_description(cls) -> str | None:
        """What the type is for: the first line of the docstring unless said otherwise."""
        doc = cls.__dict__.get("__doc__")
        return cls._description or (doc.strip().splitlines()[0] if doc and doc.strip() else None)

    @classmethod
    def get_block_capabilities(cls) -> tuple[str, ...]:
        """What blocks of this type can do."""
        said = [said for base in cls.__mro__ for said in base.__dict__.get("_block_schema_capabilities", ())]
        return tuple(sorted(set(said)))

    @classmethod
    def _reference(cls, name: str) -> str:
        if cls is not Block:
            slug = cls.get_block_type_slug()
            return name if name.startswith(f"{slug}/") else f"{slug}/{name}"
        try:
            split_reference(name)
        except ValueError as error:
            raise InvalidDefinition(str(error)) from error
        return name


class _Describing(GenerateJsonSchema):
    """Says nothing of defaults that are no JSON, such as a secret's: the schema leaves them out."""

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        self.ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}


class Secret(Block):
    """A secret value.

    >>> Secret(value="sk-123").save("api-key")
    'secret/api-key'
    >>> Secret.load("api-key").get()
    'sk-123'
    """

    _description: ClassVar[str | None] = "A secret value."

    value: pydantic.Secret[Any]

    def get(self) -> Any:
        """The value."""
        return self.value.get_secret_value()


class JSON(Block):
    """Any JSON value. Values that are no secret and belong to no class are as well kept in variables."""

    _description: ClassVar[str | None] = "Any JSON value."

    value: Any


def find_block_class(slug: str) -> type[Block] | None:
    """The class that defines a type: one that is imported, one of Penstock's own, or one that a package offers."""
    known = [class_ for class_ in _subclasses(Block) if class_.get_block_type_slug() == slug]
    if known:
        return known[-1]  # the newest: a notebook's cell may have been run again
    if slug in BUILT_IN:
        module, _, name = BUILT_IN[slug].partition(":")
        class_: type[Block] = getattr(import_module(module), name)
        return class_
    from importlib.metadata import entry_points  # lazy: 10 ms, only for blocks of other packages

    for offered in entry_points(group=ENTRY_POINTS, name=slug):
        found = offered.load()
        if isinstance(found, type) and issubclass(found, Block):
            return found
    return None


def make_block(slug: str, values: Mapping[str, Any], *, name: str) -> Block:
    """A block of plain values, which is not saved. Raises `BlockTypeUnknown`, and `BlockInvalid`, which calls it by the name."""
    read = {unescape_key(key): _read(value, (f"{slug}/{name}",)) for key, value in values.items()}
    return _make(slug, read, f"{slug}/{name}", saved=False)


def blocks_of_module(name: str) -> list[type[Block]]:
    """The classes of blocks that a module, or a package with its modules, defines."""
    inside = [c for c in _subclasses(Block) if c.__module__ == name or c.__module__.startswith(f"{name}.")]
    return sorted(inside, key=lambda class_: class_.get_block_type_slug())


def _subclasses(class_: type[Block]) -> Iterator[type[Block]]:
    for below in class_.__subclasses__():
        yield from _subclasses(below)
        yield below


# ---- Which fields are secret ----


def _secret_fields(
    class_: type[BaseModel], at: tuple[str, ...], seen: tuple[type, ...] = ()
) -> Iterator[tuple[str, ...]]:
    if class_ in seen:
        return  # a type within itself: what is secret further down is found when a block is saved
    for name, info in class_.model_fields.items():
        yield from _secrets_in(info.annotation, (*at, _key(name, info)), (*seen, class_))


def _secrets_in(hint: Any, at: tuple[str, ...], seen: tuple[type, ...]) -> Iterator[tuple[str, ...]]:
    origin, args = get_origin(hint), get_args(hint)
    kind = hint if isinstance(hint, type) else origin
    if isinstance(kind, type) and issubclass(kind, SECRETS):
        yield at
    elif isinstance(hint, type) and issubclass(hint, BaseModel):
        yield from _secret_fields(hint, at, seen)
    elif origin in (Union, UnionType):
        yield from dict.fromkeys(found for arg in args for found in _secrets_in(arg, at, seen))
    elif origin is Annotated:
        yield from _secrets_in(args[0], at, seen)
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        yield from _secrets_in(args[-1], (*at, "*"), seen)
    else:
        yield from dict.fromkeys(found for arg in args for found in _secrets_in(arg, (*at, "*"), seen))


# ---- Values on their way out and back ----


def _write(block: BaseModel) -> tuple[dict[str, Any], list[str]]:
    """A block's values as JSON, and where its secrets are."""
    secret_paths: list[str] = []
    values = _write_fields(block, (), secret_paths)
    return values, secret_paths


def _write_fields(model: BaseModel, at: tuple[str | int, ...], secrets: list[str]) -> dict[str, Any]:
    return {
        key: _write_value(getattr(model, name), (*at, key), secrets)
        for name, info in type(model).model_fields.items()
        for key in [_key(name, info)]
    }


def _write_value(value: Any, at: tuple[str | int, ...], secrets: list[str]) -> Any:
    if isinstance(value, SECRETS):
        secrets.append(join_pointer(at))
        inner = value.get_secret_value()
        return _write_value(inner.decode() if isinstance(inner, bytes) else inner, at, [])
    if isinstance(value, Block):
        if value._block_document_name is not None:
            return {REFERENCE_KEY: f"{value.get_block_type_slug()}/{value._block_document_name}"}
        return {TYPE_KEY: value.get_block_type_slug(), **_write_fields(value, at, secrets)}
    if isinstance(value, BaseModel):
        return _write_fields(value, at, secrets)
    if isinstance(value, Mapping):
        keys = {str(key): escape_key(str(key)) for key in value}
        return {keys[str(key)]: _write_value(item, (*at, keys[str(key)]), secrets) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_write_value(item, (*at, index), secrets) for index, item in enumerate(value)]
    try:
        return to_jsonable_python(value)
    except pydantic.PydanticUserError as error:
        raise InvalidDefinition(
            f"{join_pointer(at)} of a block holds a {type(value).__name__}, which is no JSON."
        ) from error
    except ValueError as error:  # PydanticSerializationError
        raise InvalidDefinition(
            f"{join_pointer(at)} of a block holds a {type(value).__name__}, which is no JSON."
        ) from error


def _load(reference: str, above: tuple[str, ...]) -> Block:
    if reference in above or len(above) > DEPTH_MAX:
        raise BlockInvalid(above[0], [("", f"refers to itself by {' -> '.join((*above, reference))}")])
    slug, name = split_reference(reference)
    orchestrator, principal = current_ports()
    saved = orchestrator.ask(GetBlock(type_slug=slug, name=name, with_secrets=True), principal)
    values = {unescape_key(key): _read(value, (*above, reference)) for key, value in saved.values.items()}
    block = _make(slug, values, reference)
    block._block_document_name = name
    return block


def _read(value: Any, above: tuple[str, ...]) -> Any:
    """A value with the blocks that are within it, or that it refers to."""
    reference = reference_of(value)
    if reference is not None:
        return _load(reference, above)
    if isinstance(value, list):
        return [_read(item, above) for item in value]
    if not isinstance(value, dict):
        return value
    read = {unescape_key(key): _read(item, above) for key, item in value.items() if key != TYPE_KEY}
    return _make(value[TYPE_KEY], read, above[-1]) if isinstance(value.get(TYPE_KEY), str) else read


def _make(slug: str, values: dict[str, Any], reference: str, *, saved: bool = True) -> Block:
    class_ = find_block_class(slug)
    if class_ is None:
        raise BlockTypeUnknown(slug, source=_source_of(slug))
    try:
        return class_.model_validate(values)
    except ValidationError as error:
        problems = [
            (".".join(map(str, problem["loc"])) or slug, problem["msg"])
            for problem in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        kinds = {problem["type"] for problem in error.errors(include_url=False, include_input=False)}
        changed = "The fields of its class have changed since it was saved: save it again, with overwrite."
        hint = changed if saved and kinds & {"missing", "extra_forbidden"} else ""
        raise BlockInvalid(reference, problems, hint=hint) from None  # the original's input could be secret


def _source_of(slug: str) -> str | None:
    from penstock.blockverbs import GetBlockType  # lazy: for an error only

    orchestrator, principal = current_ports()
    try:
        return orchestrator.ask(GetBlockType(slug=slug), principal).source
    except NotFound:
        return None


def _key(name: str, info: FieldInfo) -> str:
    return info.alias or name


__all__ = ["JSON", "Block", "Secret", "SecretBytes", "SecretDict", "SecretStr"]
