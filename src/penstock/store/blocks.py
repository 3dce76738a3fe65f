"""Block types and blocks. A secret is taken out of a block's values before they are written, and kept encrypted beside them."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, or_, select, update

from penstock.blockverbs import (
    BLOCK_BYTES_MAX,
    BlockType,
    GetBlock,
    GetBlockType,
    KeysRotated,
    ListBlocks,
    ListBlockTypes,
    RegisterBlockType,
    RemoveBlock,
    RemoveBlockType,
    RotateKeys,
    SaveBlock,
    SavedBlock,
)
from penstock.core.block_values import MASK, reference_of, split_reference
from penstock.core.errors import Conflict, NotFound, RequestInvalid, SecretUnreadable
from penstock.core.pointers import put_back, split_pointer, take_out
from penstock.ports import Page
from penstock.store.block_tables import block_document, block_type, notification
from penstock.store.database import Store
from penstock.store.near import near_names
from penstock.store.pages import clamp, decode_cursor, make_page
from penstock.store.sealing import Keys, key_of
from penstock.store.upserts import insert_if_new, upsert
from penstock.store.values import clean, clean_text, decode_json, encode_json

d, t, n = block_document.c, block_type.c, notification.c
SLUG_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
REFERRING_MAX = 10_000
DEPTH_MAX = 50


# ---- Types ----


def register_type(store: Store, request: RegisterBlockType, workspace: str) -> BlockType:
    """Answer `RegisterBlockType`."""
    if not SLUG_PATTERN.fullmatch(request.slug):
        raise RequestInvalid(
            f"A block type's slug may hold lower-case letters, digits and `-`, got {request.slug!r:.120}."
        )
    schema = _as_text(request.fields_schema, f"The schema of block type `{request.slug}`")
    secret_fields = _patterns(request.secret_fields)
    digest = hashlib.sha256(f"{schema}\0{json.dumps(sorted(secret_fields))}".encode()).hexdigest()[:16]
    with store.write() as transaction:
        workspace_id, now = store.make_workspace(transaction, workspace), transaction.now_us()
        values = {
            "workspace_id": workspace_id,
            "slug": request.slug,
            "name": clean_text(request.name),
            "description": None if request.description is None else clean_text(request.description),
            "logo_url": None if request.logo_url is None else clean_text(request.logo_url),
            "documentation_url": None if request.documentation_url is None else clean_text(request.documentation_url),
            "capabilities": encode_json(list(request.capabilities)),
            "fields_schema": schema,
            "secret_fields": encode_json(secret_fields),
            "source": None if request.source is None else clean_text(request.source),
            "digest": digest,
            "created_at": now,
            "updated_at": now,
        }
        upsert(transaction.connection, block_type, values, key=("workspace_id", "slug"), keep=("created_at",))
        return _to_type(_find_type(transaction.connection, workspace_id, request.slug))


def get_type(store: Store, request: GetBlockType, workspace: str) -> BlockType:
    """Answer `GetBlockType`."""
    with store.read() as connection:
        return _to_type(_find_type(connection, store.workspace_id(connection, workspace), request.slug))


def list_types(store: Store, request: ListBlockTypes, workspace: str) -> Page[BlockType]:
    """Answer `ListBlockTypes`."""
    limit = clamp(request.limit)
    with store.read() as connection:
        conditions: list[ColumnElement[bool]] = [t.workspace_id == store.workspace_id(connection, workspace)]
        if request.cursor is not None:
            conditions.append(t.slug > decode_cursor(request.cursor, str)[0])
        rows = connection.execute(select(block_type).where(*conditions).order_by(t.slug).limit(limit + 1)).all()
    return make_page(rows, limit, item=_to_type, keys=lambda row: (row.slug,))


def remove_type(store: Store, request: RemoveBlockType, workspace: str) -> None:
    """Answer `RemoveBlockType`."""
    with store.write() as transaction:
        workspace_id, connection = store.make_workspace(transaction, workspace), transaction.connection
        row = _find_type(connection, workspace_id, request.slug)
        mine = (d.workspace_id == workspace_id, d.type_slug == request.slug)
        used = connection.execute(select(d.name).where(*mine).limit(1)).scalar()
        if used is not None:
            raise Conflict(
                f"Block `{request.slug}/{used}` is of this type. Delete the blocks first: `penstock block ls`."
            )
        connection.execute(delete(block_type).where(t.seq == row.seq))


# ---- Blocks ----


def save_block(store: Store, request: SaveBlock, workspace: str, keys: Keys) -> SavedBlock:
    """Answer `SaveBlock`."""
    what = f"{request.type_slug}/{request.name}"
    if not NAME_PATTERN.fullmatch(request.name):
        raise RequestInvalid(f"A block's name may hold letters, digits, `_` and `-`, got {request.name!r:.120}.")
    if not isinstance(request.values, Mapping):
        raise RequestInvalid(f"The values of block `{what}` are an object: one value for each field.")
    _as_text(request.values, f"Block `{what}`")
    patterns = _patterns(request.secret_paths)
    with store.read() as connection:
        workspace_id = store.workspace_id(connection, workspace)
        type_row = _find_type(connection, workspace_id, request.type_slug)
        others = sealing_keys(connection)
    content, secrets = take_out(request.values, [*patterns, *(decode_json(type_row.secret_fields) or ())], MASK)
    if MASK in secrets.values():
        raise RequestInvalid(f"Block `{what}`: {MASK} stands for a secret that is not shown. Give the secret itself.")
    if any(clean_text(pointer) != pointer for pointer in secrets):
        raise RequestInvalid(f"Block `{what}`: the keys of its fields hold characters that no database takes.")
    # Not in the transaction below: making the first key waits for the disk.
    place = _place(workspace_id, request.type_slug, request.name)
    sealed = keys.seal(json.dumps(secrets), place=place, others=others) if secrets else None
    references = sorted(set(_references(content)))
    with store.write() as transaction:
        connection, now = transaction.connection, transaction.now_us()
        for reference in references:
            _find_document(connection, workspace_id, *_parse_reference(reference))
        values = {
            "workspace_id": workspace_id,
            "type_slug": request.type_slug,
            "name": request.name,
            "content": encode_json(clean(content)) or "{}",
            "sealed": sealed,
            "secret_paths": encode_json(sorted(secrets)) if secrets else None,
            "refs": encode_json(references) if references else None,
            "digest": type_row.digest,
            "created_at": now,
            "updated_at": now,
        }
        if request.overwrite:
            key = ("workspace_id", "type_slug", "name")
            upsert(connection, block_document, values, key=key, keep=("created_at",))
        elif insert_if_new(connection, block_document, values) is None:
            raise Conflict(f"Block `{what}` exists already. Save it with overwrite, or choose another name.")
        return _to_block(_find_document(connection, workspace_id, request.type_slug, request.name))


def get_block(store: Store, request: GetBlock, workspace: str, keys: Keys) -> SavedBlock:
    """Answer `GetBlock`."""
    with store.read() as connection:
        workspace_id = store.workspace_id(connection, workspace)
        row = _find_document(connection, workspace_id, request.type_slug, request.name)
    if not request.with_secrets or row.sealed is None:
        return _to_block(row)
    return _to_block(row, secrets=_open(row, keys))


def list_blocks(store: Store, request: ListBlocks, workspace: str) -> Page[SavedBlock]:
    """Answer `ListBlocks`."""
    limit = clamp(request.limit)
    with store.read() as connection:
        conditions: list[ColumnElement[bool]] = [d.workspace_id == store.workspace_id(connection, workspace)]
        if request.type_slug is not None:
            conditions.append(d.type_slug == request.type_slug)
        if request.cursor is not None:
            slug, name = decode_cursor(request.cursor, str, str)
            conditions.append(or_(d.type_slug > slug, and_(d.type_slug == slug, d.name > name)))
        rows = connection.execute(
            select(block_document).where(*conditions).order_by(d.type_slug, d.name).limit(limit + 1)
        ).all()
    return make_page(rows, limit, item=_to_block, keys=lambda row: (row.type_slug, row.name))


def remove_block(store: Store, request: RemoveBlock, workspace: str) -> None:
    """Answer `RemoveBlock`."""
    what = f"{request.type_slug}/{request.name}"
    with store.write() as transaction:
        workspace_id, connection = store.make_workspace(transaction, workspace), transaction.connection
        row = _find_document(connection, workspace_id, request.type_slug, request.name)
        referring = (d.workspace_id == workspace_id, d.refs.is_not(None), d.seq != row.seq)
        others = connection.execute(select(d.type_slug, d.name, d.refs).where(*referring).limit(REFERRING_MAX)).all()
        users = [f"`{other.type_slug}/{other.name}`" for other in others if what in decode_json(other.refs)]
        if users and not request.force:
            raise Conflict(f"Block `{what}` is part of {', '.join(users[:5])}. Delete those first, or use force.")
        connection.execute(delete(block_document).where(d.seq == row.seq))


# ---- Keys ----


def sealing_keys(connection: Connection) -> list[str]:
    """The ids of the keys that secrets here are encrypted with: of one block and one notification, if there are any."""
    found = connection.execute(select(d.sealed).where(d.sealed.is_not(None)).limit(1)).scalars().all()
    found = [*found, *connection.execute(select(n.sealed).limit(1)).scalars()]
    return [key_of(str(sealed)) for sealed in found]


def rotate_keys(store: Store, request: RotateKeys, keys: Keys) -> KeysRotated:
    """Answer `RotateKeys`. Each secret is replaced by itself, so that a stop in between leaves all of them readable."""
    key = keys.read()[0] if keys.setting else keys.make()
    renewed, unreadable = 0, []
    with store.read() as connection:
        blocks = connection.execute(select(block_document).where(d.sealed.is_not(None)).order_by(d.seq)).all()
        notices = connection.execute(select(notification).order_by(n.seq)).all()
    for row, table, place, what in [
        *((row, block_document, _place(row.workspace_id, row.type_slug, row.name), _what(row)) for row in blocks),
        *((row, notification, notice_place(row), f"notification `{row.name}`") for row in notices),
    ]:
        if key_of(row.sealed) == key.id:
            continue
        try:
            text = keys.open(row.sealed, place=place, what=what)
        except SecretUnreadable:
            unreadable.append(what)
            continue
        sealed = keys.seal(text, place=place)
        with store.write() as transaction:
            same = (table.c.seq == row.seq, table.c.sealed == row.sealed)
            renewed += transaction.connection.execute(update(table).where(*same).values(sealed=sealed)).rowcount
    return KeysRotated(key_id=key.id, renewed=renewed, unreadable=unreadable)


def notice_place(row: Row[Any]) -> str:
    """What a notification's encrypted address is bound to."""
    return f"notification/{row.workspace_id}/{row.name}"


# ---- Parts ----


def _place(workspace_id: int, slug: str, name: str) -> str:
    return f"block/{workspace_id}/{slug}/{name}"


def _what(row: Row[Any]) -> str:
    return f"block `{row.type_slug}/{row.name}`"


def _open(row: Row[Any], keys: Keys) -> Mapping[str, Any]:
    place = _place(row.workspace_id, row.type_slug, row.name)
    secrets: Mapping[str, Any] = json.loads(keys.open(row.sealed, place=place, what=_what(row)))
    return secrets


def _as_text(value: Any, what: str) -> str:
    """A value as JSON, in a lasting order of keys. Raises `RequestInvalid`."""
    try:
        text = json.dumps(value, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        # Not told why: the error's text could hold the value.
        raise RequestInvalid(f"{what} holds something that is no JSON.") from None
    if len(text) > BLOCK_BYTES_MAX:
        raise RequestInvalid(
            f"{what} has {len(text):,} bytes; {BLOCK_BYTES_MAX:,} are allowed. Keep data in a dataset."
        )
    return text


def _patterns(pointers: Sequence[str]) -> list[str]:
    for pointer in pointers:
        try:
            if not split_pointer(pointer):
                raise ValueError("a secret is a part of the block, not all of it")
        except ValueError as error:
            raise RequestInvalid(f"{error}.") from error
    return [clean_text(pointer) for pointer in pointers]


def _references(value: Any, depth: int = 0) -> Iterator[str]:
    if depth > DEPTH_MAX:
        raise RequestInvalid(f"A block's values are nested more than {DEPTH_MAX} deep.")
    target = reference_of(value)
    if target is not None:
        yield target
        return
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            yield from _references(part, depth + 1)


def _parse_reference(reference: str) -> tuple[str, str]:
    try:
        return split_reference(reference)
    except ValueError as error:
        raise RequestInvalid(str(error)) from error


def _find_type(connection: Connection, workspace_id: int, slug: str) -> Row[Any]:
    row = connection.execute(
        select(block_type).where(t.workspace_id == workspace_id, t.slug == clean_text(slug))
    ).one_or_none()
    if row is None:
        known = connection.execute(select(t.slug).where(t.workspace_id == workspace_id).limit(1_000)).scalars()
        raise NotFound("block type", slug, near=near_names(slug, known), listing="penstock block type ls")
    return row


def _find_document(connection: Connection, workspace_id: int, slug: str, name: str) -> Row[Any]:
    mine = (d.workspace_id == workspace_id, d.type_slug == clean_text(slug), d.name == clean_text(name))
    row = connection.execute(select(block_document).where(*mine)).one_or_none()
    if row is None:
        known = connection.execute(select(d.type_slug, d.name).where(d.workspace_id == workspace_id).limit(1_000))
        near = near_names(f"{slug}/{name}", [f"{other.type_slug}/{other.name}" for other in known])
        raise NotFound("block", f"{slug}/{name}", near=near, listing="penstock block ls")
    return row


def _to_type(row: Row[Any]) -> BlockType:
    return BlockType(
        slug=row.slug,
        name=row.name,
        description=row.description,
        logo_url=row.logo_url,
        documentation_url=row.documentation_url,
        capabilities=tuple(decode_json(row.capabilities) or ()),
        fields_schema=decode_json(row.fields_schema),
        secret_fields=tuple(decode_json(row.secret_fields) or ()),
        source=row.source,
        digest=row.digest,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _to_block(row: Row[Any], *, secrets: Mapping[str, Any] | None = None) -> SavedBlock:
    content = decode_json(row.content)
    return SavedBlock(
        type_slug=row.type_slug,
        name=row.name,
        values=content if secrets is None else put_back(content, secrets),
        secret_paths=tuple(decode_json(row.secret_paths) or ()),
        references=tuple(decode_json(row.refs) or ()),
        digest=row.digest,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
