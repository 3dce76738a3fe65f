"""Writes ui/src/generated/states.ts: the console's state names, colours and shapes, from `penstock.core.states`.

Run it with no argument to write the file, with `--check` to fail if the file is not what would be written. The colours
are of the Okabe-Ito palette, darkened or lightened until text in them reads on the console's surfaces (4.5:1).
"""

import json
import sys
from pathlib import Path
from typing import NamedTuple

from penstock.core.states import STATES, StateType

TARGET = Path(__file__).resolve().parents[1] / "ui" / "src" / "generated" / "states.ts"


class Look(NamedTuple):
    """How a state is drawn: its colour on light and on dark surfaces, and the shape that says it without colour."""

    light: str
    dark: str
    shape: str


LOOKS = {
    StateType.SCHEDULED: Look("#5b6472", "#9aa6b4", "clock"),
    StateType.PENDING: Look("#0b7285", "#66c7dd", "dots"),
    StateType.RUNNING: Look("#1261b8", "#62aef7", "ring"),
    StateType.COMPLETED: Look("#0a7a5a", "#3cc79a", "check"),
    StateType.FAILED: Look("#c0410a", "#ff8b52", "cross"),
    StateType.CRASHED: Look("#a3246f", "#f08cc0", "bolt"),
    StateType.CANCELLING: Look("#6d5a3f", "#c9b48c", "stop"),
    StateType.CANCELLED: Look("#646a73", "#a2a9b3", "slash"),
    StateType.PAUSED: Look("#855c00", "#e5b93c", "pause"),
}
NAME_LOOKS = {
    "Late": Look("#935300", "#f3b14a", "clock"),
    "AwaitingRetry": Look("#935300", "#f3b14a", "retry"),
    "AwaitingConcurrencySlot": Look("#855c00", "#e5b93c", "clock"),
    "Retrying": Look("#1261b8", "#62aef7", "retry"),
    "NotReady": Look("#646a73", "#a2a9b3", "skip"),
    "Cached": Look("#0a7a5a", "#3cc79a", "cached"),
    "Skipped": Look("#5b6472", "#9aa6b4", "skip"),
    "RolledBack": Look("#646a73", "#a2a9b3", "back"),
    "TimedOut": Look("#c0410a", "#ff8b52", "clock"),
}


def render() -> str:
    """The text of the generated file."""
    shapes = sorted({look.shape for look in [*LOOKS.values(), *NAME_LOOKS.values()]})
    rows = {
        name: {"type": row.type.value, "final": row.final, **NAME_LOOKS.get(name, LOOKS[row.type])._asdict()}
        for name, row in STATES.items()
    }
    looks = {type_.value: look._asdict() for type_, look in LOOKS.items()}
    return "\n".join(
        [
            "// Made by tools/ui_states.py from src/penstock/core/states.py; change those, then run `make ui-generated`.",
            "",
            f"export const STATE_TYPES = {json.dumps([type_.value for type_ in LOOKS])} as const;",
            "export type StateType = (typeof STATE_TYPES)[number];",
            "",
            f"export type StateShape = {' | '.join(json.dumps(shape) for shape in shapes)};",
            "export interface StateLook { readonly light: string; readonly dark: string; readonly shape: StateShape }",
            "export interface StateName extends StateLook { readonly type: StateType; readonly final: boolean }",
            "",
            "/** How each type of state looks. */",
            f"export const TYPE_LOOKS: Readonly<Record<StateType, StateLook>> = {json.dumps(looks, indent=2)};",
            "",
            "/** The names of states: what type each refines, whether a run rests there, how it looks. */",
            f"export const STATE_NAMES: Readonly<Record<string, StateName>> = {json.dumps(rows, indent=2)};",
            "",
        ]
    )


def main() -> int:
    """Write the file, or with `--check` compare it."""
    if "--check" not in sys.argv[1:]:
        TARGET.parent.mkdir(parents=True, exist_ok=True)
        TARGET.write_text(render(), encoding="utf-8")
        return 0
    if TARGET.read_text(encoding="utf-8") == render():
        return 0
    print(f"{TARGET.name} is not what core/states.py says: run `make ui-generated`.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
