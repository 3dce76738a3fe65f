"""The journal when those who record are ended from outside, at every point where that can happen."""

import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

from penstock.engine.interrupts import CancelNow, Interrupted, interrupt_thread
from penstock.engine.journal import Journal, JournalOptions
from tests.engine.fakes import MemoryOrchestrator, note
from tests.engine.interruptions import ends, points, strike, switching_often
from tests.engine.test_journal import open_journal

STRIKES = 500


def assert_in_use(journal: Journal, orchestrator: MemoryOrchestrator) -> None:
    """The journal takes records, brings them in, and has lost or doubled none of those before."""
    assert ends(lambda: journal.record(note(0)))
    assert ends(journal.flush)
    assert list(range(1, len(orchestrator.sequences()) + 1)) == orchestrator.sequences()
    assert 0 == journal.pending


def test_a_record_that_is_ended_anywhere_is_whole_or_was_never_begun(tmp_path: Path) -> None:
    orchestrator = MemoryOrchestrator()
    journal = open_journal(tmp_path, orchestrator)
    for point in points():
        journal.record(note(0))
        journal.flush()
        if not strike(point, lambda: journal.append("close", "1")):
            break
        assert_in_use(journal, orchestrator)
    assert point > 5
    journal.close()


def test_a_record_that_waits_for_room_and_is_ended_anywhere_leaves_the_journal_in_use(tmp_path: Path) -> None:
    orchestrator = MemoryOrchestrator()
    journal = open_journal(tmp_path, orchestrator, options=JournalOptions(flush_seconds=0, backlog_bytes=0))
    for point in itertools.takewhile(lambda point: point < 120, points()):
        strike(point, lambda: [journal.append("close", "1") for _ in range(5)])
        assert_in_use(journal, orchestrator)
    journal.close()


def test_a_flush_that_is_ended_anywhere_leaves_the_journal_in_use(tmp_path: Path) -> None:
    for point in itertools.takewhile(lambda point: point < 120, points()):
        orchestrator = MemoryOrchestrator()
        journal = open_journal(tmp_path / str(point), orchestrator, options=JournalOptions(flush_seconds=60))
        journal.record(note(1))
        strike(point, journal.flush)
        assert_in_use(journal, orchestrator)
        journal.close()


def test_hammering_a_thread_that_records_never_breaks_the_sequence(tmp_path: Path) -> None:
    orchestrator = MemoryOrchestrator()
    journal = open_journal(tmp_path, orchestrator)
    victim = Victim(lambda: journal.append("close", "1"))
    victim.start()
    with switching_often():
        for _ in range(STRIKES):
            victim.strike()
    assert victim.let_go()
    assert ends(journal.flush)
    arrived = orchestrator.sequences()
    assert list(range(1, len(arrived) + 1)) == arrived
    assert victim.completed <= len(arrived) <= victim.completed + STRIKES
    journal.close()


class Victim(threading.Thread):
    """Does one thing again and again, and is ended from outside while it does."""

    def __init__(self, act: Callable[[], object]):
        super().__init__(daemon=True)
        self.completed = 0
        self._act = act
        self._stop_now = False
        self._ready: SimpleQueue[None] = SimpleQueue()

    def run(self) -> None:
        while not self._stop_now:
            try:
                self._ready.put(None)
                while not self._stop_now:
                    self._act()
                    self.completed += 1
            except Interrupted:
                pass

    def strike(self) -> None:
        """End what it does, once it is at it again."""
        self._ready.get(timeout=20)
        assert self.ident is not None
        interrupt_thread(self.ident, CancelNow)

    def let_go(self) -> bool:
        """Let it end by itself; tells whether it does."""
        self._ready.get(timeout=20)
        self._stop_now = True
        self.join(20)
        return not self.is_alive()
