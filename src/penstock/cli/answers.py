"""`penstock flow-run why`, `inputs`, `answer` and `pause`: why a run is where it is, what it asks, answering it, holding it back."""

import json
import shlex
from typing import Any

import click

from penstock.cli.asked_for import find_request
from penstock.cli.commands import Command, json_option
from penstock.cli.lookup import get_flow_run
from penstock.cli.running import fit_to_schema, parameter_option, parameters_option, parse_parameters
from penstock.cli.session import Session, pass_session
from penstock.cli.states import state_cell
from penstock.cli.tables import Cell, Column
from penstock.cli.text import as_iso, as_local_time, parse_value
from penstock.core.errors import Conflict
from penstock.core.ids import as_uuid_text
from penstock.core.states import StateType
from penstock.ports import FlowRun
from penstock.scheduling import AnswerRun, ExplainRun, Explanation, ListRunInputs, PauseRun, RunInput

WAITS = ("waiting", "claimed")
QUESTION = click.option("--key", metavar="TEXT", help="Which question, if it asked several; the open one if left out.")


@click.command(
    "why", cls=Command, examples=["penstock flow-run why brave-otter", "penstock flow-run why brave-otter --json"]
)
@click.argument("run")
@json_option
@pass_session
def why(session: Session, run: str, as_json: bool) -> None:
    """Say why a run is not running, and what would bring it on.

    The most pressing reason comes first. RUN is an id, the beginning of one, or the run's name.
    """
    found = get_flow_run(session, run)
    reasons = session.ask(ExplainRun(flow_run_id=found.id))
    if as_json:
        session.terminal.json_list(map(_reason_shape, reasons))
        return
    session.terminal.pairs([("Flow run", found.name), ("State", state_cell(found.state))])
    session.terminal.data()
    for reason in reasons:
        since = f" (since {as_local_time(reason.since)})" if reason.since is not None else ""
        session.terminal.data(f"{reason.message}{since}")


@click.command(
    "inputs",
    cls=Command,
    examples=["penstock flow-run inputs brave-otter", "penstock flow-run inputs brave-otter --json"],
)
@click.argument("run")
@json_option
@pass_session
def inputs(session: Session, run: str, as_json: bool) -> None:
    """List what a run asked, and the answers."""
    found = get_flow_run(session, run)
    asked = session.ask(ListRunInputs(flow_run_id=found.id))
    if as_json:
        session.terminal.json_list(map(_input_shape, asked))
        return
    session.terminal.table(
        [Column("Question"), Column("Message", give=True), Column("Asked"), Column("Answer", give=True), Column("By")],
        (
            (
                each.key,
                each.message or "",
                as_local_time(each.asked_at),
                Cell("open", "yellow") if each.answered_at is None else json.dumps(each.answer, ensure_ascii=False),
                each.answered_by or "",
            )
            for each in asked
        ),
        empty=f"Run `{found.name}` asked nothing.",
    )


@click.command(
    "answer",
    cls=Command,
    examples=[
        "penstock flow-run answer brave-otter",
        "penstock flow-run answer brave-otter -p approved=true -p rate=0.5",
    ],
)
@click.argument("run")
@parameter_option
@parameters_option
@QUESTION
@pass_session
def answer(session: Session, run: str, assignments: tuple[str, ...], params: str | None, key: str | None) -> None:
    """Answer what a paused or suspended run asks, so that it goes on.

    On a terminal what is missing is asked for, field by field. RUN is an id, the beginning of one, or the run's name.
    """
    found = get_flow_run(session, run)
    asked = _open_question(session, found, key)
    given: dict[str, Any] = parse_parameters(assignments, params)
    schema = asked.answer_schema
    if schema is not None:
        given = fit_to_schema(lambda: schema, given, assignments)
        if session.terminal.is_interactive and not given:
            given = _ask(session, asked)
    elif given:
        raise click.UsageError(f"Run `{found.name}` asks for nothing but to go on.")
    went_on = session.ask(AnswerRun(flow_run_id=found.id, key=asked.key, answer=None if schema is None else given))
    if went_on.state.name == "Suspended":  # it is of no deployment: no worker comes for it
        session.terminal.say(f"Answered. Go on with it: penstock resume {shlex.quote(went_on.name)}")
        return
    session.terminal.say(f"Flow run `{went_on.name}` is {went_on.state.name}.")
    session.terminal.say(f"Follow it with: penstock flow-run watch {shlex.quote(went_on.name)}", colour="bright_black")


@click.command(
    "pause",
    cls=Command,
    examples=[
        "penstock flow-run pause brave-otter",
        "penstock flow-run pause brave-otter --message 'not before Monday'",
    ],
)
@click.argument("run")
@click.option("--message", metavar="TEXT", help="Why; it is shown with the state.")
@pass_session
def pause(session: Session, run: str, message: str | None) -> None:
    """Hold a run back that waits for a worker.

    `penstock flow-run resume` lets it go on. A run that has begun is paused by its own code, with `pause_flow_run()` or
    `suspend_flow_run()`. RUN is an id, the beginning of one, or the run's name.
    """
    found = get_flow_run(session, run)
    asked = find_request(session, found)
    if asked is None or asked.status not in WAITS or found.state.type not in (StateType.SCHEDULED, StateType.PENDING):
        name = shlex.quote(found.name)
        hint = "" if found.state.is_final else (
            f" Its own code can pause it. Or stop it, and go on later from what it completed: penstock flow-run cancel {name}, "
            f"penstock flow-run retry {name}."
        )  # fmt: skip
        raise Conflict(f"Run `{found.name}` is {found.state.name} and waits for no worker.{hint}")
    number = 1 + len(session.ask(ListRunInputs(flow_run_id=found.id)))
    said = message or "Held back by hand."
    session.ask(PauseRun(flow_run_id=found.id, epoch=found.epoch, key=f"held-{number}", suspend=True, message=said))
    session.terminal.say(
        f"Flow run `{found.name}` is held back. Let it go on with: penstock flow-run resume {found.name}"
    )


def _open_question(session: Session, run: FlowRun, key: str | None) -> RunInput:
    """What is to be answered. Raises `Conflict` if nothing is."""
    open_ = [each for each in session.ask(ListRunInputs(flow_run_id=run.id)) if each.answered_at is None]
    wanted = [each for each in open_ if key in (None, each.key)]
    if not wanted:
        listed = f" Open: {', '.join(each.key for each in open_)}." if open_ else ""
        raise Conflict(f"Run `{run.name}` is {run.state.name} and waits for no {'such ' if key else ''}answer.{listed}")
    return wanted[-1]


def _ask(session: Session, asked: RunInput) -> dict[str, Any]:
    """An answer, field by field. What does not fit is for the run to refuse."""
    assert asked.answer_schema is not None
    if asked.message:
        session.terminal.say(asked.message)
    required = asked.answer_schema.get("required", ())
    given: dict[str, Any] = {}
    typed = []
    for name, field in asked.answer_schema.get("properties", {}).items():
        about = field.get("description") if isinstance(field, dict) else None
        if about:
            session.terminal.say(f"  {about}")
        default = _default_text(field)
        text = str(
            click.prompt(
                name, default=default or ("" if name not in required else None), show_default=bool(default), err=True
            )
        )
        if text or name in required:
            given[name] = parse_value(text)
            typed.append(f"{name}={text}")
    return fit_to_schema(lambda: asked.answer_schema or {}, given, typed)


def _default_text(field: Any) -> str | None:
    default = field.get("default") if isinstance(field, dict) else None
    if default is None or isinstance(default, str):
        return default
    return json.dumps(default)


def _reason_shape(reason: Explanation) -> dict[str, Any]:
    return {"code": reason.code, "message": reason.message, "since": as_iso(reason.since)}


def _input_shape(asked: RunInput) -> dict[str, Any]:
    return {
        "flow_run_id": as_uuid_text(asked.flow_run_id),
        "key": asked.key,
        "message": asked.message,
        "answer_schema": None if asked.answer_schema is None else dict(asked.answer_schema),
        "asked_at": as_iso(asked.asked_at),
        "expires_at": as_iso(asked.expires_at),
        "answer": asked.answer,
        "answered_at": as_iso(asked.answered_at),
        "answered_by": asked.answered_by,
    }
