"""`penstock worker`: claim the runs that wait in a work pool, and start them on this machine's infrastructure."""

import os
from collections.abc import Sequence
from typing import Any

import click

from penstock.cli.commands import Group, json_option, shared_options
from penstock.cli.session import Session, pass_session
from penstock.cli.text import as_clock, find_near
from penstock.cli.work_views import show_workers, worker_shape
from penstock.core.errors import NotFound
from penstock.work import POOL_TYPES, QUEUE_DEFAULT, ListWorkers

AGENTS_POOL = "default"
"""The pool that stands for agents, which had none: see `penstock.deployments.earlier`."""
STOPPING = "Stopping: nothing more is claimed, and what runs is waited for. Once more leaves it to itself.\n"
LEAVING = "Leaving what runs to itself.\n"

worker_options = shared_options(
    click.option(
        "--work-queue", "-q", "queues", multiple=True, metavar="QUEUE",
        help="Only runs of this queue of the pool. Repeatable; all queues if left out.",
    ),
    click.option("--limit", "-l", metavar="N", type=click.IntRange(1), help="So many runs at once. [default: 4 per core, at least 10]"),
    click.option("--name", "-n", metavar="TEXT", help="What it is called; host and process if left out."),
    click.option("--run-once", is_flag=True, help="Run what may begin now, wait for it, and end."),
)  # fmt: skip


@click.group(cls=Group)
def worker() -> None:
    """Claim runs that wait in a work pool, and start them."""


@worker.command(
    "start",
    examples=[
        "penstock worker start -p local",
        "penstock worker start -p local -q urgent --limit 2 --name desk",
        "penstock worker start -p containers --type docker",
        "penstock worker start -p local --run-once",
    ],
)
@click.option("--pool", "-p", "pool", required=True, metavar="NAME", help="The work pool.")
@click.option(
    "--type", "-t", "type_", type=click.Choice(POOL_TYPES), help="Make the pool, of this type, if it is not there."
)
@worker_options
@pass_session
def start(session: Session, pool: str, type_: str | None, **said: Any) -> None:
    """Start a worker of a pool, until Ctrl-C or SIGTERM.

    It then claims nothing more and waits for what runs; asked again, it leaves what runs to itself. Without a server it also
    lets schedules fire.
    """
    serve_pool(session, pool, type_=type_, **said)


@worker.command("ls", examples=["penstock worker ls", "penstock worker ls -p local --json"])
@click.option("--pool", "-p", "pool", metavar="NAME", help="Only workers of this pool.")
@json_option
@pass_session
def list_workers(session: Session, pool: str | None, as_json: bool) -> None:
    """List workers; those not heard of for a day are forgotten."""
    workers = session.ask(ListWorkers(work_pool=pool))
    if as_json:
        session.terminal.json_list(map(worker_shape, workers))
    else:
        show_workers(session.terminal, workers, empty="No worker was heard of.")


@click.group(cls=Group)
def agent() -> None:
    """Workers, as Prefect 2 called them."""


@agent.command("start", examples=["penstock agent start -q default", "penstock agent start -p local -q urgent"])
@click.option(
    "--pool",
    "-p",
    "pool",
    default=AGENTS_POOL,
    show_default=True,
    metavar="NAME",
    help="The work pool; made if need be.",
)
@worker_options
@pass_session
def start_agent(session: Session, pool: str, **said: Any) -> None:
    """Start a worker of the pool that deployments without one are in.

    `penstock worker start` says more.
    """
    serve_pool(session, pool, type_=POOL_TYPES[0] if pool == AGENTS_POOL else None, **said)


def serve_pool(
    session: Session,
    pool: str,
    *,
    type_: str | None,
    queues: Sequence[str],
    limit: int | None,
    name: str | None,
    run_once: bool,
) -> None:
    """Work for a pool until somebody stops it. Raises `NotFound` for an unknown pool or queue."""
    from penstock.workers.running import (  # lazy: the engine, 100 ms
        find_pool,
        make_worker,
        name_of_worker,
        services_beside,
        stopped_by_signals,
    )
    from penstock.workers.worker import WorkerOptions  # lazy: loaded with it

    settings = session.settings
    try:
        found = find_pool(session.orchestrator, session.principal, pool, type_=type_)
    except NotFound as error:
        hint = f" Or make it with `penstock work-pool create {pool}`." if error.near else ""
        made = "" if error.near else f" Make it with `penstock work-pool create {pool}`, or say --type."
        error.args = (f"{error}{hint}{made}",)
        raise
    known = [queue.name for queue in found.queues]
    for queue in queues:
        if queue not in (*known, QUEUE_DEFAULT):
            near = find_near(queue, known)
            raise NotFound(
                f"queue of work pool `{pool}`", queue, near=near, listing=f"penstock work-queue ls -p {pool}"
            )
    limits = {} if limit is None else {"limit": limit}
    options = WorkerOptions(
        name=name or name_of_worker(),
        work_pool=found.name,
        queues=tuple(queues),
        host=os.uname().nodename,
        once=run_once,
        **limits,
    )

    def tell(line: str) -> None:
        session.terminal.say(f"{as_clock(session.now())} | {line}")

    made_worker = make_worker(settings, options, tell=tell)
    which = f", queue {', '.join(queues)}" if queues else ""
    tell(
        f"Worker `{options.name}` works for pool `{found.name}` ({found.type}{which}), at most {options.limit} runs at once."
        + ("" if run_once else " Ctrl-C stops it.")
    )

    told: list[str] = []

    def stop() -> None:
        told.append(LEAVING if told else STOPPING)
        os.write(2, told[-1].encode())  # in a signal's handler, where a stream may be in the middle of writing
        made_worker.stop()

    with services_beside(settings), stopped_by_signals(stop):
        made_worker.run()
    tell("The worker has stopped.")
