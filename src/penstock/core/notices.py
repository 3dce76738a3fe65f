"""Who is told of what happened to a run, and how often. Pure: the tally goes in and comes out.

Of each flow so many messages a minute are sent; what else happens is counted, and told in one line when the minute is over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

PER_FLOW_PER_MINUTE = 5
MINUTE_US = 60_000_000
TOLD_FOR_US = 24 * 60 * MINUTE_US
"""What is older is only counted: nobody was there to send it in time."""
MESSAGE_CHARACTERS_MAX = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """A run came to a state."""

    at: int
    run_id: str
    run_name: str
    flow_name: str
    state_type: str
    state_name: str
    message: str | None
    top_level: bool
    tags: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """What somebody wants to be told of. States are types or names, in lower case."""

    states: Sequence[str]
    flow_name: str | None = None
    tag: str | None = None

    def covers(self, happening: Happening) -> bool:
        """Whether this is of interest. Subflow runs are only if their flow was named: their parents tell of the rest."""
        named = self.flow_name == happening.flow_name
        return (
            (happening.state_type.lower() in self.states or happening.state_name.lower() in self.states)
            and (named if self.flow_name is not None else happening.top_level)
            and (self.tag is None or self.tag in happening.tags)
        )


@dataclass(frozen=True, slots=True)
class Count:
    """How many messages of a flow were sent in a minute, and what was held back."""

    sent: int = 0
    held: Mapping[str, int] = field(default_factory=dict)
    """Runs by the name of their state."""
    last_run: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """What was sent and held back since `began_at`."""

    began_at: int = 0
    flows: Mapping[str, Count] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message."""

    title: str
    body: str
    bad: bool = True


def tell(tally: Tally, happening: Happening, *, now: int) -> tuple[Notice | None, Tally]:
    """The message about something, or none if it is only counted, and the tally afterwards."""
    tally = tally if tally.flows else replace(tally, began_at=now)
    count = tally.flows.get(happening.flow_name, Count())
    if count.sent < PER_FLOW_PER_MINUTE and now - happening.at < TOLD_FOR_US:
        count = replace(count, sent=count.sent + 1)
        return _write(happening), _with(tally, happening.flow_name, count)
    held = {**count.held, happening.state_name: count.held.get(happening.state_name, 0) + 1}
    return None, _with(tally, happening.flow_name, replace(count, held=held, last_run=happening.run_name))


def is_over(tally: Tally, *, now: int) -> bool:
    """Whether a tally's minute has passed; one that is empty has nothing to end."""
    return bool(tally.flows) and not 0 <= now - tally.began_at < MINUTE_US


def summarize(tally: Tally) -> list[tuple[str, Notice]]:
    """The messages that tell of what was held back, by flow."""
    return [(flow, _sum_up(flow, count)) for flow, count in sorted(tally.flows.items()) if count.held]


def without(tally: Tally, flow_name: str) -> Tally:
    """A tally in which nothing of a flow is held back any more."""
    return _with(tally, flow_name, replace(tally.flows[flow_name], held={}))


def _with(tally: Tally, flow_name: str, count: Count) -> Tally:
    return replace(tally, flows={**tally.flows, flow_name: count})


def _write(happening: Happening) -> Notice:
    lines = [
        (happening.message or "")[:MESSAGE_CHARACTERS_MAX],
        f"Flow `{happening.flow_name}`, run {happening.run_id}",
        f"penstock flow-run logs {happening.run_id}",
    ]
    return Notice(
        title=f"Flow run '{happening.run_name}' of '{happening.flow_name}': {happening.state_name}",
        body="\n".join(line for line in lines if line),
        bad=happening.state_type in ("FAILED", "CRASHED"),
    )


def _sum_up(flow_name: str, count: Count) -> Notice:
    number = sum(count.held.values())
    runs = "1 more run" if number == 1 else f"{number:,} more runs"
    states = ", ".join(f"{name}: {many:,}" for name, many in sorted(count.held.items()))
    return Notice(
        title=f"{runs} of '{flow_name}'",
        body=f"{states}. The last was '{count.last_run}'.\npenstock flow-run ls --flow '{flow_name}'",
        bad=True,
    )
