"""The process of a claimed run: `python -m penstock.workers.execute`, told by its environment which run and which claim.

    ask how the run was asked for -> bring its code here -> import the flow -> take the run with the claim -> run it

What goes wrong before the run is taken becomes its FAILED message. What is printed meanwhile becomes lines of its log. From
then on this is a process as any that runs flows: it has its own journal, and says itself how the run ended.
"""

import asyncio
import contextlib
import math
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from inspect import iscoroutine
from typing import Any

from penstock.core.errors import PenstockError, RunNotResumable, StoreUnavailable
from penstock.core.ids import RunId, parse_id
from penstock.core.records import LogSeen
from penstock.core.sizes import LOG_MESSAGE_CHARACTERS_MAX
from penstock.core.states import Reason, RunState, StateType
from penstock.deployments.errors import CodeUnavailable
from penstock.deployments.loading import Prepared, prepare
from penstock.ports import FindCancellations, FlowRun, GetFlowRun, R, Request, RunTaken
from penstock.scheduling import DeploymentSpec, GetRunRequest
from penstock.sdk import launching, wiring
from penstock.sdk.flows import Flow
from penstock.sdk.loading import load_flow
from penstock.work import EndClaim
from penstock.workers.infrastructure import (
    CLAIM_VARIABLE,
    FLEETING_VARIABLE,
    FOLDER_VARIABLE,
    REFUSED_CODE,
    RUN_VARIABLE,
)
from penstock.workers.printing import outlive_reader

PRINTED = "penstock.process"
"""The logger of what is printed before the run begins."""
INFO, ERROR = 20, 40
TERMINATED_CODE = 128 + signal.SIGTERM
AGAIN_SECONDS, AGAIN_SECONDS_MAX = 0.1, 5.0
"""Between questions to a store that is away."""


@dataclass(slots=True)
class Loaded:
    """A flow, or why there is none; and what was printed meanwhile."""

    flow: Flow[Any, Any] | None = None
    code_version: str | None = None
    """The commit, or a digest of the folder."""
    problem: str | None = None
    trace: str | None = None
    output: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """What a process is to run."""

    run: FlowRun
    claim: int
    spec: DeploymentSpec
    anew: bool = False


def main() -> int:
    """Run what the environment names; answers the exit code."""
    run_id, claim = os.environ.pop(RUN_VARIABLE, ""), os.environ.pop(CLAIM_VARIABLE, "")
    if not run_id or not claim.isdigit():
        sys.stderr.write(f"{RUN_VARIABLE} and {CLAIM_VARIABLE} are to say which run, and by which claim.\n")
        return 2
    outlive_reader()
    fleeting = os.environ.pop(FLEETING_VARIABLE, "") == "1"
    job = find_job(parse_id(run_id), int(claim))
    loaded = load(job.spec, working_dir=os.environ.pop(FOLDER_VARIABLE, None))
    return run_job(job, loaded, fleeting=fleeting)


def find_job(run_id: str, claim: int) -> Job:
    """Ask how the run was asked for; a server that is away is waited for."""
    run = _ask(GetFlowRun(id=RunId(run_id)))
    asked = _ask(GetRunRequest(flow_run_id=RunId(run_id)))
    return Job(run, claim, asked.spec, asked.anew)


def _ask(request: Request[R]) -> R:
    """Ask, and ask again while the store is away, for as long as a run that is to start waits."""
    settings = wiring.current_settings()
    orchestrator, by = wiring.open_orchestrator(settings), wiring.principal_of(settings)
    deadline, pause = time.monotonic() + settings.api_wait_seconds, AGAIN_SECONDS
    while True:
        try:
            return orchestrator.ask(request, by)
        except StoreUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(pause)
            pause = min(pause * 2, AGAIN_SECONDS_MAX)


# ---- Before the run is taken ------------------------------------------------------------------------------------


def load(spec: DeploymentSpec, *, working_dir: str | None = None) -> Loaded:
    """Bring the code here and import the flow. Raises nothing: what went wrong is for the run to tell."""
    loaded = Loaded()
    with _captured() as captured:
        try:
            prepared = _go_there(spec, working_dir)
            loaded.flow, loaded.code_version = load_flow(prepared.entrypoint), prepared.code_version
        except PenstockError as error:
            loaded.problem = str(error)
        except BaseException as error:  # whatever the user's module raises as it is imported, SystemExit included
            told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            loaded.problem = f"{spec.entrypoint} cannot be imported: {told}."
            loaded.trace = "".join(traceback.format_exception(error))
    loaded.output = captured.text
    return loaded


def _go_there(spec: DeploymentSpec, working_dir: str | None) -> Prepared:
    """Bring the code here and work where it is. Raises `CodeUnavailable` and its like."""
    try:
        prepared = prepare(spec, tell=lambda line: _say(line))
        os.chdir(working_dir or prepared.folder)
    except OSError as error:
        raise CodeUnavailable(f"The code cannot be loaded: {error}.") from error
    folder = str(prepared.folder)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return prepared


def run_job(job: Job, loaded: Loaded, *, keep: bool = False, fleeting: bool = False) -> int:
    """Take the run and bring it to its end; answers the exit code.

    With `keep` the process has further runs to come. A `fleeting` one leaves no disk behind, and stays until all is told.
    """
    try:
        if loaded.flow is None:
            return _give_up(job, loaded)
        with _terminable(job.run.id):
            return _run(job, loaded.flow, loaded)
    finally:
        if fleeting:
            with contextlib.suppress(PenstockError):  # the server will not have it: it is told of as this closes
                wiring.flush(patience_seconds=math.inf)
        if not keep:
            wiring.shut_down()


def _run(job: Job, flow: Flow[Any, Any], loaded: Loaded) -> int:
    taken: list[RunTaken] = []

    def begin(answer: RunTaken) -> None:
        taken.append(answer)
        _log(job.run, answer.run.epoch, INFO, loaded.output)

    try:
        outcome = launching.run_claimed(
            flow, job.run, claim=job.claim, anew=job.anew, code_version=loaded.code_version, on_taken=begin
        )
        if iscoroutine(outcome):
            asyncio.run(outcome)
        elif hasattr(outcome, "__aiter__"):
            asyncio.run(_exhaust(outcome))
        elif hasattr(outcome, "__next__"):
            for _ in outcome:
                pass
    except BaseException as error:
        if taken:
            _settle(taken[0], job, error)
            return 0 if isinstance(error, Exception) else 1
        if isinstance(error, RunNotResumable) and _is_not_ours(job):
            sys.stderr.write(f"{error}\n")
            return REFUSED_CODE
        loaded.problem = str(error) if isinstance(error, PenstockError) else f"{type(error).__name__}: {error}"
        return _give_up(job, loaded)
    return 0


async def _exhaust(items: Any) -> None:
    async for _ in items:
        pass


def _settle(taken: RunTaken, job: Job, error: BaseException) -> None:
    """Mostly it is recorded how the run ended. If something of ours kept it from beginning, that is to be said."""
    services = wiring.services()
    services.journal.flush(services.settings.api_wait_seconds)
    run = _ask(GetFlowRun(id=job.run.id))
    if not run.state.is_final and run.epoch == taken.run.epoch and run.state.name != "Suspended":
        told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        state = RunState(StateType.CRASHED, "Crashed", services.clock.now_us(), Reason.PROCESS_DIED, told)
        _ask(EndClaim(flow_run_id=job.run.id, claim=job.claim, state=state))


def _is_not_ours(job: Job) -> bool:
    """Whether the claim does not hold any more, so that nothing is to be said of the run."""
    asked = _ask(GetRunRequest(flow_run_id=job.run.id))
    run = _ask(GetFlowRun(id=job.run.id))
    gone = run.state.is_final or run.cancel_requested_at is not None
    return asked.claim != job.claim or asked.status != "claimed" or gone


def _give_up(job: Job, loaded: Loaded) -> int:
    """Say that the run cannot begin, and why."""
    services = wiring.services()
    _log(job.run, job.run.epoch, INFO, loaded.output)
    _log(job.run, job.run.epoch, ERROR, loaded.trace or "")
    state = RunState(StateType.FAILED, "Failed", services.clock.now_us(), message=loaded.problem)
    _ask(EndClaim(flow_run_id=job.run.id, claim=job.claim, state=state))
    sys.stderr.write(f"{loaded.problem}\n")
    return 0


def _log(run: FlowRun, epoch: int, level: int, text: str) -> None:
    services = wiring.services()
    if not text.strip() or services.settings.logs_to != "store":
        return
    record = LogSeen(
        run.id, None, epoch, services.clock.now_us(), level, PRINTED, text.strip()[-LOG_MESSAGE_CHARACTERS_MAX:]
    )
    services.journal.record(record)


# ---- What is printed, and being told to end ---------------------------------------------------------------------


@dataclass(slots=True)
class _Captured:
    text: str = field(default="")


@contextlib.contextmanager
def _captured() -> Iterator[_Captured]:
    """Keep what is printed, by libraries in C too, and print it when the block ends."""
    captured = _Captured()
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            yield captured
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(kept[0], 1)
            os.dup2(kept[1], 2)
            for fd in kept:
                os.close(fd)
            file.seek(0)
            content = file.read()
            captured.text = content.decode(errors="replace")
            with contextlib.suppress(OSError):
                os.write(2, content)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


@contextlib.contextmanager
def _terminable(run_id: RunId) -> Iterator[None]:
    """SIGTERM: a run that is to be cancelled is on its way out, with hooks and all; any other ends here and now, and goes on
    elsewhere if its deployment says so. The question is asked by a thread: what the signal struck may hold any lock."""
    ended = threading.Event()

    def look() -> None:
        settings = wiring.current_settings()
        try:
            asked = FindCancellations(run_ids=[run_id])
            cancelled = wiring.open_orchestrator(settings).ask(asked, wiring.principal_of(settings)).run_ids
        except PenstockError:
            cancelled = ()
        if not cancelled and not ended.is_set():
            os._exit(TERMINATED_CODE)

    def terminate(*_: object) -> None:
        threading.Thread(target=look, name="penstock-terminate", daemon=True).start()

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        ended.set()
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    sys.exit(main())
