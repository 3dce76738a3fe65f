"""Loading flows from where they are written: `path/to/file.py:function` or `package.module:function`."""

import importlib
import importlib.util
import sys
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from penstock.core.errors import NotFound, PenstockError
from penstock.sdk.flows import Flow

NEAR_MAX = 3


class FlowNotLoadable(PenstockError):
    """A flow's file or module cannot be imported, or has no such flow."""


def load_flow(entrypoint: str) -> Flow[Any, Any]:
    """Load a flow. Without `:function`, the only flow that the file or module defines, or the one that is named like it.

    Raises `FlowNotLoadable`, naming the file and what went wrong, and `NotFound` if it has no such flow.
    """
    target, name = _split(entrypoint)
    module = load_module(target)
    flows = _flows_of(module)
    if name is None:
        return _choose(flows, target, module)
    found: Any = module  # attributes of a user's module
    for part in name.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, Flow):
        found = next((flow for flow in flows.values() if flow.name == name), None)
    if found is None:
        names = list(dict.fromkeys([*flows, *(flow.name for flow in flows.values())]))
        near = get_close_matches(name, names) or names[:NEAR_MAX]
        raise NotFound(f"flow in {target}", name, near=near)
    chosen: Flow[Any, Any] = found
    return chosen


def _choose(flows: dict[str, Flow[Any, Any]], target: str, module: ModuleType) -> Flow[Any, Any]:
    """The flow that is meant where none is named."""
    if not flows:
        raise FlowNotLoadable(f"{target} defines no flow. Decorate a function with @flow.")
    own = module.__name__.rpartition(".")[2]
    if len(flows) > 1 and own not in flows:
        several = ", ".join(f"{target}:{key}" for key in flows)
        raise FlowNotLoadable(f"{target} defines {len(flows)} flows, none of them named {own}; say which: {several}.")
    return flows.get(own) or next(iter(flows.values()))


def list_flows_in(target: str) -> list[Flow[Any, Any]]:
    """All flows that a file or module defines or imports, in the order in which it names them."""
    return list(_flows_of(load_module(target)).values())


def load_module(target: str) -> ModuleType:
    """Import a file by path or a module by name, once a process. Raises `FlowNotLoadable`."""
    if not _is_path(target):
        if not all(part.isidentifier() for part in target.split(".")):
            raise FlowNotLoadable(
                f"`{target}` is neither a Python file nor a module. Write it like flows.py or package.flows."
            )
        try:
            return importlib.import_module(target)
        except ImportError as error:
            raise FlowNotLoadable(f"Module `{target}` cannot be imported: {error}.") from error
    path = Path(target).expanduser().resolve()
    if not path.is_file():
        raise FlowNotLoadable(f"There is no file {path}.")
    known = sys.modules.get(path.stem)
    if known is not None and getattr(known, "__file__", None) == str(path):
        return known
    return _import_file(path)


def _import_file(path: Path) -> ModuleType:
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))  # as `python file.py` would: neighbours can be imported
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise FlowNotLoadable(f"{path} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    shadowed = sys.modules.get(path.stem)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        _restore(path.stem, shadowed)
        raise FlowNotLoadable(f"{path}, line {error.lineno}, is no valid Python: {error.msg}.") from error
    except BaseException:
        _restore(path.stem, shadowed)
        raise
    return module


def _restore(name: str, module: ModuleType | None) -> None:
    if module is None:
        sys.modules.pop(name, None)
    else:
        sys.modules[name] = module


def _flows_of(module: ModuleType) -> dict[str, Flow[Any, Any]]:
    own = {key: value for key, value in vars(module).items() if isinstance(value, Flow)}
    defined = {key: flow for key, flow in own.items() if getattr(flow.fn, "__module__", None) == module.__name__}
    return defined or own


def _split(entrypoint: str) -> tuple[str, str | None]:
    target, separator, name = entrypoint.rpartition(":")
    if not separator or (len(target) == 1 and target.isalpha()):  # a Windows drive
        return entrypoint, None
    if "/" in name or "\\" in name or name.endswith(".py"):
        return entrypoint, None
    return target, name or None


def _is_path(target: str) -> bool:
    return target.endswith(".py") or "/" in target or "\\" in target or Path(target).is_file()
