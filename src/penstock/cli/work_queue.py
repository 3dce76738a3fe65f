"""`penstock work-queue`: the lines in a work pool."""

from typing import Any

import click

from penstock.cli.commands import Group, json_option, shared_options, yes_option
from penstock.cli.session import Session, pass_session
from penstock.cli.text import as_count, find_near
from penstock.cli.work_views import queue_shape, show_queues
from penstock.core.errors import Conflict, NotFound
from penstock.work import DeleteWorkQueue, GetWorkPool, ListWorkPools, SaveWorkQueue, WorkQueue

POOLS_MAX = 1_000

pool_option = click.option(
    "--pool", "-p", "pool", metavar="NAME", help="The work pool; may be left out if there is only one."
)
queue_argument = shared_options(click.argument("name"), pool_option)


@click.group(cls=Group)
def work_queue() -> None:
    """Lines in a work pool, with priorities and limits.

    A queue of priority 1 is served first. A deployment names its queue; without one its runs wait in `default`.
    """


@work_queue.command(
    "create",
    examples=[
        "penstock work-queue create urgent -p local --priority 1",
        "penstock work-queue create nightly -p local --priority 5 --concurrency-limit 2",
    ],
)
@queue_argument
@click.option("--priority", metavar="N", type=click.IntRange(1), help="1 is served first; 1 if left out.")
@click.option("--concurrency-limit", "-cl", metavar="N", type=click.IntRange(1), help="So many runs at once.")
@pass_session
def create(session: Session, name: str, pool: str | None, priority: int | None, concurrency_limit: int | None) -> None:
    """Make a queue."""
    found = _pool(session, pool)
    if name in [queue.name for queue in session.ask(GetWorkPool(name=found)).queues]:
        raise Conflict(f"Work pool `{found}` has a queue `{name}` already.")
    session.ask(SaveWorkQueue(work_pool=found, name=name, priority=priority, concurrency_limit=concurrency_limit))
    session.terminal.say(f"Work pool `{found}` has a queue `{name}`.", colour="green")


@work_queue.command("ls", examples=["penstock work-queue ls -p local", "penstock work-queue ls -p local --json"])
@pool_option
@json_option
@pass_session
def list_queues(session: Session, pool: str | None, as_json: bool) -> None:
    """List a pool's queues.

    Those that are served first are on top.
    """
    found = session.ask(GetWorkPool(name=_pool(session, pool)))
    if as_json:
        session.terminal.json_list(map(queue_shape, found.queues))
    else:
        show_queues(session.terminal, found.queues)


@work_queue.command("inspect", examples=["penstock work-queue inspect urgent -p local"])
@queue_argument
@json_option
@pass_session
def inspect(session: Session, name: str, pool: str | None, as_json: bool) -> None:
    """Show a queue."""
    found = _find(session, _pool(session, pool), name)
    if as_json:
        session.terminal.json(queue_shape(found))
        return
    limit = "none" if found.concurrency_limit is None else f"{found.concurrency_limit:,} runs at once"
    late = f" ({found.late:,} late)" if found.late else ""
    session.terminal.pairs(
        [
            ("Work queue", found.name),
            ("Priority", str(found.priority)),
            ("State", "paused" if found.paused else "ready"),
            ("Limit", limit),
            ("Runs", f"{found.waiting:,} waiting{late}, {found.running:,} running"),
        ]
    )


@work_queue.command("pause", examples=["penstock work-queue pause nightly -p local"])
@queue_argument
@pass_session
def pause(session: Session, name: str, pool: str | None) -> None:
    """Let a queue's runs wait. Those that have begun go on."""
    _change(session, name, pool, paused=True)
    session.terminal.say(f"Work queue `{name}` is paused: its runs wait.")


@work_queue.command("resume", examples=["penstock work-queue resume nightly -p local"])
@queue_argument
@pass_session
def resume(session: Session, name: str, pool: str | None) -> None:
    """Let a queue's runs begin again."""
    _change(session, name, pool, paused=False)
    session.terminal.say(f"Work queue `{name}` goes on.")


@work_queue.command("set-priority", examples=["penstock work-queue set-priority urgent 1 -p local"])
@click.argument("name")
@click.argument("priority", metavar="N", type=click.IntRange(1))
@pool_option
@pass_session
def set_priority(session: Session, name: str, priority: int, pool: str | None) -> None:
    """Say when a queue is served: 1 is first."""
    _change(session, name, pool, priority=priority)
    session.terminal.say(f"Work queue `{name}` has priority {priority}.")


@work_queue.command("set-concurrency-limit", examples=["penstock work-queue set-concurrency-limit nightly 2 -p local"])
@click.argument("name")
@click.argument("limit", metavar="N", type=click.IntRange(1))
@pool_option
@pass_session
def set_limit(session: Session, name: str, limit: int, pool: str | None) -> None:
    """Let so many runs of a queue go on at once."""
    _change(session, name, pool, concurrency_limit=limit)
    session.terminal.say(f"Work queue `{name}` lets {as_count(limit, 'run')} go on at once.")


@work_queue.command(
    "clear-concurrency-limit", examples=["penstock work-queue clear-concurrency-limit nightly -p local"]
)
@queue_argument
@pass_session
def clear_limit(session: Session, name: str, pool: str | None) -> None:
    """Take a queue's limit away."""
    _change(session, name, pool, concurrency_limit=0)
    session.terminal.say(f"Work queue `{name}` has no limit.")


@work_queue.command("delete", examples=["penstock work-queue delete nightly -p local --yes"])
@queue_argument
@yes_option
@pass_session
def delete(session: Session, name: str, pool: str | None, yes: bool) -> None:
    """Forget a queue. Runs that wait in it go to `default`."""
    found = _pool(session, pool)
    queue = _find(session, found, name)
    session.terminal.confirm(
        f"This forgets queue `{name}` of work pool `{found}`; {as_count(queue.waiting, 'run')} of it "
        f"{'goes' if queue.waiting == 1 else 'go'} to `default`.",
        yes=yes,
    )
    session.ask(DeleteWorkQueue(work_pool=found, name=name))
    session.terminal.say(f"Forgot work queue `{name}`.")


def _pool(session: Session, name: str | None) -> str:
    """The pool that is meant. Raises `click.UsageError` if none is said and there is not just one."""
    if name is not None:
        return name
    pools = [pool.name for pool in session.ask(ListWorkPools(limit=POOLS_MAX)).items]
    if len(pools) == 1:
        return pools[0]
    raise click.UsageError(
        f"Say which work pool with --pool: {', '.join(pools)}."
        if pools
        else "There are no work pools. Make one with `penstock work-pool create local`."
    )


def _find(session: Session, pool: str, name: str) -> WorkQueue:
    queues = session.ask(GetWorkPool(name=pool)).queues
    for queue in queues:
        if queue.name == name:
            return queue
    near = find_near(name, (queue.name for queue in queues))
    raise NotFound(f"queue of work pool `{pool}`", name, near=near, listing=f"penstock work-queue ls -p {pool}")


def _change(session: Session, name: str, pool: str | None, **changes: Any) -> None:
    found = _pool(session, pool)
    _find(session, found, name)  # saving would make it
    session.ask(SaveWorkQueue(work_pool=found, name=name, **changes))
