"""Work pools, queues and workers on the terminal, and the JSON that `--json` prints."""

from collections.abc import Iterable, Sequence
from typing import Any

from penstock.cli.output import Terminal
from penstock.cli.tables import Cell, Column
from penstock.cli.text import as_iso, as_local_time
from penstock.work import Worker, WorkPool, WorkQueue

Shape = dict[str, Any]


def pool_shape(pool: WorkPool) -> Shape:
    """A pool with its queues."""
    return {
        "name": pool.name,
        "type": pool.type,
        "description": pool.description,
        "concurrency_limit": pool.concurrency_limit,
        "paused": pool.paused,
        "workers_online": pool.workers_online,
        "waiting": pool.waiting,
        "running": pool.running,
        "created_at": as_iso(pool.created_at),
        "updated_at": as_iso(pool.updated_at),
        "queues": [queue_shape(queue) for queue in pool.queues],
        "base_job_template": dict(pool.base_job_template),
    }


def queue_shape(queue: WorkQueue) -> Shape:
    """A queue of a pool."""
    return {
        "name": queue.name,
        "priority": queue.priority,
        "concurrency_limit": queue.concurrency_limit,
        "paused": queue.paused,
        "waiting": queue.waiting,
        "running": queue.running,
        "late": queue.late,
    }


def worker_shape(worker: Worker) -> Shape:
    """A worker."""
    return {
        "name": worker.name,
        "work_pool": worker.work_pool,
        "host": worker.host,
        "pid": worker.pid,
        "version": worker.version,
        "queues": list(worker.queues),
        "limit": worker.limit,
        "running": worker.running,
        "started_at": as_iso(worker.started_at),
        "seen_at": as_iso(worker.seen_at),
        "online": worker.online,
        "left_at": as_iso(worker.left_at),
    }


def show_pools(terminal: Terminal, pools: Iterable[WorkPool]) -> None:
    """Pools as a table."""
    columns = [
        Column("Work pool", give=True), Column("Type"), Column("State"), Column("Workers", right=True),
        Column("Waiting", right=True), Column("Running", right=True), Column("Limit", right=True),
    ]  # fmt: skip
    terminal.table(
        columns,
        (
            (
                pool.name,
                pool.type,
                _state(paused=pool.paused),
                f"{pool.workers_online:,}",
                f"{pool.waiting:,}",
                f"{pool.running:,}",
                _limit(pool.concurrency_limit),
            )
            for pool in pools
        ),
        empty="There are no work pools. Make one with `penstock work-pool create local`.",
    )


def show_pool(terminal: Terminal, pool: WorkPool, workers: Sequence[Worker]) -> None:
    """All that is known of a pool."""
    variables = pool.base_job_template.get("variables", {}).get("properties", {})
    pairs: list[tuple[str, str | Cell | None]] = [
        ("Work pool", pool.name),
        ("Type", pool.type),
        ("Description", pool.description),
        ("State", _state(paused=pool.paused)),
        ("Limit", f"{pool.concurrency_limit:,} runs at once" if pool.concurrency_limit is not None else None),
        ("Runs", f"{pool.waiting:,} waiting, {pool.running:,} running"),
        ("Job variables", ", ".join(variables) or None),
        ("Updated", as_local_time(pool.updated_at)),
    ]
    terminal.pairs((name, value) for name, value in pairs if value is not None)
    terminal.data()
    show_queues(terminal, pool.queues)
    if workers:
        terminal.data()
    show_workers(terminal, workers, empty=f"No worker was heard of. Start one: penstock worker start -p {pool.name}")


def show_queues(terminal: Terminal, queues: Iterable[WorkQueue]) -> None:
    """Queues as a table, those that are served first on top."""
    columns = [
        Column("Work queue", give=True), Column("Priority", right=True), Column("State"), Column("Waiting", right=True),
        Column("Late", right=True), Column("Running", right=True), Column("Limit", right=True),
    ]  # fmt: skip
    terminal.table(
        columns,
        (
            (
                queue.name,
                str(queue.priority),
                _state(paused=queue.paused),
                f"{queue.waiting:,}",
                f"{queue.late:,}",
                f"{queue.running:,}",
                _limit(queue.concurrency_limit),
            )
            for queue in sorted(queues, key=lambda queue: (queue.priority, queue.name))
        ),
    )


def show_workers(terminal: Terminal, workers: Iterable[Worker], *, empty: str) -> None:
    """Workers as a table."""
    columns = [
        Column("Worker", give=True), Column("Work pool"), Column("State"), Column("Running", right=True),
        Column("Queues", give=True), Column("Host", give=True), Column("Process", right=True), Column("Heard of"),
    ]  # fmt: skip
    terminal.table(
        columns,
        (
            (
                worker.name,
                worker.work_pool or "served",
                _worker_state(worker),
                f"{worker.running:,}" + (f" of {worker.limit:,}" if worker.limit is not None else ""),
                ", ".join(worker.queues) or "all",
                worker.host,
                str(worker.pid),
                as_local_time(worker.seen_at),
            )
            for worker in workers
        ),
        empty=empty,
    )


def _worker_state(worker: Worker) -> Cell:
    if worker.online:
        return Cell("online", "green")
    return Cell("offline", "yellow") if worker.left_at is None else Cell("stopped")


def _state(*, paused: bool) -> Cell:
    return Cell("paused", "yellow") if paused else Cell("ready", "green")


def _limit(limit: int | None) -> str:
    return "–" if limit is None else f"{limit:,}"
