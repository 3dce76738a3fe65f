"""Running recorded flows again from the console: as a process of the server's own user, by the command line.

Whoever may ask the server may have it run code, so it runs only what its own user wrote, or what the API key stands for.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi import Path as InPath
from pydantic import Field

from penstock.core.errors import RunNotResumable
from penstock.core.ids import RunId
from penstock.engine.journal import host_name
from penstock.ports import FlowRun, GetFlowRun, Orchestrator
from penstock.server.guard import Door
from penstock.server.models import Identifier, Model
from penstock.server.principals import principal_of
from penstock.server.routes import API_PREFIX, describe_errors
from penstock.settings import Settings
from penstock.wire import dump

START_SECONDS_MAX, LOOK_SECONDS = 10.0, 0.05
"""A process that fails before it has begun the run has failed to start it, and the answer says why. Mostly it takes half a second."""
TOLD_CHARACTERS_MAX = 2_000


class ResumeBody(Model):
    """How to go on."""

    allow_code_change: bool = Field(False, description="Go on although the code changed.")


class RerunBody(Model):
    """What to run again."""

    parameters: dict[str, Any] = Field(default_factory=dict, description="Parameters that differ from the recorded.")


LOG_OF_A_RUN = "| Flow run '"
"""In the output of a process that made a run, even one that failed before it began: whose state tells the rest."""


class Launched(Model):
    """A process was started."""

    pid: int
    log: str = Field(description="The file on the server's host that its output goes to.")


def make_router(orchestrator: Orchestrator, settings: Settings, door: Door) -> APIRouter:
    """The routes of resuming and running again."""
    router = APIRouter(prefix=API_PREFIX, tags=["Flow runs"])
    answers: dict[int | str, dict[str, Any]] = describe_errors("`NotFound` `RunNotResumable`")

    def launch(request: Request, command: str, run_id: str, *options: str) -> Launched:
        run = orchestrator.ask(GetFlowRun(id=RunId(run_id)), principal_of(request))
        check_launchable(run, f"penstock flow-run {command} {run.id}", keyed=door.api_key is not None)
        return start(settings, run, ["flow-run", command, run.id, *options])

    @router.post("/flow-runs/{id}/resume", operation_id="ResumeFlowRun", summary="Resume a run", responses=answers)
    def resume(request: Request, id: Annotated[Identifier, InPath()], body: ResumeBody) -> Launched:
        """Go on with a run from what it completed, in a new process on the server's host."""
        return launch(request, "resume", id, *(["--allow-code-change"] if body.allow_code_change else []))

    @router.post("/flow-runs/{id}/rerun", operation_id="RerunFlowRun", summary="Run a flow again", responses=answers)
    def rerun(request: Request, id: Annotated[Identifier, InPath()], body: RerunBody) -> Launched:
        """Run a flow again as a new run, with a run's parameters but for those given."""
        given = ["--params", dump(body.parameters).decode()] if body.parameters else []
        return launch(request, "rerun", id, *given)

    return router


def check_launchable(run: FlowRun, command: str, *, keyed: bool) -> None:
    """Tell whether the server may run this. Raises `RunNotResumable`, with the command that a person can run instead."""
    file = None if run.entrypoint is None else run.entrypoint.partition(":")[0]
    by_hand = f"Run `{command}` on {run.host or 'a machine'}, where its code is."
    if file is None:
        raise RunNotResumable(f"Where the flow of `{run.name}` is written is not recorded. {by_hand}")
    if run.host != host_name():
        raise RunNotResumable(f"`{run.name}` ran on {run.host}, and this server is on {host_name()}. {by_hand}")
    if keyed:
        return
    path = Path(file)
    if not path.is_absolute() or not path.is_file() or path.stat().st_uid != os.getuid():
        raise RunNotResumable(
            f"Without an API key the server runs only files that belong to its own user, and {file} does not. {by_hand}"
        )


def start(settings: Settings, run: FlowRun, arguments: list[str]) -> Launched:
    """Start a command in a process of its own. Raises `RunNotResumable` if it ends at once with an error."""
    folder = settings.home / "launched"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = folder / f"{run.id}.log"
    environment = {name: value for name, value in os.environ.items() if name != "PENSTOCK_API_URL"}
    environment |= {"PENSTOCK_HOME": str(settings.home), "NO_COLOR": "1"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "penstock.cli.main", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
        )
    waits_until = time.monotonic() + START_SECONDS_MAX
    while (code := process.poll()) is None and LOG_OF_A_RUN not in log.read_text(errors="replace"):
        if time.monotonic() > waits_until:
            break
        time.sleep(LOOK_SECONDS)
    said = log.read_text(errors="replace")
    if code == 2 or (code and LOG_OF_A_RUN not in said):
        raise RunNotResumable(f"The run did not start: {said[-TOLD_CHARACTERS_MAX:].strip()}")
    return Launched(pid=process.pid, log=str(log))
