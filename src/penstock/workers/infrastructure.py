"""What a worker starts runs on: a protocol, and the table of those who speak it, found by their entry points."""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

from penstock.core.errors import MissingExtra, RequestInvalid
from penstock.core.ids import RunId
from penstock.core.job_templates import fill_in
from penstock.work import ClaimedRun, WorkPool

ENTRY_POINTS = "penstock.infrastructure"
"""The group of entry points: a name of a pool's type, and a class that is called with nothing."""
OURS: Mapping[str, str] = MappingProxyType(
    {
        "process": "penstock.workers.process:ProcessInfrastructure",
        "docker": "penstock.integrations.docker:DockerInfrastructure",
        "kubernetes": "penstock.integrations.kubernetes:KubernetesInfrastructure",
    }
)
RUN_VARIABLE, CLAIM_VARIABLE = "PENSTOCK_FLOW_RUN_ID", "PENSTOCK_FLOW_RUN_CLAIM"
FOLDER_VARIABLE = "PENSTOCK_FLOW_RUN_FOLDER"
"""What the process of a run is told by its environment."""
API_KEY_VARIABLE = "PENSTOCK_API_KEY"
"""Where the process of a run finds what it shows the server: its token, or a key that its job gives it."""
FLEETING_VARIABLE = "PENSTOCK_FLOW_RUN_FLEETING"
"""Set where the process's disk goes with it: it stays until all that it recorded is with the server."""

REFUSED_CODE = 75
"""The exit code of a process whose claim did not hold any more: it did nothing, and there is nothing to say."""
OUTPUT_CHARACTERS_MAX = 4_000


@dataclass(frozen=True, slots=True)
class Ending:
    """How what was started ended."""

    code: int | None
    """The exit code; negative for a signal; none if nobody knows."""
    message: str
    """What that means, in a sentence."""
    output: str = ""
    """The last that it printed."""
    host: str = ""
    """What the process called its machine, where that is not this one: its journal says so."""
    never_began: bool = False
    """Whether nothing was ever started: no image, no room, a job that the platform refuses. Then the run failed, nothing crashed."""

    @property
    def is_clean(self) -> bool:
        """Whether it said all there was to say before it went."""
        return self.code in (0, REFUSED_CODE)


class Handle(Protocol):
    """Something that was started for a claim."""

    @property
    def name(self) -> str | None:
        """As it is known to people: `process:1234`; none as long as it is not known."""

    def poll(self) -> Ending | None:
        """How it ended; none while it goes on. Answers at once."""

    def stop(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it."""


class Infrastructure(Protocol):
    """Starts runs. One thread of the worker calls it."""

    def start(self, claimed: ClaimedRun) -> Handle:
        """Start the process of a run, which then says itself what becomes of the run. Returns soon.

        Raises `PenstockError` if it cannot be started, which becomes the message of the failed run.
        """

    def close(self) -> None:
        """Let go of what is kept between runs. What was started goes on."""


WhyOver = Callable[[RunId, int], str | None]
"""Why nobody waits any more for what was started for a run and claim; none while somebody may. May raise `PenstockError`."""


@runtime_checkable
class RemovesOrphans(Protocol):
    """An infrastructure where what was started outlives its worker for good, as long as nobody removes it."""

    def watch_orphans(self, pool: WorkPool, why_over: WhyOver) -> None:
        """From now on until `close`, remove what workers that are gone started in this pool, and what is over."""


def find_infrastructure(type_: str) -> Infrastructure:
    """The infrastructure of a pool's type. Raises `MissingExtra` if it is not installed, `RequestInvalid` if nobody knows it."""
    for point in entry_points(group=ENTRY_POINTS, name=type_):
        made: Infrastructure = point.load()()
        return made
    target = OURS.get(type_)
    if target is None:
        raise RequestInvalid(f"No infrastructure of type `{type_}` is installed here. Known: {', '.join(OURS)}.")
    module, _, name = target.partition(":")
    try:
        from importlib import import_module  # lazy: with what it imports

        made = getattr(import_module(module), name)()
    except ImportError as error:
        raise MissingExtra(f"Work pools of type {type_}", extra=type_, because=error) from error
    return made


def job_of(claimed: ClaimedRun) -> dict[str, Any]:
    """The configuration of a run's job: the pool's template with the values of deployment and run. Raises `RequestInvalid`."""
    given = {**claimed.request.spec.job_variables, **claimed.request.job_variables}
    job, problems = fill_in(claimed.job_template, given)
    if problems:
        said = "; ".join(f"`{name}` {expectation}, got {value!r:.200}" for name, expectation, value in problems)
        pool = claimed.request.work_pool
        raise RequestInvalid(f"The job variables do not fit the template of work pool `{pool}`: {said}.")
    return job


def explain_code(code: int | None, *, what: str) -> str:
    """What an exit code tells.

    >>> explain_code(-9, what="Process 7")
    'Process 7 was killed by SIGKILL; probably the machine ran out of memory.'
    >>> explain_code(3, what="Process 7")
    'Process 7 ended with exit code 3 and without a word about its run.'
    """
    if code is None:
        return f"{what} is gone, and nobody knows how it ended."
    if code > 128 and code - 128 in set(signal.Signals):  # as shells and containers say it
        code = 128 - code
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = {
            "SIGKILL": "; probably the machine ran out of memory",
            "SIGSEGV": ": a library it used is at fault",
            "SIGBUS": ": a library it used is at fault, or a file it had mapped shrank",
            "SIGTERM": ": somebody else ended it",
        }.get(name, "")
        return f"{what} was killed by {name}{hint}."
    return f"{what} ended with exit code {code} and without a word about its run."
