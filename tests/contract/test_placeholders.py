"""What `{{ placeholders }}` stand for, over every orchestrator."""

from typing import Any

import pytest

from penstock.blockverbs import RegisterBlockType, SaveBlock
from penstock.core.errors import PlaceholderUnknown, SecretUnreadable
from penstock.orchestrator.placeholders import resolve
from penstock.ports import Orchestrator, SetVariable
from penstock.store.sealing import KEY_FILE

SECRET = "canary-4711-secret"
ENVIRON = {"REGION": "eu"}


@pytest.fixture
def filled(orchestrator: Orchestrator) -> Orchestrator:
    orchestrator.ask(SetVariable(name="months", value=[4, 5]))
    orchestrator.ask(SetVariable(name="odd", value="{{ $REGION }}"))
    orchestrator.ask(RegisterBlockType(slug="cloud", name="Cloud", fields_schema={}, secret_fields=["/value", "/key"]))
    for name, values in {
        "token": {"value": SECRET},
        "zoom": {"project": "p", "key": {"id": SECRET}, "zones": ["a", "b"]},
        "bucket": {"name": "b", "credentials": {"$block": "cloud/zoom"}, "inner": {"$type": "cloud", "$$type": 1}},
    }.items():
        orchestrator.ask(SaveBlock(type_slug="cloud", name=name, values=values))
    return orchestrator


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ penstock.variables.months }}", [4, 5]),
        (" {{penstock.variables.months}} ", [4, 5]),
        ("{{ prefect.variables.months }}", [4, 5]),
        ("months {{ penstock.variables.months }} in {{ $REGION }}", "months [4, 5] in eu"),
        ("{{ penstock.blocks.cloud.token }}", SECRET),
        ("{{ penstock.blocks.cloud.zoom.key.id }}", SECRET),
        ("{{ penstock.blocks.cloud.zoom.zones.1 }}", "b"),
        ("{{ penstock.blocks.cloud.bucket.credentials.project }}", "p"),
        ("{{ penstock.blocks.cloud.bucket.inner }}", {"$type": 1}),
        ("{{ penstock.variables.odd }}", "{{ $REGION }}"),
        ("no placeholder", "no placeholder"),
        (7, 7),
    ],
)
def test_a_placeholder_becomes_what_it_stands_for(filled: Orchestrator, text: Any, value: Any) -> None:
    assert {"a": [value]} == resolve({"a": [text]}, filled, environ=ENVIRON)


@pytest.mark.parametrize(
    "placeholder",
    [
        "penstock.variables.nothing",
        "penstock.blocks.cloud.nothing",
        "penstock.blocks.cloud.zoom.nothing",
        "penstock.blocks.cloud.zoom.key.id.x",
        "penstock.blocks.cloud",
        "penstock.nothing.x",
        "$NOTHING",
        "image",
    ],
)
def test_an_unknown_placeholder_is_named_with_its_place(filled: Orchestrator, placeholder: str) -> None:
    with pytest.raises(PlaceholderUnknown) as told:
        resolve({"job": {"env": ["x", f"{{{{ {placeholder} }}}}"]}}, filled, environ=ENVIRON)
    assert (placeholder, "job.env[1]") == (told.value.placeholder, told.value.where)
    assert SECRET not in str(told.value)


def test_what_others_fill_in_is_left_where_that_is_wanted(filled: Orchestrator) -> None:
    text = "{{ image }}:{{ $REGION }}"
    assert "{{ image }}:eu" == resolve(text, filled, environ=ENVIRON, strict=False)
    secret = "{{ penstock.blocks.cloud.token }}"
    assert secret == resolve(secret, filled, environ=ENVIRON, with_blocks=False)


def test_a_lost_key_is_told_of(filled: Orchestrator, tmp_path: Any) -> None:
    (tmp_path / KEY_FILE).unlink()
    with pytest.raises(SecretUnreadable):
        resolve("{{ penstock.blocks.cloud.token }}", filled)
