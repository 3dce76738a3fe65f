"""Users' errors as users know them: without the frames of the engine in between."""

from pathlib import Path
from traceback import StackSummary, TracebackException
from types import TracebackType

PACKAGE = str(Path(__file__).parents[1])
FRAMES_MAX = 50

_OURS = tuple(str(Path(PACKAGE) / floor) for floor in ("engine", "sdk", "results", "orchestrator", "store"))


def trim(error: BaseException) -> BaseException:
    """Cut the engine's own frames off the front of an error's traceback; what the user's code called stays whole."""
    traceback = error.__traceback__
    while traceback is not None and _is_ours(traceback):
        traceback = traceback.tb_next
    if traceback is not None:
        error.__traceback__ = traceback
    return error


def as_text(error: BaseException) -> str:
    """An error with its traceback and causes, as Python prints them, without the engine's frames."""
    told = TracebackException.from_exception(error, limit=-FRAMES_MAX, compact=True)
    _leave_out_ours(told)
    return "".join(told.format()).rstrip("\n")


def _leave_out_ours(told: TracebackException) -> None:
    told.stack = StackSummary.from_list([frame for frame in told.stack if not frame.filename.startswith(_OURS)])
    for other in (told.__cause__, told.__context__, *(told.exceptions or ())):
        if other is not None:
            _leave_out_ours(other)


def _is_ours(traceback: TracebackType) -> bool:
    return traceback.tb_frame.f_code.co_filename.startswith(_OURS)
