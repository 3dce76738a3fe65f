"""How states look on the terminal, and how they are named on the command line."""

from collections.abc import Iterable, Sequence
from types import MappingProxyType

from penstock.cli.tables import Cell
from penstock.cli.text import find_near
from penstock.core.states import STATES, RunState, StateType

COLOURS = MappingProxyType(
    {
        StateType.SCHEDULED: "yellow",
        StateType.PENDING: "bright_black",
        StateType.RUNNING: "blue",
        StateType.COMPLETED: "green",
        StateType.FAILED: "red",
        StateType.CRASHED: "bright_red",
        StateType.CANCELLING: "magenta",
        StateType.CANCELLED: "magenta",
        StateType.PAUSED: "cyan",
    }
)


def state_cell(state: RunState) -> Cell:
    """A state in its colour."""
    return Cell(state.name, COLOURS[state.type])


def parse_states(texts: Iterable[str]) -> tuple[list[StateType], list[str]]:
    """Read `--state` options as state types and state names; a type stands for all its names.

    Both conditions of a filter must hold, so types that stand beside names become the names of the table.

    >>> parse_states(["failed", "CRASHED"])
    ([<StateType.FAILED: 'FAILED'>, <StateType.CRASHED: 'CRASHED'>], [])
    >>> parse_states(["late", "paused"])
    ([], ['Late', 'Paused', 'Suspended'])
    """
    types: list[StateType] = []
    names: list[str] = []
    known = {name.casefold(): name for name in STATES}
    for text in texts:
        if text.upper() in StateType.__members__:
            types.append(StateType[text.upper()])
        else:
            names.append(known.get(text.casefold(), text))
    if types and names:
        names += [name for name, row in STATES.items() if row.type in types]
        types = []
    return types, names


def near_states(texts: Sequence[str]) -> list[str]:
    """What somebody may have meant by the texts that name no state of the table."""
    known = {name.casefold() for name in [*STATES, *StateType.__members__]}
    return [near for text in texts if text.casefold() not in known for near in find_near(text, STATES)]
