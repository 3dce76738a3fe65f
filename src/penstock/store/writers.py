"""Writers, the processes that journal: making them known, and which runs they hold."""

from typing import Any

from sqlalchemy import and_, bindparam, select, update

from penstock.core.ids import RunId
from penstock.ports import FindOpenRuns, OpenRuns, WriterHello
from penstock.store.database import Store, Transaction
from penstock.store.tables import flow_run, writer
from penstock.store.upserts import insert_if_new
from penstock.store.values import clean, clean_text, encode_json

LEASE_SECONDS_MIN, LEASE_SECONDS_MAX = 1.0, 3_600.0
TASKS_NONE = "{}"

r = flow_run.c


_one = and_(writer.c.workspace_id == bindparam("of_workspace"), writer.c.id == bindparam("of_id"))
_known_better = update(writer).where(_one).returning(writer.c.seq)


def find_open_runs(store: Store, request: FindOpenRuns, workspace: str) -> OpenRuns:
    """Answer `FindOpenRuns`. A suspended run has been let go of on purpose: it is nobody's."""
    with store.read() as connection:
        mine = and_(
            writer.c.workspace_id == store.workspace_id(connection, workspace), writer.c.id == request.writer_id
        )
        known = connection.execute(select(writer.c.seq, writer.c.mark).where(mine)).one_or_none()
        if known is None:
            return OpenRuns(runs=(), mark=0)
        runs = connection.execute(select(r.id, r.epoch).where(held_by(known.seq)).order_by(r.seq)).all()
    return OpenRuns(runs=[(RunId(run.id), run.epoch) for run in runs], mark=known.mark)


def add_writer(transaction: Transaction, workspace_id: int, hello: WriterHello, *, at: int) -> int:
    """Make a writer known, or known better; answer its number."""
    values: dict[str, Any] = {"host": clean_text(hello.host), "boot_id": hello.boot_id, "pid": hello.pid, "seen_at": at}
    if hello.environment:
        values["environment"] = encode_json(clean(dict(hello.environment)))
    if hello.lease_seconds is not None:  # its length is what lies between the two, as they move together
        values["seen_at"] = transaction.now_us()
        values["lease_until"] = values["seen_at"] + lease_us(hello.lease_seconds)
    new = {"workspace_id": workspace_id, "id": hello.writer_id, "mark": 0, "tasks": TASKS_NONE, **values}
    made = insert_if_new(transaction.connection, writer, new)
    if made is not None:
        return made
    values |= {"of_workspace": workspace_id, "of_id": hello.writer_id}
    return int(transaction.connection.execute(_known_better, values).scalar_one())


def lease_us(seconds: float) -> int:
    """The length of a lease, within reason."""
    return int(max(LEASE_SECONDS_MIN, min(seconds, LEASE_SECONDS_MAX)) * 1_000_000)


def held_by(writer_seq: Any) -> Any:
    """The condition that a run is open and a writer's."""
    return and_(r.writer_seq == writer_seq, r.ended_at.is_(None), r.state_name != "Suspended")
