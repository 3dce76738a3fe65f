"""Running flows in this process: found by path, called with parameters from the command line, reported at the end."""

import inspect
import json
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence, Sized
from pathlib import Path
from traceback import StackSummary, TracebackException
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

import penstock
from penstock.cli.exits import ExitCode
from penstock.cli.session import Session
from penstock.cli.text import parse_value
from penstock.core.errors import PenstockError
from penstock.core.states import StateType

if TYPE_CHECKING:
    from penstock import Flow, State

PACKAGE = Path(penstock.__file__).parent
OUR_FRAMES = (
    "<frozen importlib",
    *(str(PACKAGE / floor) for floor in ("cli", "engine", "sdk", "orchestrator", "store")),
)
SHOWN_CHARACTERS_MAX = 200
EXITS = MappingProxyType({StateType.COMPLETED: ExitCode.OK, StateType.CANCELLED: ExitCode.CANCELLED})

parameter_option = click.option(
    "-p", "--param", "assignments", multiple=True, metavar="KEY=VALUE", help="A parameter: JSON, else text. Repeatable."
)
parameters_option = click.option("--params", metavar="JSON", help="Parameters as a JSON object; -p comes on top.")


def find_flow(target: str) -> "Flow[Any, Any]":
    """The flow that `PATH[:flow]` means, or the only one of a file. Raises `PenstockError`s."""
    from penstock.sdk.loading import load_flow  # lazy: engine, 40 ms

    return load_flow(target)


def parse_parameters(assignments: Sequence[str], params: str | None) -> dict[str, Any]:
    """Read `--params` and `-p`; the texts of `-p` are kept beside what they mean, see `fit_texts`."""
    found: dict[str, Any] = {}
    if params is not None:
        try:
            found = json.loads(params)
        except ValueError as error:
            raise click.BadParameter(f"it is no JSON: {error}.", param_hint="--params") from error
        if not isinstance(found, dict):
            raise click.BadParameter('it must be a JSON object, such as {"year": 2020}.', param_hint="--params")
    for key, text in split_assignments(assignments).items():
        found[key] = parse_value(text)
    return found


def split_assignments(assignments: Sequence[str]) -> dict[str, str]:
    """Split `KEY=VALUE` texts. Raises `click.UsageError`."""
    pairs: dict[str, str] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise click.UsageError(f"`-p {assignment}` is no KEY=VALUE.")
        pairs[key.strip()] = text
    return pairs


def fit_texts(flow: "Flow[Any, Any]", parameters: Mapping[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """Give parameters that are text by the flow's signature the text that was typed: `-p code=12` is not a number."""
    return fit_to_schema(flow.parameters_schema, parameters, assignments)


def fit_to_schema(
    schema: Callable[[], Mapping[str, Any]], parameters: Mapping[str, Any], assignments: Sequence[str]
) -> dict[str, Any]:
    """The same by a JSON Schema of the parameters, which is only asked for where it matters."""
    fitted = dict(parameters)
    unsure = {k: text for k, text in split_assignments(assignments).items() if not isinstance(fitted[k], str)}
    if unsure:
        properties = schema().get("properties", {})
        for key, text in unsure.items():
            types = _types(properties.get(key, {}))
            if "string" in types and types <= {"string", "null"} and fitted[key] is not None:
                fitted[key] = text
    return fitted


def _types(schema: Mapping[str, Any]) -> set[str]:
    choices = schema.get("anyOf", [schema])
    return {choice.get("type", "anything") for choice in choices}


def execute(session: Session, start: Callable[[], Any]) -> ExitCode:
    """Start a run that answers with its final state (or a coroutine of it), tell how it ended, return the exit code."""
    from penstock.sdk import wiring  # lazy: engine, 40 ms

    try:
        state = start()
        if inspect.iscoroutine(state):
            import asyncio  # lazy: asyncio, 35 ms

            state = asyncio.run(state)
    finally:
        wiring.flush()
    return tell(session, state)


def tell(session: Session, state: "State") -> ExitCode:
    """Say how a run ended; a user's own error with the user's part of its traceback."""
    if state.is_paused():
        session.terminal.say(f"Flow run `{state.run_name}` is {state.name}: {state.message}")
        session.terminal.say(f"Let it go on with: penstock flow-run answer {shlex.quote(str(state.run_name))}")
        return ExitCode.OK
    if not state.is_completed():
        error = state.error()
        if not isinstance(error, PenstockError):
            show_user_error(session, error)
        session.terminal.fail(f"Flow run `{state.run_name}` ended {state.name}: {state.message or error}")
    elif returned := in_short(state.result()):
        session.terminal.say(f"It returned {returned}")
    if state.run_id is not None:
        session.terminal.say(
            f"See it with: penstock flow-run inspect {shlex.quote(str(state.run_name))}", colour="bright_black"
        )
    return EXITS.get(state.type, ExitCode.FAILED)


def in_short(value: Any) -> str:
    """A value as Python writes it, on one line; nothing if that is long, or says no more than that there is one."""
    if value is None or (isinstance(value, Sized) and len(value) > SHOWN_CHARACTERS_MAX):
        return ""
    try:
        text = repr(value)
    except Exception:  # a user's `__repr__` may do anything
        return ""
    return text if len(text) <= SHOWN_CHARACTERS_MAX and text.isprintable() else ""


def show_user_error(session: Session, error: BaseException) -> None:
    """Print an exception of user code with its traceback, without the frames of Penstock."""
    shown = TracebackException.from_exception(error)
    _trim(shown)
    session.terminal.say("".join(shown.format()).rstrip("\n"))


def _trim(shown: TracebackException) -> None:
    kept = [frame for frame in shown.stack if not frame.filename.startswith(OUR_FRAMES)]
    shown.stack = StackSummary.from_list(kept)
    for other in (shown.__cause__, shown.__context__, *(shown.exceptions or ())):
        if other is not None:
            _trim(other)


def importing(session: Session, load: "Callable[[], Flow[Any, Any]]") -> "Flow[Any, Any] | None":
    """Load a flow; an error that the user's file raises is shown as theirs, and none returned."""
    try:
        return load()
    except (PenstockError, click.ClickException):
        raise
    except Exception as error:
        show_user_error(session, error)
        session.terminal.fail("The flow could not be loaded.")
        return None


def add_working_folder() -> None:
    """Let modules of the working folder be imported, as `python -m` does."""
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
