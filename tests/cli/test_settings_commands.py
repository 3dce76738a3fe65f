"""`config` and `profile`: what they write, what they refuse, what they leave alone."""

import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli


def profiles(home: Path) -> Any:
    return tomllib.loads((home / "profiles.toml").read_text())


def effective(cli: Cli, name: str) -> dict[str, Any]:
    return next(s for s in cli.ok("config", "view", "--json", "--show-secrets").json if s["name"] == name)


def test_a_setting_that_was_set_holds(cli: Cli, home: Path) -> None:
    cli.ok("config", "set", "PENSTOCK_LOG_LEVEL=debug")
    assert {"PENSTOCK_LOG_LEVEL": "debug"} == profiles(home)["profiles"]["default"]
    assert ("debug", "profile") == tuple(effective(cli, "PENSTOCK_LOG_LEVEL")[k] for k in ("value", "source"))


def test_the_prefix_may_be_left_out(cli: Cli) -> None:
    cli.ok("config", "set", "log_level=DEBUG")
    assert "DEBUG" == effective(cli, "PENSTOCK_LOG_LEVEL")["value"]


def test_the_environment_comes_first_and_the_command_says_so(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_LOG_LEVEL", "ERROR")
    assert "environment" in cli.ok("config", "set", "PENSTOCK_LOG_LEVEL=DEBUG").err
    assert ("ERROR", "environment") == tuple(effective(cli, "PENSTOCK_LOG_LEVEL")[k] for k in ("value", "source"))


def test_a_value_that_cannot_be_is_refused_and_nothing_is_written(cli: Cli, home: Path) -> None:
    outcome = cli("config", "set", "PENSTOCK_RETENTION_DAYS=30", "PENSTOCK_LOG_LEVEL=LOUD")
    assert 2 == outcome.code
    assert "LOUD" in outcome.err
    assert not (home / "profiles.toml").exists()


def test_an_unknown_setting_names_the_near_one(cli: Cli) -> None:
    outcome = cli("config", "set", "PENSTOCK_DATABSE_URL=x")
    assert 2 == outcome.code
    assert "`PENSTOCK_DATABASE_URL`" in outcome.err


@pytest.mark.parametrize("name", ["PENSTOCK_HOME", "PENSTOCK_PROFILE"])
def test_what_leads_to_the_profiles_cannot_stand_in_one(cli: Cli, name: str) -> None:
    assert 2 == cli("config", "set", f"{name}=x").code


def test_an_unset_setting_has_its_default_again(cli: Cli, home: Path) -> None:
    cli.ok("config", "set", "PENSTOCK_LOG_LEVEL=DEBUG", "PENSTOCK_LOG_PRINTS=true")
    cli.ok("config", "unset", "PENSTOCK_LOG_LEVEL")
    assert "default" == effective(cli, "PENSTOCK_LOG_LEVEL")["source"]
    assert {"PENSTOCK_LOG_PRINTS": "true"} == profiles(home)["profiles"]["default"]


def test_unsetting_what_is_not_set_says_so(cli: Cli) -> None:
    assert 1 == cli("config", "unset", "PENSTOCK_LOG_LEVEL").code


def test_secrets_are_hidden_unless_asked_for(cli: Cli) -> None:
    cli.ok("config", "set", "PENSTOCK_API_KEY=s3cret")
    for command in (("config", "view"), ("config", "view", "--json"), ("profile", "inspect")):
        assert "s3cret" not in cli.ok(*command).out
        assert "s3cret" in cli.ok(*command, "--show-secrets").out


def test_the_file_is_for_its_owner_only(cli: Cli, home: Path) -> None:
    cli.ok("config", "set", "PENSTOCK_API_KEY=s3cret")
    assert 0o600 == stat.S_IMODE((home / "profiles.toml").stat().st_mode)
    assert 0o700 == stat.S_IMODE(home.stat().st_mode)


def test_comments_and_order_stay_when_a_setting_changes(cli: Cli, home: Path) -> None:
    home.mkdir(mode=0o700)
    (home / "profiles.toml").write_text(
        '# mine\nactive = "work"\n\n[profiles.work]  # at work\n# loud\n"PENSTOCK_LOG_LEVEL" = "INFO"\n\n[profiles.b]\n'
    )
    cli.ok("config", "set", "PENSTOCK_LOG_LEVEL=DEBUG", "PENSTOCK_LOG_PRINTS=true")
    assert (
        '# mine\nactive = "work"\n\n[profiles.work]  # at work\n# loud\nPENSTOCK_LOG_LEVEL = "DEBUG"\n'
        'PENSTOCK_LOG_PRINTS = "true"\n\n[profiles.b]\n'
    ) == (home / "profiles.toml").read_text()


@pytest.mark.parametrize("value", ['a"b', "a\\b", "ä\x7f€", "a\nb", "# no", ""])
def test_any_text_is_kept_exactly(cli: Cli, home: Path, value: str) -> None:
    cli.ok("config", "set", f"PENSTOCK_API_URL={value}")
    assert value == profiles(home)["profiles"]["default"]["PENSTOCK_API_URL"]


def test_a_file_written_otherwise_is_refused_and_left_alone(cli: Cli, home: Path) -> None:
    home.mkdir(mode=0o700)
    written = 'profiles = { default = { PENSTOCK_LOG_LEVEL = "INFO" } }\n'
    (home / "profiles.toml").write_text(written)
    assert 2 == cli("config", "set", "PENSTOCK_LOG_LEVEL=DEBUG").code
    assert written == (home / "profiles.toml").read_text()


def test_a_broken_file_is_named(cli: Cli, home: Path) -> None:
    home.mkdir(mode=0o700)
    (home / "profiles.toml").write_text("active = \n")
    outcome = cli("config", "view")
    assert 2 == outcome.code
    assert "profiles.toml" in outcome.err


def test_validate_finds_what_is_wrong_anywhere(cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [] == cli.ok("config", "validate", "--json").json
    monkeypatch.setenv("PENSTOCK_LOG_LEVL", "DEBUG")
    home.mkdir(mode=0o700, exist_ok=True)
    (home / "profiles.toml").write_text('[profiles.other]\nPENSTOCK_RETENTION_DAYS = "-1"\n')
    outcome = cli("config", "validate", "--json")
    assert 1 == outcome.code
    assert {"PENSTOCK_LOG_LEVL", "PENSTOCK_RETENTION_DAYS"} == {problem["name"] for problem in outcome.json}


def test_a_created_profile_is_used_after_it_is_chosen(cli: Cli) -> None:
    cli.ok("profile", "create", "staging")
    assert ["default"] == [p["name"] for p in cli.ok("profile", "ls", "--json").json if p["is_active"]]
    cli.ok("profile", "use", "staging")
    cli.ok("config", "set", "PENSTOCK_LOG_LEVEL=DEBUG")
    assert {"name": "staging", "settings": {"PENSTOCK_LOG_LEVEL": "DEBUG"}} == cli.ok(
        "profile", "inspect", "--json"
    ).json
    assert {} == cli.ok("profile", "inspect", "default", "--json").json["settings"]


def test_a_profile_is_chosen_for_one_command(cli: Cli) -> None:
    cli.ok("profile", "create", "staging")
    outcome = cli.process("--profile", "staging", "config", "set", "PENSTOCK_LOG_LEVEL=DEBUG")
    assert 0 == outcome.code, outcome
    assert {"PENSTOCK_LOG_LEVEL": "DEBUG"} == cli.ok("profile", "inspect", "staging", "--json").json["settings"]


def test_a_profile_can_begin_as_a_copy(cli: Cli) -> None:
    cli.ok("config", "set", "PENSTOCK_LOG_LEVEL=DEBUG")
    cli.ok("profile", "create", "copy", "--from", "default")
    assert {"PENSTOCK_LOG_LEVEL": "DEBUG"} == cli.ok("profile", "inspect", "copy", "--json").json["settings"]


@pytest.mark.parametrize("name", ["a b", "", "a.b", "ä", "[x]"])
def test_a_profile_needs_a_plain_name(cli: Cli, name: str) -> None:
    assert 2 == cli("profile", "create", name).code


def test_a_profile_is_created_once(cli: Cli) -> None:
    cli.ok("profile", "create", "staging")
    assert 1 == cli("profile", "create", "staging").code


def test_an_unknown_profile_names_the_near_one(cli: Cli) -> None:
    cli.ok("profile", "create", "staging")
    outcome = cli("profile", "use", "stagin")
    assert 1 == outcome.code
    assert "`staging`" in outcome.err


def test_a_renamed_profile_stays_active(cli: Cli, home: Path) -> None:
    cli.ok("profile", "create", "staging")
    cli.ok("profile", "use", "staging")
    cli.ok("config", "set", "PENSTOCK_LOG_LEVEL=DEBUG")
    cli.ok("profile", "rename", "staging", "test")
    assert {"active": "test", "profiles": {"test": {"PENSTOCK_LOG_LEVEL": "DEBUG"}}} == profiles(home)


def test_the_active_profile_cannot_be_deleted(cli: Cli) -> None:
    cli.ok("profile", "create", "staging")
    cli.ok("profile", "use", "staging")
    assert 1 == cli("profile", "delete", "staging", "--yes").code


def test_deleting_asks_where_somebody_can_answer(cli: Cli) -> None:
    cli.ok("profile", "create", "staging")
    assert 1 == cli("profile", "delete", "staging", typed="n\n", terminal=True).code
    assert 0 == cli("profile", "delete", "staging", typed="y\n", terminal=True).code
    assert ["default"] == [p["name"] for p in cli.ok("profile", "ls", "--json").json]


def test_deleting_needs_yes_where_nobody_can_answer(cli: Cli) -> None:
    cli.ok("profile", "create", "staging")
    assert 2 == cli("profile", "delete", "staging").code
    cli.ok("profile", "delete", "staging", "--yes")
