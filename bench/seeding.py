"""Makes a large database from a seed: `python -m bench.seeding FILE --flow-runs 50000 --task-runs 1000000 --logs 5000000`.

One run has 10,000 task runs; the others share the rest. Equal seeds make equal databases, that end when they are made.
"""

import argparse
import hashlib
import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect

from penstock.core.ids import time_ordered_id
from penstock.limits import SetConcurrencyLimit
from penstock.orchestrator.local import LocalOrchestrator
from penstock.ports import SetVariable
from penstock.scheduling import DeploymentSpec, SaveDeployment
from penstock.store import open_store
from penstock.store.database import POSITIONS_PER_TRANSACTION
from penstock.store.schema import ddl
from penstock.work import SaveWorkPool

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
DEPLOYMENTS_EACH = 5
"""Of each flow."""
POOLS, VARIABLES, LIMITS = 10, 500, 50
RUNS_PER_ARTIFACT = 5
WORDS = ("reading", "writing", "rows", "month", "table", "finished", "retry", "upload", "slow", "partition", "checksum")


def seeded(*, flow_runs: int, task_runs: int, logs: int, number: int = 7) -> Path:
    """Such a database, which takes minutes to make and is kept for the day: it lies in the system's folder for temporary files.

    Reading it changes nothing of it; whoever writes uses a copy.
    """
    made_by = hashlib.sha256(Path(__file__).read_bytes() + "".join(ddl(sqlite_dialect())).encode()).hexdigest()[:12]
    of_size = f"{number}-{flow_runs}-{task_runs}-{logs}"
    folder = Path(tempfile.gettempdir()) / f"penstock-bench-histories-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{of_size}-{datetime.now(UTC):%Y%m%d}-{made_by}.db"
    if not path.exists():
        for old in folder.glob(f"{of_size}-*"):
            old.unlink()
        unfinished = path.with_suffix(".unfinished")
        seed(unfinished, flow_runs=flow_runs, task_runs=task_runs, logs=logs, number=number)
        for lock in folder.glob(f"{unfinished.name}-*"):
            lock.unlink()
        unfinished.rename(path)
    return path


def seed(path: Path, *, flow_runs: int, task_runs: int, logs: int, number: int = 7) -> None:
    """Fill a database file."""
    chance = random.Random(number)
    _furnish(path)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.create_function("random_id", 0, lambda: chance.randbytes(16))
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -400000")
    connection.execute("BEGIN")
    now = time.time_ns() // 1_000
    begun = now - DAYS * 86_400_000_000
    spread = (now - begun) // flow_runs
    connection.executemany(
        "INSERT INTO task (seq, workspace_id, id, source_hash, key, name, retries) VALUES (?, 1, ?, 'h', ?, ?, 0)",
        ((n, n.to_bytes(16, "big"), f"m.task_{n}", f"task_{n}") for n in range(1, TASKS + 1)),
    )
    connection.execute("INSERT INTO writer (seq, workspace_id, id, host, pid, mark, tasks, seen_at)"
                       " VALUES (1, 1, ?, 'here', 1, 0, '{}', ?)", (bytes(16), now))  # fmt: skip
    connection.executemany(
        "INSERT INTO flow_run (seq, workspace_id, id, flow_seq, name, state_type, state_name, state_at, epoch, version,"
        " writer_seq, created_at, start_at, started_at, taken_at, ended_at, changed, completed_tasks, tags, parameters,"
        " deployment, deployment_version) VALUES (?, 1, ?, ?, ?, ?, ?, ?, 1, 2, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
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
    _say_what_runs_did(connection)
    connection.execute("UPDATE counter SET value = max(value, ?) WHERE name = 'changed'", (flow_runs + 1,))
    connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()


def _furnish(path: Path) -> None:
    """What people make: deployments of the flows, with schedules, pools, limits, variables."""
    orchestrator = LocalOrchestrator(open_store(f"sqlite:///{path}"))
    for place in range(POOLS):
        orchestrator.ask(SaveWorkPool(name=f"pool-{place}"))
    for number in range(FLOWS * DEPLOYMENTS_EACH):
        spec = DeploymentSpec(entrypoint="flows.py:etl", work_pool=f"pool-{number % POOLS}", tags=("nightly",))
        schedule = {"kind": "cron", "slug": "nightly", "cron": f"{number % 60} 3 * * *", "timezone": "Europe/Amsterdam"}
        flow_name, name = f"flow-{number % FLOWS + 1}", f"d{number // FLOWS}"  # flows get their numbers in this order
        orchestrator.ask(SaveDeployment(flow_name=flow_name, name=name, spec=spec, schedules=[schedule]))
    for number in range(VARIABLES):
        orchestrator.ask(SetVariable(name=f"variable-{number:03}", value={"number": number}))
    for number in range(LIMITS):
        orchestrator.ask(SetConcurrencyLimit(name=f"tag:limit-{number:02}", slots=5))
    orchestrator.close()


def _say_what_runs_did(connection: sqlite3.Connection) -> None:
    """The moves of the runs that are there, the events of them, and some artifacts and datasets."""
    moves = (
        "SELECT 1 AS place, seq, started_at AS at, 'RUNNING' AS type, 'Running' AS name, id FROM flow_run"
        " UNION ALL SELECT 2, seq, ended_at, state_type, state_name, id FROM flow_run ORDER BY seq, place"
    )
    connection.execute("INSERT INTO flow_run_state (flow_run_seq, epoch, at, type, name)"
                       f" SELECT seq, 1, at, type, name FROM ({moves})")  # fmt: skip
    connection.execute(
        "INSERT INTO event (seq, workspace_id, id, at, kind, resource, schema_version, payload, flow_run_seq)"
        " SELECT seq * ? + 1000 + place, 1, random_id(), at, 'penstock.flow-run.' || name,"
        " 'penstock.flow-run.' || lower(hex(id)), 1, json_object('state_type', type, 'state_name', name), seq"
        f" FROM ({moves})",
        (POSITIONS_PER_TRANSACTION,),
    )
    some = f"FROM flow_run WHERE seq % {RUNS_PER_ARTIFACT} = 0 ORDER BY seq"
    connection.execute(
        "INSERT INTO artifact (workspace_id, id, key, type, flow_run_seq, created_at, updated_at, changed, data)"
        f" SELECT 1, random_id(), 'report-' || flow_seq, 'markdown', seq, ended_at, ended_at, changed, '\"**all**\"' {some}"
    )
    connection.execute(
        "INSERT INTO dataset_use (workspace_id, flow_run_seq, at, action, dataset, location, version, rows)"
        f" SELECT 1, seq, ended_at, 'write', 'taxi/' || flow_seq, '/lake/taxi', seq, 1000 {some}"
    )


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
               '["nightly"]' if n % 3 == 0 else None, parameters, f"d{n // FLOWS % DEPLOYMENTS_EACH}")  # fmt: skip


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
