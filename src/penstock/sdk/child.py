"""What runs in a child process: one call after another, each from a packed description, each record sent back at once."""

import os
import pickle
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from penstock.core.records import TAGS, Record
from penstock.core.states import Reason, StateType
from penstock.engine.context import current_flow_run
from penstock.engine.execution import life_of
from penstock.engine.journal import host_name, json_fragment
from penstock.engine.options import Kind
from penstock.engine.programs import drive, drive_async
from penstock.engine.runners.inline import InlineTaskRunner
from penstock.engine.runs import FlowRunContext, TaskCall
from penstock.engine.services import Services
from penstock.engine.states import State
from penstock.engine.task_life import describe_error
from penstock.engine.tracebacks import as_text
from penstock.engine.usercalls import CallTaskWithin
from penstock.ports import LOCAL, Principal, Request, ResultStore
from penstock.results.folder import FolderResultStore, is_object_store
from penstock.sdk import calls
from penstock.sdk.logging import capture_loggers
from penstock.settings import Settings
from penstock.wire import decode_error

INLINE_BYTES_MAX = 64 * 1024

R = TypeVar("R")


class RelayJournal:
    """Stands where the journal stands: sends what is recorded to the process that owns the run."""

    def __init__(self, pipe: Connection):
        self.is_foreign = False
        self.limits: Mapping[str, int] = {}  # the owner takes slots before it sends a call
        self._pipe = pipe
        self._lock = Lock()

    def append(self, tag: str, body: str) -> int:
        """Send a record; the owner journals it."""
        self.send(("record", tag, body))
        return 0

    def record(self, record: Record) -> int:
        """Send a record given as a value."""
        return self.append(TAGS[type(record)], json_fragment(list(record))[1:-1])

    def send(self, message: tuple[Any, ...]) -> None:
        """Send anything else."""
        with self._lock:
            self._pipe.send_bytes(pickle.dumps(message, protocol=5))

    def make_store_durable(self) -> None:
        """The owner does."""

    def sync(self) -> None:
        """The owner brings it to the disk, before anyone hears of the call's end."""

    def flush(self, timeout_seconds: float | None = None) -> None:
        """What was sent is with the owner."""


class RelayOrchestrator:
    """Stands where the orchestrator stands: has the process that owns the run ask, and waits for the answer."""

    def __init__(self, pipe: Connection, journal: RelayJournal):
        self._pipe, self._journal = pipe, journal
        self._lock = Lock()

    def ask(self, request: Request[R], principal: Principal = LOCAL) -> R:
        """Ask as the run's owner, whoever `principal` is. Raises what the owner is told."""
        with self._lock:
            self._journal.send(("ask", request))
            is_answer, said = pickle.loads(self._pipe.recv_bytes())
        if not is_answer:
            raise decode_error(said)
        return said  # type: ignore[no-any-return]  # what the owner was answered

    def close(self) -> None:
        """The owner does."""


class RelayConsole:
    """Stands where the console stands: the owner shows the lines."""

    def __init__(self, journal: RelayJournal):
        self._journal = journal

    def line(self, level: int, who: str, message: str, *, at_us: int | None = None) -> None:
        """Send a line."""
        self._journal.send(("line", level, who, message))

    flood_line = line


class ChildClock:
    """The host's clock."""

    def now_us(self) -> int:
        return time.time_ns() // 1000

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def main(fd: int) -> None:
    """Run calls until the parent closes the pipe."""
    pipe = Connection(fd)
    journal = RelayJournal(pipe)
    here = _Here(journal, RelayOrchestrator(pipe, journal))
    while True:
        try:
            payload = pipe.recv_bytes()
        except (EOFError, OSError):
            return
        try:
            state = _run(payload, here)
        except BaseException as error:
            state = State(StateType.FAILED, message=describe_error(error), data=error, reason=Reason.RAISED)
        try:
            journal.send(("state", _pack_state(state)))
        except OSError:
            return


@dataclass
class _Here:
    """What this process keeps from one call to the next."""

    journal: RelayJournal
    orchestrator: RelayOrchestrator
    defined: dict[int, Any] = field(default_factory=dict)
    stores: dict[tuple[str, bool], FolderResultStore] = field(default_factory=dict)
    objects: dict[str, ResultStore] = field(default_factory=dict)

    def open_results(self, settings: Settings, storage: Any, *, strict: bool) -> Any:
        """As the owner opens them."""
        if storage is not None and not isinstance(storage, str | os.PathLike):
            return storage  # a result store of the user's own
        place = str(settings.effective_results_path if storage is None else storage)
        if is_object_store(place):
            return self._open_objects(place)
        place = place.removeprefix("file://")
        key = os.path.abspath(os.path.expanduser(place)), strict
        if key not in self.stores:
            writer = f"{host_name()}-{random.randbytes(6).hex()}"
            self.stores[key] = FolderResultStore(Path(key[0]), writer=writer, strict=strict)
        return self.stores[key]

    def _open_objects(self, address: str) -> Any:
        from penstock.results.objects import ObjectResultStore  # lazy: obstore, 20 ms

        if address not in self.objects:
            self.objects[address] = ObjectResultStore(address)
        return self.objects[address]


def _run(payload: bytes, here: _Here) -> State:
    content = pickle.loads(payload)
    call = _rebuild(content, here)
    token = current_flow_run.set(call.run)
    try:
        if content["bare"]:
            return _call_bare(call)
        if call.task.kind in (Kind.COROUTINE, Kind.ASYNC_GENERATOR):
            import asyncio  # lazy: 30 ms, for async tasks only

            return asyncio.run(drive_async(life_of(call)))
        return drive(life_of(call))
    finally:
        current_flow_run.reset(token)
        for store in here.stores.values():
            store.close_run(call.run.id)


def _call_bare(call: TaskCall) -> State:
    effect = CallTaskWithin(call, call.args, call.kwargs)
    try:
        if call.task.kind is Kind.COROUTINE:
            import asyncio  # lazy: 30 ms, for async tasks only

            value = asyncio.run(effect.perform_async())
        else:
            value = effect.perform()
    except BaseException as error:
        return State(StateType.FAILED, message=describe_error(error), data=error)
    return State(StateType.COMPLETED, data=value)


def _rebuild(content: dict[str, Any], here: _Here) -> TaskCall:
    run = _rebuild_run(content, here)
    parent = None
    if content["parent"] is not None:
        task, task_id, id, ordinal = content["parent"]
        parent = TaskCall(
            run,
            task,
            task_id=task_id,
            args=(),
            kwargs={},
            exact=True,
            id=id,
            ordinal=ordinal,
            parent=None,
            tags=task.tags,
            wait_for=None,
            created_at=0,
        )
    task, task_id, id, ordinal, tags, created_at, exact = content["call"]
    if content["bare"]:
        task = replace(task, isolation="thread", timeout_seconds=None)
    call = TaskCall(
        run,
        task,
        task_id=task_id,
        args=content["args"],
        kwargs=content["kwargs"],
        exact=exact,
        id=id,
        ordinal=ordinal,
        parent=parent,
        tags=tags,
        wait_for=None,
        created_at=created_at,
    )
    call.given_name, call.upstream, call.attempt, call.started_at, call.attempts = content["seen"]
    return call


def _rebuild_run(content: dict[str, Any], here: _Here) -> FlowRunContext:
    settings = content["settings"]
    capture_loggers(settings.extra_loggers)
    run_id, epoch, flow, name, tags, code_version, created_at, parameters, log_prints = content["run"]
    services = Services(
        settings=settings,
        orchestrator=here.orchestrator,
        journal=here.journal,  # type: ignore[arg-type]  # stands in for it
        results=here.open_results(settings, None, strict=settings.durability == "strict"),
        clock=ChildClock(),
        console=RelayConsole(here.journal),  # type: ignore[arg-type]  # stands in for it
        principal=content["principal"],
        entropy=random.randbytes,
        chance=random.random,
        sleep=None,
        watch=lambda run: lambda: None,
        open_results=lambda storage, strict: here.open_results(settings, storage, strict=strict),
        default_runner=InlineTaskRunner(),
        calls=calls,
        defined=here.defined,
    )
    run = FlowRunContext(
        id=run_id,
        epoch=epoch,
        flow=flow,
        name=name,
        services=services,
        parent=None,
        parent_call=None,
        tags=tags,
        code_version=code_version,
        created_at=created_at,
    )
    run.parameters = {name: pickle.loads(data) for name, data in parameters.items()}
    run.log_prints = log_prints
    return run


def _pack_state(state: State) -> bytes:
    import cloudpickle  # lazy: the parent sent a cloudpickle

    kind, value = "inline", b""
    note = None  # where an error came from: its frames do not travel
    if isinstance(state._data, Exception) and state._data.__traceback__ is not None:
        note = f"In the task's own process:\n\n{as_text(state._data)}"
    try:
        value = cloudpickle.dumps(
            state._data if state._load is None else state.result(raise_on_failure=False), protocol=5
        )
    except Exception as error:
        if state.type is not StateType.COMPLETED:
            value = cloudpickle.dumps(RuntimeError(describe_error(state._data)), protocol=5)
        elif state.result_reference is None:
            return _pack_state(
                State(StateType.FAILED, message=f"Its value cannot be sent to the flow's process: {error}")
            )
    if state.result_reference is not None and len(value) > INLINE_BYTES_MAX:
        kind, value = "kept", b""
    return pickle.dumps(
        (state.type, state.name, state.message, state.reason, state.result_reference, kind, value, note), protocol=5
    )
