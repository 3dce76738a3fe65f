"""How flows and tasks travel between processes: by name where the other side can import them, whole where it cannot.

Plain `pickle` cannot write a decorated function by itself: under its name in its module stands the flow or the task.
"""

import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

_packing: ContextVar[bool] = ContextVar("penstock_packing", default=False)


def reduce(subject: Any, make: Callable[[Any], Any], options: Any) -> str | tuple[Any, ...]:
    """What `__reduce__` returns for a flow or a task that `make(options)` makes again."""
    name = _importable_name(subject)
    if name is not None:
        return name
    if _packing.get():  # cloudpickle is at work already, and knows how to write functions
        return make, (options,)
    import cloudpickle  # lazy: 20 ms, when a flow or task leaves this process

    token = _packing.set(True)
    try:
        return _unpack, (cloudpickle.dumps((make, options), protocol=5),)
    finally:
        _packing.reset(token)


def _unpack(data: bytes) -> Any:
    import cloudpickle  # lazy: 20 ms, when a flow or task comes from another process

    make, options = cloudpickle.loads(data)
    return make(options)


def _importable_name(subject: Any) -> str | None:
    """The name that leads to the flow or task in its module, if another process can import that."""
    module_name, name = getattr(subject, "__module__", None), getattr(subject, "__qualname__", None)
    module = sys.modules.get(module_name or "")
    if module is None or not name or module_name == "__main__" or _travels_whole(module_name):
        return None
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    return str(name) if found is subject else None


def _travels_whole(module_name: str | None) -> bool:
    """Whether somebody told cloudpickle that nobody else can import this module."""
    cloudpickle = sys.modules.get("cloudpickle")
    return cloudpickle is not None and module_name in cloudpickle.list_registry_pickle_by_value()
