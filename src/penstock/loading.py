"""Loading many modules at once, and leaving them.

Each of their functions and classes is an object that Python's garbage collector looks at again and again, and none of
them is garbage: of the 450 ms that a process with a flow of one task took, that was 60 while they load, and 50 more when
the interpreter ends.
"""

import contextlib
import gc
import io

_FILE = io.IOBase.__mro__[1]
"""What all files derive from, in C: asking for that is quick."""


class collecting_later:
    """While modules load: let the collector rest."""

    __slots__ = ("_was_on",)

    def __enter__(self) -> None:
        self._was_on = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        if self._was_on:
            gc.enable()


def leave_uncollected() -> None:
    """At a process's end: spare it the last look for garbage among all that there is.

    A file that only this look would have closed, because it is part of a cycle, has what was written to it all the same.
    """
    things = gc.get_objects()
    kinds = {kind for kind in set(map(type, things)) if issubclass(kind, _FILE)}
    for file in [thing for thing in things if type(thing) in kinds]:
        with contextlib.suppress(Exception):  # closed, broken, or the user's own kind of file: as it is at every exit
            file.flush()
    gc.freeze()
