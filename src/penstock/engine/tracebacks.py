"""Users' errors as users know them: without the frames of the engine in between."""

from pathlib import Path
from traceback import StackSummary, TracebackException
from types import TracebackType

from penstock.core.errors import PenstockError

PACKAGE = str(Path(__file__).parents[1])
FRAMES_MAX = 50
_STATES = str(Path(PACKAGE) / "engine" / "states.py")

_OURS = tuple(str(Path(PACKAGE) / floor) for floor in ("engine", "sdk", "results", "orchestrator", "store"))


def trim(error: BaseException) -> None:
    """Cut the engine's own frames out of an error's traceback, but for those that the user's code called last.

    Those are cut as well where a state raised the error again that it ended with, which came without frames.
    """
    frames: list[TracebackType] = []
    traceback = error.__traceback__
    while traceback is not None:
        frames.append(traceback)
        traceback = traceback.tb_next
    is_raised_again = bool(frames) and frames[-1].tb_frame.f_code.co_filename == _STATES
    while frames and _is_ours(frames[-1]):
        last = frames.pop()
        traceback = None if is_raised_again else last
    if frames:
        for frame in reversed(frames):
            if not _is_ours(frame):
                frame.tb_next, traceback = traceback, frame
        error.__traceback__ = traceback
    elif is_raised_again or isinstance(error, PenstockError):
        error.__traceback__ = None  # its message says all


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
