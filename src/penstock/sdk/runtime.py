"""What is running here, for code that wants to know: `runtime.flow_run.id`, `runtime.task_run.name` and their kin.

Outside of runs every attribute is None. In tests, `PENSTOCK__RUNTIME__FLOW_RUN__NAME=x` and its like take precedence.
"""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from penstock.core.ids import as_uuid_text
from penstock.engine.context import current_flow_run, current_task_run
from penstock.engine.task_life import parameters_of


class RuntimeNamespace:
    """Attributes that are looked up when they are read."""

    def __init__(self, name: str, attributes: Mapping[str, Callable[[], Any]]):
        self._name = name
        self._attributes = MappingProxyType(dict(attributes))

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("_") or attribute not in self._attributes:
            raise AttributeError(f"penstock.runtime.{self._name} has {', '.join(self._attributes)}, not `{attribute}`")
        given = os.environ.get(f"PENSTOCK__RUNTIME__{self._name.upper()}__{attribute.upper()}")
        return given if given is not None else self._attributes[attribute]()

    def __reduce__(self) -> str:
        return self._name  # by name: it reads the run that is current where it is read

    def __dir__(self) -> list[str]:
        return sorted(self._attributes)


def _of_flow(read: Callable[[Any], Any]) -> Callable[[], Any]:
    def look() -> Any:
        run = current_flow_run.get()
        return None if run is None else read(run)

    return look


def _of_task(read: Callable[[Any], Any]) -> Callable[[], Any]:
    def look() -> Any:
        call = current_task_run.get()
        return None if call is None else read(call)

    return look


def _root(run: Any) -> Any:
    while run.parent is not None:
        run = run.parent
    return run


flow_run = RuntimeNamespace(
    "flow_run",
    {
        "id": _of_flow(lambda run: as_uuid_text(run.id)),
        "name": _of_flow(lambda run: run.name),
        "flow_name": _of_flow(lambda run: run.flow.name),
        "flow_version": _of_flow(lambda run: run.flow.version),
        "parameters": _of_flow(lambda run: dict(run.parameters)),
        "tags": _of_flow(lambda run: sorted(run.tags)),
        "run_count": _of_flow(lambda run: run.epoch),
        "epoch": _of_flow(lambda run: run.epoch),
        "code_version": _of_flow(lambda run: run.code_version),
        "start_time": _of_flow(lambda run: datetime.fromtimestamp((run.started_at or run.created_at) / 1e6, UTC)),
        "scheduled_start_time": _of_flow(lambda run: datetime.fromtimestamp(run.created_at / 1e6, UTC)),
        "parent_flow_run_id": _of_flow(lambda run: None if run.parent is None else as_uuid_text(run.parent.id)),
        "root_flow_run_id": _of_flow(lambda run: as_uuid_text(_root(run).id)),
    },
)
task_run = RuntimeNamespace(
    "task_run",
    {
        "id": _of_task(lambda call: as_uuid_text(call.id)),
        "name": _of_task(lambda call: call.name),
        "task_name": _of_task(lambda call: call.task.name),
        "tags": _of_task(lambda call: sorted(call.tags)),
        "run_count": _of_task(lambda call: call.attempt),
        "parameters": _of_task(lambda call: dict(parameters_of(call))),
    },
)
