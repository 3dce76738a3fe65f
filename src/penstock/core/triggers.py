"""Whether a task runs, given how those that it depends on ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from penstock.core.states import StateType


class When(StrEnum):
    """The trigger rules that `@task(when=...)` takes."""

    ALL_SUCCESS = "all_success"
    ALL_DONE = "all_done"
    ONE_FAILED = "one_failed"
    ONE_SUCCESS = "one_success"


class Admission(StrEnum):
    """What follows for the task."""

    RUN = "run"
    NOT_READY = "not_ready"
    TRIGGER_FAILED = "trigger_failed"
    SKIP_UPSTREAM = "skip_upstream"
    SKIP_RULE = "skip_rule"


@dataclass(frozen=True, slots=True)
class Upstream:
    """How one dependency ended; `tolerated` if the caller wrapped it in `allow_failure`."""

    name: str
    type: StateType
    state_name: str
    tolerated: bool = False


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether the task runs, and the sentence that explains it."""

    admission: Admission
    message: str = ""


RUN = Ruling(Admission.RUN)


def rule(when: When, upstreams: Sequence[Upstream]) -> Ruling:
    """Decide. A skipped dependency has COMPLETED, but has no value: what waits for all_success is skipped too.

    >>> failed = Upstream("fetch-0", StateType.FAILED, "Failed")
    >>> rule(When.ALL_SUCCESS, [failed]).message
    'Upstream task run `fetch-0` ended Failed.'
    >>> rule(When.ALL_DONE, [failed]).admission
    <Admission.RUN: 'run'>
    """
    if when is When.ALL_DONE or not upstreams:
        return Ruling(Admission.SKIP_RULE, "Nothing upstream failed.") if when is When.ONE_FAILED else RUN
    failed = [u for u in upstreams if u.type is not StateType.COMPLETED]
    skipped = [u for u in upstreams if u.type is StateType.COMPLETED and u.state_name == "Skipped"]
    if when is When.ONE_FAILED:
        return RUN if failed else Ruling(Admission.SKIP_RULE, "Nothing upstream failed.")
    if when is When.ONE_SUCCESS:
        return _rule_one_success(upstreams, failed, skipped)
    refused = [u for u in failed if not u.tolerated]
    if refused:
        more = f" So did {len(refused) - 1} more." if len(refused) > 1 else ""
        return Ruling(
            Admission.NOT_READY, f"Upstream task run `{refused[0].name}` ended {refused[0].state_name}.{more}"
        )
    unwanted = [u for u in skipped if not u.tolerated]
    if unwanted:
        return Ruling(Admission.SKIP_UPSTREAM, f"Upstream task run `{unwanted[0].name}` was skipped.")
    return RUN


def _rule_one_success(upstreams: Sequence[Upstream], failed: Sequence[Upstream], skipped: Sequence[Upstream]) -> Ruling:
    if len(failed) + len(skipped) < len(upstreams):
        return RUN
    if failed:
        return Ruling(
            Admission.TRIGGER_FAILED,
            f"None of {len(upstreams)} upstream runs succeeded; `{failed[0].name}` ended {failed[0].state_name}.",
        )
    return Ruling(Admission.SKIP_UPSTREAM, "Everything upstream was skipped.")
