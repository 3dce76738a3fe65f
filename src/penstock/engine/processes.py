"""Task runs in processes of their own.

A child is a fresh interpreter: it imports what the task needs, runs the whole life of the call (attempts, cache,
results) and sends each record back as it happens; only the parent, which owns the run, journals. A child that dies
takes one task run with it, which is then known to have CRASHED.
"""

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection, Pipe
from typing import TYPE_CHECKING, Any

from penstock.core.errors import InvalidDefinition, RunCrashed
from penstock.core.states import Reason, StateType
from penstock.engine.futures import TaskFuture
from penstock.engine.inputs import resolve
from penstock.engine.interrupts import Interrupted, timed_out
from penstock.engine.states import State
from penstock.engine.task_life import admit, count_end, finish, load_result, recall, results_of

if TYPE_CHECKING:
    from penstock.engine.runs import TaskCall

STOP_SECONDS = 2.0


class Child:
    """A child process, and the pipe to it. Used by one thread at a time."""

    def __init__(self) -> None:
        ours, theirs = Pipe()
        environment = {**os.environ, "PENSTOCK_CHILD_PATH": os.pathsep.join(p or os.getcwd() for p in sys.path)}
        self._pipe: Connection = ours
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
        """Run a call there, journaling what it reports. Raises `RunCrashed` if the process ends before the call does."""
        try:
            self._pipe.send_bytes(payload)
            while True:
                kind, *content = pickle.loads(self._pipe.recv_bytes())
                if kind == "record":
                    tag, body = content
                    call.run.services.journal.append(tag, body)
                elif kind == "line":
                    call.run.services.console.line(*content)
                else:
                    return _read_state(call, content[0])
        except (EOFError, OSError) as error:
            raise RunCrashed(
                f"The process of task run `{call.display_name}` ended without a word ({self._explain()})."
            ) from error

    def kill(self) -> None:
        """End the process now."""
        self._process.kill()
        self._process.wait()
        self._pipe.close()

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
            run.flow,
            run.name,
            run.tags,
            run.code_version,
            run.created_at,
            run.parameters,
            run.log_prints,
        ),
        "call": (call.task, call.task_id, call.id, call.ordinal, call.tags, call.created_at, call.exact),
        "seen": (call.name, call.upstream, call.attempt, call.started_at),
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
            f"Task run `{call.display_name}` cannot be sent to another process: {error}. Pass plain data, or use a ThreadPoolTaskRunner."
        ) from error


def run_in_child(child: Child, future: TaskFuture) -> State:
    """Run the whole life of a submitted call in a child process; what it depends on has ended."""
    call = future.call
    if call.run.recorded and (recalled := recall(call)) is not None:
        return count_end(call, recalled)
    refusal = admit(call)
    if refusal is not None:
        return finish(call, refusal)
    payload = pack_call(
        call, [resolve(value) for value in call.args], {name: resolve(value) for name, value in call.kwargs.items()}
    )
    try:
        state = child.run(call, payload)
    except RunCrashed as error:
        return finish(call, State(StateType.CRASHED, message=str(error), data=error, reason=Reason.PROCESS_DIED))
    return count_end(call, state)


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
    except RunCrashed:
        if expired.is_set() and seconds is not None:
            raise timed_out(f"Task run `{call.display_name}`", seconds) from None
        raise
    except (Interrupted, KeyboardInterrupt):
        child.kill()
        raise
    finally:
        if timer is not None:
            timer.cancel()
        if not expired.is_set():
            child.close()


def _read_state(call: "TaskCall", content: bytes) -> State:
    type_, name, message, reason, reference, kind, value = pickle.loads(content)
    state = State(
        type_, name, message, reason=reason, run_id=call.id, run_name=call.display_name, result_reference=reference
    )
    if kind == "inline":
        state._data = pickle.loads(value)
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
