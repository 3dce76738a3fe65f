"""What the status of a Job and of its pod means: documents as the API server gives them go in, sentences come out.

Two questions: why does it not begin, and how did it end? Nothing is asked here, so that all of it is tested on statuses of
real clusters.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from penstock.workers.infrastructure import REFUSED_CODE, Ending, explain_code

Document = Mapping[str, Any]

HOPELESS_REASONS = frozenset(
    {
        "InvalidImageName",
        "ErrImageNeverPull",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "ImageInspectError",
    }
)
"""Waiting does not mend these."""
PULL_REASONS = frozenset({"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"})
_NO_SUCH_IMAGE = re.compile(
    r"not found|manifest unknown|does not exist|repository .* not|denied|unauthorized|forbidden|no match for platform|code = NotFound",
    re.IGNORECASE,
)
STARTING = frozenset({"ContainerCreating", "PodInitializing"})
NEVER_STARTED = frozenset({"StartError", "ContainerCannotRun"})
REFUSED_BY_NODE = ("OutOf", "NodeAffinity", "UnexpectedAdmissionError", "NodePorts", "NodeShutdown", "NodeResourcesFit")
_DISRUPTIONS: Mapping[str, str] = {
    "PreemptionByScheduler": "gave way to a pod of higher priority (preempted)",
    "DeletionByTaintManager": "was removed from its node, whose taints it does not tolerate",
    "EvictionByEvictionAPI": "was evicted, as when a node is drained",
    "DeletionByPodGC": "is gone with its node",
    "TerminationByKubelet": "was ended by its node",
}
MESSAGE_CHARACTERS_MAX = 600
LOST = "What it had recorded and not yet told the server went with its pod."
"""A process stays until all is told (see `FLEETING_VARIABLE`), unless it is killed; a pod's disk cannot be read after that."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a pod does not begin."""

    why: str
    hopeless: bool = False
    """Whether nothing but a hand will mend it."""


# ---- Has it begun, has it ended? ---------------------------------------------------------------------------------


def has_begun(pod: Document, container: str) -> bool:
    """Whether the flow's container has been started."""
    state = state_of(pod, container)
    return "running" in state or ("terminated" in state and bool(state["terminated"].get("startedAt")))


def has_ended(pod: Document, container: str) -> bool:
    """Whether the flow's container has ended, or never will begin. Others of the pod may still run."""
    return "terminated" in state_of(pod, container) or phase_of(pod) in ("Succeeded", "Failed")


def exit_code(pod: Document | None, container: str) -> int | None:
    """With what the flow's container ended; none if it did not, or nobody knows."""
    ended = {} if pod is None else state_of(pod, container).get("terminated") or {}
    code = ended.get("exitCode", 0 if pod is not None and phase_of(pod) == "Succeeded" else None)
    return None if code is None or ended.get("reason") == "ContainerStatusUnknown" else int(code)


def others_run(pod: Document, container: str) -> bool:
    """Whether a container beside the flow's goes on, and the pod with it."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return any("running" in (one.get("state") or {}) for one in statuses if one.get("name") != container)


def is_finished(job: Document) -> bool:
    """Whether a Job is done, one way or the other."""
    return any(condition_of(job, type_) is not None for type_ in ("Complete", "Failed"))


def is_suspended(job: Document | None) -> bool:
    """Whether something holds a Job back before its pod is made."""
    return condition_of(job or {}, "Suspended") is not None


# ---- Why does it not begin? --------------------------------------------------------------------------------------


def why_waiting(job: Document | None, pod: Document | None, events: Iterable[Document]) -> Waiting | None:
    """Why a Job's container has not been started; none if all goes its way. `events` are those of Job and pod."""
    warnings = [one for one in events if one.get("type") == "Warning"]
    if pod is None:
        return _why_no_pod(job, warnings)
    pulls = " ".join(_said(one) for one in warnings if one.get("reason") in ("Failed", "ErrImagePull"))
    for status in _all_statuses(pod):
        waiting = (status.get("state") or {}).get("waiting")
        reason = (waiting or {}).get("reason")
        if waiting is None or reason is None or reason in STARTING:
            continue
        detail = waiting.get("message") or ""
        if reason in PULL_REASONS:
            if "Failed to pull" in pulls and not _NO_SUCH_IMAGE.search(detail):
                detail = pulls
            why = f"The image `{status.get('image')}` cannot be pulled ({reason}): {_short(detail)}"
            return Waiting(why, hopeless=bool(_NO_SUCH_IMAGE.search(detail)))
        if reason in ("InvalidImageName", "ErrImageNeverPull"):
            return Waiting(f"The image `{status.get('image')}` cannot be used ({reason}): {_short(detail)}", True)
        return Waiting(
            f"Container `{status.get('name')}` cannot be made ({reason}): {_short(detail)}", reason in HOPELESS_REASONS
        )
    placed = _condition(pod, "PodScheduled")
    if placed is not None and placed.get("status") == "True":
        warnings = [one for one in warnings if one.get("reason") != "FailedScheduling"]
    elif placed is not None and placed.get("status") == "False":
        reason, detail = placed.get("reason") or "Pending", placed.get("message") or ""
        return Waiting(f"The pod has no node ({reason}): {_short(detail)}")
    if warnings:
        last = warnings[-1]
        return Waiting(f"The pod does not begin ({last.get('reason')}): {_said(last)}")
    return None


def say_last(events: Sequence[Document]) -> str:
    """What the cluster told last, for want of a better reason."""
    return f"The cluster said last: {_said(events[-1])}" if events else "The cluster does not say why."


def _why_no_pod(job: Document | None, warnings: Sequence[Document]) -> Waiting | None:
    if is_suspended(job):
        return Waiting("The Job is suspended: what admits Jobs to the cluster has not let it begin.")
    refused = [_said(one) for one in warnings if one.get("reason") == "FailedCreate"]
    if not refused:
        return None
    return Waiting(f"The cluster refuses the pod: {refused[-1]}", hopeless="exceeded quota" not in refused[-1])


# ---- How did it end? ---------------------------------------------------------------------------------------------


def explain_end(job: Document | None, pod: Document | None, *, container: str, name: str) -> Ending:
    """How it ended, as far as Job and pod tell; either may be gone.

    What the cluster did to it comes before the exit code, which mostly follows from that.
    """
    code = exit_code(pod, container)
    if code in (0, REFUSED_CODE):
        return Ending(code, f"Job {name} has ended.")
    if code is None and job is not None and condition_of(job, "Complete") is not None:
        return Ending(0, f"Job {name} has ended.")
    explanations = (_limit_of_time, _disruption, _memory, _start, _deletion)
    found = next(filter(None, (explain(job, pod, container, name) for explain in explanations)), None)
    ending = found or Ending(code, explain_code(code, what=f"The pod of Job {name}"))
    return ending if ending.never_began else replace(ending, message=f"{ending.message} {LOST}")


def _limit_of_time(job: Document | None, pod: Document | None, container: str, name: str) -> Ending | None:
    late = condition_of(job or {}, "Failed") or condition_of(job or {}, "FailureTarget")
    by_pod = pod is not None and (pod.get("status") or {}).get("reason") == "DeadlineExceeded"
    if not by_pod and (late is None or late.get("reason") != "DeadlineExceeded"):
        return None
    limit = ((job or {}).get("spec") or {}).get("activeDeadlineSeconds")
    of = f" of {limit} s" if limit else ""
    message = (
        f"Job {name} took longer than its limit{of} and was ended by the cluster. Raise `job_watch_timeout_seconds`."
    )
    return Ending(exit_code(pod, container), message)


def _disruption(job: Document | None, pod: Document | None, container: str, name: str) -> Ending | None:
    status = (pod or {}).get("status") or {}
    reason, said = status.get("reason"), status.get("message") or ""
    struck = None if pod is None else _condition(pod, "DisruptionTarget")
    node = ((pod or {}).get("spec") or {}).get("nodeName")
    where = f" from node {node}" if node else ""
    code = exit_code(pod, container)
    if reason == "Evicted":
        return Ending(code, f"The pod of Job {name} was evicted{where}: {_short(said)}")
    if reason and str(reason).startswith(REFUSED_BY_NODE):
        message = f"The node refused the pod of Job {name} ({reason}): {_short(said)}"
        return Ending(code, message, never_began=True)
    if struck is not None and struck.get("status") == "True":
        how = _DISRUPTIONS.get(str(struck.get("reason")), f"was disturbed ({struck.get('reason')})")
        return Ending(code, f"The pod of Job {name} {how}: {_short(struck.get('message') or said)}")
    if reason and reason not in ("Error", "Completed"):
        return Ending(code, f"The pod of Job {name} was ended ({reason}): {_short(said)}")
    return None


def _memory(job: Document | None, pod: Document | None, container: str, name: str) -> Ending | None:
    ended = {} if pod is None else state_of(pod, container).get("terminated") or {}
    if ended.get("reason") != "OOMKilled":
        return None
    limit = _limits_of(pod or {}, container).get("memory")
    used = f"more than its {limit} of memory" if limit else "more memory than its node had"
    message = f"The pod of Job {name} used {used} and was killed (OOMKilled). Raise `memory_limit`, or have it hold less at once."
    return Ending(ended.get("exitCode"), message)


def _start(job: Document | None, pod: Document | None, container: str, name: str) -> Ending | None:
    ended = {} if pod is None else state_of(pod, container).get("terminated") or {}
    if ended.get("reason") in NEVER_STARTED:
        said = _short(ended.get("message") or "")
        return Ending(ended.get("exitCode"), f"The container of Job {name} cannot be started: {said}", never_began=True)
    if ended.get("reason") == "ContainerStatusUnknown":
        return Ending(None, f"Nobody knows how the pod of Job {name} ended: {_short(ended.get('message') or '')}")
    if pod is not None and phase_of(pod) == "Failed" and not ended:
        for status in (pod.get("status") or {}).get("initContainerStatuses") or ():
            init = (status.get("state") or {}).get("terminated") or {}
            if init.get("exitCode"):
                before = f"`{status.get('name')}`, which comes before the flow, ended with exit code {init['exitCode']}"
                return Ending(init["exitCode"], f"In the pod of Job {name} {before}.", never_began=True)
    return None


def _deletion(job: Document | None, pod: Document | None, container: str, name: str) -> Ending | None:
    code = exit_code(pod, container)
    if job is None or (job.get("metadata") or {}).get("deletionTimestamp"):
        return Ending(code, f"Job {name} was deleted, and not by Penstock.")
    if pod is None or (pod.get("metadata") or {}).get("deletionTimestamp"):
        return Ending(code, f"The pod of Job {name} was deleted, and not by Penstock.")
    return None


# ---- Reading documents -------------------------------------------------------------------------------------------


def phase_of(pod: Document) -> str:
    """Pending, Running, Succeeded, Failed or Unknown."""
    return str((pod.get("status") or {}).get("phase") or "")


def state_of(pod: Document, container: str) -> Document:
    """The state of a container: an object with one of `waiting`, `running`, `terminated`, or empty."""
    for one in (pod.get("status") or {}).get("containerStatuses") or ():
        if one.get("name") == container:
            state: Document = one.get("state") or {}
            return state
    return {}


def condition_of(thing: Document, type_: str) -> Document | None:
    """A condition that holds; none if it does not."""
    found = _condition(thing, type_)
    return found if found is not None and found.get("status") == "True" else None


def _condition(thing: Document, type_: str) -> Document | None:
    for one in (thing.get("status") or {}).get("conditions") or ():
        if one.get("type") == type_:
            found: Document = one
            return found
    return None


def _all_statuses(pod: Document) -> list[Document]:
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def _limits_of(pod: Document, container: str) -> Document:
    for one in (pod.get("spec") or {}).get("containers") or ():
        if one.get("name") == container:
            limits: Document = (one.get("resources") or {}).get("limits") or {}
            return limits
    return {}


def _said(event: Document) -> str:
    return _short(event.get("message") or event.get("note") or "")


def _short(text: str) -> str:
    joined = " ".join(str(text).split())
    return joined if len(joined) <= MESSAGE_CHARACTERS_MAX else f"{joined[:MESSAGE_CHARACTERS_MAX]}..."
