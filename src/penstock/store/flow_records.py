"""What a writer's records say of flow runs: subflows that began, and moves, decided by the table of states.

The runs that a batch speaks of are read once, followed in memory, and written back together. A record of an older
epoch, and a move that the table refuses, is kept in the history and changes nothing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, select, update

from penstock.core.records import FlowSeen, StateSeen
from penstock.core.states import Move, RunFacts, RunState, StateType, decide
from penstock.store.beginnings import find_flow
from penstock.store.bulk import BulkInsert
from penstock.store.database import Transaction
from penstock.store.states import Moved, add_moves
from penstock.store.tables import COUNT_COLUMNS, flow, flow_run
from penstock.store.values import clean_text, encode_json, make_state, pack_ids, reason_text

IDS_PER_STATEMENT = 500

MOVING = (
    "flow_seq", "name", "state_type", "state_name", "state_at", "state_reason", "state_message", "epoch", "version", "writer_seq",
    "start_at", "started_at", "taken_at", "ended_at", "result", "cancel_requested_at", "code_version",
)  # fmt: skip
"""Columns that records change."""
FIXED = (
    "workspace_id",
    "id",
    "parent_run_id",
    "parent_task_run_id",
    "created_at",
    "flow_version",
    "entrypoint",
    "tags",
    "upstream",
    "parameters",
)
"""Columns that a subflow's first record sets."""

insert_runs = BulkInsert(flow_run, (*FIXED, *MOVING, "changed"))
r = flow_run.c

_drafts = (
    select(r.seq, r.id, flow.c.name.label("flow_name"), *(r[name] for name in (*MOVING, *COUNT_COLUMNS.values())))
    .join(flow, flow.c.seq == r.flow_seq)
    .where(r.workspace_id == bindparam("workspace"), r.id.in_(bindparam("runs", expanding=True)))
    .order_by(r.seq)
    .with_for_update(of=flow_run)
)
_written = update(flow_run).where(r.seq == bindparam("of_seq"))


@dataclass(slots=True)
class Draft:
    """A flow run while a batch is followed."""

    id: str
    columns: dict[str, Any]
    flow_name: str
    seq: int | None = None
    counts: dict[str, int] = field(default_factory=dict)
    fixed: dict[str, Any] = field(default_factory=dict)
    moved: bool = False

    def facts(self) -> RunFacts:
        """What the rules ask for."""
        c = self.columns
        state = make_state(c["state_type"], c["state_name"], c["state_at"], c["state_reason"], c["state_message"])
        return RunFacts(state, c["epoch"], c["version"], cancel_requested=c["cancel_requested_at"] is not None)

    def enter(self, state: RunState) -> None:
        """Be in a state."""
        self.moved = True
        self.columns |= {
            "state_type": state.type.value,
            "state_name": state.name,
            "state_at": state.at,
            "state_reason": reason_text(state),
            "state_message": state.message,
            "version": self.columns["version"] + 1,
            "ended_at": state.at if state.is_final else None,
        }
        if state.type is StateType.RUNNING and self.columns["started_at"] is None:
            self.columns |= {"started_at": state.at, "start_at": state.at}


class FlowRuns:
    """The flow runs that a batch speaks of, and what the batch does to them."""

    def __init__(self, transaction: Transaction, run_ids: Iterable[str], *, workspace_id: int, writer_seq: int):
        self._transaction, self._connection = transaction, transaction.connection
        self._workspace_id, self._writer_seq = workspace_id, writer_seq
        self._moves: list[tuple[Draft, int, int | None, RunState]] = []
        self._drafts = self._read(sorted(run_ids))
        self.numbers: dict[str, int] = {draft.id: draft.seq for draft in self._drafts.values() if draft.seq is not None}
        """The number of each run that is known, by its id."""

    def follow(self, records: Sequence[FlowSeen | StateSeen]) -> None:
        """Follow records in order, and make the rows of new runs."""
        for record in records:
            if type(record) is FlowSeen:
                self._follow_flow(record)
            elif record.flow_run_id in self._drafts:
                self._follow_state(self._drafts[record.flow_run_id], record)  # type: ignore[arg-type]
        self._insert_new()

    def write(self, counts: Mapping[int, Counter[str]]) -> None:
        """Write the runs that moved or whose counts changed, and the history."""
        for draft in self._drafts.values():
            values = dict(draft.columns) if draft.moved and not draft.fixed else {}
            for state_type, change in counts.get(draft.seq or 0, {}).items():
                if change:
                    column = COUNT_COLUMNS[StateType(state_type)]
                    values[column] = draft.counts.get(column, 0) + change
            if values:
                known = {"of_seq": draft.seq, "changed": self._transaction.changed}
                self._connection.execute(_written, values | known)
        add_moves(self._transaction, [self._moved(*move) for move in self._moves])

    def _read(self, run_ids: Sequence[str]) -> dict[str, Draft]:
        drafts = {}
        for start in range(0, len(run_ids), IDS_PER_STATEMENT):
            some = {"workspace": self._workspace_id, "runs": run_ids[start : start + IDS_PER_STATEMENT]}
            for row in self._connection.execute(_drafts, some):
                columns = {name: row._mapping[name] for name in MOVING}
                counts = {name: row._mapping[name] for name in COUNT_COLUMNS.values()}
                drafts[row.id] = Draft(row.id, columns, row.flow_name, seq=row.seq, counts=counts)
        return drafts

    def _follow_flow(self, record: FlowSeen) -> None:
        draft = self._drafts.get(record.flow_run_id)
        if draft is None:
            if record.parent_run_id is None or record.parent_run_id in self._drafts:
                self._drafts[record.flow_run_id] = self._begin(record)
        elif record.epoch > draft.columns["epoch"]:
            draft.enter(RunState.of("Pending", at=record.created_at))
            draft.columns |= {
                "epoch": record.epoch,
                "writer_seq": self._writer_seq,
                "taken_at": record.created_at,
                "result": None,
                "cancel_requested_at": None,
                "code_version": record.code_version,
            }

    def _begin(self, record: FlowSeen) -> Draft:
        flow_name = clean_text(record.flow_name)
        columns = dict.fromkeys(MOVING) | {
            "flow_seq": find_flow(self._transaction, self._workspace_id, flow_name, at=record.created_at),
            "name": clean_text(record.name),
            "epoch": record.epoch,
            "version": 0,
            "writer_seq": self._writer_seq,
            "start_at": record.created_at,
            "taken_at": record.created_at,
            "code_version": record.code_version,
        }
        fixed = {
            "workspace_id": self._workspace_id,
            "id": self._ident(record.flow_run_id),
            "parent_run_id": self._ident(record.parent_run_id),
            "parent_task_run_id": self._ident(record.parent_task_run_id),
            "created_at": record.created_at,
            "flow_version": record.version,
            "entrypoint": record.entrypoint,
            "tags": encode_json(list(record.tags)) if record.tags else None,
            "upstream": pack_ids(record.upstream),
            "parameters": encode_json(record.parameters),
        }
        draft = Draft(record.flow_run_id, columns, flow_name, fixed=fixed)
        draft.enter(RunState.of("Pending", at=record.created_at))
        return draft

    def _follow_state(self, draft: Draft, record: StateSeen) -> None:
        message = None if record.message is None else clean_text(record.message)
        state = make_state(record.state_type, clean_text(record.state_name), record.at, record.reason, message)
        verdict = decide(draft.facts(), Move(state, record.epoch))
        if verdict.accepted:
            draft.enter(state)
            draft.columns["result"] = record.result
        self._moves.append((draft, record.epoch, draft.columns["version"] if verdict.accepted else None, state))

    def _insert_new(self) -> None:
        new = {draft.id: draft for draft in self._drafts.values() if draft.seq is None}
        if not new:
            return
        rows = [
            (
                *(draft.fixed[name] for name in FIXED),
                *(draft.columns[name] for name in MOVING),
                self._transaction.changed,
            )
            for draft in new.values()
        ]
        insert_runs.run(self._connection, rows)
        ids = list(new)
        for start in range(0, len(ids), IDS_PER_STATEMENT):
            mine = (r.workspace_id == self._workspace_id, r.id.in_(ids[start : start + IDS_PER_STATEMENT]))
            for seq, run_id in self._connection.execute(select(r.seq, r.id).where(*mine)):
                new[run_id].seq = self.numbers[run_id] = seq

    def _ident(self, identifier: str | None) -> Any:
        if identifier is None or self._connection.dialect.name != "sqlite":
            return identifier
        return bytes.fromhex(identifier)

    def _moved(self, draft: Draft, epoch: int, version: int | None, state: RunState) -> Moved:
        assert draft.seq is not None
        return Moved(
            workspace_id=self._workspace_id,
            run_seq=draft.seq,
            run_id=draft.id,
            run_name=draft.columns["name"],
            flow_name=draft.flow_name,
            epoch=epoch,
            version=version,
            state=state,
        )
