"""Task runs in processes of their own.

A child is a fresh interpreter: it imports what the task needs, runs the whole life of the call (attempts, cache,
results) and sends each record back as it happens; only the parent, which owns the run, journals. A child that dies
takes one task run with it, which is tried again in another one if the task is to be, and else known to have CRASHED.
"""

import json
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection, Pipe
from typing import TYPE_CHECKING, Any

from penstock.core.errors import InvalidDefinition, PenstockError, RunCancelled, RunCrashed
from penstock.core.records import TaskSeen
from penstock.core.states import Reason, StateType
from penstock.engine.gates import LOOK_SECONDS
from penstock.engine.inputs import resolve
from penstock.engine.interrupts import Interrupted, timed_out
from penstock.engine.kept_results import is_strict, load_result, results_of
from penstock.engine.options import FlowOptions, Hooks
from penstock.engine.programs import drive
from penstock.engine.states import State
from penstock.engine.task_life import (
    admit,
    count_end,
    delay_before_retry,
    failure,
    finish,
    recall,
    wait_for_retry,
)
from penstock.ports import Request
from penstock.wire import encode_error

if TYPE_CHECKING:
    from penstock.engine.runs import FlowRunContext, TaskCall

STOP_SECONDS = 2.0


class Child:
    """A child process, and the pipe to it. Used by one thread at a time."""

    def __init__(self) -> None:
        ours, theirs = Pipe()
        environment = {**os.environ, "PENSTOCK_CHILD_PATH": os.pathsep.join(p or os.getcwd() for p in sys.path)}
        self._pipe: Connection = ours
        self.last_seen: str | None = None
        """What was last recorded of the call that it runs."""
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=environment,
            stdin=subprocess.DEVNULL,
        )
        theirs.close()

    @property
    def alive(self) -> bool:
        """Whether the process goes on."""
        return self._process.poll() is None

    def run(self, call: "TaskCall", payload: bytes) -> State:
        """Run a call there, journaling what it reports.

        Raises `RunCrashed` if the process ends before the call does, `RunCancelled` if the run is to stop.
        """
        self.last_seen = None
        try:
            self._pipe.send_bytes(payload)
            while True:
                self._wait_for_word(call)
                kind, *content = pickle.loads(self._pipe.recv_bytes())
                if kind == "record":
                    tag, body = content
                    call.run.services.journal.append(tag, body)
                    if tag == "task" and f'"{call.id}"' in body:
                        self.last_seen = body
                elif kind == "line":
                    call.run.services.console.line(*content)
                elif kind == "ask":
                    self._pipe.send_bytes(_answer(call, *content))
                else:
                    return _read_state(call, content[0])
        except (EOFError, OSError):
            raise RunCrashed(
                f"The process of task run `{call.name}` ended without a word ({self._explain()})."
            ) from None
        except BaseException:
            self.kill()  # it goes on with this call, and its next words would be taken for those of another
            raise

    def _wait_for_word(self, call: "TaskCall") -> None:
        """Wait in short turns: the end of the process tells nobody if one that it forked lives on with its pipe."""
        while not self._pipe.poll(LOOK_SECONDS):
            if call.run.cancelled.is_set():
                raise RunCancelled(f"Task run `{call.name}` was cancelled, and its process ended.")
            if not self.alive and not self._pipe.poll(0):
                raise EOFError

    def kill(self) -> None:
        """End the process now; from any thread."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Let the process end by itself, or end it."""
        self._pipe.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def _explain(self) -> str:
        code = self._process.wait()
        if code == -9:
            return "killed by signal 9: out of memory, or by somebody"
        return f"killed by signal {-code}" if code < 0 else f"exit code {code}"


def _answer(call: "TaskCall", request: Request[Any]) -> bytes:
    """What the orchestrator says to a child's question, or the error that it refuses with."""
    services = call.run.services
    try:
        return pickle.dumps((True, services.orchestrator.ask(request, services.principal)), protocol=5)
    except PenstockError as error:
        return pickle.dumps((False, encode_error(error)), protocol=5)


_CHILD = """
import os, sys
sys.path[:] = os.environ.pop("PENSTOCK_CHILD_PATH").split(os.pathsep)
from penstock.sdk.child import main
main(int(sys.argv[1]))
"""


def pack_call(call: "TaskCall", args: Sequence[Any], kwargs: dict[str, Any], *, bare: bool = False) -> bytes:
    """Everything that a child needs to run a call; `bare` calls the function once and leaves the life to the parent.

    Raises `InvalidDefinition`, naming what cannot travel.
    """
    import cloudpickle  # lazy: 20 ms, when a task leaves this process

    run = call.run
    _travel_by_value(call.task.fn, cloudpickle)
    content = {
        "settings": run.services.settings,
        "principal": run.services.principal,
        "run": (
            run.id,
            run.epoch,
            _without_code(run.flow),
            run.name,
            run.tags,
            run.code_version,
            run.created_at,
            _pack_parameters(run, cloudpickle),
            run.log_prints,
        ),
        "call": (call.task, call.task_id, call.id, call.ordinal, call.tags, call.created_at, call.exact),
        "seen": (call.given_name, call.upstream, call.attempt, call.started_at, call.attempts),
        "parent": None
        if call.parent is None
        else (call.parent.task, call.parent.task_id, call.parent.id, call.parent.ordinal),
        "args": list(args),
        "kwargs": kwargs,
        "bare": bare,
    }
    try:
        return cloudpickle.dumps(content, protocol=5)  # type: ignore[no-any-return]  # bytes, untyped
    except Exception as error:
        raise InvalidDefinition(
            f"Task run `{call.name}` cannot be sent to another process: {error}. Pass plain data, or use a ThreadPoolTaskRunner."
        ) from error


def _without_code(flow: FlowOptions) -> FlowOptions:
    """The flow's options without its function, hooks and runner, which stay here and may not be fit for travel."""
    return replace(flow, fn=_stays, hooks=Hooks(), task_runner=None, flow_run_name=None)


def _pack_parameters(run: "FlowRunContext", cloudpickle: Any) -> dict[str, bytes]:
    """The flow's parameters, packed once a run; one that cannot travel stays here."""
    if run.packed_parameters is None:
        run.packed_parameters = {}
        for name, value in run.parameters.items():
            try:
                run.packed_parameters[name] = cloudpickle.dumps(value, protocol=5)
            except Exception:  # pickle raises what the object's own hooks raise
                run.packed_parameters.pop(name, None)
    return run.packed_parameters


def _stays() -> None:
    """Stands for a flow's function where that is never called."""


def run_in_child(find_child: Callable[[], Child], call: "TaskCall") -> State:
    """Run the whole life of a submitted call in a child process, what it depends on having ended; in the next one if that
    dies and the task is to be tried again."""
    if call.run.cancelled.is_set():
        call.run.check_going_on()
    if call.run.recorded and (recalled := recall(call)) is not None:
        return count_end(call, recalled)
    refusal = admit(call)
    if refusal is not None:
        return finish(call, refusal)
    args = [resolve(value) for value in call.args]
    kwargs = {name: resolve(value) for name, value in call.kwargs.items()}
    while True:
        child = find_child()
        try:
            state = child.run(call, pack_call(call, args, kwargs))
        except (InvalidDefinition, RunCancelled) as error:
            return finish(call, failure(call, error))
        except RunCrashed as error:
            if call.run.cancelled.is_set():  # killed for that
                return finish(call, failure(call, RunCancelled(str(error))))
            state = State(StateType.CRASHED, message=str(error), data=error, reason=Reason.PROCESS_DIED)
            _learn_attempt(call, child.last_seen)
            delay = delay_before_retry(call, state)
            if delay is None:
                return finish(call, state)
            drive(wait_for_retry(call, state, delay))
            continue
        if is_strict(call):
            call.run.sync()
        return count_end(call, state)


def _learn_attempt(call: "TaskCall", last_seen: str | None) -> None:
    """How far a call had come in a process that died: as it reported, else no further than to be tried once more."""
    if last_seen is None:
        call.attempt, call.started_at = call.attempt + 1, call.run.services.clock.now_us()
        return
    seen = TaskSeen._make(json.loads(f"[{last_seen}]"))
    call.given_name, call.attempt, call.started_at = seen.name, seen.attempt, seen.started_at
    call.attempts = None if seen.attempts is None else [list(attempt) for attempt in seen.attempts]


def call_in_process(call: "TaskCall", args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Call the user's function in a process of its own (`isolation="process"`), which a time-out really kills."""
    payload = pack_call(call, args, kwargs, bare=True)
    seconds, expired = call.task.timeout_seconds, threading.Event()
    child = Child()

    def expire() -> None:
        expired.set()
        child.kill()

    timer = None if seconds is None else threading.Timer(seconds, expire)
    try:
        if timer is not None:
            timer.start()
        return child.run(call, payload).result()
    except RunCrashed as error:
        if call.run.cancelled.is_set():
            raise RunCancelled(str(error)) from None
        if expired.is_set() and seconds is not None:
            raise timed_out(f"Task run `{call.name}`", seconds, owner=call.id) from None
        raise
    except (Interrupted, KeyboardInterrupt):
        child.kill()
        raise
    finally:
        if timer is not None:
            timer.cancel()
        child.close()


def _read_state(call: "TaskCall", content: bytes) -> State:
    type_, name, message, reason, reference, kind, value, note = pickle.loads(content)
    state = State(type_, name, message, reason=reason, run_id=call.id, run_name=call.name, result_reference=reference)
    if kind == "inline":
        state._data = pickle.loads(value)
        if note is not None:
            state._data.add_note(note)
    elif reference is not None:
        results = results_of(call)
        state._load = lambda: load_result(results, reference)
    return state


def _travel_by_value(fn: Any, cloudpickle: Any) -> None:
    """A function of a file that was loaded by its path cannot be imported by name elsewhere: it travels whole."""
    module = sys.modules.get(getattr(fn, "__module__", None) or "")
    if module is None or module.__name__ == "__main__" or "." in module.__name__:
        return
    path = getattr(module, "__file__", None)
    if path is not None and not any(
        os.path.exists(os.path.join(e, f"{module.__name__}.py")) or os.path.isdir(os.path.join(e, module.__name__))
        for e in sys.path
    ):
        cloudpickle.register_pickle_by_value(module)
