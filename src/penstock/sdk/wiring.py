"""The composition root of a process that runs flows: settings become services, once, and again when settings change.

This is the one place that builds the store, the journal and the result storage, and the one that knows whether runs
are recorded in this process or by a server.
"""

import atexit
import contextlib
import os
import random
import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from penstock.appendfile import translate
from penstock.core.errors import (
    NotAuthorized,
    PenstockError,
    ServerUnreachable,
    SettingInvalid,
    StoreReadOnly,
    StoreUnavailable,
)
from penstock.core.ids import RunId, WriterId, time_ordered_id
from penstock.engine.console import LEVELS, Console
from penstock.engine.execution import give_up
from penstock.engine.interrupts import reset_after_fork
from penstock.engine.journal import SUFFIX, Journal, JournalOptions
from penstock.engine.replay import is_alive, sweep
from penstock.engine.retention import prune_daily
from penstock.engine.runners.threads import ThreadPoolTaskRunner
from penstock.engine.services import Services
from penstock.loading import collecting_later, leave_uncollected
from penstock.ports import FindCancellations, FlowRun, GetFlowRun, MarkCrashed, Orchestrator, Principal, ResultStore
from penstock.results.folder import FolderResultStore, is_object_store
from penstock.sdk.logging import capture_loggers
from penstock.settings import Settings, load_settings

if TYPE_CHECKING:
    from penstock.engine.runs import FlowRunContext
    from penstock.store.sealing import Keys


CRASHES_TOLD_MAX = 10
SENT_RECORDS_MAX = 1_000
"""Of a batch that goes to a server. While one is taken in, nobody else's run begins there: for 10 ms, by this."""


class SystemClock:
    """The host's clock."""

    def now_us(self) -> int:
        return time.time_ns() // 1000

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class _Process:
    """What this process has built so far."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.services: Services | None = None
        self.orchestrator: Orchestrator | None = None
        self.orchestrator_settings: Settings | None = None
        self.stores: dict[tuple[str, bool], ResultStore] = {}
        self.watcher: Watcher | None = None

    def close(self) -> None:
        services, self.services = self.services, None
        watcher, self.watcher = self.watcher, None
        if watcher is not None:
            watcher.close()
        try:
            if services is not None:
                services.journal.close()
                if services.unfinished and self.orchestrator is not None:
                    message = "The program ended before the run did."
                    request = MarkCrashed(writer_id=services.journal.hello().writer_id, message=message)
                    self.orchestrator.ask(request, services.principal)
        finally:
            for store in self.stores.values():
                close = getattr(store, "close", None)
                if close is not None:
                    close()
            self.stores = {}
            orchestrator, self.orchestrator = self.orchestrator, None
            if orchestrator is not None:
                orchestrator.close()

    def forget_after_fork(self) -> None:
        """A forked child builds its own; what the parent holds is let go without touching it."""
        if self.services is not None:
            self.services.journal.abandon()
        for store in self.stores.values():
            abandon = getattr(store, "abandon", None)
            if abandon is not None:
                abandon(os.urandom(6).hex())
        reset_after_fork()
        self.__init__()  # type: ignore[misc]  # anew, locks included


_process = _Process()


def current_settings() -> Settings:
    """The settings as the environment and the profile have them now."""
    return load_settings()


def services() -> Services:
    """What runs in this process work with; built at the first run, and anew when the settings have changed."""
    settings = load_settings()
    known = _process.services
    if known is not None and known.settings == settings:
        return known
    with _process.lock:
        if _process.services is None or _process.services.settings != settings:
            if _process.services is not None:
                _process.close()
            _process.services = _build(settings)
        return _process.services


def open_orchestrator(settings: Settings | None = None) -> Orchestrator:
    """The orchestrator that the settings name: this process's own, over its database, or a server."""
    settings = settings or load_settings()
    with _process.lock:
        known = _process.orchestrator
        if known is not None and _process.orchestrator_settings == settings:
            return known
        if _process.services is not None or known is not None:
            _process.close()
        _process.orchestrator = _open(settings)
        _process.orchestrator_settings = settings
        return _process.orchestrator


@contextlib.contextmanager
def following(run_id: RunId) -> Iterator[Callable[[float], None]]:
    """What a follower of a run waits by: a server's stream wakes it; without one it waits the seconds that it says."""
    settings = load_settings()
    if not settings.api_url:
        yield time.sleep
        return
    from penstock.orchestrator.news import News, stream_path  # lazy: http.client, 20 ms
    from penstock.orchestrator.remote import RemoteOrchestrator  # lazy: the same

    principal = Principal(workspace=settings.workspace)
    remote = RemoteOrchestrator(settings.api_url, api_key=settings.api_key)
    news = News(lambda: remote.open_stream(stream_path(run_id), principal))
    try:
        yield news.wait
    finally:
        news.close()


def principal_of(settings: Settings) -> Principal:
    """Who asks on behalf of this process."""
    return Principal(workspace=settings.workspace)


def result_store() -> ResultStore:
    """The result storage of the current settings."""
    return _open_results(load_settings(), None, strict=False)


def holder_alive(run: FlowRun) -> bool:
    """Whether the process that owns the run lives; another host's is taken to."""
    if run.writer_id is None:
        return False
    if run.state.is_final:
        return False
    settings = load_settings()
    if settings.api_url and not (settings.journals_path / f"{run.writer_id}{SUFFIX}").exists():
        return True  # another home's process: the server knows when its lease has ended
    return is_alive(settings.journals_path, run.writer_id, host=run.host)


def sweep_dead_writers() -> list[str]:
    """Bring what dead processes of this host recorded into the store, and mark their unfinished runs CRASHED."""
    settings = load_settings()
    return sweep(settings.journals_path, open_orchestrator(settings), target=target_of(settings))


def flush(*, patience_seconds: float = 0.0) -> None:
    """Wait until everything that this process recorded is in the store, which may be away for so long."""
    if _process.services is not None:
        _process.services.journal.flush(patience_seconds=patience_seconds)


def shut_down() -> None:
    """Close what this process has built; the next run builds it anew."""
    with _process.lock:
        _process.close()


def target_of(settings: Settings) -> str:
    """The store that a journal is for, without secrets."""
    if settings.api_url:
        return settings.api_url
    parts = urlsplit(settings.effective_database_url)
    host = f"{parts.hostname or ''}:{parts.port or ''}" if parts.netloc else ""
    return f"{parts.scheme.partition('+')[0]}://{host}{parts.path}"


def make_home(settings: Settings) -> None:
    """Create the home folder, readable by its owner alone. Raises `StoreReadOnly`."""
    try:
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise translate(error, settings.home) from error
    if not settings.home.is_dir():
        raise StoreReadOnly(f"{settings.home} is no folder. Set PENSTOCK_HOME to one.")


def _build(settings: Settings) -> Services:
    from penstock.sdk import calls  # lazy: the engine, which this module is part of loading

    capture_loggers(settings.extra_loggers)
    orchestrator = open_orchestrator(settings)
    clock = SystemClock()
    target = target_of(settings)
    # A server that is away is waited for when the run asks to begin; what dead processes left keeps until then. With a
    # run's token there is no leave to speak for others: whose home it shares, they are settled by workers.
    console = _console(settings)
    principal = Principal(workspace=settings.workspace)
    with contextlib.suppress(ServerUnreachable, NotAuthorized):
        crashed = sweep(settings.journals_path, orchestrator, target=target)
        _tell_crashed(console, orchestrator, principal, crashed)
        if crashed:
            _notify(settings, orchestrator, console)
    journal = Journal(
        settings.journals_path,
        writer_id=WriterId(time_ordered_id(clock.now_us(), os.urandom(10))),
        orchestrator=orchestrator,
        principal=principal,
        target=target,
        options=JournalOptions(
            batch_records=min(settings.journal_batch_records, SENT_RECORDS_MAX if settings.api_url else sys.maxsize),
            flush_seconds=settings.journal_flush_seconds,
            backlog_bytes=settings.journal_backlog_mb * 1024 * 1024,
        ),
        on_failure=lambda message: console.line(40, "Penstock", message),
        lease_seconds=settings.lease_seconds if settings.api_url else None,
    )
    return Services(
        settings=settings,
        orchestrator=orchestrator,
        journal=journal,
        results=_open_results(settings, None, strict=settings.durability == "strict"),
        clock=clock,
        console=console,
        principal=principal,
        entropy=os.urandom,
        chance=random.random,
        sleep=None,
        watch=lambda run: _watch(settings, run),
        default_runner=ThreadPoolTaskRunner(),
        calls=calls,
        open_results=lambda storage, strict: _open_results(settings, storage, strict=strict),
        after_run=lambda: _after_run(settings, orchestrator, console),
    )


def _console(settings: Settings) -> Console:
    return Console(
        level=LEVELS[settings.log_level],
        shown=settings.logs_to_terminal,
        color=settings.color and "NO_COLOR" not in os.environ,
    )


def _after_run(settings: Settings, orchestrator: Orchestrator, console: Console) -> None:
    """What a server does by itself, and the process of a run where there is none: notifications, retention."""
    _notify(settings, orchestrator, console)
    if settings.api_url:
        return
    try:
        results = _open_results(settings, None, strict=False)
        principal, now = Principal(workspace=settings.workspace), SystemClock().now_us()
        prune_daily(orchestrator, results, settings.home, now=now, days=settings.retention_days, principal=principal)
    except PenstockError as error:
        console.line(30, "Penstock", f"Old runs were not removed: {error}")


def _notify(settings: Settings, orchestrator: Orchestrator, console: Console) -> None:
    """Tell whoever wants to know of runs that ended; a server does that by itself. Never fails a run.

    Where nobody wants to know this is one look-up, 0.1 ms of the 5 to 10 that a run takes.
    """
    if settings.api_url:
        return
    from penstock.orchestrator.local import LocalOrchestrator  # lazy: sqlalchemy, loaded with the store

    try:
        if isinstance(orchestrator, LocalOrchestrator) and orchestrator.has_notifications():
            from penstock.notifications import DeliverNotices  # lazy: for notifications only

            orchestrator.ask(DeliverNotices())
    except Exception as error:  # whatever it is, the run has ended and is recorded
        console.line(30, "Penstock", f"Nobody was notified of runs that ended: {error}")


def _tell_crashed(console: Console, orchestrator: Orchestrator, principal: Principal, run_ids: list[str]) -> None:
    """Say which runs were found dead, and how they go on: nobody else may ever look."""
    for run_id in run_ids[:CRASHES_TOLD_MAX]:
        try:
            run = orchestrator.ask(GetFlowRun(id=RunId(run_id)), principal)
        except LookupError:
            continue  # it is in another workspace
        if run.parent_run_id is None:
            said = f"Flow run '{run.name}' had crashed: its process is gone. Go on with it:"
            console.line(30, "Penstock", f"{said} penstock resume {shlex.quote(run.name)}")


def _open(settings: Settings) -> Orchestrator:
    make_home(settings)
    if settings.api_url:
        from penstock.orchestrator.remote import RemoteOrchestrator  # lazy: http.client, 20 ms

        console = _console(settings)
        return RemoteOrchestrator(
            settings.api_url,
            api_key=settings.api_key,
            wait_seconds=settings.api_wait_seconds,
            on_wait=lambda message: console.line(30, "Penstock", message),
        )
    with collecting_later():
        from penstock.orchestrator.local import LocalOrchestrator  # lazy: sqlalchemy, 130 ms
        from penstock.store import open_store  # lazy: sqlalchemy, 130 ms

    return LocalOrchestrator(open_store(settings.effective_database_url), keys=lambda: open_keys(settings))


def open_keys(settings: Settings) -> "Keys":
    """The keys that secrets are encrypted with: those of the setting, then those of the file in the home folder."""
    from penstock.store.sealing import KEY_FILE, Keys  # lazy: for blocks and notifications only

    return Keys(settings.home / KEY_FILE, settings.encryption_key)


def _open_results(settings: Settings, storage: Any, *, strict: bool) -> ResultStore:
    if storage is not None and not isinstance(storage, str | os.PathLike):
        return storage  # type: ignore[no-any-return]  # a result store of the user's own
    place = os.fspath(storage) if storage is not None else settings.effective_results_path
    if is_object_store(str(place)):
        return _open_objects(str(place))
    if "://" in str(place) and not str(place).startswith("file://"):
        raise SettingInvalid(
            f"Results cannot be kept at {place}: name a folder, or an address such as s3://bucket/results."
        )
    place = os.path.abspath(os.path.expanduser(str(place).removeprefix("file://")))
    with _process.lock:
        known = _process.stores.get((place, strict))
        if known is None:
            known = _process.stores[place, strict] = FolderResultStore(
                Path(place), writer=os.urandom(6).hex(), strict=strict
            )
        return known


def _open_objects(address: str) -> ResultStore:
    from penstock.results.objects import ObjectResultStore  # lazy: obstore, 20 ms, where results are on an object store

    with _process.lock:
        known = _process.stores.get((address, False))
        if known is None:
            known = _process.stores[address, False] = ObjectResultStore(address)
        return known


# ---- Watching for cancellation ----


class Watcher:
    """One thread a process: looks whether somebody asked that one of its runs stop, and stops it."""

    def __init__(
        self, orchestrator: Orchestrator, principal: Principal, poll_seconds: float, *, writer_id: WriterId | None
    ):
        self._orchestrator, self._principal, self._poll = orchestrator, principal, poll_seconds
        self._writer_id = writer_id
        self._runs: dict[str, FlowRunContext] = {}
        self._some = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._look, name="penstock-watch", daemon=True)
        self._thread.start()

    def add(self, run: "FlowRunContext") -> Callable[[], None]:
        """Watch a run until what is returned is called."""
        self._runs[run.id] = run
        self._some.set()

        def end() -> None:
            self._runs.pop(run.id, None)
            if not self._runs:
                self._some.clear()

        return end

    def close(self) -> None:
        """End the thread."""
        self._closed = True
        self._some.set()

    def _look(self) -> None:
        pause = threading.Event()
        while not self._closed:
            self._some.wait()
            pause.wait(self._poll)
            watched = dict(self._runs)
            if self._closed or not watched:
                continue
            try:
                epochs = {known: run.epoch for known, run in watched.items()}
                request = FindCancellations(
                    run_ids=[RunId(known) for known in watched],
                    epochs=list(epochs.values()),
                    writer_id=self._writer_id,
                )
                answer = self._orchestrator.ask(request, self._principal)
            except PenstockError:
                continue  # the store is away: asked again at the next turn
            for run_id in answer.run_ids:
                if run_id in watched:
                    stop_run(watched[run_id], "Cancelled on request.")
            for run_id in answer.taken_over:
                run = watched.get(run_id)
                if run is not None and not run.taking_epoch and run.epoch == epochs[run_id]:
                    run.supersede()
                    stop_run(
                        run, f"Another process has taken the run over; this one, which had epoch {run.epoch}, stops."
                    )


def stop_run(run: "FlowRunContext", why: str) -> None:
    """End what a run is doing in this process."""
    if run.cancelled.is_set():
        return
    run.cancel(why)
    if run.runner is not None:
        run.runner.interrupt()
    stop = run.stop
    if stop is not None:
        stop()
    timer = threading.Timer(run.services.settings.cancel_grace_seconds, give_up, [run])
    timer.daemon = True
    timer.start()


def _watch(settings: Settings, run: "FlowRunContext") -> Callable[[], None]:
    with _process.lock:
        if _process.watcher is None:
            services = _process.services
            _process.watcher = Watcher(
                open_orchestrator(settings),
                Principal(workspace=settings.workspace),
                settings.cancel_poll_seconds,
                writer_id=services.journal.writer_id if settings.api_url and services is not None else None,
            )
        return _process.watcher.add(run)


def _close_at_exit() -> None:
    # What could not be sent is in the journal, and has been told of.
    with contextlib.suppress(StoreUnavailable):
        shut_down()


atexit.register(leave_uncollected)  # called after the next one
atexit.register(_close_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _process.forget_after_fork())
