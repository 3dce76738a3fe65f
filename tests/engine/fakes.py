"""Fakes of the ports that the engine works with: small, in memory, and as strict as the real ones."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from penstock.core.errors import JournalError
from penstock.core.records import LogSeen, Record
from penstock.ports import LOCAL, Acknowledged, FindOpenRuns, Ingest, MakeDurable, MarkCrashed, OpenRuns, Principal

TARGET = "sqlite:///here"


class MemoryOrchestrator:
    """Takes records in as the store does: in order, without gaps, nothing twice."""

    def __init__(self, *, on_ingest: Callable[[], Any] = lambda: None):
        self.records: dict[str, list[tuple[int, Record]]] = {}
        self.crashed: list[str] = []
        self.asked: Counter[str] = Counter()
        self.batches: list[int] = []
        self.errors: list[BaseException] = []
        """What the next askings of `Ingest` meet, one each."""
        self._on_ingest = on_ingest
        self._lock = threading.Lock()

    def ask(self, request: Any, principal: Principal = LOCAL) -> Any:
        self.asked[type(request).__name__] += 1
        if isinstance(request, Ingest):
            return self._ingest(request)
        if isinstance(request, FindOpenRuns):
            return OpenRuns(runs=(), mark=self.mark(request.writer_id))
        if isinstance(request, MarkCrashed):
            self.crashed.append(request.writer_id)
            return [f"run of {request.writer_id}"]
        if isinstance(request, MakeDurable):
            return None
        raise AssertionError(f"nobody expected {request}")

    def close(self) -> None:
        """Nothing is held."""

    def mark(self, writer_id: str) -> int:
        known = self.records.get(writer_id)
        return known[-1][0] if known else 0

    def sequences(self, writer_id: str = "w1") -> list[int]:
        return [sequence for sequence, _ in self.records.get(writer_id, ())]

    def said(self, writer_id: str = "w1") -> list[Record]:
        return [record for _, record in self.records.get(writer_id, ())]

    def _ingest(self, request: Ingest) -> Acknowledged:
        self._on_ingest()
        if self.errors:
            raise self.errors.pop(0)
        with self._lock:
            self.batches.append(len(request.records))
            known = self.records.setdefault(request.writer_id, [])
            for sequence, record in request.records:
                mark = known[-1][0] if known else 0
                if sequence > mark + 1:
                    raise JournalError(f"records {mark + 1} to {sequence - 1} are missing")
                if sequence == mark + 1:
                    known.append((sequence, record))
            return Acknowledged(sequence=self.mark(request.writer_id))


class Blockade:
    """Holds up whoever comes by until it is lifted, and tells that somebody came."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.lifted = threading.Event()

    def __call__(self) -> None:
        self.reached.set()
        self.lifted.wait()


def note(n: int) -> LogSeen:
    """A small record, told apart by a number."""
    return LogSeen("r1", None, 1, n, 20, "", "")


def as_json(record: Record) -> list[Any]:
    """A record as its line holds it."""
    return [type(record).__name__, *json.loads(json.dumps(list(record), default=str))]
