"""The compose file: what it starts are commands that there are, with settings that there are."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from penstock.cli.main import root
from penstock.settings import setting_names

COMPOSE = Path(__file__).resolve().parents[2] / "deploy" / "compose.yaml"
CONTENT: Mapping[str, Any] = yaml.safe_load(COMPOSE.read_text())
OURS = [name for name, service in CONTENT["services"].items() if service["image"].startswith("${PENSTOCK_IMAGE")]


def filled(text: str) -> str:
    """A text with the defaults of its variables."""
    return re.sub(r"\$\{\w+(?::-([^}]*)|:\?[^}]*)?\}", lambda found: found.group(1) or "value", text)


@pytest.mark.parametrize("name", OURS)
def test_each_command_is_one_of_ours(name: str) -> None:
    program, *words = map(filled, map(str, CONTENT["services"][name]["command"]))
    assert "penstock" == program
    command = read_command(words)
    assert not isinstance(command, click.Group)


@pytest.mark.parametrize("name", OURS)
def test_each_variable_is_a_setting(name: str) -> None:
    assert set(CONTENT["services"][name]["environment"]) <= set(setting_names())


def test_what_is_named_is_there() -> None:
    services = CONTENT["services"]
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
        sources = [filled(volume).partition(":")[0] for volume in service.get("volumes", ())]
        assert {source for source in sources if source[0] not in "./"} <= set(CONTENT["volumes"])
    waited_for = {name for service in services.values() for name in service.get("depends_on", {})}
    assert all("healthcheck" in services[name] for name in waited_for)


def test_secrets_have_no_default() -> None:
    text = COMPOSE.read_text()
    for secret in ("PENSTOCK_API_KEY", "POSTGRES_PASSWORD"):
        assert re.findall(rf"\$\{{{secret}\b[^}}]*\}}", text)
        assert not re.findall(rf"\$\{{{secret}(:?-[^}}]*)?\}}", text)


def read_command(words: list[str]) -> click.Command:
    """The command that words lead to; fails if it does not take the options among them."""
    command: click.Command = root
    context = click.Context(command)
    while isinstance(command, click.Group):
        name, found, words = command.resolve_command(context, words)
        assert found is not None, name
        command, context = found, click.Context(found, parent=context)
    command.make_context(command.name, words, parent=context.parent)
    return command
