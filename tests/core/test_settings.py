"""The settings: what is read from where, and what is said of a value that cannot be."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.errors import SettingInvalid
from penstock.settings import PROFILE_FILE, Settings, load_settings, parse_setting, setting_names

NOWHERE = {"PENSTOCK_HOME": "/nonexistent/home"}

BAD = {
    "PENSTOCK_PERSIST_RESULTS": ["maybe", "2", "truee"],
    "PENSTOCK_DURABILITY": ["", "fast", "strictly"],
    "PENSTOCK_JOURNAL_BATCH_RECORDS": ["0", "-1", "1.5", "many", ""],
    "PENSTOCK_JOURNAL_FLUSH_SECONDS": ["-0.1", "nan", "inf", "soon", ""],
    "PENSTOCK_JOURNAL_BACKLOG_MB": ["0", "x"],
    "PENSTOCK_LOG_LEVEL": ["LOUD", "10", ""],
    "PENSTOCK_LOGS_TO": ["syslog", ""],
    "PENSTOCK_TASK_RETRIES": ["-1", "three", "1.0", ""],
    "PENSTOCK_TASK_RETRY_DELAY_SECONDS": ["-1", "nan", "inf"],
    "PENSTOCK_FLOW_RETRIES": ["-1", "three"],
    "PENSTOCK_TASK_WORKERS_MAX": ["0", "-3", "all"],
    "PENSTOCK_CANCEL_POLL_SECONDS": ["-1", "nan", "inf"],
    "PENSTOCK_RETENTION_DAYS": ["-1", "nan", "for ever"],
    "PENSTOCK_COLOR": ["red"],
}


@contextmanager
def home_with(profiles: str) -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, PROFILE_FILE).write_text(profiles)
        yield {"PENSTOCK_HOME": folder}


@pytest.mark.parametrize(("variable", "text"), [(name, text) for name, texts in BAD.items() for text in texts])
def test_a_value_that_cannot_be_is_refused_and_named(variable: str, text: str) -> None:
    with pytest.raises(SettingInvalid) as raised:
        load_settings({**NOWHERE, variable: text})
    assert variable in str(raised.value)
    assert repr(text) in str(raised.value)


@given(st.sampled_from(setting_names()), st.text(st.characters(exclude_characters="\0")))
def test_no_text_breaks_the_reader_in_any_other_way(variable: str, text: str) -> None:
    if variable not in ("PENSTOCK_HOME", "PENSTOCK_PROFILE"):
        try:
            settings = load_settings({**NOWHERE, variable: text})
        except SettingInvalid:
            return
        assert isinstance(settings, Settings)


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("PENSTOCK_LOG_PRINTS", " Yes ", True),
        ("PENSTOCK_COLOR", "off", False),
        ("PENSTOCK_LOG_LEVEL", "debug", "DEBUG"),
        ("PENSTOCK_DURABILITY", "STRICT", "strict"),
        ("PENSTOCK_EXTRA_LOGGERS", "urllib3, sqlalchemy.engine,,", ("urllib3", "sqlalchemy.engine")),
        ("PENSTOCK_JOURNAL_FLUSH_SECONDS", "0", 0.0),
        ("PENSTOCK_TASK_WORKERS_MAX", "4", 4),
        ("PENSTOCK_DATABASE_URL", "", None),
        ("PENSTOCK_API_URL", "http://127.0.0.1:4200/api", "http://127.0.0.1:4200/api"),
    ],
)
def test_a_variable_sets_its_setting(variable: str, text: str, expected: Any) -> None:
    name = variable.removeprefix("PENSTOCK_").lower()
    assert expected == getattr(load_settings({**NOWHERE, variable: text}), name)
    assert expected == parse_setting(variable, text)


def test_everything_lies_in_the_home_folder_unless_something_else_is_said() -> None:
    settings = load_settings({"PENSTOCK_HOME": "/srv/penstock"})
    assert "sqlite:////srv/penstock/penstock.db" == settings.effective_database_url
    assert Path("/srv/penstock/journals") == settings.journals_path
    assert ("/srv/penstock/results", "/srv/penstock/lake") == (
        settings.effective_results_path,
        settings.effective_lake_path,
    )


def test_a_home_is_made_absolute() -> None:
    assert Path.cwd() / "here" == load_settings({"PENSTOCK_HOME": "here"}).home
    assert Path.home() / "p" == load_settings({"PENSTOCK_HOME": "~/p"}).home


def test_an_empty_home_is_the_default_one() -> None:
    assert Path.home() / ".penstock" == load_settings({"PENSTOCK_HOME": ""}).home


def test_an_unknown_setting_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingInvalid) as raised:
        parse_setting("PENSTOCK_LOG_LEVLE", "INFO")
    assert "PENSTOCK_LOG_LEVEL" in str(raised.value)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        load_settings(NOWHERE).home = Path("/")  # type: ignore[misc]


def test_every_setting_says_what_it_is_about() -> None:
    assert [] == [f.name for f in fields(Settings) if not f.metadata.get("about")]


# ---- Profiles ----


def test_the_active_profile_is_read_and_a_variable_goes_before_it() -> None:
    with home_with(
        'active = "dev"\n[profiles.dev]\nPENSTOCK_LOG_LEVEL = "DEBUG"\nPENSTOCK_TASK_RETRIES = 2'
    ) as environ:
        assert ("dev", "DEBUG", 2) == taken(load_settings(environ))
        assert ("dev", "ERROR", 2) == taken(load_settings({**environ, "PENSTOCK_LOG_LEVEL": "ERROR"}))


def test_another_profile_can_be_asked_for() -> None:
    with home_with('active = "dev"\n[profiles.dev]\n[profiles.prod]\nPENSTOCK_TASK_RETRIES = 5') as environ:
        assert ("prod", "INFO", 5) == taken(load_settings({**environ, "PENSTOCK_PROFILE": "prod"}))


def test_a_bad_value_in_a_profile_is_refused_with_the_profiles_name() -> None:
    with home_with('[profiles.default]\nPENSTOCK_TASK_RETRIES = "x"') as environ:
        with pytest.raises(SettingInvalid) as raised:
            load_settings(environ)
    assert "`default`" in str(raised.value)


@pytest.mark.parametrize("profiles", ["[profiles.dev]", ""])
def test_a_profile_that_does_not_exist_is_refused(profiles: str) -> None:
    with home_with(profiles) as environ:
        with pytest.raises(SettingInvalid) as raised:
            load_settings({**environ, "PENSTOCK_PROFILE": "prod"})
    assert "`prod`" in str(raised.value)


def test_a_profile_without_a_file_is_refused() -> None:
    with pytest.raises(SettingInvalid):
        load_settings({**NOWHERE, "PENSTOCK_PROFILE": "prod"})


@pytest.mark.parametrize(
    "content", ["[", "profiles = 3", "profiles = []", "[profiles]\ndefault = 3", 'active = 3\n[profiles."3"]', "\udcff"]
)
def test_a_damaged_profile_file_is_refused_by_its_name(content: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, PROFILE_FILE)
        path.write_bytes(content.encode("utf-8", "surrogateescape"))
        with pytest.raises(SettingInvalid) as raised:
            load_settings({"PENSTOCK_HOME": folder})
        assert str(path) in str(raised.value)


def taken(settings: Settings) -> tuple[str, str, int]:
    return settings.profile, settings.log_level, settings.task_retries
