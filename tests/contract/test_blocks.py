"""Blocks: typed values whose secrets are encrypted in the database and leave it only when asked for."""

from pathlib import Path
from typing import Any

import pytest

from penstock.blockverbs import (
    GetBlock,
    GetBlockType,
    ListBlocks,
    ListBlockTypes,
    RegisterBlockType,
    RemoveBlock,
    RemoveBlockType,
    RotateKeys,
    SaveBlock,
)
from penstock.core.block_values import MASK
from penstock.core.errors import Conflict, NotFound, RequestInvalid, SecretUnreadable
from penstock.ports import Principal
from penstock.store.sealing import KEY_FILE
from tests.contract.telling import Teller

CANARY = "canary-4711-secret"
OTHER = Principal(workspace="other")


def register(teller: Teller, slug: str = "database", **said: Any) -> Any:
    values = {
        "name": slug.title(),
        "fields_schema": {"type": "object"},
        "secret_fields": ["/password", "/nodes/*/token"],
    }
    return teller.ask(RegisterBlockType(slug=slug, **(values | said)))


def save(teller: Teller, name: str = "lake", **said: Any) -> Any:
    values = {"type_slug": "database", "values": {"user": "ada", "password": CANARY}}
    return teller.ask(SaveBlock(name=name, **(values | said)))


def read(teller: Teller, name: str = "lake", **said: Any) -> Any:
    return teller.ask(GetBlock(type_slug="database", name=name, **said)).values


def test_a_block_comes_back_as_it_was_saved_and_its_secret_only_when_asked_for(teller: Teller) -> None:
    register(teller)
    saved = save(teller)
    assert {"user": "ada", "password": MASK} == saved.values == read(teller)
    assert {"user": "ada", "password": CANARY} == read(teller, with_secrets=True)
    assert ["/password"] == list(saved.secret_paths)


def test_secrets_are_found_wherever_the_type_or_whoever_saves_says(teller: Teller) -> None:
    register(teller)
    values = {"nodes": [{"token": CANARY}, {"token": None}], "extra": {"a/b": CANARY}, "password": {"user": CANARY}}
    save(teller, values=values, secret_paths=["/extra/a~1b"])
    assert CANARY not in str(read(teller))
    assert values == read(teller, with_secrets=True)


def test_secrets_are_in_no_list_and_no_text_of_a_verb(teller: Teller) -> None:
    register(teller)
    save(teller)
    page = teller.ask(ListBlocks())
    assert CANARY not in str([item.values for item in page.items])
    asked = SaveBlock(type_slug="database", name="x", values={"password": CANARY})
    given = teller.ask(GetBlock(type_slug="database", name="lake", with_secrets=True))
    assert CANARY not in f"{asked!r} {given!r} {page!r}"


def test_a_secret_is_not_in_the_database(teller: Teller, database_url: str, tmp_path: Path) -> None:
    register(teller)
    save(teller)
    if database_url.startswith("sqlite"):
        kept = b"".join(path.read_bytes() for path in tmp_path.glob("penstock.db*"))
    else:
        kept = all_rows(database_url)
    assert b"ada" in kept
    assert CANARY.encode() not in kept


def test_a_block_is_replaced_only_by_whoever_says_so(teller: Teller) -> None:
    register(teller)
    save(teller)
    with pytest.raises(Conflict):
        save(teller, values={"password": "other"})
    assert CANARY == read(teller, with_secrets=True)["password"]
    save(teller, values={"password": "other"}, overwrite=True)
    assert {"password": "other"} == read(teller, with_secrets=True)
    save(teller, values={"user": "bo"}, overwrite=True)
    assert {"user": "bo"} == read(teller, with_secrets=True)


def test_blocks_are_listed_by_type_and_name_page_by_page(teller: Teller) -> None:
    for slug in ("b", "a"):
        register(teller, slug)
        for name in ("two", "one"):
            save(teller, name, type_slug=slug)
    names, cursor = [], None
    while True:
        page = teller.ask(ListBlocks(limit=3, cursor=cursor))
        names += [f"{item.type_slug}/{item.name}" for item in page.items]
        cursor = page.cursor
        if cursor is None:
            break
    assert ["a/one", "a/two", "b/one", "b/two"] == names
    assert ["b/one", "b/two"] == [f"{x.type_slug}/{x.name}" for x in teller.ask(ListBlocks(type_slug="b")).items]
    assert ["a", "b"] == [x.slug for x in teller.ask(ListBlockTypes()).items]


def test_a_block_that_others_refer_to_is_not_deleted(teller: Teller) -> None:
    register(teller)
    save(teller, "inner")
    save(teller, "outer", values={"credentials": {"$block": "database/inner"}})
    with pytest.raises(Conflict):
        teller.ask(RemoveBlock(type_slug="database", name="inner"))
    teller.ask(RemoveBlock(type_slug="database", name="outer"))
    teller.ask(RemoveBlock(type_slug="database", name="inner"))
    assert [] == list(teller.ask(ListBlocks()).items)
    with pytest.raises(NotFound):
        save(teller, values={"credentials": {"$block": "database/inner"}})


def test_a_type_says_when_it_changed_and_stays_while_it_is_used(teller: Teller) -> None:
    first = register(teller)
    assert first.digest == register(teller, description="said better").digest
    assert first.digest != register(teller, secret_fields=[]).digest
    assert "said better" != teller.ask(GetBlockType(slug="database")).description
    save(teller)
    with pytest.raises(Conflict):
        teller.ask(RemoveBlockType(slug="database"))
    teller.ask(RemoveBlock(type_slug="database", name="lake"))
    teller.ask(RemoveBlockType(slug="database"))
    with pytest.raises(NotFound):
        teller.ask(GetBlockType(slug="database"))


def test_what_is_no_block_is_refused_and_says_nothing_secret(teller: Teller) -> None:
    register(teller)
    for said in (
        {"name": "a b"},
        {"name": "a.b"},
        {"values": [1]},
        {"values": {"password": MASK}},
        {"values": {"password": CANARY * 20_000}},
        {"secret_paths": ["password"]},
        {"secret_paths": [""]},
    ):
        with pytest.raises(RequestInvalid) as told:
            save(teller, **({"name": "x"} | said))  # type: ignore[arg-type]
        assert CANARY not in str(told.value)
    with pytest.raises(NotFound):
        save(teller, type_slug="databse")
    with pytest.raises(RequestInvalid):
        register(teller, "No Slug")


def test_workspaces_keep_their_blocks_apart(teller: Teller) -> None:
    register(teller)
    save(teller)
    orchestrator = teller.orchestrator
    assert [] == list(orchestrator.ask(ListBlocks(), OTHER).items)
    with pytest.raises(NotFound):
        orchestrator.ask(GetBlock(type_slug="database", name="lake", with_secrets=True), OTHER)


def test_without_the_key_a_secret_is_not_read_and_the_error_names_the_block(teller: Teller, tmp_path: Path) -> None:
    register(teller)
    save(teller)
    (tmp_path / KEY_FILE).unlink()
    with pytest.raises(SecretUnreadable) as told:
        read(teller, with_secrets=True)
    assert "block `database/lake`" == told.value.what
    assert "rotate-keys" in str(told.value)
    assert {"user": "ada", "password": MASK} == read(teller)
    rotated = teller.ask(RotateKeys())
    assert ["block `database/lake`"] == list(rotated.unreadable)
    save(teller, overwrite=True)
    assert CANARY == read(teller, with_secrets=True)["password"]


def test_keys_are_changed_and_everything_stays_readable(teller: Teller, tmp_path: Path) -> None:
    register(teller)
    save(teller)
    before = (tmp_path / KEY_FILE).read_text().splitlines()
    rotated = teller.ask(RotateKeys())
    after = (tmp_path / KEY_FILE).read_text().splitlines()
    assert (1, []) == (rotated.renewed, list(rotated.unreadable))
    assert after[1:] == before
    (tmp_path / KEY_FILE).write_text(after[0])  # the old one is needed no more
    assert CANARY == read(teller, with_secrets=True)["password"]


def all_rows(database_url: str) -> bytes:
    import psycopg

    with psycopg.connect(database_url.replace("postgresql+psycopg", "postgresql")) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'penstock'").fetchall()
        rows = [connection.execute(f'SELECT * FROM penstock."{name}"').fetchall() for (name,) in tables]  # type: ignore[arg-type]
    return repr(rows).encode()
