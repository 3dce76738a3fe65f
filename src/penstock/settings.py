"""The settings: one frozen dataclass, read once from profile, files and `PENSTOCK_*` variables.

First wins: environment variables, the active profile in `$PENSTOCK_HOME/profiles.toml`, defaults. Nothing here is
global: composition roots read the settings and hand them down.
"""

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from penstock.core.errors import SettingInvalid

PREFIX = "PENSTOCK_"
HOME_DEFAULT = "~/.penstock"
PROFILE_FILE = "profiles.toml"
PROFILE_DEFAULT = "default"


def _parse_bool(text: str) -> bool:
    if text.strip().lower() in ("1", "true", "yes", "on"):
        return True
    if text.strip().lower() in ("0", "false", "no", "off", ""):
        return False
    raise ValueError("expected true or false")


def _parse_choice(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.strip().lower() not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}")
        return text.strip().lower()

    return parse


def _parse_positive(text: str) -> float:
    value = float(text)
    if not 0 <= value < math.inf:
        raise ValueError("expected a number that is not negative")
    return value


def _parse_lease(text: str) -> float:
    value = float(text)
    if not 2 <= value <= 3_600:
        raise ValueError("expected 2 to 3600 seconds")
    return value


def _parse_count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError("expected a whole number of at least 1")
    return value


def _parse_retries(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError("expected a whole number that is not negative")
    return value


def _parse_port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65_535:
        raise ValueError("expected a port from 1 to 65535, or 0 for any that is free")
    return value


def _parse_level(text: str) -> str:
    names = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
    if text.strip().upper() not in names:
        raise ValueError(f"expected one of {', '.join(names)}")
    return text.strip().upper()


def _parse_names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _setting(default: Any, parse: Callable[[str], Any] = str, *, about: str, secret: bool = False) -> Any:
    return field(default=default, metadata={"parse": parse, "about": about, "secret": secret})


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set; `PENSTOCK_<NAME>` sets `<name>`."""

    home: Path = _setting(
        Path(HOME_DEFAULT), Path, about="The folder that holds database, journals, results and profiles."
    )
    profile: str = _setting(PROFILE_DEFAULT, about="The active profile.")
    database_url: str | None = _setting(
        None, about="SQLAlchemy URL of the database; SQLite in the home folder if unset.", secret=True
    )
    api_url: str | None = _setting(
        None, about="The server's API; runs are recorded embedded, with no server, if unset."
    )
    api_key: str | None = _setting(None, about="The key that the API asks for.", secret=True)
    api_wait_seconds: float = _setting(
        60.0, _parse_positive, about="How long a run that is to start waits for a server that does not answer."
    )
    server_host: str = _setting("127.0.0.1", about="The address that `penstock server start` listens at.")
    server_port: int = _setting(4200, _parse_port, about="The port that `penstock server start` listens at.")
    server_allowed_hosts: tuple[str, ...] = _setting(
        (), _parse_names, about="Host names that the server is reached by besides localhost, separated by commas."
    )
    workspace: str = _setting("default", about="The workspace that runs belong to.")
    results_path: str | None = _setting(
        None,
        about="Where results are kept: a folder or an object-store address; `results` in the home folder if unset.",
    )
    lake_path: str | None = _setting(
        None, about="Where datasets are kept: a folder or an object-store address; `lake` in the home folder if unset."
    )
    encryption_key: str | None = _setting(
        None,
        about="The key that secrets of blocks are encrypted with, 32 bytes in base64; several, separated by commas, where keys "
        "change: the first encrypts. `encryption.key` in the home folder if unset.",
        secret=True,
    )
    persist_results: bool = _setting(
        True, _parse_bool, about="Keep results, so that runs can be resumed and retried from where they stopped."
    )
    durability: str = _setting(
        "batched",
        _parse_choice("batched", "strict"),
        about="`strict` adds one fsync per step, so that power loss costs nothing.",
    )
    journal_batch_records: int = _setting(
        8_000, _parse_count, about="Records that are brought into the database at once, at most."
    )
    journal_flush_seconds: float = _setting(
        0.1, _parse_positive, about="How long a record waits for company before it is brought into the database."
    )
    journal_backlog_mb: int = _setting(
        64, _parse_count, about="Journal that may wait for the database before tasks wait for it, in MB."
    )
    log_level: str = _setting("INFO", _parse_level, about="The lowest level that is logged.")
    log_prints: bool = _setting(False, _parse_bool, about="Log what flows and tasks print, unless they say otherwise.")
    logs_to: str = _setting(
        "store",
        _parse_choice("store", "local", "none"),
        about="Where log lines go besides the terminal: the database, a local file, nowhere.",
    )
    logs_to_terminal: bool = _setting(True, _parse_bool, about="Show log lines on the terminal (standard error).")
    extra_loggers: tuple[str, ...] = _setting(
        (), _parse_names, about="Names of standard loggers whose lines belong to the run, separated by commas."
    )
    task_retries: int = _setting(0, _parse_retries, about="Retries of tasks that do not say.")
    task_retry_delay_seconds: float = _setting(
        0.0, _parse_positive, about="Delay between retries of tasks that do not say."
    )
    flow_retries: int = _setting(0, _parse_retries, about="Retries of flows that do not say.")
    task_workers_max: int = _setting(
        32, _parse_count, about="Threads that a run's tasks share, unless its task runner says otherwise."
    )
    cancel_poll_seconds: float = _setting(
        0.5, _parse_positive, about="How often a running process looks whether it is to stop."
    )
    cancel_grace_seconds: float = _setting(
        10.0, _parse_positive, about="How long a cancelled run may take to end by itself."
    )
    lease_seconds: float = _setting(
        60.0,
        _parse_lease,
        about="How long nothing may be heard of a process that records through a server before its runs are presumed crashed; "
        "at most half as long a worker may be silent that has claimed runs. The same for server, workers and runs.",
    )
    retention_days: float = _setting(
        90.0,
        _parse_positive,
        about="Ended runs older than this are removed with their results, in small passes; 0 keeps them for ever.",
    )
    color: bool = _setting(True, _parse_bool, about="Colour on the terminal (NO_COLOR is heeded too).")
    test_mode: bool = _setting(False, _parse_bool, about="Set by the test harness.")

    @property
    def claim_seconds(self) -> float:
        """How long a claim of a worker holds without being renewed."""
        return self.lease_seconds / 2

    @property
    def database_path(self) -> Path:
        """The embedded database's file."""
        return self.home / "penstock.db"

    @property
    def effective_database_url(self) -> str:
        """The database that runs are recorded in when no API is set."""
        return self.database_url or f"sqlite:///{self.database_path}"

    @property
    def journals_path(self) -> Path:
        """The folder of this machine's journal files."""
        return self.home / "journals"

    @property
    def effective_results_path(self) -> str:
        """Where results are kept."""
        return self.results_path or str(self.home / "results")

    @property
    def effective_lake_path(self) -> str:
        """Where datasets are kept."""
        return self.lake_path or str(self.home / "lake")


def setting_names() -> tuple[str, ...]:
    """The names that can be set, as environment variables."""
    return tuple(PREFIX + f.name.upper() for f in fields(Settings))


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings. Raises `SettingInvalid`, naming the variable or file, and what it may be.

    >>> load_settings({"PENSTOCK_HOME": "/tmp/p", "PENSTOCK_LOG_LEVEL": "debug"}).log_level
    'DEBUG'
    """
    environ = os.environ if environ is None else environ
    home = Path(environ.get(PREFIX + "HOME") or HOME_DEFAULT).expanduser().absolute()
    profile, from_profile = _read_profile(home, environ.get(PREFIX + "PROFILE"))
    values: dict[str, Any] = {}
    for f in fields(Settings):
        variable = PREFIX + f.name.upper()
        if variable in environ:
            values[f.name] = _parse(f, environ[variable], source=variable)
        elif variable in from_profile:
            values[f.name] = _parse(f, str(from_profile[variable]), source=f"{variable} in profile `{profile}`")
    return replace(Settings(**values), home=home, profile=profile)


def parse_setting(variable: str, text: str) -> Any:
    """Check one setting's value. Raises `SettingInvalid` if there is no such setting or it cannot have that value."""
    for f in fields(Settings):
        if PREFIX + f.name.upper() == variable.upper():
            return _parse(f, text, source=variable)
    raise SettingInvalid(f"`{variable}` is not a setting of Penstock. Known: {', '.join(setting_names())}.")


def _parse(f: Any, text: str, *, source: str) -> Any:
    if text == "" and f.default is None:
        return None
    try:
        return f.metadata["parse"](text)
    except ValueError as error:
        raise SettingInvalid(f"{source} is {text!r}: {error}.") from error


def _read_profile(home: Path, wanted: str | None) -> tuple[str, Mapping[str, Any]]:
    path = home / PROFILE_FILE
    if not path.is_file():
        if wanted not in (None, PROFILE_DEFAULT):
            raise SettingInvalid(
                f"Profile `{wanted}` does not exist. Create it with `penstock profile create {wanted}`."
            )
        return PROFILE_DEFAULT, {}
    import tomllib  # lazy: only where a profile file exists

    try:
        content = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as error:
        raise SettingInvalid(f"{path} cannot be read: {error}. Mend or remove it.") from error
    profiles = content.get("profiles", {})
    if not isinstance(profiles, dict) or not all(isinstance(profile, dict) for profile in profiles.values()):
        raise SettingInvalid(f"{path} must hold one table a profile, such as [profiles.dev]. Mend or remove it.")
    name = wanted or content.get("active", PROFILE_DEFAULT)
    if name not in profiles and name != PROFILE_DEFAULT:
        raise SettingInvalid(f"Profile `{name}` is not in {path}. Known: {', '.join(profiles) or 'none'}.")
    return name, profiles.get(name, {})
