"""Runs as processes of the worker's machine: cold, each a new interpreter; or warm, forked from one that has imported the flow.

Every process has a session of its own, so that what is typed at the worker's terminal does not reach it, and so that it and all
that it started can be ended together. It outlives its worker.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from penstock.core.errors import RequestInvalid
from penstock.work import ClaimedRun
from penstock.workers.infrastructure import (
    API_KEY_VARIABLE,
    CLAIM_VARIABLE,
    FOLDER_VARIABLE,
    RUN_VARIABLE,
    Ending,
    Handle,
    explain_code,
    job_of,
)
from penstock.workers.outputs import Output, send_signal
from penstock.workers.warm import WarmPool


class ProcessInfrastructure:
    """Starts processes on this machine."""

    def __init__(self) -> None:
        self._warm = WarmPool(start_cold)

    def start(self, claimed: ClaimedRun) -> Handle:
        """Start a run's process."""
        job = job_of(claimed)
        environment = make_environment(claimed, job)
        if can_be_warm(claimed, job):
            handle = self._warm.start(claimed, job, environment)
            if handle is not None:
                return handle
        return start_cold(claimed, job, environment)

    def close(self) -> None:
        """End what is kept warm. The processes of runs go on."""
        self._warm.close()


def can_be_warm(claimed: ClaimedRun, job: Mapping[str, Any]) -> bool:
    """Whether a run may begin in a fork: its code lies where it ran before, and nobody asked for another Python."""
    return bool(job.get("warm", True)) and not job.get("python") and not claimed.request.spec.pull_steps


def make_environment(claimed: ClaimedRun, job: Mapping[str, Any]) -> dict[str, str]:
    """The worker's environment with that of the job on top.

    The worker's key is not in it where the run has a token, which is no part of what runs share; see `API_KEY_VARIABLE`. A process
    that runs one after another keeps the key: a token is of one run.
    """
    given = {str(name): str(value) for name, value in (job.get("env") or {}).items()}
    environment = {**os.environ, "PENSTOCK_LOGS_TO_TERMINAL": "0", **given}
    if claimed.token is not None and API_KEY_VARIABLE not in given and job.get("isolation") != "reuse":
        environment.pop(API_KEY_VARIABLE, None)
    return environment


def start_cold(claimed: ClaimedRun, job: Mapping[str, Any], environment: Mapping[str, str]) -> "ProcessHandle":
    """Start a new interpreter for a run. Raises `RequestInvalid` if it cannot be."""
    python, folder = job.get("python") or sys.executable, job.get("working_dir")
    command = [str(python), "-m", "penstock.workers.execute"]
    told = {RUN_VARIABLE: claimed.run.id, CLAIM_VARIABLE: str(claimed.request.claim)}
    if folder and not Path(folder).is_dir():
        raise RequestInvalid(f"The job's working folder {folder} is not on this machine.")
    if folder:
        told[FOLDER_VARIABLE] = str(folder)
    if claimed.token is not None and API_KEY_VARIABLE not in environment:
        told[API_KEY_VARIABLE] = claimed.token
    try:
        process = subprocess.Popen(
            command,
            env={**environment, **told},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise RequestInvalid(f"{command[0]} cannot be started: {error.strerror or error}.") from error
    return ProcessHandle(process, shown=bool(job.get("stream_output", True)))


class ProcessHandle:
    """A process of this worker's."""

    def __init__(self, process: "subprocess.Popen[bytes]", *, shown: bool):
        self.name: str | None = f"process:{process.pid}"
        self._process = process
        assert process.stdout is not None
        self._output = Output(process.stdout, shown=shown)

    def poll(self) -> Ending | None:
        """How it ended."""
        code = self._process.poll()
        if code is None:
            return None
        self._output.close()
        return Ending(code, explain_code(code, what=f"Process {self._process.pid}"), self._output.text())

    def stop(self) -> None:
        """Ask the process to end."""
        send_signal(self._process.pid, signal.SIGTERM, group=False)

    def kill(self) -> None:
        """End it and all that it started."""
        send_signal(self._process.pid, signal.SIGKILL, group=True)
