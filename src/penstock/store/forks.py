"""What a fork must find: nobody inside SQLite, and afterwards nobody with the parent's locks.

SQLite remembers the locks of a process in the process's own memory, which a fork copies, while the kernel's locks stay
with the parent. A child that just opened the file again would believe to hold locks that it has not, and others would
remove the log from under it. So a fork waits until no thread is in a transaction, and the child closes what it has
inherited before it opens anything; closing idle connections touches nothing that is the parent's.
"""

import os
import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

WAIT_SECONDS_MAX = 10.0

_all: "weakref.WeakSet[Inside]" = weakref.WeakSet()


class Inside:
    """Who is inside a database: threads enter and leave, and a fork of the process waits outside."""

    def __init__(self) -> None:
        self.inherited = False
        """Whether this process has a parent's connections, and has not closed them yet."""
        self.torn = False
        """Whether it was forked from within a transaction, or while another thread would not come out of one."""
        self._begin_anew()
        _all.add(self)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be inside. The same thread may be inside several times."""
        me = threading.get_ident()
        with self._changed:
            while self._forking and me not in self._threads:
                self._changed.wait()
            self._threads[me] += 1
        try:
            yield
        finally:
            with self._changed:
                self._threads[me] -= 1
                if self._threads[me] <= 0:
                    del self._threads[me]
                    self._changed.notify_all()

    def before_fork(self) -> None:
        """Let nobody in, and wait until all but this thread are out."""
        me = threading.get_ident()
        with self._changed:
            self._forking = True
            self._changed.wait_for(lambda: not self._threads.keys() - {me}, WAIT_SECONDS_MAX)

    def after_in_parent(self) -> None:
        """Let them in again."""
        with self._changed:
            self._forking = False
            self._changed.notify_all()

    def after_in_child(self) -> None:
        """Begin anew: the other threads are not here."""
        self.inherited = True
        self.torn = self.torn or bool(self._threads)
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._changed = threading.Condition()
        self._threads: Counter[int] = Counter()
        self._forking = False


def _before_fork() -> None:
    for inside in list(_all):
        inside.before_fork()


def _after_in_parent() -> None:
    for inside in list(_all):
        inside.after_in_parent()


def _after_in_child() -> None:
    for inside in list(_all):
        inside.after_in_child()


os.register_at_fork(before=_before_fork, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
