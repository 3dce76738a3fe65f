"""Notifications: where they go, and telling them. Each follows the log of events by a cursor of its own.

Gather what happened after the cursor, send it, move the cursor: what is sent is told at least once, and what cannot be sent now
is sent later. A claim keeps two processes from telling the same. Nothing is sent inside a transaction.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from time import monotonic
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, select, update

from penstock.core.errors import Conflict, NotFound, NotificationFailed, PenstockError, RequestInvalid
from penstock.core.notices import Count, Happening, Interest, Notice, Tally, is_over, summarize, tell, without
from penstock.core.states import STATES, StateType
from penstock.notifications import (
    STATES_MAX,
    AddNotification,
    ListNotifications,
    Notification,
    RemoveNotification,
    SendTestNotice,
)
from penstock.ports import Page
from penstock.store.block_tables import notification
from penstock.store.blocks import notice_place, sealing_keys
from penstock.store.database import POSITIONS_PER_TRANSACTION, Store
from penstock.store.near import near_names
from penstock.store.pages import clamp, decode_cursor, make_page
from penstock.store.sealing import Keys
from penstock.store.tables import event, flow_run
from penstock.store.upserts import insert_if_new
from penstock.store.values import clean_text, decode_json, encode_json

Send = Callable[[str, Notice], str | None]
"""Sends a message to an address; why it could not, or none."""

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
URL_CHARACTERS_MAX = 4_000
EVENTS_PER_PASS = 1_000
PASS_SECONDS_MAX = 15.0
CLAIM_US = 120_000_000
RETRY_US = 5_000_000
RETRY_US_MAX = 300_000_000
FAILURES_COUNTED_MAX = 1_000_000
NOTIFICATIONS_MAX = 1_000

c, e, r = notification.c, event.c, flow_run.c


def add_notification(
    store: Store, request: AddNotification, workspace: str, keys: Keys, shown: Callable[[str], str]
) -> Notification:
    """Answer `AddNotification`; `shown` gives an address without its secrets, or raises `RequestInvalid`."""
    if len(request.url) > URL_CHARACTERS_MAX:
        raise RequestInvalid(f"The address has more than {URL_CHARACTERS_MAX:,} characters.")
    masked, states = shown(request.url), _check_states(request.states)
    if request.name is not None and not NAME_PATTERN.fullmatch(request.name):
        raise RequestInvalid(f"A name may hold letters, digits, `_`, `-` and `.`, got {request.name!r:.120}.")
    with store.write() as transaction:
        workspace_id = store.make_workspace(transaction, workspace)
        taken = _names(transaction.connection, workspace_id)
        others = sealing_keys(transaction.connection)
    name = request.name or _free_name(masked.partition(":")[0], taken)
    if name in taken:
        raise Conflict(f"Notification `{name}` exists already. Remove it first, or choose another name.")
    if len(taken) >= NOTIFICATIONS_MAX:
        raise Conflict(f"There are {len(taken):,} notifications already, as many as there may be. Remove some.")
    sealed = keys.seal(request.url, place=f"notification/{workspace_id}/{name}", others=others)
    with store.write() as transaction:
        connection = transaction.connection
        values = {
            "workspace_id": workspace_id,
            "name": name,
            "sealed": sealed,
            "shown": masked,
            "states": encode_json(states),
            "flow_name": None if request.flow_name is None else clean_text(request.flow_name),
            "tag": None if request.tag is None else clean_text(request.tag),
            "created_at": transaction.now_us(),
            "cursor": transaction.changed * POSITIONS_PER_TRANSACTION,  # what comes after this
            "claimed_until": 0,
            "next_at": 0,
            "failures": 0,
        }
        if insert_if_new(connection, notification, values) is None:
            raise Conflict(f"Notification `{name}` exists already. Remove it first, or choose another name.")
        return _to_notification(_find(connection, workspace_id, name))


def list_notifications(store: Store, request: ListNotifications, workspace: str) -> Page[Notification]:
    """Answer `ListNotifications`."""
    limit = clamp(request.limit)
    with store.read() as connection:
        conditions: list[ColumnElement[bool]] = [c.workspace_id == store.workspace_id(connection, workspace)]
        if request.cursor is not None:
            conditions.append(c.name > decode_cursor(request.cursor, str)[0])
        rows = connection.execute(select(notification).where(*conditions).order_by(c.name).limit(limit + 1)).all()
    return make_page(rows, limit, item=_to_notification, keys=lambda row: (row.name,))


def remove_notification(store: Store, request: RemoveNotification, workspace: str) -> None:
    """Answer `RemoveNotification`."""
    with store.write() as transaction:
        workspace_id = store.make_workspace(transaction, workspace)
        row = _find(transaction.connection, workspace_id, request.name)
        transaction.connection.execute(delete(notification).where(c.seq == row.seq))


def send_test(store: Store, request: SendTestNotice, workspace: str, keys: Keys, send: Send) -> None:
    """Answer `SendTestNotice`."""
    with store.read() as connection:
        row = _find(connection, store.workspace_id(connection, workspace), request.name)
    states = ", ".join(decode_json(row.states))
    notice = Notice(
        title="A test from Penstock", body=f"Notification `{row.name}` tells of runs that are {states}.", bad=False
    )
    why = send(_address(row, keys), notice)
    if why is not None:
        raise NotificationFailed(row.name, why=why)


# ---- Delivering ----


def deliver(store: Store, keys: Keys, send: Send) -> int:
    """Answer `DeliverNotices`."""
    with store.read() as connection:
        rows = connection.execute(select(notification).order_by(c.seq)).all()
    now = store.now_us() if rows else 0
    due = [row for row in rows if row.next_at <= now and row.claimed_until <= now]
    return sum(_Delivery(store, row, now=now).run(keys, send) for row in due)


@dataclass(slots=True)
class _Progress:
    """How far a notification got."""

    cursor: int
    tally: Tally
    sent: int = 0
    why: str | None = None
    sent_at: int | None = None


class _Delivery:
    """One notification's turn."""

    def __init__(self, store: Store, row: Row[Any], *, now: int):
        self._store, self._row, self._now = store, row, now
        self._interest = Interest(states=decode_json(row.states), flow_name=row.flow_name, tag=row.tag)

    def run(self, keys: Keys, send: Send) -> int:
        """Tell what there is to tell; answers how many messages were sent."""
        happened, end = self._gather()
        before = _read_tally(self._row.tally)
        if end == self._row.cursor and not is_over(before, now=self._now):
            return 0
        wanted = [(position, what) for position, what in happened if self._interest.covers(what)]
        progress = _Progress(self._row.cursor, before)
        if not wanted and not is_over(before, now=self._now):
            progress.cursor = end
            self._commit(progress, claimed=False)
            return 0
        if not self._claim():
            return 0
        try:
            self._send_all(wanted, end, progress, _sender(send, self._row, keys))
        finally:
            self._commit(progress, claimed=True)
        return progress.sent

    def _send_all(
        self,
        wanted: Sequence[tuple[int, Happening]],
        end: int,
        progress: _Progress,
        send: Callable[[Notice], str | None],
    ) -> None:
        give_up_at = monotonic() + PASS_SECONDS_MAX
        if is_over(progress.tally, now=self._now):
            for flow, notice in summarize(progress.tally):
                if monotonic() > give_up_at or not self._try(notice, progress, send):
                    return
                progress.tally = without(progress.tally, flow)
            progress.tally = Tally()
        for position, happening in wanted:
            notice_or_none, tally = tell(progress.tally, happening, now=self._now)
            if notice_or_none is not None and (
                monotonic() > give_up_at or not self._try(notice_or_none, progress, send)
            ):
                return
            progress.cursor, progress.tally = position, tally
        progress.cursor = end

    def _try(self, notice: Notice, progress: _Progress, send: Callable[[Notice], str | None]) -> bool:
        progress.why = send(notice)
        if progress.why is not None:
            return False
        progress.sent, progress.sent_at = progress.sent + 1, self._now
        return True

    def _gather(self) -> tuple[list[tuple[int, Happening]], int]:
        """What happened after the cursor, with its positions, and the position up to which that is all."""
        row = self._row
        with self._store.read() as connection:
            statement = select(event, r.id.label("run_id"), r.parent_run_id, r.tags).join(
                flow_run, r.seq == e.flow_run_seq
            )
            conditions = [e.seq > row.cursor, e.workspace_id + 0 == row.workspace_id]
            settled = self._store.database.settled_before(connection)
            if settled is not None:
                conditions.append(e.seq < settled * POSITIONS_PER_TRANSACTION)
            rows = connection.execute(statement.where(*conditions).order_by(e.seq).limit(EVENTS_PER_PASS)).all()
        end = rows[-1].seq if rows else row.cursor
        return [(found.seq, _to_happening(found)) for found in rows if _is_move(found)], end

    def _claim(self) -> bool:
        row = self._row
        with self._store.write() as transaction:
            free = (c.seq == row.seq, c.claimed_until == row.claimed_until, c.cursor == row.cursor)
            claimed = update(notification).where(*free).values(claimed_until=self._now + CLAIM_US)
            return bool(transaction.connection.execute(claimed).rowcount)

    def _commit(self, progress: _Progress, *, claimed: bool) -> None:
        row = self._row
        values: dict[str, Any] = {"cursor": progress.cursor}
        if claimed:
            values |= {"tally": _write_tally(progress.tally), "claimed_until": 0}
            values |= _after_failure(row, progress.why, self._now) if progress.why else _after_success()
        if progress.sent_at is not None:
            values["last_sent_at"] = progress.sent_at
        held = c.claimed_until == (self._now + CLAIM_US if claimed else row.claimed_until)
        with self._store.write() as transaction:
            mine = (c.seq == row.seq, c.cursor == row.cursor, held)
            transaction.connection.execute(update(notification).where(*mine).values(**values))


def _sender(send: Send, row: Row[Any], keys: Keys) -> Callable[[Notice], str | None]:
    def attempt(notice: Notice) -> str | None:
        try:
            return send(_address(row, keys), notice)
        except PenstockError as error:  # a lost key is a failure like others
            return str(error)

    return attempt


def _after_failure(row: Row[Any], why: str, now: int) -> dict[str, Any]:
    failures = min(row.failures + 1, FAILURES_COUNTED_MAX)
    wait = min(RETRY_US * 2 ** min(failures - 1, 10), RETRY_US_MAX)
    return {"failures": failures, "last_error": clean_text(why), "next_at": now + wait}


def _after_success() -> dict[str, Any]:
    return {"failures": 0, "last_error": None, "next_at": 0}


def _address(row: Row[Any], keys: Keys) -> str:
    return keys.open(row.sealed, place=notice_place(row), what=f"notification `{row.name}`")


def _is_move(row: Row[Any]) -> bool:
    return str(row.kind).startswith("penstock.flow-run.") and row.payload is not None


def _to_happening(row: Row[Any]) -> Happening:
    said = decode_json(row.payload)
    return Happening(
        at=row.at,
        run_id=row.run_id,
        run_name=said.get("name", ""),
        flow_name=said.get("flow", ""),
        state_type=said.get("state_type", ""),
        state_name=said.get("state_name", ""),
        message=said.get("message"),
        top_level=row.parent_run_id is None,
        tags=tuple(decode_json(row.tags) or ()),
    )


def _read_tally(text: str | None) -> Tally:
    said = decode_json(text)
    if not said:
        return Tally()
    return Tally(said["began_at"], {flow: Count(**count) for flow, count in said["flows"].items()})


def _write_tally(tally: Tally) -> str | None:
    return json.dumps(asdict(replace(tally, flows=dict(tally.flows)))) if tally.flows else None


# ---- Parts ----


def _check_states(states: Sequence[str]) -> list[str]:
    known = {name.lower() for name in (*STATES, *StateType)}
    wanted = list(dict.fromkeys(state.strip().lower() for state in states))
    unknown = [state for state in wanted if state not in known]
    if unknown:
        near = near_names(unknown[0], known)
        hint = f"Did you mean `{near[0]}`?" if near else "Such are failed, crashed, timedout, cancelled, completed."
        raise RequestInvalid(f"`{unknown[0][:100]}` is no state. {hint}")
    if not 0 < len(wanted) <= STATES_MAX:
        raise RequestInvalid("Say which states are told: failed, crashed, cancelled, completed ...")
    return wanted


def _free_name(kind: str, taken: Sequence[str]) -> str:
    return next(name for number in range(1, len(taken) + 2) if (name := f"{kind}-{number}") not in taken)


def _names(connection: Connection, workspace_id: int) -> list[str]:
    return list(connection.execute(select(c.name).where(c.workspace_id == workspace_id)).scalars())


def _find(connection: Connection, workspace_id: int, name: str) -> Row[Any]:
    mine = (c.workspace_id == workspace_id, c.name == clean_text(name))
    row = connection.execute(select(notification).where(*mine)).one_or_none()
    if row is None:
        near = near_names(name, _names(connection, workspace_id))
        raise NotFound("notification", name, near=near, listing="penstock notify ls")
    return row


def _to_notification(row: Row[Any]) -> Notification:
    return Notification(
        name=row.name,
        url=row.shown,
        states=tuple(decode_json(row.states)),
        flow_name=row.flow_name,
        tag=row.tag,
        created_at=row.created_at,
        last_sent_at=row.last_sent_at,
        failures=row.failures,
        last_error=row.last_error,
    )
