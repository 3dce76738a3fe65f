"""Task definitions: which text of a task's source a writer's records speak of.

A definition is kept once for each source hash. A writer's current ones are kept with the writer, so that its records
find them in whichever process they are taken in.
"""

import json
from collections.abc import Iterable, Mapping

from sqlalchemy import select

from penstock.core.records import TaskDefined
from penstock.store.database import Transaction
from penstock.store.tables import task
from penstock.store.upserts import insert_if_new, upsert
from penstock.store.values import clean_text, encode_json

NO_HASH = ""


class Definitions:
    """The definitions that one writer's records refer to."""

    def __init__(self, transaction: Transaction, workspace_id: int, current: str):
        self._connection = transaction.connection
        self._workspace_id = workspace_id
        self._known: dict[str, list[object]] = json.loads(current)

    @property
    def numbers(self) -> Mapping[str, int]:
        """The `task` row of each task id, as last defined."""
        return {task_id: int(row[0]) for task_id, row in self._known.items()}  # type: ignore[call-overload]

    def as_json(self) -> str:
        """What is kept with the writer."""
        return json.dumps(self._known, separators=(",", ":"))

    def would_change(self, record: TaskDefined, others: Mapping[str, TaskDefined]) -> bool:
        """Tell whether the task was defined otherwise before, here or among `others`."""
        if record.task_id in others:
            return others[record.task_id].source_hash != record.source_hash
        known = self._known.get(record.task_id)
        return known is not None and known[1] != (record.source_hash or NO_HASH)

    def add(self, records: Iterable[TaskDefined]) -> None:
        """Take in definitions; the writer's records speak of them from here on."""
        for record in sorted(records):  # in one order, so that no two writers wait for one another
            self._known[record.task_id] = [self._add(record), record.source_hash or NO_HASH]

    def require(self, task_ids: Iterable[str]) -> None:
        """Stand in for definitions that were never recorded: a task run is kept all the same."""
        for task_id in set(task_ids) - self._known.keys():
            name = f"task-{task_id[:8]}"
            self.add([TaskDefined(task_id, name, name, (), None, 0, None)])

    def _add(self, record: TaskDefined) -> int:
        values = {
            "workspace_id": self._workspace_id,
            "id": record.task_id,
            "source_hash": record.source_hash or NO_HASH,
            "key": clean_text(record.key),
            "name": clean_text(record.name),
            "tags": encode_json(list(record.tags)) if record.tags else None,
            "retries": record.retries,
            "description": None if record.description is None else clean_text(record.description),
        }
        key = ("workspace_id", "id", "source_hash")
        same = [task.c[name] == values[name] for name in key]
        columns = ("key", "name", "tags", "retries", "description")
        found = self._connection.execute(
            select(task.c.seq, *(task.c[name] for name in columns)).where(*same)
        ).one_or_none()
        if found is None:
            number = insert_if_new(self._connection, task, values)
            return number or int(self._connection.execute(select(task.c.seq).where(*same)).scalar_one())
        if any(found._mapping[name] != values[name] for name in columns):
            upsert(self._connection, task, values, key=key)
        return int(found.seq)
