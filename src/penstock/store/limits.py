"""Concurrency limits and who holds their slots. A lease that has ended counts for nothing, and goes when somebody asks."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, or_, select, update

from penstock.core.errors import Conflict, NotFound, RequestInvalid
from penstock.core.ids import parse_id
from penstock.limits import (
    LEASE_SECONDS_MAX,
    NAMES_MAX,
    SLOTS_MAX,
    AcquireSlots,
    ConcurrencyLimit,
    GetConcurrencyLimit,
    HeldSlot,
    ListConcurrencyLimits,
    ListHeldSlots,
    ListSlotWaiters,
    ReleaseSlots,
    RemoveConcurrencyLimit,
    RenewSlots,
    ResetConcurrencyLimit,
    SetConcurrencyLimit,
    SlotsAnswer,
    SlotWaiter,
)
from penstock.ports import Page
from penstock.store.database import Store, Transaction
from penstock.store.near import near_names
from penstock.store.pages import clamp, decode_cursor, make_page
from penstock.store.tables import concurrency_limit, concurrency_slot
from penstock.store.upserts import insert_if_new, upsert
from penstock.store.values import checked_name, clean_text

l, s = concurrency_limit.c, concurrency_slot.c  # noqa: E741 - the tables' initials, as everywhere
RETRY_SECONDS = 0.5
HOLDER_CHARACTERS_MAX = 500
WAITER_US = 5_000_000
"""Who does not ask again within this time waits no more."""
HELD, WAITING = s.occupied > 0, s.occupied == 0
SHOWN_MAX = 1_000


def set_limit(store: Store, request: SetConcurrencyLimit, workspace: str) -> ConcurrencyLimit:
    """Answer `SetConcurrencyLimit`."""
    decay = request.decay_per_second
    if not 0 <= request.slots <= SLOTS_MAX or (decay is not None and not 0 < decay <= SLOTS_MAX):
        raise RequestInvalid(
            f"Limit `{request.name}`: slots are 0 to {SLOTS_MAX:,}, and the decay is more than 0 and at most that."
        )
    with store.write() as transaction:
        workspace_id, now = store.make_workspace(transaction, workspace), transaction.now_us()
        values: dict[str, Any] = {
            "workspace_id": workspace_id,
            "name": checked_name("limit", request.name),
            "slots": request.slots,
            "decay_per_second": decay,
            "used": 0.0,
            "used_at": now,
            "created_at": now,
            "updated_at": now,
        }
        connection = transaction.connection
        if request.overwrite:
            keep = ("created_at", "used", "used_at")
            upsert(connection, concurrency_limit, values, key=("workspace_id", "name"), keep=keep)
        elif insert_if_new(connection, concurrency_limit, values) is None:
            raise Conflict(f"Limit `{request.name}` exists already. Set it with overwrite, or choose another name.")
        return _read(connection, workspace_id, clean_text(request.name), now)


def get_limit(store: Store, request: GetConcurrencyLimit, workspace: str) -> ConcurrencyLimit:
    """Answer `GetConcurrencyLimit`."""
    with store.read() as connection:
        return _read(connection, store.workspace_id(connection, workspace), request.name, store.now_us(connection))


def list_limits(store: Store, request: ListConcurrencyLimits, workspace: str) -> Page[ConcurrencyLimit]:
    """Answer `ListConcurrencyLimits`."""
    limit = clamp(request.limit)
    with store.read() as connection:
        conditions: list[ColumnElement[bool]] = [l.workspace_id == store.workspace_id(connection, workspace)]
        if request.cursor is not None:
            conditions.append(l.name > decode_cursor(request.cursor, str)[0])
        rows = connection.execute(select(concurrency_limit).where(*conditions).order_by(l.name).limit(limit + 1)).all()
        now = store.now_us(connection)
        made = {row.seq: _to_limit(connection, row, now) for row in rows[:limit]}
    return make_page(rows, limit, item=lambda row: made[row.seq], keys=lambda row: (row.name,))


def remove_limit(store: Store, request: RemoveConcurrencyLimit, workspace: str) -> None:
    """Answer `RemoveConcurrencyLimit`."""
    with store.write() as transaction:
        seq = _find(transaction.connection, store.make_workspace(transaction, workspace), request.name).seq
        transaction.connection.execute(delete(concurrency_slot).where(s.limit_seq == seq))
        transaction.connection.execute(delete(concurrency_limit).where(l.seq == seq))


def reset_limit(store: Store, request: ResetConcurrencyLimit, workspace: str) -> ConcurrencyLimit:
    """Answer `ResetConcurrencyLimit`."""
    with store.write() as transaction:
        workspace_id, now = store.make_workspace(transaction, workspace), transaction.now_us()
        seq = _find(transaction.connection, workspace_id, request.name).seq
        transaction.connection.execute(delete(concurrency_slot).where(s.limit_seq == seq))
        transaction.connection.execute(update(concurrency_limit).where(l.seq == seq).values(used=0.0, used_at=now))
        return _read(transaction.connection, workspace_id, request.name, now)


def list_held(store: Store, request: ListHeldSlots, workspace: str) -> Sequence[HeldSlot]:
    """Answer `ListHeldSlots`."""
    rows = _read_slots(store, request.name, workspace, HELD)
    return [
        HeldSlot(
            id=row.id,
            occupied=row.occupied,
            holder=row.holder,
            taken_at=row.taken_at,
            expires_at=row.expires_at,
            flow_run_id=row.flow_run_id,
        )
        for row in rows
    ]


def list_waiters(store: Store, request: ListSlotWaiters, workspace: str) -> Sequence[SlotWaiter]:
    """Answer `ListSlotWaiters`."""
    rows = _read_slots(store, request.name, workspace, WAITING)
    return [SlotWaiter(id=row.id, holder=row.holder, since=row.taken_at, flow_run_id=row.flow_run_id) for row in rows]


def _read_slots(store: Store, name: str, workspace: str, which: ColumnElement[bool]) -> Sequence[Row[Any]]:
    """Those of a limit that have not ended, the oldest first."""
    with store.read() as connection:
        seq = _find(connection, store.workspace_id(connection, workspace), name).seq
        now = store.now_us(connection)
        mine = (s.limit_seq == seq, s.expires_at > now, which)
        statement = select(concurrency_slot).where(*mine).order_by(s.taken_at, s.seq).limit(SHOWN_MAX)
        return connection.execute(statement).all()


def acquire(store: Store, request: AcquireSlots, workspace: str) -> SlotsAnswer:
    """Answer `AcquireSlots`: all or nothing, in one transaction; limits are locked in the order of their names."""
    if not 1 <= request.occupy <= SLOTS_MAX or len(request.names) > NAMES_MAX:
        raise RequestInvalid(f"At least one slot is taken, of at most {NAMES_MAX} limits at once.")
    lease = _lease_us(request.lease_seconds)
    identifier = _parse(request.id)
    with store.write() as transaction:
        workspace_id, now = store.make_workspace(transaction, workspace), transaction.now_us()
        connection = transaction.connection
        rows = connection.execute(
            select(concurrency_limit)
            .where(l.workspace_id == workspace_id, l.name.in_(sorted(set(request.names))))
            .order_by(l.name)
            .with_for_update()
        ).all()
        missing = sorted(set(request.names) - {row.name for row in rows})
        for row in rows:
            wait = _wait_for(connection, row, request.occupy, identifier, now)
            if wait is not None:
                _note_waiter(connection, row.seq, request, identifier, now=now)
                return SlotsAnswer(acquired=False, retry_after_seconds=wait, waiting_for=row.name, missing=missing)
        for row in rows:
            _take(transaction, row, request, identifier, now=now, lease=lease)
    return SlotsAnswer(acquired=True, retry_after_seconds=0.0, missing=missing)


def renew(store: Store, request: RenewSlots, workspace: str) -> Sequence[str]:
    """Answer `RenewSlots`."""
    lease = _lease_us(request.lease_seconds)
    with store.write() as transaction:
        now = transaction.now_us()
        lost = []
        for identifier in request.ids[:1_000]:
            held = and_(s.id == _parse(identifier), s.expires_at > now)
            renewed = transaction.connection.execute(
                update(concurrency_slot).where(held).values(expires_at=now + lease)
            ).rowcount
            if not renewed:
                lost.append(identifier)
    return lost


def release(store: Store, request: ReleaseSlots, workspace: str) -> None:
    """Answer `ReleaseSlots`."""
    with store.write() as transaction:
        transaction.connection.execute(delete(concurrency_slot).where(s.id == _parse(request.id)))


def _wait_for(connection: Connection, row: Row[Any], occupy: int, identifier: str, now: int) -> float | None:
    """How long to wait before asking again; none if there is room."""
    if row.decay_per_second is not None:
        used = _decayed(row, now)
        over = used + occupy - row.slots
        return None if over <= 0 else max(0.001, over / row.decay_per_second)
    held = connection.execute(
        select(func.coalesce(func.sum(s.occupied), 0)).where(
            s.limit_seq == row.seq, s.expires_at > now, s.id != identifier
        )
    ).scalar_one()
    if held + occupy <= row.slots:
        return None
    soonest = connection.execute(
        select(func.min(s.expires_at)).where(s.limit_seq == row.seq, s.expires_at > now, HELD)
    ).scalar()
    return RETRY_SECONDS if soonest is None else min(RETRY_SECONDS, max(0.01, (soonest - now) / 1_000_000))


def _take(
    transaction: Transaction, row: Row[Any], request: AcquireSlots, identifier: str, *, now: int, lease: int
) -> None:
    connection = transaction.connection
    over = or_(s.expires_at <= now, and_(s.id == identifier, WAITING))
    connection.execute(delete(concurrency_slot).where(s.limit_seq == row.seq, over))
    if row.decay_per_second is not None:
        used = _decayed(row, now) + request.occupy
        connection.execute(update(concurrency_limit).where(l.seq == row.seq).values(used=used, used_at=now))
        return
    values = _slot(row.seq, request, identifier, taken_at=now, expires_at=now + lease)
    insert_if_new(connection, concurrency_slot, {**values, "occupied": request.occupy})


def _note_waiter(connection: Connection, limit_seq: int, request: AcquireSlots, identifier: str, *, now: int) -> None:
    """Write down who waits, for those who look: a slot that occupies nothing, with a short lease."""
    values = _slot(limit_seq, request, identifier, taken_at=now, expires_at=now + WAITER_US)
    upsert(connection, concurrency_slot, {**values, "occupied": 0}, key=("limit_seq", "id"), keep=("taken_at",))


def _slot(limit_seq: int, request: AcquireSlots, identifier: str, *, taken_at: int, expires_at: int) -> dict[str, Any]:
    return {
        "limit_seq": limit_seq,
        "id": identifier,
        "holder": None if request.holder is None else clean_text(request.holder)[:HOLDER_CHARACTERS_MAX],
        "flow_run_id": None if request.flow_run_id is None else _parse(request.flow_run_id),
        "taken_at": taken_at,
        "expires_at": expires_at,
    }


def _decayed(row: Row[Any], now: int) -> float:
    """What of a rate limit is in use now."""
    return max(0.0, float(row.used) - float(row.decay_per_second) * max(0, now - int(row.used_at)) / 1_000_000)


def _lease_us(seconds: float) -> int:
    return int(max(1.0, min(seconds, LEASE_SECONDS_MAX)) * 1_000_000)


def _parse(identifier: str) -> str:
    try:
        return parse_id(identifier)
    except ValueError as error:
        raise RequestInvalid(str(error)) from error


def _find(connection: Connection, workspace_id: int, name: str) -> Row[Any]:
    row = connection.execute(
        select(concurrency_limit).where(l.workspace_id == workspace_id, l.name == name)
    ).one_or_none()
    if row is None:
        names = connection.execute(select(l.name).where(l.workspace_id == workspace_id).limit(1_000)).scalars()
        raise NotFound("limit", name, near=near_names(name, names), listing="penstock concurrency-limit ls")
    return row


def _read(connection: Connection, workspace_id: int, name: str, now: int) -> ConcurrencyLimit:
    return _to_limit(connection, _find(connection, workspace_id, name), now)


def _to_limit(connection: Connection, row: Row[Any], now: int) -> ConcurrencyLimit:
    occupied, waiting = connection.execute(
        select(func.coalesce(func.sum(s.occupied), 0), func.count().filter(WAITING)).where(
            s.limit_seq == row.seq, s.expires_at > now
        )
    ).one()
    if row.decay_per_second is not None:
        occupied = int(_decayed(row, now) + 0.999)
    return ConcurrencyLimit(
        name=row.name,
        slots=row.slots,
        decay_per_second=row.decay_per_second,
        occupied=int(occupied),
        created_at=row.created_at,
        updated_at=row.updated_at,
        waiting=int(waiting),
    )
