"""The parts of the docs that are made from the code: `python -m tools.reference` writes them, a test compares them.

In a page, what is made stands between `<!-- made: NAME -->` and `<!-- end of NAME -->`; the rest is written by hand.
"""

import ast
import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

from penstock import errors, lake
from penstock.core.errors import PenstockError
from penstock.core.states import FINAL_TYPES, STATES, TRANSITIONS, Reason, StateType
from penstock.server.document import openapi_text
from penstock.server.metrics import Metrics
from penstock.server.routes import ALWAYS
from penstock.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parents[1]
DOCS, SOURCE = ROOT / "docs", ROOT / "src" / "penstock"

MEANINGS = {
    "Scheduled": "is to start later",
    "Late": "should have started by now",
    "AwaitingRetry": "failed, and waits for its next try",
    "AwaitingConcurrencySlot": "waits for a slot of a concurrency limit",
    "Resuming": "is about to go on",
    "Pending": "is about to start",
    "NotReady": "did not run, because something that it depends on did not complete",
    "Running": "is running",
    "Retrying": "is running again after a failed try",
    "Completed": "did what it was to do",
    "Cached": "did not run, because its result was in the cache",
    "Skipped": "had nothing to do",
    "RolledBack": "completed, and was undone with its transaction",
    "Failed": "raised an exception, or said itself that it failed",
    "TriggerFailed": "did not run, because its trigger rule was not met",
    "TimedOut": "took longer than its `timeout_seconds`",
    "Crashed": "lost its process, which left no final word",
    "Cancelling": "was asked to stop, and has not stopped yet",
    "Cancelled": "was stopped by somebody",
    "Paused": "waits for somebody, with its process",
    "Suspended": "waits for somebody, without a process",
}
"""What is true of a run in each state."""

REASONS = {
    Reason.RETURNED: "its function returned",
    Reason.RAISED: "its function raised an exception",
    Reason.RETURNED_FAILED: "its function returned a state that is not `COMPLETED`",
    Reason.TASKS_FAILED: "it returned nothing, or futures, and some of its runs did not complete",
    Reason.PARAMETERS_INVALID: "a parameter did not fit the signature",
    Reason.RESULT_UNSTORABLE: "its result could not be kept (it completed all the same)",
    Reason.TIMED_OUT: "its time, or that of its flow run, was up",
    Reason.CACHE_HIT: "its result was in the cache",
    Reason.SKIPPED_BY_TASK: "it raised `Skip`",
    Reason.SKIPPED_BY_UPSTREAM: "something upstream was skipped",
    Reason.SKIPPED_BY_RULE: "its trigger rule was not met",
    Reason.UPSTREAM_FAILED: "something upstream did not complete",
    Reason.RETRYING: "it is tried again",
    Reason.ROLLED_BACK: "its transaction failed",
    Reason.CANCEL_REQUESTED: "somebody asked for it",
    Reason.INTERRUPTED: "Ctrl-C, or what called it was stopped",
    Reason.PROCESS_DIED: "its process is gone",
    Reason.LEASE_EXPIRED: "its worker was not heard of any more",
    Reason.RESUMED: "somebody resumed it",
    Reason.WAITING_FOR_SLOT: "it waits for a slot of a concurrency limit",
    Reason.WAITING_FOR_INPUT: "it waits for somebody's answer",
}


# ---- States ----


def state_names() -> str:
    """The table of state names."""
    rows = ["| name | type | ends a run | a run in this state |", "| --- | --- | --- | --- |"]
    for name, row in STATES.items():
        rows.append(f"| `{name}` | `{row.type}` | {'yes' if row.final else 'no'} | {MEANINGS[name]} |")
    return "\n".join(rows)


def state_moves() -> str:
    """The table of moves: which type may follow which."""
    types = list(StateType)
    rows = [f"| from \\ to | {' | '.join(types)} |", f"| --- |{' :-: |' * len(types)}"]
    for source in types:
        cells = ["•" if target in TRANSITIONS[source] else "" for target in types]
        rows.append(f"| **{source}** | {' | '.join(cells)} |")
    return "\n".join(rows)


def state_diagram() -> str:
    """The same as a diagram; moves that every unfinished type has are drawn once."""
    unfinished = [type_ for type_ in StateType if type_ not in FINAL_TYPES]
    shared = [t for t in StateType if t not in unfinished and all(t in TRANSITIONS[source] for source in unfinished)]
    lines = ["stateDiagram-v2", "    state unfinished {"]
    for source in unfinished:
        lines += [f"        {source} --> {t}" for t in unfinished if t in TRANSITIONS[source] and t is not source]
    lines.append("    }")
    lines += [f"    unfinished --> {target}" for target in shared]
    for source in StateType:
        beyond = [
            t for t in StateType if t in TRANSITIONS[source] and (t not in unfinished) != (source not in unfinished)
        ]
        within = [t for t in StateType if t in TRANSITIONS[source] and t not in unfinished and source not in unfinished]
        lines += [f"    {source} --> {t}" for t in beyond + within if source not in unfinished or t not in shared]
    return "\n".join(["```mermaid", *lines, "```"])


def state_reasons() -> str:
    """The table of reasons."""
    rows = ["| reason | the run is where it is because |", "| --- | --- |"]
    return "\n".join([*rows, *(f"| `{reason}` | {REASONS[reason]} |" for reason in Reason)])


def reasons_given() -> set[Reason]:
    """The reasons that the code gives to runs, told by a look at it."""
    return {
        Reason[node.attr]
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Reason"
    }


# ---- Settings ----


def settings_table() -> str:
    """Every setting with its default and what it is for."""
    rows = ["| setting | default | what it is for |", "| --- | --- | --- |"]
    for field in fields(Settings):
        secret = " Secret: shown as `***`." if field.metadata["secret"] else ""
        rows.append(
            f"| `{PREFIX}{field.name.upper()}` | {_default(field.default)} | {field.metadata['about']}{secret} |"
        )
    return "\n".join(rows)


def _default(value: Any) -> str:  # Any: whatever a setting may be
    if value is None or value == ():
        return "–"
    return f"`{str(value).lower() if isinstance(value, bool) else value:{'g' if isinstance(value, float) else ''}}`"


# ---- Errors ----


def errors_table() -> str:
    """What `penstock.errors` offers."""
    return _errors_of(errors)


def lake_errors_table() -> str:
    """The errors that `penstock.lake` offers."""
    return _errors_of(lake)


def _errors_of(module: ModuleType) -> str:
    rows = ["| error | what happened |", "| --- | --- |"]
    for name in module.__all__:
        value = getattr(module, name)
        if isinstance(value, type) and issubclass(value, PenstockError):
            rows.append(f"| `{name}` | {(value.__doc__ or '').strip().splitlines()[0]} |")
    return "\n".join(rows)


# ---- The server ----


def metrics_table() -> str:
    """What `/metrics` tells, by name."""
    rows = ["| metric | what it tells |", "| --- | --- |"]
    for family in sorted(Metrics().registry.collect(), key=lambda family: family.name):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = METRIC_LABELS.get(family.name, "")
        rows.append(f"| `{name}{labels}` | {family.documentation} ({family.type}) |")
    return "\n".join(rows)


METRIC_LABELS = {
    "penstock_request_seconds": "{route, method}",
    "penstock_requests": "{route, method, status}",
    "penstock_flow_runs": "{state}",
}


def routes_table() -> str:
    """Every route of the API by its group: what it does, and how it refuses."""
    document = json.loads(openapi_text())
    groups: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            refusals = sorted(set(operation["responses"]) - {"200", *map(str, ALWAYS)})
            first = " ".join(operation.get("description", "").strip().partition("\n\n")[0].split())
            said = re.split(r"(?:^| )Raises ", first)[0] or operation["summary"] + "."
            row = f"| `{method.upper()} {path}` | {said.replace('|', chr(92) + '|')} | {', '.join(refusals)} |"
            groups.setdefault(operation["tags"][0], []).append(row)
    head = ["| route | what it does | refuses with |", "| --- | --- | --- |"]
    return "\n\n".join("\n".join([f"### {group}", "", *head, *rows]) for group, rows in sorted(groups.items()))


# ---- Pages ----

PARTS: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "concepts/states.md": {
        "state names": state_names,
        "state moves": state_moves,
        "state diagram": state_diagram,
        "state reasons": state_reasons,
    },
    "how-to/run-a-server.md": {"metrics": metrics_table},
    "reference/api.md": {"routes": routes_table},
    "reference/settings.md": {"settings": settings_table},
    "reference/sdk.md": {"errors": errors_table, "lake errors": lake_errors_table},
}


def renewed(page: str, text: str) -> str:
    """The text of a page with its made parts made anew."""
    for name, make in PARTS[page].items():
        begin, end = f"<!-- made: {name} -->\n", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise ValueError(f"{page} has no part `{name}`: it belongs between {begin.strip()} and {end}.")
        text = f"{before}{begin}{make()}\n{end}{after}"
    return text


def main() -> None:
    """Write all parts."""
    for page in PARTS:
        path = DOCS / page
        before = path.read_text(encoding="utf-8")
        after = renewed(page, before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"Wrote {path}.", file=sys.stderr)


if __name__ == "__main__":
    main()
