"""A worker: claims runs, starts them, keeps their claims, and says how what it started ended.

One thread does all that concerns runs; three others wait for the orchestrator on its behalf: one claims, one renews, one reports,
so that none of it waits for another. A worker adopts nothing: what was started by one that died ends, or is found dead, by itself.
"""

import logging
import os
import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock import __version__
from penstock.core.errors import Conflict, NotFound, PenstockError, StoreUnavailable
from penstock.core.states import Reason, RunState, StateType
from penstock.ports import Orchestrator, Principal, Request
from penstock.work import (
    CLAIM_SECONDS,
    ClaimedRun,
    ClaimMarks,
    ClaimRuns,
    EndClaim,
    EndClaims,
    NoteInfrastructure,
    RenewClaims,
    WorkerHello,
)
from penstock.workers.infrastructure import REFUSED_CODE, Ending, Handle, Infrastructure

logger = logging.getLogger("penstock.worker")

LOOK_SECONDS = 0.02
"""How often it looks whether what it started has ended, while anything runs."""
GATHER_SECONDS = 0.05
ASK_SECONDS = 0.05
"""How often it asks where nobody lets it wait for an answer."""
WAIT_SECONDS = 10.0
"""How long it lets a server wait before it answers that there is nothing."""
RENEWALS_PER_LEASE = 6
NOTE_SECONDS = 1.0
"""What lasts longer is noted while it runs; otherwise it is said with the end."""
STOP_SECONDS = 1.0
"""So long an answer is waited for, when it stops, that may bring runs; what comes later comes back when its claim's lease ends."""
AGAIN_SECONDS, AGAIN_SECONDS_MAX = 0.2, 5.0
"""Between questions to an orchestrator that is away."""
GRACE_SECONDS = 30.0
COOPERATION_SECONDS = 2.0
"""A run that is to be cancelled mostly hears of it by itself, and is signalled only after this time."""
OUTPUT_IN_MESSAGE_MAX = 1_000
ENDS_AT_ONCE_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """How a worker works."""

    name: str
    work_pool: str
    """Empty for one that serves deployments which are in no pool."""
    queues: Sequence[str] = ()
    limit: int = field(default_factory=lambda: max(10, 4 * (os.cpu_count() or 1)))
    host: str = ""
    once: bool = False
    """Run what may begin now, and end."""
    lease_seconds: float = CLAIM_SECONDS
    """A claim that is not renewed for so long is somebody else's."""


@dataclass(slots=True)
class _Started:
    """A claim of ours, and what was started for it."""

    claimed: ClaimedRun
    handle: Handle
    grace_seconds: float
    begun: float = field(default_factory=time.monotonic)
    noted: bool = False
    lost: bool = False
    cancelled_at: float | None = None
    stopped_at: float | None = None
    killed: bool = False


class Worker:
    """One worker. `run` returns when it has been told to stop and all that it started has ended."""

    def __init__(
        self,
        orchestrator: Orchestrator,
        principal: Principal,
        infrastructure: Infrastructure,
        options: WorkerOptions,
        *,
        settle_dead: Callable[[Callable[[str], str | None]], object] = lambda _: None,
        tell: Callable[[str], None] = logger.info,
    ):
        """`settle_dead` takes in what processes that died had recorded, given what is known of how a process ended."""
        self._orchestrator, self._principal = orchestrator, principal
        self._infrastructure, self._options = infrastructure, options
        self._settle_dead, self._tell = settle_dead, tell
        self._hello = WorkerHello(
            name=options.name,
            work_pool=options.work_pool,
            host=options.host,
            pid=os.getpid(),
            version=__version__,
            queues=tuple(options.queues),
            limit=options.limit,
            lease_seconds=options.lease_seconds,
        )
        self._running: dict[tuple[str, int], _Started] = {}
        """By run and claim: a run that is claimed anew may still have the process of its claim before."""
        self._endings: dict[str, str] = {}
        """What is known of how processes ended: by `process:1234` here, by the name of their machine elsewhere."""
        self._heard: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._reports: queue.SimpleQueue[Request[Any] | _Farewell | None] = queue.SimpleQueue()
        self._wanted = threading.Semaphore(0)
        self._room = 0
        self._stopping = threading.Event()
        self._leaving = threading.Event()
        self._failed: PenstockError | None = None
        self._asked_once = False
        self._claiming = False
        self._claimed_at = -GATHER_SECONDS
        self._stopped_at: float | None = None

    def stop(self) -> None:
        """Claim nothing more, wait for what runs, then end. Told twice, it leaves what runs to itself."""
        if self._stopping.is_set():
            self._leaving.set()
        self._stopping.set()
        self._heard.put(lambda: None)

    def run(self) -> None:
        """Work. Raises what makes all work impossible: an unknown pool, a refused key."""
        threads = [
            threading.Thread(target=target, name=f"penstock-worker-{target.__name__.strip('_')}", daemon=True)
            for target in (self._claim, self._renew, self._report)
        ]
        for thread in threads:
            thread.start()
        try:
            while not self._is_through():
                self._want()
                self._hear()
                self._look()
        finally:
            self._stopping.set()
            self._reports.put(_Farewell())
            threads[2].join(WAIT_SECONDS)
            self._say_goodbye()
            self._infrastructure.close()
        if self._failed is not None:
            raise self._failed

    def _say_goodbye(self) -> None:
        """So that nobody takes it for one that is there, or was lost."""
        try:
            self._orchestrator.ask(RenewClaims(worker=self._hello, leaving=True), self._principal)
        except PenstockError as error:
            logger.debug("%s", error)

    def _is_through(self) -> bool:
        if self._failed is not None or self._leaving.is_set():
            return True
        if self._stopping.is_set() and self._stopped_at is None:
            self._stopped_at = time.monotonic()
        over = self._stopping.is_set() or (self._options.once and self._asked_once)
        return over and not self._running and not self._awaits_runs() and self._heard.empty()

    def _awaits_runs(self) -> bool:
        """Whether an answer may still bring runs, which are then to be given back."""
        return self._claiming and (self._stopped_at is None or time.monotonic() - self._stopped_at < STOP_SECONDS)

    # ---- Claiming ----

    def _want(self) -> None:
        """Let the claiming thread ask, if there is room and it does not ask already."""
        done = self._stopping.is_set() or (self._options.once and self._asked_once)
        room = self._options.limit - len(self._running)
        # A claim of one run costs the store nearly what one of ten does: while much waits, some room is gathered first.
        gathers = room * 2 < self._options.limit and time.monotonic() - self._claimed_at < GATHER_SECONDS
        if not done and not self._claiming and room > 0 and not gathers:
            self._claiming, self._room = True, room
            self._wanted.release()

    def _claim(self) -> None:
        again = AGAIN_SECONDS
        while True:
            self._wanted.acquire()
            wait = 0.0 if self._options.once else WAIT_SECONDS
            begun = time.monotonic()
            try:
                request = ClaimRuns(worker=self._hello, count=self._room, wait_seconds=wait)
                claimed = self._orchestrator.ask(request, self._principal)
                again = AGAIN_SECONDS
            except StoreUnavailable as error:
                self._tell(f"{error} Asking again.")
                self._stopping.wait(again)
                again = min(again * 2, AGAIN_SECONDS_MAX)
                self._heard.put(lambda: self._take_over((), asked=False))
                continue
            except PenstockError as error:
                self._fail(error)
                return
            if not claimed and not self._options.once and time.monotonic() - begun < ASK_SECONDS:
                self._stopping.wait(ASK_SECONDS)
            self._heard.put(lambda runs=claimed: self._take_over(runs, asked=True))  # type: ignore[misc]  # bound now

    def _take_over(self, claimed: Sequence[ClaimedRun], *, asked: bool) -> None:
        self._claiming = False
        self._asked_once = self._asked_once or (asked and not claimed)
        if claimed:
            self._claimed_at = time.monotonic()
        for one in claimed:
            if self._stopping.is_set():
                state = RunState.of("Scheduled", at=0, message=f"Worker {self._options.name} stops.")
                self._say_end(one, state)
            else:
                self._start(one)

    def _fail(self, error: PenstockError) -> None:
        def fail() -> None:
            self._failed = error

        self._heard.put(fail)

    def _start(self, claimed: ClaimedRun) -> None:
        run = claimed.run
        for known, older in self._running.items():
            if known[0] == run.id:
                older.lost = True
                self._urge(older)
        try:
            handle = self._infrastructure.start(claimed)
        except Exception as error:  # whatever it is, it is this run's, and the worker goes on
            message = str(error) if isinstance(error, PenstockError) else f"{type(error).__name__}: {error}"
            self._say_unstartable(claimed, message)
            return
        variables = {**claimed.request.spec.job_variables, **claimed.request.job_variables}
        grace = variables.get("grace_seconds", GRACE_SECONDS)
        self._running[run.id, claimed.request.claim] = _Started(
            claimed, handle, float(grace) if isinstance(grace, int | float) else GRACE_SECONDS
        )
        self._tell(f"Starting run `{run.name}` of `{run.flow_name}`.")

    # ---- What goes on ----

    def _hear(self) -> None:
        """Wait a moment for news: longer where nothing runs, as there is nothing else to look at."""
        quiet = not self._running and self._stopped_at is None
        try:
            news = self._heard.get(timeout=WAIT_SECONDS if quiet else LOOK_SECONDS)
            news()
            while not self._heard.empty():
                self._heard.get_nowait()()
        except queue.Empty:
            return

    def _look(self) -> None:
        for key, started in list(self._running.items()):
            ending = started.handle.poll()
            if ending is not None:
                del self._running[key]
                self._conclude(started, ending)
            else:
                lasts = time.monotonic() - started.begun > NOTE_SECONDS
                if lasts and not started.noted and started.handle.name is not None:
                    started.noted = True
                    self._note(started)
                self._urge(started)

    def _note(self, started: _Started) -> None:
        run, claim, name = started.claimed.run, started.claimed.request.claim, started.handle.name
        assert name is not None
        self._reports.put(NoteInfrastructure(flow_run_id=run.id, claim=claim, infrastructure=name))

    def _urge(self, started: _Started) -> None:
        """End what is to be cancelled, or is somebody else's, step by step."""
        now = time.monotonic()
        if started.lost and not started.killed:
            started.killed = True
            started.handle.kill()
        if started.cancelled_at is None or started.killed:
            return
        if started.stopped_at is None:
            if now - started.cancelled_at > COOPERATION_SECONDS:
                started.stopped_at = now
                started.handle.stop()
        elif now - started.stopped_at > started.grace_seconds:
            started.killed = True
            started.handle.kill()

    def _conclude(self, started: _Started, ending: Ending) -> None:
        run = started.claimed.run
        if started.lost or ending.code == REFUSED_CODE:
            self._tell(f"Run `{run.name}` is not this worker's any more.")
            self._say_end(
                started.claimed, None
            )  # heard of only if the claim holds: the run was cancelled before it began
            return
        if ending.is_clean:
            self._tell(f"The process of run `{run.name}` has ended.")
            self._say_end(started.claimed, None, infrastructure=started.handle.name)
            return
        if ending.never_began:
            self._say_unstartable(started.claimed, ending.message)
            return
        message = ending.message
        if started.cancelled_at is not None:
            message = "Cancelled; its process was killed." if started.killed else "Cancelled; its process was ended."
        elif ending.output.strip():
            message = f"{message} It said last: {ending.output.strip()[-OUTPUT_IN_MESSAGE_MAX:]}"
        self._tell(f"Run `{run.name}`: {ending.message}")
        self._endings[ending.host or started.handle.name or ""] = message
        state = RunState(StateType.CRASHED, "Crashed", 0, Reason.PROCESS_DIED, message)
        self._say_end(started.claimed, state, infrastructure=started.handle.name)

    def _say_unstartable(self, claimed: ClaimedRun, why: str) -> None:
        self._tell(f"Run `{claimed.run.name}` of `{claimed.run.flow_name}` could not be started: {why}")
        self._say_end(claimed, RunState.of("Failed", at=0, message=f"It could not be started: {why}"))

    def _say_end(self, claimed: ClaimedRun, state: RunState | None, *, infrastructure: str | None = None) -> None:
        claim = claimed.request.claim
        self._reports.put(EndClaim(flow_run_id=claimed.run.id, claim=claim, state=state, infrastructure=infrastructure))

    # ---- Renewing and reporting ----

    def _renew(self) -> None:
        while not self._leaving.wait(self._options.lease_seconds / RENEWALS_PER_LEASE):
            self._reports.put(None)
            claims = list(self._running)
            if not claims and self._stopping.is_set():
                continue
            try:
                marks = self._orchestrator.ask(RenewClaims(worker=self._hello, claims=claims), self._principal)
            except PenstockError as error:
                logger.warning("%s", error)
                continue
            self._heard.put(lambda asked=claims, marks=marks: self._mark(asked, marks))  # type: ignore[misc]  # bound now

    def _mark(self, asked: Sequence[tuple[str, int]], marks: ClaimMarks) -> None:
        """Note what was answered of the claims that were asked for; a run may have been claimed anew since."""
        lost: Counter[str] = Counter(marks.lost)
        for key in sorted(asked):  # of two claims of a run the older one is lost
            started, run_id = self._running.get(key), key[0]
            if lost[run_id]:
                lost[run_id] -= 1
                if started is not None:
                    started.lost = True
            elif started is not None and run_id in marks.cancelled and started.cancelled_at is None:
                started.cancelled_at = time.monotonic()

    def _report(self) -> None:
        """Tell what is to be told, in order; what cannot be told yet is told again. None: only look whether somebody died.

        Before it is said how a process ended, what it recorded last is taken in: only then is it sure whether it did not
        say itself how the run ended, and a run that goes on elsewhere finds all that was done.
        """
        waiting: deque[Request[Any] | _Farewell | None] = deque()
        while True:
            waiting.append(self._reports.get())
            while not self._reports.empty():
                waiting.append(self._reports.get_nowait())
            while waiting:
                report = waiting.popleft()
                if isinstance(report, _Farewell):
                    return
                if isinstance(report, EndClaim):
                    ends = [report]
                    while waiting and isinstance(waiting[0], EndClaim) and len(ends) < ENDS_AT_ONCE_MAX:
                        ends.append(waiting.popleft())  # type: ignore[arg-type]  # looked at above
                    report = EndClaims(ends=ends)
                if report is None or isinstance(report, EndClaims):
                    self._patiently(lambda: self._settle_dead(self._endings.get), once=report is None)
                if report is not None:
                    self._patiently(lambda told=report: self._orchestrator.ask(told, self._principal))  # type: ignore[misc]  # bound now

    def _patiently(self, tell: Callable[[], object], *, once: bool = False) -> None:
        again = AGAIN_SECONDS
        while True:
            try:
                tell()
                return
            except StoreUnavailable as error:
                if self._leaving.is_set() or once:
                    return
                self._tell(f"{error} Telling it again.")
                self._leaving.wait(again)
                again = min(again * 2, AGAIN_SECONDS_MAX)
            except (NotFound, Conflict):  # the run was deleted
                return
            except PenstockError as error:
                self._tell(str(error))
                return


class _Farewell:
    """Nothing more is to be told."""
