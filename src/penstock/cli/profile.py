"""`penstock profile`: named groups of settings."""

import os

import click

from penstock.cli.commands import Group, json_option, yes_option
from penstock.cli.config import HIDDEN, active_profile, home_of
from penstock.cli.profiles import ProfileFile
from penstock.cli.session import Session, pass_session
from penstock.cli.tables import Cell, Column
from penstock.cli.text import as_count
from penstock.settings import PREFIX, Settings


@click.group(cls=Group)
def profile() -> None:
    """Named groups of settings.

    One is active; PENSTOCK_PROFILE and --profile choose another.
    """


@profile.command("ls", examples=["penstock profile ls"])
@json_option
@pass_session
def list_profiles(session: Session, as_json: bool) -> None:
    """List profiles."""
    profiles = _file().read()
    active = os.environ.get(PREFIX + "PROFILE") or profiles.active
    rows = [(name, name == active, len(profiles.get(name))) for name in profiles.names]
    if as_json:
        session.terminal.json_list(
            {"name": n, "is_active": is_active, "settings": count} for n, is_active, count in rows
        )
        return
    session.terminal.table(
        [Column("Profile", give=True), Column("Settings", right=True), Column("")],
        ((name, str(count), Cell("active", "green") if is_active else "") for name, is_active, count in rows),
    )


@profile.command(
    "create", examples=["penstock profile create staging", "penstock profile create staging --from default"]
)
@click.argument("name")
@click.option("--from", "source", metavar="PROFILE", help="Begin with the settings of this one.")
@pass_session
def create_profile(session: Session, name: str, source: str | None) -> None:
    """Make a profile; `penstock profile use` makes it the active one."""
    file = _file()
    file.add(name, file.read().get(source) if source else {})
    session.terminal.say(f"Created profile `{name}`. Use it with `penstock profile use {name}`.")


@profile.command("use", examples=["penstock profile use staging"])
@click.argument("name")
@pass_session
def use_profile(session: Session, name: str) -> None:
    """Make a profile the active one."""
    _file().use(name)
    session.terminal.say(f"Profile `{name}` is active.")
    if os.environ.get(PREFIX + "PROFILE") not in (None, "", name):
        session.terminal.say("Warning: PENSTOCK_PROFILE in the environment comes first.", colour="yellow")


@profile.command("inspect", examples=["penstock profile inspect", "penstock profile inspect staging --json"])
@click.argument("name", required=False)
@click.option("--show-secrets", is_flag=True, help="Show keys and passwords too.")
@json_option
@pass_session
def inspect_profile(session: Session, name: str | None, show_secrets: bool, as_json: bool) -> None:
    """Show the settings of a profile, the active one if none is named."""
    file = _file()
    name = name or active_profile(os.environ, file)
    secrets = {PREFIX + n.upper() for n, field in Settings.__dataclass_fields__.items() if field.metadata["secret"]}
    values = {
        variable: HIDDEN if variable in secrets and value and not show_secrets else value
        for variable, value in file.read().get(name).items()
    }
    if as_json:
        session.terminal.json({"name": name, "settings": values})
    elif values:
        session.terminal.pairs(values.items())
    else:
        session.terminal.say(f"Profile `{name}` sets nothing.")


@profile.command("rename", examples=["penstock profile rename staging test"])
@click.argument("name")
@click.argument("new_name")
@pass_session
def rename_profile(session: Session, name: str, new_name: str) -> None:
    """Give a profile another name; it stays active if it was."""
    _file().rename(name, new_name)
    session.terminal.say(f"Profile `{name}` is now `{new_name}`.")


@profile.command("delete", examples=["penstock profile delete staging", "penstock profile delete staging --yes"])
@click.argument("name")
@yes_option
@pass_session
def delete_profile(session: Session, name: str, yes: bool) -> None:
    """Remove a profile with its settings. The active one cannot be removed."""
    file = _file()
    count = as_count(len(file.read().get(name)), "setting")
    session.terminal.confirm(f"This deletes profile `{name}` with {count}.", yes=yes)
    file.remove(name)
    session.terminal.say(f"Deleted profile `{name}`.")


def _file() -> ProfileFile:
    return ProfileFile(home_of(os.environ))
