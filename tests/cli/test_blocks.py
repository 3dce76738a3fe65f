"""`block` and `notify`: what is secret goes in, and does not come out unless it is asked for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tests.fixtures.receivers import Receiver, receiving

CANARY = "canary-4711-secret"
BLOCKS = """
from pydantic import BaseModel
from penstock.blocks import Block, SecretStr

class Account(BaseModel):
    user: str
    password: SecretStr

class Shop(Block):
    \"\"\"Where things are bought.\"\"\"

    account: Account
    port: int = 80
    zip: str = ""
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def shop(cli: Cli, tmp_path: Path) -> Cli:
    path = tmp_path / "shop_blocks.py"
    path.write_text(BLOCKS)
    assert "`shop`" in cli.ok("block", "register", "-f", str(path)).err
    given = ("-p", "account.user=ada", "-p", "port=8080", "-p", "zip=01234", "--ask", "account.password")
    cli.ok("block", "create", "shop", "main", *given, typed=f"{CANARY}\n")
    return cli


def test_a_block_is_created_and_shown_without_its_secret(shop: Cli, schemas: Any) -> None:
    shown = shop.ok("block", "inspect", "shop/main", "--json")
    schemas("block inspect", shown.json)
    expected = {"account": {"user": "ada", "password": "********"}, "port": 8080, "zip": "01234"}
    assert expected == shown.json["values"]
    listed = shop.ok("block", "ls", "--json")
    schemas("block ls", listed.json)
    texts = (shop.ok("block", "ls"), shop.ok("block", "inspect", "shop/main"), shown, listed)
    assert not [said for said in texts if CANARY in said.out + said.err]
    asked_for = shop.ok("block", "inspect", "shop/main", "--with-secrets", "--json").json
    assert CANARY == asked_for["values"]["account"]["password"]


def test_a_type_says_its_fields_and_what_is_secret(shop: Cli, schemas: Any) -> None:
    shown = shop.ok("block", "type", "inspect", "shop", "--json").json
    schemas("block type inspect", shown)
    assert (["/account/password"], "Where things are bought.") == (shown["secrets"], shown["description"])
    schemas("block type ls", shop.ok("block", "type", "ls", "--json").json)
    assert "account" in shop.ok("block", "type", "inspect", "shop").out


def test_a_block_of_another_process_s_type_is_created_by_what_is_registered(shop: Cli) -> None:
    given = ("-p", "account.user=bo", "-p", f"account.password={CANARY}")
    outcome = shop.process("block", "create", "shop", "second", *given)
    assert 0 == outcome.code, outcome
    assert CANARY not in shop.ok("block", "inspect", "shop/second").out


def test_what_does_not_fit_is_told_without_what_was_given(shop: Cli) -> None:
    outcome = shop("block", "create", "shop", "x", "-p", f"port={CANARY}", "-p", "account.user=a")
    assert 1 == outcome.code
    assert "`port`" in outcome.err
    assert CANARY not in outcome.err
    assert 1 == shop("block", "create", "shop", "main", "-p", "account={}").code
    assert 1 == shop("block", "create", "nothing", "x").code
    assert 2 == shop("block", "create", "shop", "x", "-p", "port").code
    assert 2 == shop("block", "inspect", "shop").code
    assert 2 == shop("block", "register").code
    assert "`shop/main`" in shop("block", "inspect", "shop/mian").err


def test_a_block_is_overwritten_and_deleted_by_whoever_says_so(cli: Cli) -> None:
    create = ("block", "create", "json", "limits", "-p")
    cli.ok(*create, 'value={"rows": 1}')
    assert 1 == cli(*create, "value=2").code
    cli.ok(*create, "value=2", "--overwrite")
    assert {"value": 2} == cli.ok("block", "inspect", "json/limits", "--json").json["values"]
    assert 2 == cli("block", "delete", "json/limits").code
    cli.ok("block", "delete", "json/limits", "--yes")
    assert 1 == cli("block", "inspect", "json/limits").code


def test_keys_are_rotated_and_a_lost_one_is_told(shop: Cli, home: Path) -> None:
    shop.ok("block", "rotate-keys", "--yes")
    key = home / "encryption.key"
    assert 2 == len(key.read_text().splitlines())
    key.unlink()
    outcome = shop("block", "inspect", "shop/main", "--with-secrets")
    assert 1 == outcome.code
    assert "`shop/main`" in outcome.err
    assert 1 == shop("block", "rotate-keys", "--yes").code


def test_a_key_of_the_setting_comes_first(shop: Cli, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("PENSTOCK_ENCRYPTION_KEY", "A" * 43 + "=")
    shop.ok("block", "rotate-keys", "--yes")
    (home / "encryption.key").unlink()
    shown = shop.ok("block", "inspect", "shop/main", "--with-secrets", "--json").json
    assert CANARY == shown["values"]["account"]["password"]
    monkeypatch.setenv("PENSTOCK_ENCRYPTION_KEY", "short")
    outcome = shop("block", "inspect", "shop/main", "--with-secrets")
    assert 2 == outcome.code
    assert "openssl rand -base64 32" in outcome.err


def test_somebody_is_told(cli: Cli, schemas: Any, program: Path, receiver: Receiver) -> None:
    added = cli.ok("notify", "add", "--on", "failed,crashed", "--flow", "failing", typed=receiver.url(CANARY) + "\n")
    cli.ok("notify", "test", "json-1")
    cli("run", f"{program}:failing", "--name", "sad-one")
    cli("run", f"{program}:numbers")
    assert ["A test from Penstock", "Flow run 'sad-one' of 'failing': Failed"] == receiver.titles
    listed = cli.ok("notify", "ls", "--json")
    schemas("notify ls", listed.json)
    assert ["failed", "crashed"] == listed.json[0]["states"]
    shown = added.err + listed.out + cli.ok("notify", "ls").out
    assert "json://127.0.0.1" in shown
    assert CANARY not in shown
    cli.ok("notify", "remove", "json-1", "--yes")
    assert 1 == cli("notify", "test", "json-1").code
    assert 1 == cli("notify", "add", "--on", "faild", "--url", "json://localhost/").code
