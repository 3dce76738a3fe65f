"""Threads that a run's submitted tasks share, and the loop that its submitted coroutines share.

The pool never deadlocks when tasks wait for tasks: a thread that waits for a call that nobody has begun runs it
itself, and while it waits for one that runs elsewhere the pool may run one thread more.

Threads come where they help: two at once, the others within milliseconds, unless tasks are so short that they would only
take turns at the interpreter. 10,000 empty tasks cost 150 µs each in 32 threads, and 45 in one.
"""

import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from penstock.engine.execution import conclude, execute, life_of
from penstock.engine.futures import TaskFuture, is_future
from penstock.engine.inputs import dependencies_of
from penstock.engine.interrupts import Stopper
from penstock.engine.options import Kind
from penstock.engine.programs import drive_async
from penstock.engine.runners import Runner, TaskRunner

if TYPE_CHECKING:
    from penstock.engine.runs import FlowRunContext, TaskCall


THREADS_AT_ONCE = 2
LOOK_SECONDS = 0.001
LOOK_SECONDS_IF_FULL = 0.01
"""How often it is looked whether more or fewer would help, while calls wait."""
SHORT_SECONDS = 0.0003
"""Where calls are queued or taken more often, the interpreter has its hands full with them."""
COMPUTES_MIN, COMPUTES_MAX = 0.7, 1.7
"""Processors in use while threads take turns at the interpreter: with fewer they wait for something else, and with more
their work needs no interpreter."""
URGE_IF_WAITING, URGE_ENOUGH = 5, 15
"""There are twice as many after three looks in a row at which tasks waited for something else; and after 15 at which one
computed and nothing moved, since what is queued may be what only waits. After three at which tasks came and went and took
turns at the interpreter, one is enough."""


class ThreadPoolTaskRunner(TaskRunner):
    """Run submitted tasks in threads; the default. `max_workers`: how many at once (setting `task_workers_max`, 32)."""

    def __init__(self, max_workers: int | None = None):
        self.max_workers = max_workers

    def start(self, run: "FlowRunContext") -> Runner:
        return ThreadPool(self.max_workers or run.services.settings.task_workers_max)


ConcurrentTaskRunner = ThreadPoolTaskRunner


class ThreadPool:
    """The threads of one flow run, started as they are needed."""

    def __init__(self, max_workers: int, *, at_once: int = THREADS_AT_ONCE):
        """`at_once`: how many there are as soon as there is something for them; more come where they help."""
        self._max = max_workers
        self._enough = self._at_once = min(max_workers, at_once)
        self._queue: SimpleQueue[TaskFuture | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[_PoolThread] = []
        self._idle = 0
        self._blocked = 0
        self._queued = 0
        self._taken = 0
        self._wanting = threading.Event()
        self._grower: threading.Thread | None = None
        self._closed = False
        self._loop: _LoopThread | None = None

    def enqueue(self, future: TaskFuture) -> None:
        call = future.call
        if call is None:  # it was given up meanwhile
            return
        if call.task.kind in (Kind.COROUTINE, Kind.ASYNC_GENERATOR):
            self._loop_thread().enqueue(future)
        else:
            self.put(future)

    def put(self, future: TaskFuture) -> None:
        """Queue a call for the next free thread, and start one more if that is due."""
        self._queue.put(future)
        self._queued += 1
        if len(self._threads) - self._blocked < self._max:
            self._want_more()

    def execute(self, future: TaskFuture) -> None:
        """Run a call in the current thread."""
        execute(future)

    def thread_ends(self) -> None:
        """A thread of the pool is about to end."""

    def run_here(self, future: TaskFuture) -> bool:
        call = future.call
        if getattr(threading.current_thread(), "penstock_pool", None) is not self or call is None:
            return False
        if call.task.kind is Kind.COROUTINE or not _is_ready(call):
            return False
        execute(future)
        return future.done()

    def hurry(self) -> None:
        """Threads begin at once; there is nothing to hurry."""

    def interrupt(self) -> None:
        for thread in list(self._threads):
            if thread.current is not None and thread.penstock_stop is not None:
                thread.penstock_stop()
        if self._loop is not None:
            self._loop.interrupt()

    def close(self) -> None:
        with self._lock:
            self._closed = True
        for _ in self._threads:
            self._queue.put(None)
        self._wanting.set()
        if self._loop is not None:
            self._loop.close()

    def thread_blocked(self) -> None:
        """One of our threads waits for a future."""
        with self._lock:
            self._blocked += 1
        if not self._queue.empty():
            self._grow()

    def thread_unblocked(self) -> None:
        """It has what it waited for."""
        with self._lock:
            self._blocked -= 1

    def work(self, thread: "_PoolThread") -> None:
        """What each thread does until the run has ended."""
        while True:
            with self._lock:
                self._idle += 1
            future = self._queue.get()
            with self._lock:
                self._idle -= 1
                self._taken += 1
            if future is None:
                return
            if not self._queue.empty():
                self._want_more()  # whoever queued more may have counted on this thread
            thread.current = future
            self.execute(future)
            thread.current = future = None
            if len(self._threads) - self._blocked > self._enough and self._retire(thread):
                return

    def _want_more(self) -> None:
        """Calls are queued: have a thread for them at once, or soon if more would help."""
        if len(self._threads) - self._blocked < self._enough:
            self._grow()
        elif self._queue.qsize() > self._idle and not self._wanting.is_set():
            self._wanting.set()
            if self._grower is None and self._max > self._at_once:
                self._start_grower()

    def _grow(self) -> bool:
        """Start a thread for each call that nobody is free for, up to what is enough; tells whether there are any."""
        begun: list[_PoolThread] = []
        with self._lock:
            if self._closed:
                return False
            waiting = self._queue.qsize() - self._idle
            for _ in range(min(waiting, self._enough - (len(self._threads) - self._blocked))):
                thread = _PoolThread(self, len(self._threads))
                self._threads.append(thread)
                begun.append(thread)
        for thread in begun:
            thread.start()
        return waiting > 0

    def _start_grower(self) -> None:
        with self._lock:
            if self._grower is not None or self._closed:
                return
            self._grower = threading.Thread(target=self._watch, name="penstock-task-pool", daemon=True)
        self._grower.start()

    def _watch(self) -> None:
        """While calls wait: look what the threads do, and say how many of them are enough."""
        urge = 0
        while not self._closed:
            self._wanting.wait()
            moved, used, at = self._queued + self._taken, time.process_time(), time.perf_counter()
            time.sleep(LOOK_SECONDS if self._enough < self._max else LOOK_SECONDS_IF_FULL)
            passed = time.perf_counter() - at
            moves_often = (self._queued + self._taken - moved) * SHORT_SECONDS > passed
            computes = COMPUTES_MIN < (time.process_time() - used) / passed < COMPUTES_MAX
            if computes and moves_often:
                urge = min(urge, 0) - URGE_IF_WAITING
            else:
                urge = max(urge, 0) + (1 if computes else URGE_IF_WAITING)
            if urge >= URGE_ENOUGH:
                self._enough = min(self._enough * 2, self._max)
            elif urge <= -URGE_ENOUGH:
                self._enough = 1
            self._wanting.clear()  # before it is looked whether anything waits: what comes meanwhile says so again
            if self._grow():
                self._wanting.set()

    def _retire(self, thread: "_PoolThread") -> bool:
        with self._lock:
            if len(self._threads) - self._blocked <= self._enough:
                return False
            self._threads.remove(thread)
            return True

    def _loop_thread(self) -> "_LoopThread":
        with self._lock:
            if self._loop is None:
                self._loop = _LoopThread(self._max)
            return self._loop


class _PoolThread(threading.Thread):
    def __init__(self, pool: ThreadPool, number: int):
        super().__init__(name=f"penstock-task-{number}", daemon=True)
        self.penstock_pool = pool
        self.penstock_stop: Stopper | None = None
        self.current: TaskFuture | None = None

    def run(self) -> None:
        self.penstock_stop = Stopper(is_open=False)
        try:
            self.penstock_pool.work(self)
        finally:
            self.penstock_pool.thread_ends()


class _LoopThread:
    """One event loop in a thread of its own, for all coroutine tasks that a run submits."""

    def __init__(self, max_workers: int):
        import asyncio  # lazy: 30 ms, for async tasks only

        self._asyncio = asyncio
        self._loop = asyncio.new_event_loop()
        self._slots = asyncio.Semaphore(max(max_workers, 1))
        self._tasks: set[Any] = set()
        self._thread = threading.Thread(target=self._run, name="penstock-task-loop", daemon=True)
        self._thread.penstock_slots = self._slots  # type: ignore[attr-defined]  # given away while a coroutine waits
        self._thread.start()

    def enqueue(self, future: TaskFuture) -> None:
        context = future.context
        call = None if context is None else future.claim()
        if call is not None:
            self._loop.call_soon_threadsafe(lambda: self._begin(future, call, context))

    def interrupt(self) -> None:
        self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in self._tasks])

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _run(self) -> None:
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def _begin(self, future: TaskFuture, call: "TaskCall", context: Any) -> None:
        task = self._loop.create_task(self._execute(future, call), context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _execute(self, future: TaskFuture, call: "TaskCall") -> None:
        try:
            async with self._slots:
                state = await drive_async(life_of(call))
        except BaseException as error:
            failed = error
            conclude(future, call, lambda: _raise(failed))
        else:
            conclude(future, call, lambda: state)


def _raise(error: BaseException) -> Any:
    raise error


def _is_ready(call: "TaskCall") -> bool:
    """Whether nothing that the call depends on is pending: only then may a waiting thread begin it."""
    return all(not is_future(d) or d.done() for d, _ in dependencies_of(call))
