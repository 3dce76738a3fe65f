"""Loading many modules at once, and leaving them.

Each of their functions and classes is an object that Python's garbage collector looks at again and again, and none of
them is garbage: of the 450 ms that a process with a flow of one task took, that was 60 while they load, and 50 more when
the interpreter ends.
"""

import contextlib
import gc
import io
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from types import ModuleType
from typing import Any

_FILE = io.IOBase.__mro__[1]
"""What all files derive from."""
_COMPILED = tuple(EXTENSION_SUFFIXES)
_INDIFFERENT = sys.stdlib_module_names | {
    "sqlalchemy",
    "greenlet",
    "pydantic_core",
    "markupsafe",
    "yaml",
    "_cffi_backend",
    "cryptography",
}
"""Compiled, and indifferent to how a process ends."""


def load_name(module: str, homes: Mapping[str, str], name: str) -> Any:
    """For a module's `__getattr__`: the value of a name that is imported from its home at first use."""
    home = homes.get(name)
    if home is None:
        raise AttributeError(f"module `{module}` has no attribute `{name}`")
    return getattr(import_module(home), name)


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
    """At a process's end: spare it the last look for garbage among all that there is, where nobody else relies on that look.

    Libraries that are compiled may: some say that they leak if their types are left. A file that only this look would have
    closed, because it is part of a cycle, has what was written to it all the same.
    """
    with collecting_later():
        compiled = {name.partition(".")[0] for name, module in list(sys.modules.items()) if _is_compiled(module)}
        if not compiled <= _INDIFFERENT:
            return
        kinds = set(_kinds_of(_FILE))
        for file in [thing for thing in gc.get_objects() if type(thing) in kinds]:
            with contextlib.suppress(
                Exception
            ):  # closed, broken, or the user's own kind of file: as it is at every exit
                file.flush()
        gc.freeze()


def _kinds_of(base: type) -> Iterator[type]:
    yield base
    derived: list[type] = base.__subclasses__()
    for kind in derived:
        yield from _kinds_of(kind)


def _is_compiled(module: object) -> bool:
    path = module.__dict__.get("__file__") if isinstance(module, ModuleType) else None  # asked for nothing lazy
    return isinstance(path, str) and path.endswith(_COMPILED)
