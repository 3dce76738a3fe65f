"""Variables: named JSON values that flows read and people set."""

import json
import re
from collections.abc import Iterable
from typing import Any

from penstock.core.errors import InvalidDefinition, NotFound
from penstock.engine.context import current_flow_run
from penstock.ports import GetVariable, Orchestrator, Principal, RemoveVariable, SetVariable
from penstock.ports import Variable as VariableRecord
from penstock.sdk import wiring
from penstock.settings import load_settings

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
VALUE_BYTES_MAX = 64 * 1024
_ABSENT = object()


class Variable:
    """Get and set variables; they live in the workspace, not in a run.

    >>> Variable.set("region", {"name": "eu"}).value
    {'name': 'eu'}
    >>> Variable.get("region")
    {'name': 'eu'}
    """

    @staticmethod
    def set(name: str, value: Any, tags: Iterable[str] = (), overwrite: bool = True) -> VariableRecord:
        """Set a variable to a JSON value. Raises `Conflict` if it exists and `overwrite` is off, `InvalidDefinition` if it is no JSON."""
        if not isinstance(name, str) or not NAME_PATTERN.fullmatch(name):
            raise InvalidDefinition(f"A variable's name may hold letters, digits, `_`, `-` and `.`, got {name!r:.100}.")
        try:
            size = len(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise InvalidDefinition(f"The value of variable `{name}` is no JSON: {error}.") from error
        if size > VALUE_BYTES_MAX:
            raise InvalidDefinition(
                f"The value of variable `{name}` has {size:,} bytes; {VALUE_BYTES_MAX:,} are allowed. Keep data in a dataset."
            )
        orchestrator, principal = current_ports()
        return orchestrator.ask(SetVariable(name=name, value=value, tags=tuple(tags), overwrite=overwrite), principal)

    @staticmethod
    def get(name: str, default: Any = _ABSENT) -> Any:
        """The variable's value; `default` if there is none. Raises `NotFound` without a default."""
        orchestrator, principal = current_ports()
        try:
            return orchestrator.ask(GetVariable(name=name), principal).value
        except NotFound:
            if default is _ABSENT:
                raise
            return default

    @staticmethod
    def unset(name: str) -> None:
        """Forget a variable. Raises `NotFound`."""
        orchestrator, principal = current_ports()
        orchestrator.ask(RemoveVariable(name=name), principal)


def current_ports() -> tuple[Orchestrator, Principal]:
    """The orchestrator of the run that code is in, or the one that the settings name, and who asks."""
    run = current_flow_run.get()
    if run is not None:
        return run.services.orchestrator, run.services.principal
    settings = load_settings()
    return wiring.open_orchestrator(settings), Principal(workspace=settings.workspace)
