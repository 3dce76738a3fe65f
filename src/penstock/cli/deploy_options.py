"""The options that say how a flow is deployed, shared by `penstock deploy` and `penstock deployment build`."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import click

from penstock.cli.commands import shared_options
from penstock.cli.running import parameter_option, parameters_option, parse_parameters, split_assignments
from penstock.cli.text import parse_value
from penstock.core.schedules import with_distinct_slugs
from penstock.deployments.project import COLLISIONS, ON_CRASH, Entry
from penstock.deployments.spans import parse_schedule, parse_span

deploy_options = shared_options(
    click.option("--cron", "crons", multiple=True, metavar="TEXT", help="Run by a cron expression. Repeatable."),
    click.option("--interval", "intervals", multiple=True, metavar="SPAN", help="Run every so often: seconds, `15m`, `1d`. Repeatable."),
    click.option("--anchor", metavar="MOMENT", help="A moment at which the intervals fire."),
    click.option("--rrule", "rrules", multiple=True, metavar="TEXT", help="Run by a rule of iCalendar. Repeatable."),
    click.option("--timezone", metavar="ZONE", help="The IANA zone of --cron, --interval and --rrule; UTC if left out."),
    click.option("--no-schedule", is_flag=True, help="Take all schedules away."),
    click.option("--pool", "work_pool", metavar="NAME", help="The work pool that runs it."),
    click.option("--queue", "-q", "work_queue", metavar="NAME", help="The pool's queue that its runs wait in."),
    click.option("--job-variable", "-jv", "variables", multiple=True, metavar="KEY=VALUE", help="A variable of the pool's job template. Repeatable."),
    parameter_option,
    parameters_option,
    click.option("--tag", "-t", "tags", multiple=True, metavar="TAG", help="Tag its runs. Repeatable."),
    click.option("--version", metavar="TEXT", help="What you call this version."),
    click.option("--description", metavar="TEXT", help="What it is for."),
    click.option("--concurrency-limit", "-cl", type=click.IntRange(1), metavar="N", help="So many runs at once."),
    click.option("--collision", type=click.Choice(COLLISIONS), help="What becomes of runs beyond the limit."),
    click.option("--on-crash", type=click.Choice(ON_CRASH), help="What becomes of a run whose process died."),
    click.option("--deadline", metavar="SPAN", help="Tell of runs that have not ended so long after their time."),
    click.option("--paused/--not-paused", default=None, help="Whether its schedules rest."),
    click.option("--no-enforce", is_flag=True, help="Let parameters through that do not fit the signature."),
)  # fmt: skip


def change_entry(entry: Entry, said: Mapping[str, Any]) -> Entry:
    """A deployment as a file says it, changed by options. Raises `click.UsageError`, `ScheduleInvalid`."""
    changes = {
        "work_pool": said["work_pool"],
        "work_queue": said["work_queue"],
        "version": said["version"],
        "description": said["description"],
        "concurrency_limit": said["concurrency_limit"],
        "collision": said["collision"],
        "on_crash": said["on_crash"],
        "paused": said["paused"],
        "deadline_seconds": _seconds(said["deadline"]),
        "tags": list(said["tags"]) or None,
        "enforce_parameter_schema": False if said["no_enforce"] else None,
    }
    parameters = parse_parameters(said["assignments"], said["params"])
    if parameters:
        changes["parameters"] = {**entry.parameters, **parameters}
    if said["variables"]:
        given = {key: parse_value(text) for key, text in split_assignments(said["variables"]).items()}
        changes["job_variables"] = {**entry.job_variables, **given}
    changed = replace(entry, **{name: value for name, value in changes.items() if value is not None})
    schedules = _schedules(said)
    return changed if schedules is None else replace(changed, schedules=schedules)


def _schedules(said: Mapping[str, Any]) -> Any:
    rules = [(rule, text) for rule in ("cron", "interval", "rrule") for text in said[f"{rule}s"]]
    if said["no_schedule"]:
        if rules:
            raise click.UsageError("--no-schedule excludes --cron, --interval and --rrule.")
        return ()
    if not rules:
        for name in ("timezone", "anchor"):
            if said[name]:
                raise click.UsageError(f"--{name} goes with --cron, --interval or --rrule.")
        return None
    made = []
    for rule, text in rules:
        anchor = said["anchor"] if rule == "interval" else None
        made.append(parse_schedule({rule: text, "timezone": said["timezone"], "anchor": anchor}))
    return with_distinct_slugs(made)


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return parse_span(text).total_seconds()
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(f"{error}.", param_hint="--deadline") from error
