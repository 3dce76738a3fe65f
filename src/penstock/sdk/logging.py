"""Loggers whose lines belong to the current run."""

import logging
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from penstock.core.errors import NotInRun
from penstock.engine.context import current_flow_run, current_task_run
from penstock.engine.logs import emit

FLOW_LOGGER, TASK_LOGGER = "penstock.flow_runs", "penstock.task_runs"

_plain_allowed: ContextVar[bool] = ContextVar("penstock_plain_logger", default=False)


class RunLogAdapter(logging.LoggerAdapter):  # type: ignore[type-arg]  # generic in stubs only
    """A standard logger that knows its run; `extra` has flow_run_id, flow_run_name, and those of the task run."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs


class RunLogHandler(logging.Handler):
    """Sends standard log records to the run that this code is part of, if there is one.

    One for a logger that the settings name (`captured`) does so only in runs whose settings name it.
    """

    def __init__(self, captured: str | None = None):
        super().__init__()
        self._captured = captured

    def createLock(self) -> None:
        """None is needed, and one whose holder is ended from outside would stay locked for everybody."""
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        run = current_flow_run.get()
        if run is None or getattr(record, "penstock_kept", False):
            return
        if self._captured is not None and self._captured not in run.services.settings.extra_loggers:
            return
        record.penstock_kept = True  # a logger and the one above it may both be named
        try:
            message = self.format(record)
        except Exception:  # the user's own arguments do not fit the user's own format
            message = f"{record.msg!r} % {record.args!r}"
        emit(run, current_task_run.get(), record.levelno, message, logger=record.name)


_FORMAT = logging.Formatter("%(message)s")


def get_run_logger() -> "RunLogAdapter | logging.Logger":
    """A logger for the current flow or task run. Raises `NotInRun` outside of runs.

    In a task's `.fn` called by itself, as in unit tests, wrap the call in `disable_run_logger()`.
    """
    run = current_flow_run.get()
    if run is None:
        if _plain_allowed.get():
            return logging.getLogger(FLOW_LOGGER)
        raise NotInRun(
            "get_run_logger() works inside a flow or task run only. Elsewhere use logging.getLogger(__name__), or disable_run_logger() in tests."
        )
    call = current_task_run.get()
    logger = _prepare(logging.getLogger(FLOW_LOGGER if call is None else TASK_LOGGER))
    extra = {"flow_run_id": run.id, "flow_run_name": run.name, "flow_name": run.flow.name}
    if call is not None:
        extra |= {"task_run_id": call.id, "task_run_name": call.name, "task_name": call.task.name}
    return RunLogAdapter(logger, extra)


def capture_loggers(names: tuple[str, ...]) -> None:
    """Let the lines of these standard loggers belong to the run in which they are logged (setting `extra_loggers`)."""
    for name in names:
        logger = logging.getLogger(name)
        if not _is_ours(logger):
            logger.addHandler(_handler(captured=name))
            if logger.level == logging.NOTSET:
                logger.setLevel(logging.INFO)


@contextmanager
def disable_run_logger() -> Iterator[None]:
    """Let `get_run_logger()` work outside of runs, where its lines go nowhere in particular: for unit tests of `.fn`."""
    token = _plain_allowed.set(True)
    try:
        yield
    finally:
        _plain_allowed.reset(token)


def _prepare(logger: logging.Logger) -> logging.Logger:
    if not _is_ours(logger):
        logger.addHandler(_handler())
        logger.propagate = False
        logger.setLevel(1)
    return logger


def _is_ours(logger: logging.Logger) -> bool:
    return any(isinstance(handler, RunLogHandler) for handler in logger.handlers)


def _handler(captured: str | None = None) -> RunLogHandler:
    handler = RunLogHandler(captured)
    handler.setFormatter(_FORMAT)
    return handler
