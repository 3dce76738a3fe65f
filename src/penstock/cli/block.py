"""`penstock block`: saved configuration of outside systems, with secrets encrypted."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from penstock.blockverbs import (
    BlockType,
    GetBlock,
    GetBlockType,
    ListBlocks,
    ListBlockTypes,
    RemoveBlock,
    RotateKeys,
    SaveBlock,
    SavedBlock,
)
from penstock.cli.commands import Group, json_option, yes_option
from penstock.cli.listing import Extent, Listed, all_option, limit_option, say_if_cut
from penstock.cli.session import Session, pass_session
from penstock.cli.tables import Column
from penstock.cli.text import as_count, as_iso, as_local_time, parse_value
from penstock.core.block_values import split_reference
from penstock.core.errors import NotFound


@click.group(cls=Group)
def block() -> None:
    """Saved configuration of outside systems, with secrets.

    Secrets are kept encrypted. A block is known by its type and name, as in `secret/api-key`. Code gets it with
    `Secret.load("api-key")`, or any block with `Block.load("secret/api-key")`.
    """


@block.command(
    "ls", examples=["penstock block ls", "penstock block ls --type secret", "penstock block ls --all --json"]
)
@click.option("--type", "type_slug", metavar="TYPE", help="Only blocks of this type.")
@limit_option
@all_option
@json_option
@pass_session
def list_blocks(session: Session, type_slug: str | None, limit: int, everything: bool, as_json: bool) -> None:
    """List blocks, without their secrets."""
    listed: Listed[SavedBlock] = Listed(
        session,
        Extent.of(limit, everything),
        lambda cursor, size: ListBlocks(type_slug=type_slug, cursor=cursor, limit=size),
    )
    if as_json:
        session.terminal.json_list(map(_shape, listed))
    else:
        session.terminal.table(
            [Column("Block", give=True), Column("Fields", give=True), Column("Changed")],
            ((_reference(item), ", ".join(item.values), as_local_time(item.updated_at)) for item in listed),
            empty="There are no blocks.",
        )
    say_if_cut(session, listed)


@block.command(
    "inspect",
    examples=["penstock block inspect secret/api-key", "penstock block inspect secret/api-key --with-secrets --json"],
)
@click.argument("reference", metavar="TYPE/NAME")
@click.option("--with-secrets", is_flag=True, help="Show the secrets too.")
@json_option
@pass_session
def inspect(session: Session, reference: str, with_secrets: bool, as_json: bool) -> None:
    """Show a block, with a mask in the place of each secret."""
    slug, name = _split(reference)
    found = session.ask(GetBlock(type_slug=slug, name=name, with_secrets=with_secrets))
    if as_json:
        session.terminal.json(_shape(found))
        return
    session.terminal.pairs(
        [
            ("Block", _reference(found)),
            *((field, value if isinstance(value, str) else json.dumps(value)) for field, value in found.values.items()),
            ("Changed", as_local_time(found.updated_at)),
        ]
    )


@block.command(
    "create",
    examples=[
        "penstock block create secret api-key --ask value",
        "penstock block create sqlalchemy-connector postgres-connector -p connection_info=postgresql://root@localhost/ny_taxi",
        "penstock block create json limits -p 'value={\"rows\": 100}' --overwrite",
    ],
)
@click.argument("type_slug", metavar="TYPE")
@click.argument("name")
@click.option(
    "-p",
    "--param",
    "given",
    multiple=True,
    metavar="FIELD=VALUE",
    help="A field; JSON where the field is no text. `a.b=1` is field b of field a. Repeatable.",
)
@click.option("--ask", "asked", multiple=True, metavar="FIELD", help="Ask for a field without showing it. Repeatable.")
@click.option("--overwrite", is_flag=True, help="Replace the block if it is there.")
@pass_session
def create(
    session: Session, type_slug: str, name: str, given: tuple[str, ...], asked: tuple[str, ...], overwrite: bool
) -> None:
    """Save a block. What its type calls secret is encrypted.

    Where no terminal can be asked, `--ask` reads a line of standard input for each field.
    """
    from penstock.sdk import blocks  # lazy: pydantic, 80 ms

    class_ = blocks.find_block_class(type_slug)
    if class_ is not None:
        class_.register_type_and_schema()
    schema = session.ask(GetBlockType(slug=type_slug)).fields_schema
    values: dict[str, Any] = {}
    for said in given:
        field, equals, text = said.partition("=")
        if not equals or not field:
            raise click.UsageError(f"`-p {field}`: write FIELD=VALUE.")
        _set(values, field.split("."), text if _is_text(schema, field.split(".")) else parse_value(text))
    for field in asked:
        _set(values, field.split("."), _ask(session, field))
    if class_ is not None:
        blocks.make_block(type_slug, values, name=name).save(name, overwrite=overwrite)
    else:
        session.ask(SaveBlock(type_slug=type_slug, name=name, values=values, overwrite=overwrite))
    session.terminal.say(f"Saved block `{type_slug}/{name}`.")


@block.command("delete", examples=["penstock block delete secret/api-key --yes"])
@click.argument("references", metavar="TYPE/NAME...", nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Delete them although other blocks refer to them.")
@yes_option
@pass_session
def delete(session: Session, references: tuple[str, ...], force: bool, yes: bool) -> None:
    """Delete blocks."""
    wanted = [_split(reference) for reference in dict.fromkeys(references)]
    for slug, name in wanted:
        session.ask(GetBlock(type_slug=slug, name=name))
    session.terminal.confirm(f"This deletes {', '.join(f'`{slug}/{name}`' for slug, name in wanted)}.", yes=yes)
    for slug, name in wanted:
        session.ask(RemoveBlock(type_slug=slug, name=name, force=force))
        session.terminal.say(f"Deleted block `{slug}/{name}`.")


@block.command(
    "register", examples=["penstock block register -m my_company.blocks", "penstock block register -f blocks.py"]
)
@click.option("-m", "--module", metavar="MODULE", help="Register the blocks that a module or package defines.")
@click.option(
    "-f", "--file", metavar="FILE", type=click.Path(path_type=Path), help="Register those that a file defines."
)
@pass_session
def register(session: Session, module: str | None, file: Path | None) -> None:
    """Make types of blocks known.

    They can then be created by command, and are seen by others. Saving a block by code registers its type by itself.
    """
    from penstock.sdk import blocks  # lazy: pydantic, 80 ms
    from penstock.sdk.loading import load_module  # lazy: the engine, 60 ms

    if (module is None) == (file is None):
        raise click.UsageError("Say either a module, with -m, or a file, with -f.")
    loaded = load_module(str(module if file is None else file))
    found = blocks.blocks_of_module(loaded.__name__)
    if not found:
        raise NotFound("block class", str(module or file))
    session.orchestrator  # noqa: B018 - what dead processes left is taken in first
    for class_ in found:
        session.terminal.say(f"Registered block type `{class_.register_type_and_schema()}`.")


@block.command("rotate-keys", examples=["penstock block rotate-keys"])
@yes_option
@pass_session
def rotate_keys(session: Session, yes: bool) -> None:
    """Encrypt all secrets anew, with another key.

    With the first key of PENSTOCK_ENCRYPTION_KEY where that is set; else with a new key, which is put at the head of the key file. Older
    keys stay in the file, so that backups of the database can be read.
    """
    session.terminal.confirm("This encrypts the secrets of all blocks and notifications anew.", yes=yes)
    rotated = session.ask(RotateKeys())
    session.terminal.say(f"Encrypted {as_count(rotated.renewed, 'secret')} with key {rotated.key_id}.")
    if rotated.unreadable:
        session.terminal.fail(f"No key here reads the secrets of {', '.join(rotated.unreadable)}. Save them again.")
        raise click.exceptions.Exit(1)


# ---- Types ----


@block.group("type", cls=Group)
def block_type() -> None:
    """Types of blocks."""


@block_type.command("ls", examples=["penstock block type ls", "penstock block type ls --json"])
@limit_option
@all_option
@json_option
@pass_session
def list_types(session: Session, limit: int, everything: bool, as_json: bool) -> None:
    """List the types that are registered."""
    listed: Listed[BlockType] = Listed(
        session, Extent.of(limit, everything), lambda cursor, size: ListBlockTypes(cursor=cursor, limit=size)
    )
    if as_json:
        session.terminal.json_list(map(_type_shape, listed))
    else:
        session.terminal.table(
            [Column("Type", give=True), Column("Name", give=True), Column("Description", give=True)],
            ((item.slug, item.name, item.description or "") for item in listed),
            empty="No types of blocks are registered. Saving a block registers its type, Penstock's own too (`penstock block create "
            "secret NAME`); `penstock block register -m MODULE` registers those of a module.",
        )
    say_if_cut(session, listed)


@block_type.command(
    "inspect", examples=["penstock block type inspect secret", "penstock block type inspect json --json"]
)
@click.argument("slug", metavar="TYPE")
@json_option
@pass_session
def inspect_type(session: Session, slug: str, as_json: bool) -> None:
    """Show a type: its fields, and which are secret."""
    found = session.ask(GetBlockType(slug=slug))
    if as_json:
        session.terminal.json({**_type_shape(found), "schema": found.fields_schema})
        return
    session.terminal.pairs(
        [
            ("Type", found.slug),
            ("Name", found.name),
            ("Description", found.description or "–"),
            ("Defined by", found.source or "–"),
            ("Capabilities", ", ".join(found.capabilities) or "–"),
            ("Fields", _fields(found.fields_schema)),
            ("Secret", ", ".join(found.secret_fields) or "–"),
        ]
    )


# ---- Parts ----


def _split(reference: str) -> tuple[str, str]:
    try:
        return split_reference(reference)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _reference(block: SavedBlock) -> str:
    return f"{block.type_slug}/{block.name}"


def _set(values: dict[str, Any], keys: list[str], value: Any) -> None:
    *above, last = keys
    for key in above:
        inner = values.setdefault(key, {})
        if not isinstance(inner, dict):
            raise click.UsageError(f"`{'.'.join(keys)}`: `{key}` is given twice.")
        values = inner
    values[last] = value


def _is_text(schema: Any, keys: list[str]) -> bool:
    """Whether a field takes a text, by its type's schema: then `12` is a text too."""
    options = _options_at(schema, schema, keys)
    return bool(options) and all(option.get("type") in ("string", "null") for option in options)


def _options_at(schema: Any, root: Any, keys: list[str]) -> list[Mapping[str, Any]]:
    if not isinstance(schema, Mapping):
        return []
    name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    if name:
        return _options_at(root.get("$defs", {}).get(name), root, keys)
    if "anyOf" in schema:
        return [found for option in schema["anyOf"] for found in _options_at(option, root, keys)]
    if not keys:
        return [schema]
    return _options_at(schema.get("properties", {}).get(keys[0]), root, keys[1:])


def _ask(session: Session, field: str) -> str:
    if session.terminal.is_interactive:
        answer: str = click.prompt(field, hide_input=True, err=True)
        return answer
    line = sys.stdin.readline()
    if not line:
        raise click.UsageError(f"Nothing was left on standard input for `{field}`.")
    return line.rstrip("\n")


def _fields(schema: Any) -> str:
    properties = schema.get("properties", {}) if isinstance(schema, Mapping) else {}
    required = schema.get("required", ()) if isinstance(schema, Mapping) else ()
    return ", ".join(name + ("" if name in required else " (optional)") for name in properties) or "–"


def _shape(block: SavedBlock) -> dict[str, Any]:
    return {
        "type": block.type_slug,
        "name": block.name,
        "values": block.values,
        "secrets": list(block.secret_paths),
        "references": list(block.references),
        "created_at": as_iso(block.created_at),
        "updated_at": as_iso(block.updated_at),
    }


def _type_shape(found: BlockType) -> dict[str, Any]:
    return {
        "slug": found.slug,
        "name": found.name,
        "description": found.description,
        "capabilities": list(found.capabilities),
        "secrets": list(found.secret_fields),
        "source": found.source,
        "digest": found.digest,
        "created_at": as_iso(found.created_at),
        "updated_at": as_iso(found.updated_at),
    }
