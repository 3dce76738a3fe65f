"""`serve`: a program that runs the deployments of its own flows, each run in a process of its own, until it is stopped.

It is a worker of no pool, which claims only what is asked of these deployments. Without a server it also lets their schedules fire.
"""

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

from penstock.core.job_templates import PROCESS
from penstock.deployments.deployment import Deployment
from penstock.deployments.errors import NotDeployable
from penstock.ports import Orchestrator, Principal
from penstock.scheduling import Deployment as Saved
from penstock.scheduling import PauseDeployment
from penstock.sdk import wiring
from penstock.work import ClaimedRun
from penstock.workers.infrastructure import Handle
from penstock.workers.process import ProcessInfrastructure
from penstock.workers.running import make_worker, name_of_worker, services_beside, stopped_by_signals
from penstock.workers.worker import WorkerOptions

LIMIT_DEFAULT = 10
RUN_PROCESSES = ("penstock.workers.execute", "penstock.workers.zygote")
LOGS_SHOWN = "PENSTOCK_LOGS_TO_TERMINAL"


def serve(
    *deployments: Deployment,
    limit: int | None = LIMIT_DEFAULT,
    pause_on_shutdown: bool = False,
    print_starting_message: bool = True,
) -> None:
    """Save deployments and run what is asked of them, at most `limit` at once, until Ctrl-C or SIGTERM.

    Then it claims nothing more and waits for what runs; told again, it leaves what runs to itself. Schedules that fire while
    nobody serves are made up for by their catch-up policy; with `pause_on_shutdown` they rest. Raises `NotDeployable`.

        serve(ingest.to_deployment("hourly", interval=3600), report.to_deployment("daily", cron="0 6 * * *"))
    """
    _check(deployments)
    settings = wiring.current_settings()
    orchestrator, by = wiring.open_orchestrator(settings), wiring.principal_of(settings)
    for each in deployments:
        if pause_on_shutdown and each.paused is None:
            each.paused = False  # the last time it was served has left it resting
    saved = [each.save() for each in deployments]
    options = WorkerOptions(
        name=f"serve-{name_of_worker()}",
        work_pool="",
        queues=tuple(_key(each) for each in saved),
        host=os.uname().nodename,
        limit=limit or sys.maxsize,
    )
    worker = make_worker(settings, options, infrastructure=_Shown(), tell=_say)
    if print_starting_message:
        _say(_introduce(saved))
    with services_beside(settings), _stoppable(worker.stop), _resting(pause_on_shutdown, saved, orchestrator, by):
        worker.run()
    _say("Nothing is served any more.")


class _Shown:
    """Processes of this machine, whose log is shown here: whoever serves a flow looks at it."""

    def __init__(self) -> None:
        self._processes = ProcessInfrastructure()

    def start(self, claimed: ClaimedRun) -> Handle:
        """Start a run's process."""
        given = {**claimed.request.spec.job_variables, **claimed.request.job_variables}
        shown = {**given, "env": {LOGS_SHOWN: "1", **(given.get("env") or {})}}
        request = replace(claimed.request, job_variables=shown)
        return self._processes.start(replace(claimed, request=request, job_template=PROCESS))

    def close(self) -> None:
        """Let go of what is kept warm."""
        self._processes.close()


def _check(deployments: tuple[Deployment, ...]) -> None:
    main = getattr(sys.modules.get("__main__"), "__spec__", None)
    if main is not None and main.name in RUN_PROCESSES:
        raise NotDeployable(
            "`serve` was called while the flow's file was imported for a run. Call it under `if __name__ == '__main__':`."
        )
    if not deployments:
        raise NotDeployable("There is nothing to serve: give what `flow.to_deployment(...)` makes.")
    for each in deployments:
        if not isinstance(each, Deployment):
            raise NotDeployable(f"`serve` takes what `flow.to_deployment(...)` makes, got {each!r:.100}.")
        if each.spec.work_pool is not None:
            raise NotDeployable(
                f"Deployment `{each.key}` names work pool `{each.spec.work_pool}`, whose workers run it: deploy it, or leave the pool out."
            )
    keys = [each.key for each in deployments]
    for key in keys:
        if keys.count(key) > 1:
            raise NotDeployable(f"Two deployments are called `{key}`. Give each a name of its own.")


def _introduce(saved: list[Saved]) -> str:
    lines = ["Serving " + ", ".join(f"`{_key(each)}`" for each in saved) + ". Ctrl-C stops it."]
    lines += [f"  Run it with: penstock deployment run {_key(each)}" for each in saved]
    return "\n".join(lines)


def _key(saved: Saved) -> str:
    return f"{saved.flow_name}/{saved.name}"


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _stoppable(stop: Callable[[], None]) -> contextlib.AbstractContextManager[None]:
    """Signals reach the main thread alone; elsewhere, in a notebook's thread, only the program's end ends it."""
    if threading.current_thread() is not threading.main_thread():
        return contextlib.nullcontext()
    return stopped_by_signals(stop)


@contextlib.contextmanager
def _resting(wanted: bool, saved: list[Saved], orchestrator: Orchestrator, by: Principal) -> Iterator[None]:
    try:
        yield
    finally:
        for each in saved if wanted else ():
            orchestrator.ask(PauseDeployment(key=each.id, paused=True), by)
