"""`penstock variable`: named values that flows read."""

import json

import click

from penstock.cli.commands import Group, json_option, yes_option
from penstock.cli.listing import PAGE_SIZE, Extent, Listed, all_option, limit_option, say_if_cut
from penstock.cli.session import Session, pass_session
from penstock.cli.shapes import variable_shape
from penstock.cli.tables import Column
from penstock.cli.text import as_local_time, find_near, parse_value
from penstock.core.errors import NotFound
from penstock.ports import GetVariable, ListVariables, RemoveVariable, SetVariable, Variable


@click.group(cls=Group)
def variable() -> None:
    """Named values that flows read."""


@variable.command("get", examples=["penstock variable get region", "penstock variable get region --json"])
@click.argument("name")
@json_option
@pass_session
def get_variable(session: Session, name: str, as_json: bool) -> None:
    """Print a variable's value: text as it is, anything else as JSON."""
    found = _get(session, name)
    if as_json:
        session.terminal.json(variable_shape(found))
    elif isinstance(found.value, str):
        session.terminal.data(found.value)
    else:
        session.terminal.json(found.value)


@variable.command(
    "set",
    examples=["penstock variable set region eu-west-1", "penstock variable set months '[4, 5]' --tag taxi"],
)
@click.argument("name")
@click.argument("value")
@click.option("--text", "is_text", is_flag=True, help="Take the value as text, even if it is JSON.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Tag it. Repeatable.")
@click.option("--overwrite/--no-overwrite", default=True, help="Whether an existing one may change (it may).")
@pass_session
def set_variable(
    session: Session, name: str, value: str, is_text: bool, tags: tuple[str, ...], overwrite: bool
) -> None:
    """Set a variable. The value is JSON where it is JSON, else text."""
    parsed = value if is_text else parse_value(value)
    session.ask(SetVariable(name=name, value=parsed, tags=tags, overwrite=overwrite))
    session.terminal.say(f"Set variable `{name}`.")


@variable.command("ls", examples=["penstock variable ls", "penstock variable ls --all --json"])
@limit_option
@all_option
@json_option
@pass_session
def list_variables(session: Session, limit: int, everything: bool, as_json: bool) -> None:
    """List variables by name."""
    listed: Listed[Variable] = Listed(
        session, Extent.of(limit, everything), lambda cursor, size: ListVariables(cursor=cursor, limit=size)
    )
    if as_json:
        session.terminal.json_list(map(variable_shape, listed))
    else:
        session.terminal.table(
            [Column("Variable", give=True), Column("Value", give=True), Column("Tags", give=True), Column("Changed")],
            (
                (
                    item.name,
                    json.dumps(item.value, ensure_ascii=False),
                    ", ".join(item.tags),
                    as_local_time(item.updated_at),
                )
                for item in listed
            ),
            empty="There are no variables.",
        )
    say_if_cut(session, listed)


@variable.command("unset", examples=["penstock variable unset region", "penstock variable unset region --yes"])
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@yes_option
@pass_session
def unset_variables(session: Session, names: tuple[str, ...], yes: bool) -> None:
    """Forget variables."""
    found = [_get(session, name) for name in dict.fromkeys(names)]
    session.terminal.confirm(f"This forgets {', '.join(f'`{item.name}`' for item in found)}.", yes=yes)
    for item in found:
        session.ask(RemoveVariable(name=item.name))
        session.terminal.say(f"Forgot variable `{item.name}`.")


def _get(session: Session, name: str) -> Variable:
    try:
        return session.ask(GetVariable(name=name))
    except NotFound as error:
        known = session.ask(ListVariables(limit=PAGE_SIZE)).items
        near = find_near(name, (item.name for item in known))
        raise NotFound("variable", name, near=near, listing="penstock variable ls") from error
