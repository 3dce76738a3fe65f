"""Putting a worker together: the pool's infrastructure, and, where there is no server, what a server would do besides."""

import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType

from penstock.core.errors import Conflict, NotFound
from penstock.engine.journal import host_name
from penstock.engine.replay import JournalHeader, sweep
from penstock.ports import Orchestrator, Principal
from penstock.sdk import wiring
from penstock.services.scheduler import make_embedded_services
from penstock.settings import Settings
from penstock.work import GetWorkPool, SaveWorkPool, WorkPool
from penstock.workers.infrastructure import Infrastructure, RemovesOrphans, find_infrastructure
from penstock.workers.orphans import make_why_over
from penstock.workers.worker import Worker, WorkerOptions


def find_pool(orchestrator: Orchestrator, principal: Principal, name: str, *, type_: str | None) -> WorkPool:
    """A pool; made, of type `process` or the one that is said, if it is not there and a type is said.

    Raises `NotFound`; `Conflict` if it is of another type.
    """
    try:
        pool = orchestrator.ask(GetWorkPool(name=name), principal)
    except NotFound:
        if type_ is None:
            raise
        try:
            return orchestrator.ask(SaveWorkPool(name=name, type=type_), principal)
        except Conflict:  # another worker was quicker
            pool = orchestrator.ask(GetWorkPool(name=name), principal)
    if type_ is not None and pool.type != type_:
        raise Conflict(f"Work pool `{name}` is of type {pool.type}, not {type_}.")
    return pool


def name_of_worker() -> str:
    """A name that tells this worker from others: its host and process."""
    return f"{socket.gethostname()}-{os.getpid()}"


def make_worker(
    settings: Settings,
    options: WorkerOptions,
    *,
    infrastructure: Infrastructure | None = None,
    tell: Callable[[str], None],
) -> Worker:
    """A worker of a pool, on the infrastructure of the pool's type. Raises `NotFound`, `MissingExtra`."""
    orchestrator, principal = wiring.open_orchestrator(settings), wiring.principal_of(settings)
    if infrastructure is None:
        pool = orchestrator.ask(GetWorkPool(name=options.work_pool), principal)
        infrastructure = find_infrastructure(pool.type)
        if isinstance(infrastructure, RemovesOrphans):
            infrastructure.watch_orphans(pool, make_why_over(orchestrator, principal))

    def settle_dead(known: Callable[[str], str | None]) -> None:
        def say(header: JournalHeader) -> str | None:
            return known(f"process:{header.pid}" if header.host == host_name() else header.host)

        sweep(settings.journals_path, orchestrator, target=wiring.target_of(settings), say=say)

    options = replace(options, lease_seconds=settings.claim_seconds)
    return Worker(orchestrator, principal, infrastructure, options, settle_dead=settle_dead, tell=tell)


@contextmanager
def services_beside(settings: Settings) -> Iterator[None]:
    """Where there is no server: schedules fire, lost claims wait again and dead processes are found while this one lives."""
    services = make_embedded_services(
        settings,
        wiring.open_orchestrator(settings),
        journals=settings.journals_path,
        target=wiring.target_of(settings),
    )
    if services is not None:
        services.start()
    try:
        yield
    finally:
        if services is not None:
            services.stop()


@contextmanager
def stopped_by_signals(
    stop: Callable[[], None], numbers: Sequence[signal.Signals] = (signal.SIGTERM, signal.SIGINT)
) -> Iterator[None]:
    """Call `stop` at SIGTERM and Ctrl-C, each time."""

    def handle(_: int, __: FrameType | None) -> None:
        stop()

    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
