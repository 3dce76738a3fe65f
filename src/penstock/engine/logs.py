"""Where log lines go: the terminal, and the journal of the run that they belong to."""

from typing import TYPE_CHECKING

from penstock.core.sizes import LOG_MESSAGE_CHARACTERS_MAX
from penstock.engine.console import LEVELS
from penstock.engine.journal import json_fragment
from penstock.engine.tracebacks import as_text

if TYPE_CHECKING:
    from penstock.engine.runs import FlowRunContext, TaskCall

DEBUG, INFO, WARNING, ERROR = 10, 20, 30, 40
ENGINE = "penstock.engine"


def emit(
    run: "FlowRunContext",
    call: "TaskCall | None",
    level: int,
    message: str,
    *,
    logger: str = ENGINE,
    at_us: int | None = None,
    shown: bool = True,
) -> None:
    """Log a line of a flow run, or of a task run in it; `shown` on the terminal too."""
    services = run.services
    if level < LEVELS[services.settings.log_level]:
        return
    who = f"Flow run '{run.name}'" if call is None else f"Task run '{call.name}'"
    at = services.clock.now_us() if at_us is None else at_us
    if shown:
        services.console.line(level, who, message, at_us=at)
    logs_to = services.settings.logs_to
    if logs_to == "store":
        task_run = "null" if call is None else f'"{call.id}"'
        body = f'"{run.id}",{task_run},{run.epoch},{at},{level},{json_fragment(logger)},{json_fragment(message[:LOG_MESSAGE_CHARACTERS_MAX])}'
        services.journal.append("log", body)
    elif logs_to == "local":
        _write_locally(run, call, level, message, logger=logger, at=at)


def emit_traceback(run: "FlowRunContext", call: "TaskCall | None", error: BaseException) -> None:
    """Log where an error came from. Not on the terminal: the error is raised there, or was dealt with."""
    emit(run, call, ERROR, as_text(error), shown=False)


def _write_locally(
    run: "FlowRunContext", call: "TaskCall | None", level: int, message: str, *, logger: str, at: int
) -> None:
    folder = run.services.settings.home / "logs"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fields = {"at": at, "level": level, "logger": logger, "task_run_id": call.id if call else None, "message": message}
    with open(folder / f"{run.id}.jsonl", "a", encoding="utf-8") as file:
        file.write(json_fragment(fields) + "\n")
