"""What is known, in this process, of a flow run and of a task run while they go on."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, Any

from penstock.core.errors import EpochSuperseded, RunCancelled, StoreUnavailable
from penstock.core.ids import RunId
from penstock.core.keys import digest_code
from penstock.core.records import StateSeen, TaskDefined
from penstock.core.sizes import STATE_MESSAGE_CHARACTERS_MAX
from penstock.core.states import RunState, StateType
from penstock.engine.context import Place, current_task_run
from penstock.engine.gates import Flag
from penstock.engine.journal import json_fragment
from penstock.engine.options import FlowOptions, TaskOptions
from penstock.engine.services import Services
from penstock.engine.states import State
from penstock.ports import RecordedCall

if TYPE_CHECKING:
    from penstock.engine.futures import TaskFuture
    from penstock.engine.runners import Runner


class FlowRunContext:
    """A flow run of this process, in the epoch that the process owns."""

    __slots__ = (
        "id",
        "epoch",
        "flow",
        "name",
        "parameters",
        "packed_parameters",
        "strict",
        "beginning_kept",
        "services",
        "parent",
        "parent_call",
        "tags",
        "code_version",
        "entrypoint",
        "created_at",
        "started_at",
        "recorded",
        "rerun",
        "outdated",
        "code_changed",
        "results",
        "prefix",
        "log_prints",
        "call_counts",
        "ordinals",
        "place_counts",
        "type_counts",
        "first_failure",
        "lock",
        "runner",
        "outstanding",
        "going_on",
        "begun",
        "ending",
        "ended",
        "last_words",
        "producers",
        "subflow_epochs",
        "children",
        "cancelled",
        "cancel_message",
        "superseded",
        "taking_epoch",
        "stop",
        "streamed",
        "attempt",
    )

    def __init__(
        self,
        *,
        id: RunId,
        epoch: int,
        flow: FlowOptions,
        name: str,
        services: Services,
        parent: "FlowRunContext | None",
        parent_call: "TaskCall | None",
        tags: frozenset[str],
        code_version: str | None,
        created_at: int,
    ):
        self.id, self.flow, self.name, self.services = id, flow, name, services
        self.parent, self.parent_call, self.tags = parent, parent_call, tags
        self.code_version, self.created_at = code_version, created_at
        self.entrypoint = flow.entrypoint
        self.parameters: dict[str, Any] = {}
        self.packed_parameters: dict[str, bytes] | None = None
        self.started_at: int | None = None
        settings = services.settings
        inherited = settings.durability if parent is None else "strict" if parent.strict else "batched"
        self.strict: bool = (flow.durability or inherited) == "strict"
        self.results = services.open_results(flow.result_storage, self.strict)
        self.log_prints: bool = (
            flow.log_prints if flow.log_prints is not None else (parent.log_prints if parent else settings.log_prints)
        )
        self.children: set[FlowRunContext] = set()
        self.begun = self.ending = False
        """Somebody may know of it; how it ended is known, and is being said."""
        self.ended = False
        """Its end is claimed; what it says from then on is refused."""
        self.last_words: tuple[RunState, str | None] | None = None
        """How it ended, until that is surely journaled."""
        self.cancelled = Flag()
        self.cancel_message: str | None = None
        self.superseded = False
        self.taking_epoch = False
        """This process itself is about to begin the next epoch."""
        self.streamed = False
        self.stop: Callable[[], Any] | None = None
        self.runner: Runner | None = None
        self.attempt = 1
        if parent is not None:
            parent.children.add(self)
            if parent.cancelled.is_set():
                self.cancel(parent.cancel_message)
        self.begin_epoch(epoch, recorded={}, code_changed=False)

    def begin_epoch(self, epoch: int, *, recorded: Mapping[str, RecordedCall], code_changed: bool) -> None:
        """Start counting anew; what `recorded` holds is returned in place of being called again."""
        self.epoch = epoch
        self.recorded = recorded
        self.code_changed = code_changed
        self.beginning_kept = False
        """The store's row of this epoch is on the disk."""
        self.rerun: set[str] = set()
        """The calls that run in this epoch."""
        self.outdated: set[str] = set()
        """Those of them that do so because their code, or that of what they depend on, changed."""
        self.prefix = f'"{self.id}",{epoch},'
        self.call_counts = CallCounts()
        self.ordinals: defaultdict[str, count[int]] = defaultdict(count)
        self.place_counts: defaultdict[str, count[int]] = defaultdict(count)
        self.type_counts: dict[StateType, int] = {}
        self.first_failure: State | None = None
        self.lock = Lock()
        self.outstanding: set[TaskFuture] = set()
        self.going_on: set[TaskCall] = set()
        """The calls that were journaled and whose end was not."""
        self.producers: dict[int, tuple[Callable[[], Any], str]] = {}
        self.subflow_epochs: dict[str, int] = {}
        """The flows called in this epoch: a task that is tried again calls the same ones, in their next epochs."""

    def place(self) -> Place:
        """The run as lake and blocks see it."""
        return Place(
            flow_run_id=self.id,
            epoch=self.epoch,
            task_run_id=None,
            code_version=self.code_version,
            record=self.services.journal.record,
            now_us=self.services.clock.now_us,
            count=lambda what: next(self.place_counts[what]),
        )

    def check_going_on(self) -> None:
        """Raise if this run is to stop: somebody cancelled it, or another process owns it now."""
        if self.superseded:
            raise EpochSuperseded(f"Flow run `{self.name}`: {self.cancel_message}")
        if self.cancelled.is_set():
            raise RunCancelled(f"Flow run `{self.name}` is being cancelled: no further step is started.")

    def cancel(self, message: str | None = None) -> None:
        """Let no further step begin, here and in subflows. With a `message` the run is to stop for good."""
        self.cancel_message = self.cancel_message or message
        self.cancelled.set()
        for child in list(self.children):
            child.cancel(message)

    def supersede(self) -> None:
        """Another process has taken this run over, so that nothing is this one's to do or to say any more."""
        self.superseded = True
        for child in list(self.children):
            child.supersede()

    def go_on(self) -> None:
        """Before another attempt: forget that the last one was stopped, unless the run is to stop for good."""
        if self.cancel_message is None and not (self.parent is not None and self.parent.cancelled.is_set()):
            self.cancelled = Flag()

    def sync(self) -> None:
        """Bring everything that was recorded of this run to the disk: its journal, and its beginning, which only the
        store knows."""
        root = self
        while root.parent is not None:
            root = root.parent
        if not root.beginning_kept:
            with suppress(StoreUnavailable):  # a server that is away is asked again at the next step
                self.services.journal.make_store_durable()
                root.beginning_kept = True
        self.services.journal.sync()

    def seen(self, state: RunState, *, result: str | None = None) -> None:
        """Journal that this run moved."""
        with self.lock:
            if not self.ended:
                self._say(state, result)

    def seen_last(self, state: RunState, *, result: str | None = None) -> bool:
        """Journal how this run ended; false if that was said before: by itself, or by whoever gave it up."""
        with self.lock:
            if self.ended:
                return False
            self.ended, self.last_words = True, (state, result)
            self._say(state, result)
            self.last_words = None
        return True

    def repeat_last_words(self) -> None:
        """Say the end again if its thread was struck before it knew that it was journaled: it may be said twice."""
        with self.lock:
            words, self.last_words = self.last_words, None
            if words is not None:
                self._say(*words)

    def _say(self, state: RunState, result: str | None) -> None:
        message = None if state.message is None else state.message[:STATE_MESSAGE_CHARACTERS_MAX]
        self.services.journal.record(
            StateSeen(self.id, self.epoch, state.at, state.type, state.name, state.reason, message, result)
        )

    def count_state(self, state: State) -> None:
        """Take a direct child's end into account for the flow's own."""
        type_ = state.type
        with self.lock:
            self.type_counts[type_] = self.type_counts.get(type_, 0) + 1
            if type_ is not StateType.COMPLETED and self.first_failure is None:
                self.first_failure = state

    def __repr__(self) -> str:
        return f"<FlowRunContext {self.name} epoch {self.epoch}>"


class CallCounts:
    """How often each call was made before, in any thread. One that is made once leaves nothing to the garbage collector: of
    100,000 calls that is a tenth of the time."""

    __slots__ = ("_first", "_others")

    def __init__(self) -> None:
        self._first: dict[str, object] = {}
        self._others: defaultdict[str, count[int]] = defaultdict(count)

    def next(self, identity: str) -> int:
        """Count one more, and tell how many there were."""
        mine = object()
        if self._first.setdefault(identity, mine) is mine:  # one step, whatever other threads do
            return 0
        return 1 + next(self._others[identity])


class TaskCall:
    """One call of a task: what it is called with, and what is known of its run."""

    __slots__ = (
        "run",
        "task",
        "task_id",
        "args",
        "kwargs",
        "exact",
        "id",
        "ordinal",
        "parent",
        "given_name",
        "tags",
        "wait_for",
        "upstream",
        "created_at",
        "prefix",
        "attempt",
        "attempts",
        "started_at",
        "call_counts",
        "place_counts",
        "inputs",
        "last_words",
    )

    def __init__(
        self,
        run: FlowRunContext,
        task: TaskOptions,
        *,
        task_id: str,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        exact: bool,
        id: str,
        ordinal: int,
        parent: "TaskCall | None",
        tags: frozenset[str],
        wait_for: Sequence[Any] | None,
        created_at: int,
    ):
        self.run, self.task, self.task_id, self.args, self.kwargs, self.exact = run, task, task_id, args, kwargs, exact
        self.id, self.ordinal, self.parent, self.tags = id, ordinal, parent, tags
        self.wait_for, self.created_at = wait_for, created_at
        self.given_name: str | None = None
        self.upstream: list[str] | None = None
        self.prefix: str | None = None
        self.attempt = 0
        self.attempts: list[list[Any]] | None = None
        self.started_at: int | None = None
        self.call_counts: CallCounts | None = None
        self.place_counts: defaultdict[str, count[int]] | None = None
        self.inputs: dict[str, Any] | None = None
        self.last_words: str | None = None
        """The record of its end; what is said after it is refused, be it a thread that was given up on."""

    @property
    def name(self) -> str:
        """The run's name: the one that it was given, or its task's with its number."""
        return self.given_name if self.given_name is not None else f"{self.task.name}-{self.ordinal}"

    @property
    def flow_run_id(self) -> str:
        """The id of the flow run that it belongs to."""
        return self.run.id

    @property
    def run_count(self) -> int:
        """How often it was tried, this time included."""
        return self.attempt

    def place(self) -> Place:
        """The run as lake and blocks see it."""
        services = self.run.services
        return Place(
            flow_run_id=self.run.id,
            epoch=self.run.epoch,
            task_run_id=self.id,
            code_version=self.run.code_version,
            record=services.journal.record,
            now_us=services.clock.now_us,
            count=self._count,
        )

    def _count(self, what: str) -> int:
        if self.place_counts is None:
            self.place_counts = defaultdict(count)
        return next(self.place_counts[what])

    # ---- What is journaled ----

    def seen(
        self,
        state_type: str,
        state_name: str,
        *,
        reason: str | None = None,
        message: str | None = None,
        ended_at: int | None = None,
        result: str | None = None,
        cache_key: str | None = None,
    ) -> bool:
        """Journal a snapshot of this task run; with `ended_at` its last. False if it had said its last before."""
        if self.last_words is not None:
            return False
        prefix = self.prefix
        if prefix is None:
            prefix = self.prefix = self._write_prefix()
        started = "null" if self.started_at is None else self.started_at
        if reason is None and message is None and cache_key is None and self.attempts is None:
            # The common case, written without a general encoder: 0.4 µs in place of 2.
            ended = "null" if ended_at is None else ended_at
            kept = "null" if result is None else json_fragment(result)
            tail = f'"{state_type}","{state_name}",null,null,{self.attempt},{started},{ended},{kept},null,null'
        else:
            rest = [
                state_type,
                state_name,
                reason,
                message,
                self.attempt,
                self.started_at,
                ended_at,
                result,
                cache_key,
                self.attempts,
            ]
            tail = json_fragment(rest)[1:-1]
        if ended_at is not None:
            return self._end(prefix + tail)
        self.run.services.journal.append("task", prefix + tail)
        return True

    def _end(self, words: str) -> bool:
        """Journal the end, once. The words are known before they are journaled, so that nothing that strikes meanwhile
        makes this run end a second time, otherwise."""
        run = self.run
        with run.lock:
            if self.last_words is not None:
                return False
            self.last_words = words
        run.services.journal.append("task", words)
        run.going_on.discard(self)
        return True

    def seen_undone(self, *, reason: str, message: str, at: int) -> None:
        """Journal that what this task run did was undone after its end, which changes what its end is called."""
        self.last_words = None
        self.seen(StateType.COMPLETED.value, "RolledBack", reason=reason, message=message, ended_at=at)

    def repeat_last_words(self) -> None:
        """Say the end again if its thread was struck before it knew that it was journaled: a snapshot may come twice."""
        if self in self.run.going_on and self.last_words is not None:
            self.run.services.journal.append("task", self.last_words)
            self.run.going_on.discard(self)

    def _write_prefix(self) -> str:
        self.run.going_on.add(self)
        parent = "null" if self.parent is None else f'"{self.parent.id}"'
        name = "null" if self.given_name is None else json_fragment(self.given_name)
        tags = "null" if self.tags == self.task.tags else json_fragment(sorted(self.tags))
        upstream = "null" if not self.upstream else json_fragment(self.upstream)
        return f'{self.run.prefix}"{self.id}","{self.task_id}",{parent},{self.ordinal},{name},{tags},{upstream},{self.created_at},'

    def __repr__(self) -> str:
        return f"<TaskCall {self.name} of {self.run.name}>"


TaskRunContext = TaskCall


def define_task(services: Services, task: TaskOptions, *, task_id: str, source_hash: str | None) -> None:
    """Describe a task to the store, once a process."""
    services.journal.record(
        TaskDefined(task_id, task.key, task.name, sorted(task.tags), source_hash, task.retry.retries, task.description)
    )


def source_of(task: TaskOptions) -> str | None:
    """The digest of the task function's code."""
    return digest_code(task.fn)


def current_call() -> TaskCall | None:
    """The task run that this code is part of."""
    return current_task_run.get()
