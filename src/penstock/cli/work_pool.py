"""`penstock work-pool`: where runs of one kind of infrastructure wait for a worker."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from penstock.cli.commands import Group, json_option, output_option, yes_option
from penstock.cli.listing import Extent, Listed, all_option, limit_option, say_if_cut
from penstock.cli.output import write_output
from penstock.cli.session import Session, pass_session
from penstock.cli.text import as_count, as_json
from penstock.cli.work_views import pool_shape, show_pool, show_pools
from penstock.core.errors import Conflict
from penstock.work import (
    POOL_TYPES,
    DeleteWorkPool,
    GetWorkPool,
    ListWorkers,
    ListWorkPools,
    SaveWorkPool,
    WorkPool,
)

template_option = click.option(
    "--base-job-template",
    "template",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
    help="A JSON file with `variables` and `job_configuration`; `-` for standard input.",
)


@click.group(cls=Group)
def work_pool() -> None:
    """Where runs wait for workers.

    A pool is of one type: its workers start processes, Docker containers or Kubernetes jobs.
    """


@work_pool.command(
    "create",
    examples=[
        "penstock work-pool create local",
        "penstock work-pool create containers --type docker --concurrency-limit 4",
        "penstock work-pool create slim --type process --base-job-template template.json",
    ],
)
@click.argument("name")
@click.option(
    "--type", "type_", type=click.Choice(POOL_TYPES), default=POOL_TYPES[0], show_default=True, help="What runs it."
)
@click.option("--description", metavar="TEXT", help="What it is for.")
@template_option
@click.option("--concurrency-limit", "-cl", metavar="N", type=click.IntRange(1), help="So many runs at once.")
@click.option("--paused", is_flag=True, help="Make it paused: its runs wait.")
@click.option("--overwrite", is_flag=True, help="Change the pool if it is there.")
@pass_session
def create(
    session: Session,
    name: str,
    type_: str,
    description: str | None,
    template: Path | None,
    concurrency_limit: int | None,
    paused: bool,
    overwrite: bool,
) -> None:
    """Make a pool, with a queue `default`."""
    made = session.ask(
        SaveWorkPool(
            name=name,
            type=type_,
            description=description,
            base_job_template=read_template(template),
            concurrency_limit=concurrency_limit,
            paused=paused or None,
            overwrite=overwrite,
        )
    )
    session.terminal.say(f"Work pool `{made.name}` of type {made.type} is there.", colour="green")
    session.terminal.say(f"  Its runs need a worker: penstock worker start -p {made.name}", colour="bright_black")


@work_pool.command("ls", examples=["penstock work-pool ls", "penstock work-pool ls --json"])
@limit_option
@all_option
@json_option
@pass_session
def list_pools(session: Session, limit: int, everything: bool, as_json: bool) -> None:
    """List pools by name."""
    listed: Listed[WorkPool] = Listed(
        session, Extent.of(limit, everything), lambda cursor, size: ListWorkPools(cursor=cursor, limit=size)
    )
    if as_json:
        session.terminal.json_list(map(pool_shape, listed))
    else:
        show_pools(session.terminal, listed)
    say_if_cut(session, listed)


@work_pool.command("inspect", examples=["penstock work-pool inspect local", "penstock work-pool inspect local --json"])
@click.argument("name")
@json_option
@pass_session
def inspect(session: Session, name: str, as_json: bool) -> None:
    """Show a pool with its queues and workers."""
    found = session.ask(GetWorkPool(name=name))
    if as_json:
        session.terminal.json(pool_shape(found))
    else:
        show_pool(session.terminal, found, session.ask(ListWorkers(work_pool=found.name)))


@work_pool.command(
    "update",
    examples=[
        "penstock work-pool update local --description 'The machine under the desk'",
        "penstock work-pool update slim --base-job-template template.json",
    ],
)
@click.argument("name")
@click.option("--description", metavar="TEXT", help="What it is for.")
@template_option
@click.option("--concurrency-limit", "-cl", metavar="N", type=click.IntRange(1), help="So many runs at once.")
@pass_session
def update(
    session: Session, name: str, description: str | None, template: Path | None, concurrency_limit: int | None
) -> None:
    """Change a pool. What is left out stays as it is."""
    if description is None and template is None and concurrency_limit is None:
        raise click.UsageError("Say what to change: --description, --base-job-template or --concurrency-limit.")
    _change(
        session,
        name,
        description=description,
        base_job_template=read_template(template),
        concurrency_limit=concurrency_limit,
    )
    session.terminal.say(f"Work pool `{name}` is changed.")


@work_pool.command("pause", examples=["penstock work-pool pause local"])
@click.argument("name")
@pass_session
def pause(session: Session, name: str) -> None:
    """Let a pool's runs wait. Those that have begun go on."""
    _change(session, name, paused=True)
    session.terminal.say(f"Work pool `{name}` is paused: its runs wait.")


@work_pool.command("resume", examples=["penstock work-pool resume local"])
@click.argument("name")
@pass_session
def resume(session: Session, name: str) -> None:
    """Let a pool's runs begin again."""
    _change(session, name, paused=False)
    session.terminal.say(f"Work pool `{name}` goes on.")


@work_pool.command("set-concurrency-limit", examples=["penstock work-pool set-concurrency-limit local 4"])
@click.argument("name")
@click.argument("limit", metavar="N", type=click.IntRange(1))
@pass_session
def set_limit(session: Session, name: str, limit: int) -> None:
    """Let so many runs of a pool go on at once."""
    _change(session, name, concurrency_limit=limit)
    session.terminal.say(f"Work pool `{name}` lets {as_count(limit, 'run')} go on at once.")


@work_pool.command("clear-concurrency-limit", examples=["penstock work-pool clear-concurrency-limit local"])
@click.argument("name")
@pass_session
def clear_limit(session: Session, name: str) -> None:
    """Take a pool's limit away."""
    _change(session, name, concurrency_limit=0)
    session.terminal.say(f"Work pool `{name}` has no limit.")


@work_pool.command("delete", examples=["penstock work-pool delete slim --yes"])
@click.argument("name")
@click.option("--force", is_flag=True, help="Although deployments use it: their runs then wait for ever.")
@yes_option
@pass_session
def delete(session: Session, name: str, force: bool, yes: bool) -> None:
    """Forget a pool, its queues and its workers."""
    found = session.ask(GetWorkPool(name=name))
    session.terminal.confirm(
        f"This forgets work pool `{found.name}` with {as_count(len(found.queues), 'queue')}; {as_count(found.waiting, 'run')} "
        f"{'waits' if found.waiting == 1 else 'wait'} in it.",
        yes=yes,
    )
    try:
        session.ask(DeleteWorkPool(name=name, force=force))
    except Conflict as error:
        raise Conflict(f"{error} Force it with --force.") from error
    session.terminal.say(f"Forgot work pool `{name}`.")


@work_pool.command(
    "get-default-base-job-template",
    examples=[
        "penstock work-pool get-default-base-job-template --type process",
        "penstock work-pool get-default-base-job-template --type docker --output template.json",
    ],
)
@click.option("--type", "type_", type=click.Choice(POOL_TYPES), required=True, help="The type of pool.")
@output_option
@pass_session
def default_template(session: Session, type_: str, output: Path | None) -> None:
    """Print a type's own template.

    Edit it, and give it to `create` or `update` with --base-job-template. `variables` is a JSON Schema of what deployments
    and runs may set; `job_configuration` says where each goes.
    """
    from penstock.core.job_templates import DEFAULTS  # lazy: for this alone

    template = DEFAULTS.get(type_)
    if template is None:
        raise click.UsageError(f"Pools of type {type_} have no template of their own.")
    if output is None:
        session.terminal.json(dict(template))
    else:
        write_output(session.terminal, (as_json(dict(template)) + "\n").encode(), output)


def read_template(path: Path | None) -> Mapping[str, Any] | None:
    """The template that a file holds. Raises `click.BadParameter`; whether it is one is for the pool to say."""
    if path is None:
        return None
    try:
        with click.open_file(str(path), encoding="utf-8") as file:
            template = json.load(file)
    except (OSError, ValueError) as error:
        raise click.BadParameter(f"{path} is no JSON: {error}.", param_hint="--base-job-template") from error
    if not isinstance(template, dict):
        raise click.BadParameter(f"{path} must hold a JSON object.", param_hint="--base-job-template")
    return template


def _change(session: Session, name: str, **changes: Any) -> None:
    session.ask(GetWorkPool(name=name))  # saving would make it
    session.ask(SaveWorkPool(name=name, overwrite=True, **changes))
