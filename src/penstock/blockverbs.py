"""The verbs of blocks: typed, saved configuration of outside systems. A bundle of its own.

Secrets are encrypted by the orchestrator that owns the database, and leave it only for whoever asks with `with_secrets`.
A path is a JSON Pointer such as `/password` or `/nodes/0/token`; in a type's `secret_fields`, `*` stands for any one key.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock.ports import PAGE_SIZE_DEFAULT, Page, Request

BLOCK_BYTES_MAX = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockType:
    """A type of blocks, as its class was registered."""

    slug: str
    name: str
    description: str | None
    logo_url: str | None
    documentation_url: str | None
    capabilities: Sequence[str]
    fields_schema: Any
    """JSON Schema of the values."""
    secret_fields: Sequence[str]
    source: str | None
    """`module:Class`, where the type is defined."""
    digest: str
    """Changes when the schema or what is secret changes."""
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedBlock:
    """A block, with a mask in the place of each secret unless secrets were asked for."""

    type_slug: str
    name: str
    values: Any = field(repr=False)
    secret_paths: Sequence[str]
    references: Sequence[str]
    """Saved blocks that this one refers to, as `type/name`."""
    digest: str
    """The type's digest when the block was saved."""
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterBlockType(Request[BlockType]):
    """Make a block type known, or renew what is known of it. Raises `RequestInvalid`."""

    slug: str
    name: str
    fields_schema: Any
    description: str | None = None
    logo_url: str | None = None
    documentation_url: str | None = None
    capabilities: Sequence[str] = ()
    secret_fields: Sequence[str] = ()
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBlockType(Request[BlockType]):
    """One block type. Raises `NotFound`."""

    slug: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListBlockTypes(Request[Page[BlockType]]):
    """Block types by slug."""

    cursor: str | None = None
    limit: int = PAGE_SIZE_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveBlockType(Request[None]):
    """Forget a block type. Raises `NotFound`; `Conflict` if there are blocks of it."""

    slug: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveBlock(Request[SavedBlock]):
    """Save a block. What its type or `secret_paths` call secret is encrypted.

    Raises `RequestInvalid`; `NotFound` if its type or a block that it refers to is not there; `Conflict` if there is a block
    of that name and `overwrite` is not set; `EncryptionKeyMissing`.
    """

    type_slug: str
    name: str
    values: Any = field(repr=False)
    secret_paths: Sequence[str] = ()
    overwrite: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBlock(Request[SavedBlock]):
    """One block. Raises `NotFound`; with secrets, `SecretUnreadable` if the key that encrypted them is not there."""

    type_slug: str
    name: str
    with_secrets: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListBlocks(Request[Page[SavedBlock]]):
    """Blocks by type and name, without their secrets."""

    type_slug: str | None = None
    cursor: str | None = None
    limit: int = PAGE_SIZE_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveBlock(Request[None]):
    """Delete a block. Raises `NotFound`; `Conflict` if others refer to it and `force` is not set."""

    type_slug: str
    name: str
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysRotated:
    """What became of the secrets."""

    key_id: str
    """The key that all readable secrets are encrypted with now."""
    renewed: int
    """How many blocks and notifications were encrypted anew."""
    unreadable: Sequence[str]
    """What no key here can read; it is as it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateKeys(Request[KeysRotated]):
    """Encrypt all secrets anew, in all workspaces: with the first key of PENSTOCK_ENCRYPTION_KEY or, without that setting,
    with a new one that is put at the head of the key file. Raises `EncryptionKeyMissing`.
    """
