"""`penstock config`: settings."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import click

from penstock.cli.commands import Group, json_option
from penstock.cli.exits import ExitCode
from penstock.cli.profiles import ProfileFile
from penstock.cli.session import Session, pass_session
from penstock.cli.tables import Cell, Column
from penstock.cli.text import did_you_mean, find_near
from penstock.core.errors import SettingInvalid
from penstock.settings import HOME_DEFAULT, PREFIX, Settings, parse_setting, setting_names

HIDDEN = "********"
OUTSIDE_PROFILES = (PREFIX + "HOME", PREFIX + "PROFILE")


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting as it holds here: its text, and where that comes from."""

    variable: str
    text: str | None
    source: str
    """environment, profile or default."""
    is_secret: bool
    about: str

    def shown(self, *, secrets: bool) -> str | None:
        """Its text, unless it is a secret that nobody asked to see."""
        return HIDDEN if self.is_secret and self.text and not secrets else self.text


def home_of(environ: Mapping[str, str]) -> Path:
    """The home, found without reading the other settings: these commands mend what is wrong with those."""
    return Path(environ.get(PREFIX + "HOME") or HOME_DEFAULT).expanduser().absolute()


def active_profile(environ: Mapping[str, str], file: ProfileFile) -> str:
    """The profile that holds, checked to exist."""
    profiles = file.read()
    name = environ.get(PREFIX + "PROFILE") or profiles.active
    profiles.get(name)
    return name


@click.group(cls=Group)
def config() -> None:
    """Settings: view, set, check.

    A setting comes from the environment, else from the active profile, else it has its default.
    """


@config.command(
    "view",
    examples=["penstock config view", "penstock config view --changed", "penstock config view --json --show-secrets"],
)
@click.option("--changed", is_flag=True, help="Leave out what has its default.")
@click.option("--show-secrets", is_flag=True, help="Show keys and passwords too.")
@json_option
@pass_session
def view(session: Session, changed: bool, show_secrets: bool, as_json: bool) -> None:
    """Show every setting, its value and where that comes from."""
    settings = [s for s in effective_settings(os.environ) if not changed or s.source != "default"]
    if as_json:
        session.terminal.json_list(
            {
                "name": setting.variable,
                "value": setting.shown(secrets=show_secrets),
                "source": setting.source,
                "about": setting.about,
            }
            for setting in settings
        )
        return
    session.terminal.table(
        [Column("Setting"), Column("Value", give=True), Column("From")],
        (
            (
                setting.variable,
                Cell("not set", "bright_black") if setting.text is None else setting.shown(secrets=show_secrets) or "",
                Cell(setting.source, "bright_black" if setting.source == "default" else "green"),
            )
            for setting in settings
        ),
    )


def effective_settings(environ: Mapping[str, str]) -> list[Setting]:
    """All settings as they hold here, as text; values are not checked."""
    home = home_of(environ)
    file = ProfileFile(home)
    profile = active_profile(environ, file)
    in_profile = file.read().get(profile)
    fixed = {PREFIX + "HOME": str(home), PREFIX + "PROFILE": profile}
    found = []
    for field in fields(Settings):
        variable = PREFIX + field.name.upper()
        about, secret = field.metadata["about"], field.metadata["secret"]
        text: str | None
        if variable in environ:
            text, source = fixed.get(variable, environ[variable]), "environment"
        elif variable in in_profile:
            text, source = in_profile[variable], "profile"
        else:
            text, source = fixed.get(variable, _as_text(field.default)), "default"
        found.append(Setting(variable, text, source, secret, about))
    return found


def _as_text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, tuple) else str(value)


@config.command(
    "set",
    examples=[
        "penstock config set PENSTOCK_LOG_LEVEL=DEBUG",
        "penstock config set PENSTOCK_API_URL=http://127.0.0.1:4200/api PENSTOCK_RETENTION_DAYS=30",
    ],
)
@click.argument("assignments", metavar="NAME=VALUE...", nargs=-1, required=True)
@pass_session
def set_settings(session: Session, assignments: tuple[str, ...]) -> None:
    """Write settings to the active profile, after checking them. The prefix PENSTOCK_ may be left out."""
    file = ProfileFile(home_of(os.environ))
    profile = active_profile(os.environ, file)
    checked = [_checked(assignment) for assignment in assignments]
    for variable, value in checked:
        file.set_value(profile, variable, value)
        session.terminal.say(f"Set {variable} in profile `{profile}`.")
        if variable in os.environ:
            session.terminal.say(f"Warning: {variable} is in the environment too, which comes first.", colour="yellow")


def _checked(assignment: str) -> tuple[str, str]:
    name, equals, value = assignment.partition("=")
    if not equals:
        raise click.UsageError(f"`{assignment}` is no NAME=VALUE.")
    variable = known_variable(name)
    if variable in OUTSIDE_PROFILES:
        other = "`penstock profile use NAME`" if variable == PREFIX + "PROFILE" else "an environment variable"
        raise click.UsageError(f"{variable} cannot stand in a profile; set it by {other}.")
    parse_setting(variable, value)
    return variable, value


def known_variable(name: str) -> str:
    """The variable that is meant, with or without its prefix. Raises `click.UsageError` with near names."""
    variable = name.strip().upper()
    if not variable.startswith(PREFIX):
        variable = PREFIX + variable
    if variable not in setting_names():
        near = did_you_mean(find_near(variable, setting_names()))
        raise click.UsageError(
            f"`{name}` is not a setting of Penstock.{near or ' List them with `penstock config view`.'}"
        )
    return variable


@config.command("unset", examples=["penstock config unset PENSTOCK_LOG_LEVEL"])
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@pass_session
def unset_settings(session: Session, names: tuple[str, ...]) -> None:
    """Take settings out of the active profile.

    They have their defaults again, or what the environment says.
    """
    file = ProfileFile(home_of(os.environ))
    profile = active_profile(os.environ, file)
    for name in names:
        written = file.read().get(profile)
        variable = name if name in written else known_variable(name)  # a misspelt one can be taken out too
        file.remove_value(profile, variable)
        session.terminal.say(f"Unset {variable} in profile `{profile}`.")


@config.command("validate", examples=["penstock config validate"])
@json_option
@pass_session
def validate(session: Session, as_json: bool) -> ExitCode:
    """Check the environment and every profile.

    Finds settings that do not exist and values that cannot be, and exits 1 if there are any.
    """
    file = ProfileFile(home_of(os.environ))
    active_profile(os.environ, file)
    problems = _problems("the environment", {k: v for k, v in os.environ.items() if k.startswith(PREFIX)})
    for name, values in file.read().tables.items():
        problems += _problems(f"profile `{name}`", values)
    if as_json:
        session.terminal.json_list(problems)
    elif problems:
        session.terminal.table(
            [Column("Setting"), Column("In"), Column("Problem", give=True)],
            ((problem["name"], problem["source"], problem["problem"]) for problem in problems),
        )
    else:
        session.terminal.say("All settings are well.")
    return ExitCode.FAILED if problems else ExitCode.OK


def _problems(source: str, values: Mapping[str, str]) -> list[dict[str, str]]:
    found = []
    for variable, value in values.items():
        if variable not in setting_names():
            near = did_you_mean(find_near(variable, setting_names()))
            found.append({"name": variable, "source": source, "problem": f"It is not a setting of Penstock.{near}"})
            continue
        try:
            parse_setting(variable, value)
        except SettingInvalid as error:
            found.append({"name": variable, "source": source, "problem": str(error)})
    return found
