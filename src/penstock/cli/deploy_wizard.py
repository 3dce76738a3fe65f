"""What `penstock deploy` asks for on a terminal: which flow, its name, when and where it runs."""

from collections.abc import Sequence
from pathlib import Path

import click

from penstock.cli.session import Session
from penstock.cli.text import as_count
from penstock.core.errors import ScheduleInvalid
from penstock.core.schedules import Schedule
from penstock.deployments.discovery import find_flows
from penstock.deployments.project import Entry
from penstock.deployments.spans import parse_schedule
from penstock.ports import PAGE_SIZE_MAX
from penstock.work import ListWorkPools, SaveWorkPool

CHOICES_MAX = 40
POOL_DEFAULT = "local"


def choose_entries(session: Session, known: Sequence[Entry]) -> list[Entry]:
    """Which deployments of the file are meant."""
    listed = [f"{entry.name} ({entry.entrypoint})" for entry in known]
    place = _choose(session, "Deploy which?", [*listed, "all of them"])
    return list(known) if place == len(known) else [known[place]]


def ask(session: Session, folder: Path) -> tuple[Entry, bool] | None:
    """A deployment, question by question, and whether to write it into `penstock.yaml`; none if there is nothing to deploy."""
    flows = find_flows(folder)
    if not flows:
        session.terminal.fail(f"No file in {folder} defines a flow: decorate a function with @flow.")
        return None
    entrypoint = flows[0] if len(flows) == 1 else flows[_choose(session, "Deploy which flow?", flows)]
    session.terminal.say(f"Deploying {entrypoint}.")
    name = str(click.prompt("Name", default="default", err=True))
    schedule = _ask_schedule(session)
    pool = ask_pool(session)
    entry = Entry(name=name, entrypoint=entrypoint, work_pool=pool, schedules=None if schedule is None else (schedule,))
    when = "when asked for" if schedule is None else f"{schedule.rule} in {schedule.timezone}"
    session.terminal.say(f"`{name}` runs {entrypoint} in work pool `{pool}`, {when}.")
    if not click.confirm("Deploy it?", default=True, err=True):
        session.terminal.say("Nothing was done.")
        return None
    save = click.confirm("Write it into penstock.yaml too?", default=True, err=True)
    return entry, save


def ask_pool(session: Session) -> str:
    """Which work pool; one is made if there is none."""
    pools = session.ask(ListWorkPools(limit=PAGE_SIZE_MAX)).items
    if len(pools) == 1:
        return pools[0].name
    if pools:
        listed = [f"{pool.name} ({pool.type}, {as_count(pool.workers_online, 'worker')} online)" for pool in pools]
        return pools[_choose(session, "In which work pool?", listed)].name
    session.terminal.say(f"There is no work pool yet: `{POOL_DEFAULT}`, of processes on this machine, is made.")
    session.ask(SaveWorkPool(name=POOL_DEFAULT, type="process"))
    return POOL_DEFAULT


def _ask_schedule(session: Session) -> Schedule | None:
    while True:
        session.terminal.say("When does it run by itself? A cron expression, a span such as `1h`, or nothing.")
        text = str(click.prompt("Schedule", default="", show_default=False, err=True)).strip()
        if not text:
            return None
        zone = str(click.prompt("Time zone", default="UTC", err=True))
        rule = "cron" if text.startswith("@") or len(text.split()) == 5 else "interval"
        try:
            return parse_schedule({rule: text, "timezone": zone})
        except ScheduleInvalid as error:
            session.terminal.fail(str(error))


def _choose(session: Session, question: str, choices: Sequence[str]) -> int:
    session.terminal.say(question)
    for place, choice in enumerate(choices[:CHOICES_MAX], 1):
        session.terminal.say(f"  {place:>2}  {choice}")
    if len(choices) > CHOICES_MAX:
        session.terminal.say(f"      and {len(choices) - CHOICES_MAX} more: name them on the command line.")
    shown = min(len(choices), CHOICES_MAX)
    chosen: int = click.prompt("Number", type=click.IntRange(1, shown), default=1, err=True)
    return chosen - 1
