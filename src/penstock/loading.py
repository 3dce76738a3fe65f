"""Loading many modules at once.

Each of their functions and classes is an object that Python's garbage collector looks at again and again, and none of
them is garbage: of the 390 ms that a process with a flow of one task takes, that is 60.
"""

import gc


class collecting_later:
    """While modules load: let the collector rest."""

    __slots__ = ("_was_on",)

    def __enter__(self) -> None:
        self._was_on = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        if self._was_on:
            gc.enable()
