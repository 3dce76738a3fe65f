"""Blocks as users write them: typed, nested, saved and loaded, and secret where they say so."""

import pickle
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, Field, ValidationError

from penstock import flow
from penstock.blocks import JSON, Block, Secret, SecretBytes, SecretDict, SecretStr
from penstock.blockverbs import GetBlock, GetBlockType, ListBlocks, SaveBlock
from penstock.core.block_values import MASK
from penstock.core.errors import (
    BlockInvalid,
    BlockTypeUnknown,
    Conflict,
    InvalidDefinition,
    NotFound,
    RequestInvalid,
    SecretUnreadable,
)
from penstock.sdk.variables import current_ports

CANARY = "canary-4711-secret"
pytestmark = pytest.mark.usefixtures("fresh_home")


class Color(Enum):
    GREEN = "green"


class Node(BaseModel):
    host: str
    token: SecretStr | None = None


class Credentials(Block):
    """Who we are."""

    _block_type_name = "Cloud Credentials"
    _block_schema_capabilities: ClassVar[list[str]] = ["credentials"]

    project: str
    info: SecretDict


class Bucket(Block):
    _block_schema_capabilities: ClassVar[list[str]] = ["read", "write"]

    name: str
    credentials: Credentials
    color: Color = Color.GREEN
    since: datetime = datetime(2020, 4, 1)
    every: timedelta = timedelta(hours=1)
    folder: Path = Path("data")
    nodes: list[Node] = Field(default_factory=list)
    by_name: dict[str, SecretStr] = Field(default_factory=dict)
    raw: SecretBytes = SecretBytes(b"")
    schema_: str = Field("s", alias="schema")


class Anything(Block):
    inner: Block | None = None
    value: Any = None


def credentials() -> Credentials:
    return Credentials(project="p", info={"key": CANARY})  # type: ignore[arg-type]  # coerced


def ask(request: Any) -> Any:
    orchestrator, principal = current_ports()
    return orchestrator.ask(request, principal)


def test_a_block_comes_back_as_it_was() -> None:
    bucket = Bucket(
        name="b",
        credentials=credentials(),
        nodes=[Node(host="h", token=SecretStr(CANARY)), Node(host="i")],
        by_name={"a/b": SecretStr(CANARY)},
        raw=SecretBytes(b"xyz"),
        schema="t",
    )
    assert "bucket/zoom" == bucket.save("zoom")
    loaded = Bucket.load("zoom")
    assert bucket == loaded
    assert isinstance(Block.load("bucket/zoom"), Bucket)
    assert {"key": CANARY} == loaded.credentials.info.get_secret_value()


def test_what_is_secret_is_shown_nowhere() -> None:
    credentials().save("a")
    Bucket(name="b", credentials=credentials(), by_name={"x": SecretStr(CANARY)}).save("b")
    loaded = Bucket.load("b")
    assert CANARY not in f"{loaded!r} {loaded} {loaded.model_dump_json()}"
    assert CANARY not in str([block.values for block in ask(ListBlocks()).items])
    assert CANARY not in str(ask(GetBlock(type_slug="bucket", name="b")).values)
    with pytest.raises(ValidationError) as told:
        Credentials(project=1, info=CANARY)  # type: ignore[arg-type]  # the mistake
    assert CANARY not in str(told.value)


def test_what_the_class_calls_secret_is_secret_for_whoever_saves_by_hand() -> None:
    Bucket.register_type_and_schema()
    paths = {"/credentials/info", "/nodes/*/token", "/by_name/*", "/raw"}
    assert paths == set(ask(GetBlockType(slug="bucket")).secret_fields)
    values = {"name": "b", "credentials": {"project": "p", "info": {"k": CANARY}}, "nodes": [{"token": CANARY}]}
    saved = ask(SaveBlock(type_slug="bucket", name="raw", values=values))
    assert MASK == saved.values["credentials"]["info"]
    assert CANARY not in str(saved.values)


def test_a_saved_block_within_another_is_referred_to() -> None:
    inner = credentials()
    inner.save("zoom")
    Bucket(name="b", credentials=inner).save("b")
    assert ["cloud-credentials/zoom"] == list(ask(GetBlock(type_slug="bucket", name="b")).references)
    Credentials(project="other", info={}).save("zoom", overwrite=True)  # type: ignore[arg-type]  # coerced
    assert "other" == Bucket.load("b").credentials.project
    with pytest.raises(Conflict):
        Credentials.delete("zoom")
    Bucket.delete("b")
    Credentials.delete("zoom")
    with pytest.raises(NotFound):
        Credentials.load("zoom")


def test_a_block_of_any_type_within_another_keeps_its_type() -> None:
    Anything(inner=credentials(), value={"$type": "x", "$block": "a/b", "$$type": 1}).save("a")
    loaded = Anything.load("a")
    assert credentials() == loaded.inner
    assert {"$type": "x", "$block": "a/b", "$$type": 1} == loaded.value


def test_secret_and_json_hold_any_value() -> None:
    for value in ("text", {"a": [1, None]}, 3):
        Secret(value=value).save("s", overwrite=True)  # type: ignore[arg-type]  # coerced
        assert value == Secret.load("s").get()
        JSON(value=value).save("j", overwrite=True)
        assert value == JSON.load("j").value
    assert {"value": MASK} == ask(GetBlock(type_slug="secret", name="s")).values


def test_a_loaded_block_is_saved_again_by_its_own_name() -> None:
    JSON(value=1).save("j")
    loaded = JSON.load("j")
    loaded.value = 2
    loaded.save()
    assert 2 == JSON.load("j").value
    with pytest.raises(Conflict):
        JSON(value=3).save("j")
    with pytest.raises(InvalidDefinition):
        JSON(value=3).save()


def test_a_block_whose_class_has_changed_says_which_field_is_wrong() -> None:
    first = type("Changing", (Block,), {"__annotations__": {"old": str}, "__module__": __name__})
    first(old=CANARY).save("c")
    second = type("Changing", (Block,), {"__annotations__": {"new": int}, "__module__": __name__})
    with pytest.raises(BlockInvalid) as told:
        Block.load("changing/c")
    assert ("changing", "changing/c") == (second.get_block_type_slug(), told.value.block)
    assert {"old", "new"} == {field for field, _ in told.value.problems}
    assert CANARY not in str(told.value)


def test_a_type_without_a_class_tells_what_to_import() -> None:
    credentials().save("zoom")
    ask(SaveBlock(type_slug="cloud-credentials", name="raw", values={"project": "p", "info": {}}))
    slug = Credentials._block_type_slug
    Credentials._block_type_slug = "elsewhere"
    try:
        with pytest.raises(BlockTypeUnknown) as told:
            Block.load("cloud-credentials/zoom")
    finally:
        Credentials._block_type_slug = slug
    assert ("cloud-credentials", f"{__name__}:Credentials") == (told.value.slug, told.value.source)


def test_what_is_asked_for_wrongly_is_told() -> None:
    with pytest.raises(InvalidDefinition):
        Block.load("no-slash")
    with pytest.raises(InvalidDefinition):
        Block.register_type_and_schema()
    with pytest.raises(NotFound):
        JSON.load("nothing")
    with pytest.raises(RequestInvalid):
        JSON(value=1).save("a name")
    with pytest.raises(InvalidDefinition):
        Anything(value=object()).save("x")


def test_capabilities_and_descriptions_come_from_the_class() -> None:
    class Special(Bucket):
        _block_schema_capabilities: ClassVar[list[str]] = ["list"]

    Special.register_type_and_schema()
    assert ["list", "read", "write"] == list(ask(GetBlockType(slug="special")).capabilities)
    Credentials.register_type_and_schema()
    known = ask(GetBlockType(slug="cloud-credentials"))
    assert ("Cloud Credentials", "Who we are.") == (known.name, known.description)


def test_blocks_are_used_in_flows_of_either_colour() -> None:
    Secret(value=CANARY).save("s")  # type: ignore[arg-type]  # coerced

    @flow
    def sync() -> int:
        return len(Secret.load("s").get())

    @flow
    async def later() -> int:
        return len(Secret.load("s").get())

    import asyncio

    assert len(CANARY) == sync() == asyncio.run(later())


def test_a_block_as_a_parameter_is_not_recorded_with_masks_for_values(fresh_home: Path) -> None:
    @flow
    def use(given: Credentials) -> str:
        return given.info.get_secret_value()["key"]

    state = use(credentials(), return_state=True)
    from penstock.ports import GetFlowRun

    parameters = ask(GetFlowRun(id=state.run_id)).parameters
    assert "$penstock" in parameters["given"]
    kept = b"".join(path.read_bytes() for path in fresh_home.glob("penstock.db*"))
    assert CANARY.encode() not in kept


def test_the_key_is_a_file_that_only_its_owner_reads_and_a_lost_one_is_told(fresh_home: Path) -> None:
    Secret(value=CANARY).save("s")  # type: ignore[arg-type]  # coerced
    key = fresh_home / "encryption.key"
    assert 0o600 == key.stat().st_mode & 0o777
    assert CANARY.encode() not in b"".join(path.read_bytes() for path in fresh_home.rglob("*") if path.is_file())
    key.unlink()
    with pytest.raises(SecretUnreadable) as told:
        Secret.load("s")
    assert "block `secret/s`" == told.value.what


def test_a_block_can_be_sent_to_another_process() -> None:
    block = credentials()
    assert block == pickle.loads(pickle.dumps(block))
