"""Makes a large database from a seed: `python -m bench.seeding FILE --flow-runs 50000 --task-runs 1000000 --logs 5000000`.

One run has 10,000 task runs; the others share the rest. Equal seeds make equal databases.
"""

import argparse
import random
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from penstock.core.ids import time_ordered_id
from penstock.store import open_store
from penstock.store.database import POSITIONS_PER_TRANSACTION

FLOWS = 40
TASKS = 8
DAYS = 90
BIG_RUN_TASKS = 10_000
STATES = (
    ("COMPLETED", "Completed", 90),
    ("FAILED", "Failed", 6),
    ("CRASHED", "Crashed", 2),
    ("CANCELLED", "Cancelled", 2),
)
WORDS = ("reading", "writing", "rows", "month", "table", "finished", "retry", "upload", "slow", "partition", "checksum")


def seed(path: Path, *, flow_runs: int, task_runs: int, logs: int, number: int = 7) -> None:
    """Fill a database file."""
    chance = random.Random(number)
    open_store(f"sqlite:///{path}").close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -400000")
    connection.execute("BEGIN")
    now = time.time_ns() // 1_000
    begun = now - DAYS * 86_400_000_000
    spread = (now - begun) // flow_runs
    connection.executemany("INSERT INTO flow (seq, workspace_id, name, created_at) VALUES (?, 1, ?, ?)",
                           ((n, f"flow-{n}", begun) for n in range(1, FLOWS + 1)))  # fmt: skip
    connection.executemany(
        "INSERT INTO task (seq, workspace_id, id, source_hash, key, name, retries) VALUES (?, 1, ?, 'h', ?, ?, 0)",
        ((n, n.to_bytes(16, "big"), f"m.task_{n}", f"task_{n}") for n in range(1, TASKS + 1)),
    )
    connection.execute("INSERT INTO writer (seq, workspace_id, id, host, pid, mark, tasks, seen_at)"
                       " VALUES (1, 1, ?, 'here', 1, 0, '{}', ?)", (bytes(16), now))  # fmt: skip
    connection.executemany(
        "INSERT INTO flow_run (seq, workspace_id, id, flow_seq, name, state_type, state_name, state_at, epoch, version,"
        " writer_seq, created_at, start_at, started_at, taken_at, ended_at, changed, completed_tasks, tags, parameters)"
        " VALUES (?, 1, ?, ?, ?, ?, ?, ?, 1, 2, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        _flow_runs(chance, flow_runs, begun, spread, task_runs),
    )
    connection.executemany(
        "INSERT INTO task_run (id, flow_run_seq, task_seq, epoch, ordinal, created_at, state_type, state_name, attempt,"
        " started_at, ended_at, changed) VALUES (?, ?, ?, 1, ?, ?, ?, ?, 1, ?, ?, ?)",
        _task_runs(chance, flow_runs, task_runs, begun, spread),
    )
    connection.executemany(
        "INSERT INTO log (seq, flow_run_seq, task_run_id, epoch, at, level, logger, message) VALUES (?, ?, NULL, 1, ?, ?, 'penstock', ?)",
        _logs(chance, flow_runs, logs, begun, spread),
    )
    connection.execute("UPDATE counter SET value = ? WHERE name = 'changed'", (flow_runs + 1,))
    connection.execute("COMMIT")
    connection.execute("ANALYZE")
    connection.close()


def _state(chance: random.Random) -> tuple[str, str]:
    type_, name, _ = chance.choices(STATES, [weight for *_, weight in STATES])[0]
    return type_, name


def _flow_runs(
    chance: random.Random, count: int, begun: int, spread: int, task_runs: int
) -> Iterator[tuple[object, ...]]:
    each = (task_runs - BIG_RUN_TASKS) // count
    for n in range(1, count + 1):
        at, took = begun + n * spread, chance.randrange(1_000_000, 3_600_000_000)
        type_, name = _state(chance)
        tasks = BIG_RUN_TASKS if n == count else each
        parameters = f'{{"year":{2000 + n % 25},"month":{n % 12 + 1},"source":"bucket-{n % 100}"}}'
        identifier = bytes.fromhex(time_ordered_id(at, chance.randbytes(10)))
        yield (n, identifier, n % FLOWS + 1, f"run-{n}", type_, name, at + took, at, at, at, at, at + took, n, tasks,
               '["nightly"]' if n % 3 == 0 else None, parameters)  # fmt: skip


def _task_runs(
    chance: random.Random, flow_runs: int, count: int, begun: int, spread: int
) -> Iterator[tuple[object, ...]]:
    for n in range(count):
        run = flow_runs if n < BIG_RUN_TASKS else n % flow_runs + 1
        at = begun + run * spread + n % 1_000 * 1_000
        type_, name = _state(chance)
        identifier = bytes.fromhex(time_ordered_id(at, chance.randbytes(10)))
        yield (
            identifier,
            run,
            n % TASKS + 1,
            n,
            at,
            type_,
            name,
            at + 10,
            at + chance.randrange(1_000, 60_000_000),
            run,
        )


def _logs(chance: random.Random, flow_runs: int, count: int, begun: int, spread: int) -> Iterator[tuple[object, ...]]:
    each = max(1, count // flow_runs)
    for n in range(count):
        run = min(n // each + 1, flow_runs)
        place = run * POSITIONS_PER_TRANSACTION + n - (run - 1) * each
        message = f"{chance.choice(WORDS)} {chance.choice(WORDS)} {n}"
        yield (place, run, begun + run * spread, 20 if n % 50 else 40, message)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--flow-runs", type=int, default=50_000)
    parser.add_argument("--task-runs", type=int, default=1_000_000)
    parser.add_argument("--logs", type=int, default=5_000_000)
    said = parser.parse_args()
    seed(said.file, flow_runs=said.flow_runs, task_runs=said.task_runs, logs=said.logs)
