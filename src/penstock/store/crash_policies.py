"""What becomes of a deployment's run whose process died: it rests, or waits for a worker again."""

from sqlalchemy import and_, select, update

from penstock.core.states import Reason, RunState, StateType
from penstock.store import moves
from penstock.store.database import Transaction
from penstock.store.requests import DONE, WAITING
from penstock.store.tables import flow_run
from penstock.store.targets import read_spec
from penstock.store.work_tables import deployment_version, run_request

AGAIN_SECONDS = 1.0
"""Before the first try; each next one waits twice as long."""
AGAIN_SECONDS_MAX = 600.0

a, r, v = run_request.c, flow_run.c, deployment_version.c


def after_crash(transaction: Transaction, workspace_id: int, run_id: str, *, actor: str) -> bool:
    """Have a crashed run wait again, if its deployment says so and it has not crashed too often; answers whether it does."""
    connection, now = transaction.connection, transaction.now_us()
    row = connection.execute(
        select(a.flow_run_seq, a.status, a.crashes, v.spec)
        .join(flow_run, r.seq == a.flow_run_seq)
        .outerjoin(deployment_version, and_(v.deployment_seq == a.deployment_seq, v.number == a.version))
        .where(
            r.workspace_id == workspace_id,
            r.id == run_id,
            r.state_type == StateType.CRASHED.value,
            r.cancel_requested_at.is_(None),
        )
    ).one_or_none()
    if row is None or row.status == WAITING:
        return False
    mine = update(run_request).where(a.flow_run_seq == row.flow_run_seq)
    spec = None if row.spec is None else read_spec(row.spec)
    if spec is None or spec.on_crash not in ("resume", "retry") or row.crashes >= spec.on_crash_limit:
        connection.execute(mine.values(status=DONE, lease_until=None))
        return False
    pause = min(AGAIN_SECONDS * 2**row.crashes, AGAIN_SECONDS_MAX)
    message = f"Its process died; it goes on by itself ({row.crashes + 1} of {spec.on_crash_limit})."
    resuming = spec.on_crash == "resume"
    name, reason = ("Resuming", Reason.RESUMED) if resuming else ("AwaitingRetry", Reason.RETRYING)
    moves.put_back(transaction, workspace_id, run_id, RunState.of(name, at=now, reason=reason, message=message), actor)
    again = {
        "status": WAITING,
        "due_at": now + int(pause * 1_000_000),
        "crashes": row.crashes + 1,
        "anew": not resuming,
        "lease_until": None,
        "worker_seq": None,
    }
    connection.execute(mine.values(again))
    return True
