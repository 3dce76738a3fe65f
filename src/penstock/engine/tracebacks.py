"""Users' errors as users know them: without the frames of the engine in between."""

from pathlib import Path
from types import TracebackType

PACKAGE = str(Path(__file__).parents[1])
_OURS = tuple(str(Path(PACKAGE) / floor) for floor in ("engine", "sdk", "results", "orchestrator", "store"))


def trim(error: BaseException) -> BaseException:
    """Cut the engine's own frames off the front of an error's traceback; what the user's code called stays whole."""
    traceback = error.__traceback__
    while traceback is not None and _is_ours(traceback):
        traceback = traceback.tb_next
    if traceback is not None:
        error.__traceback__ = traceback
    return error


def _is_ours(traceback: TracebackType) -> bool:
    return traceback.tb_frame.f_code.co_filename.startswith(_OURS)
