"""One Job: made, waited for, ended if need be, and its end explained. All of it by a thread of its own, so that no cluster
that is slow or away holds up the worker.

While the API server is away nothing is concluded: the pod goes on, and its run says itself how it ends.
"""

import logging
import queue
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from penstock.integrations.kubernetes import verdicts
from penstock.integrations.kubernetes.cluster import Cluster, ClusterRefused, ClusterUnavailable
from penstock.integrations.kubernetes.manifests import CLAIM_LABEL, JOB_LABEL, RUN_LABEL, Prepared
from penstock.integrations.kubernetes.output import PodOutput, read_tail
from penstock.integrations.kubernetes.watching import News, PodSeen, PodWatch
from penstock.workers.infrastructure import Ending

LOOK_SECONDS = 5.0
"""How often a Job is looked at besides what its pod tells, until it has begun."""
LOOK_RUNNING_SECONDS = 60.0
"""How often after that, if nothing is told: a watch may fall silent."""
PATIENCE_SECONDS = 10.0
"""What waiting does not mend is given this time all the same: a Secret that is made a moment later."""
BEGIN_SECONDS = 600.0
"""A cluster that is away for longer cannot be waited for: the run fails, and says so."""
CONCLUDE_SECONDS = 60.0
"""For so long a pod's end is explained with the help of a cluster that is away; then without."""
AGAIN_SECONDS, AGAIN_SECONDS_MAX = 0.5, 15.0
CONFLICT = 409
STOP, KILL, LEAVE = "stop", "kill", "leave"

logger = logging.getLogger("penstock.worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class HandleOptions:
    """How a Job is waited for."""

    begin_seconds: float
    """How long its pod may wait for a node and an image."""
    stream_output: bool = True
    look_seconds: float = LOOK_SECONDS
    look_running_seconds: float = LOOK_RUNNING_SECONDS
    patience_seconds: float = PATIENCE_SECONDS


class KubernetesHandle:
    """A Job of this worker's."""

    def __init__(self, cluster: Cluster, watch: PodWatch, prepared: Prepared, options: HandleOptions):
        self.name: str | None = None
        self._cluster, self._watch, self._it, self._options = cluster, watch, prepared, options
        self._inbox: queue.SimpleQueue[News | str] = queue.SimpleQueue()
        self._ending: Ending | None = None
        self._made = self._begun = self._pod_gone = False
        self._job: Mapping[str, Any] | None = None
        self._pod: Mapping[str, Any] | None = None
        self._wanted: str | None = None
        self._done: str | None = None
        self._left = False
        self._made_at = self._hopeless_since = 0.0
        self._waiting: verdicts.Waiting | None = None
        self._output: PodOutput | None = None
        self._thread = threading.Thread(target=self._live, name=f"penstock-{prepared.name}", daemon=True)
        self._thread.start()

    def poll(self) -> Ending | None:
        """How it ended."""
        return self._ending

    def stop(self) -> None:
        """Have the cluster end the pod, with its grace period."""
        self._inbox.put(STOP)

    def kill(self) -> None:
        """Have the cluster end the pod at once."""
        self._inbox.put(KILL)

    def leave(self) -> None:
        """Wait no more; the Job goes on."""
        self._inbox.put(LEAVE)

    def _live(self) -> None:
        try:
            ending = self._begin() or self._attend()
        except Exception as error:  # a mistake of ours: it is this run's, and no other's
            logger.exception("Job %s cannot be attended to.", self._it.name)
            ending = Ending(None, f"{type(error).__name__}: {error}", never_began=not self._made)
        finally:
            self._watch.forget(self._it.name)
        if not self._left:
            self._ending = ending

    # ---- Making it ----

    def _begin(self) -> Ending | None:
        """Make the Job, in time; an ending if that cannot be."""
        until, again = time.monotonic() + BEGIN_SECONDS, AGAIN_SECONDS
        while True:
            try:
                self._make()
                return None
            except ClusterRefused as error:
                return self._give_up(str(error))
            except ClusterUnavailable as error:
                if time.monotonic() > until:
                    return self._give_up(f"{error} It was asked for {BEGIN_SECONDS:g} s.")
                self._hear(again)
                again = min(again * 2, AGAIN_SECONDS_MAX)
            if self._wanted is not None or self._left:
                return self._give_up("It was cancelled before it began.")

    def _make(self) -> None:
        """Make Job and Secret. Nothing is made whose pods cannot be looked at."""
        if not self._watch.ready.wait(AGAIN_SECONDS):
            raise ClusterUnavailable(f"The pods at {self._cluster.address} cannot be listed yet.")
        if self._watch.refused is not None:
            raise self._watch.refused
        if self._job is None:
            self._job = self._create_job()
        if self._it.secret is not None:
            owner = {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "name": self._it.name,
                "uid": (self._job.get("metadata") or {}).get("uid"),
            }
            meta = {**self._it.secret["metadata"], "ownerReferences": [owner]}
            self._create(f"{self._it.core_path}/secrets", {**self._it.secret, "metadata": meta})
        if self._it.held:
            self._cluster.merge(self._it.job_path, {"spec": {"suspend": False}})
        self._made, self._made_at = True, time.monotonic()
        self._watch.hear(self._it.name, self._inbox.put)
        self.name = f"kubernetes:{self._it.namespace}/{self._it.name}"

    def _create_job(self) -> Mapping[str, Any]:
        made = self._create(self._it.jobs_path, self._it.job)
        if made is not None:
            return made
        there = self._cluster.get(self._it.job_path)
        if there is None:
            raise ClusterUnavailable(f"Job {self._it.name} is there and is not.")
        ours, theirs = ((one["metadata"].get("labels") or {}) for one in (self._it.job, there))
        if any(ours.get(label) != theirs.get(label) for label in (RUN_LABEL, CLAIM_LABEL)):
            message = (
                f"A Job named {self._it.name} is in namespace {self._it.namespace} already, and is not of this run."
            )
            raise ClusterRefused(message, status=CONFLICT)
        return there

    def _create(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Make an object; none if it is there: an earlier request arrived, and its answer did not."""
        try:
            return self._cluster.create(path, body)
        except ClusterRefused as error:
            if error.status == CONFLICT:
                return None
            raise

    def _give_up(self, why: str) -> Ending:
        """It never began, and is not to begin later."""
        until = time.monotonic() + CONCLUDE_SECONDS
        while self._job is not None and not self._delete(KILL) and not self._left and time.monotonic() < until:
            self._hear(AGAIN_SECONDS)
        return Ending(None, why, never_began=True)

    # ---- Waiting for it ----

    def _attend(self) -> Ending | None:
        while True:
            quiet = self._begun and self._wanted is None
            told = self._hear(self._options.look_running_seconds if quiet else self._options.look_seconds)
            if self._left:
                return None
            if self._wanted not in (None, self._done) and self._delete(str(self._wanted)):
                self._done = self._wanted
            if self._is_over(told=told):
                return self._conclude()
            if not self._begun and self._wanted is None:
                ending = self._urge()
                if ending is not None:
                    return ending

    def _hear(self, seconds: float) -> bool:
        """Take in what comes, and wait a while for something to come; tells whether it did."""
        try:
            self._take(self._inbox.get(timeout=seconds))
            while not self._inbox.empty():
                self._take(self._inbox.get_nowait())
        except queue.Empty:
            return False
        return True

    def _take(self, said: News | str) -> None:
        if said == LEAVE:
            self._left = True
        elif isinstance(said, str):
            self._wanted = said
        elif isinstance(said, PodSeen):
            self._pod, self._pod_gone = said.pod, False
            if not self._begun and verdicts.has_begun(said.pod, self._it.container):
                self._begun = True
                if self._options.stream_output:
                    self._output = PodOutput(self._cluster, self._pod_path(said.pod), container=self._it.container)
        else:
            self._pod, self._pod_gone = said.pod, True

    def _is_over(self, *, told: bool) -> bool:
        if self._pod is not None and (self._pod_gone or self._has_ended(self._pod)):
            return True
        if told and self._pod is not None and not self._wanted and self._watch.refused is None:
            return False  # what the pod does is told as it happens
        try:
            self._job = self._cluster.get(self._it.job_path)
        except (ClusterUnavailable, ClusterRefused):
            return False
        return self._job is None or verdicts.is_finished(self._job)

    def _urge(self) -> Ending | None:
        """See why it does not begin; an ending if it never will, or not in time."""
        events: list[dict[str, Any]] = []
        try:
            events = self._events()
        except ClusterUnavailable:
            return None
        except ClusterRefused as error:  # events are a help, not a need
            logger.warning("%s", error)
        waiting = verdicts.why_waiting(self._job, self._pod, events)
        if waiting is not None and (self._waiting is None or waiting.why != self._waiting.why):
            logger.warning("Job %s: %s", self._it.name, waiting.why)
        if waiting is None or not waiting.hopeless:
            self._hopeless_since = 0.0
        elif not self._hopeless_since:
            self._hopeless_since = time.monotonic()
        self._waiting = waiting
        now, limit = time.monotonic(), self._options.begin_seconds
        if self._pod is None and verdicts.is_suspended(self._job):
            self._made_at = now  # it waits for its turn, not for its pod
        if self._hopeless_since and now - self._hopeless_since >= self._options.patience_seconds:
            assert waiting is not None
            return self._give_up(waiting.why)
        if now - self._made_at > limit:
            why = verdicts.say_last(events) if waiting is None else waiting.why
            return self._give_up(f"Its pod did not begin within {limit:g} s (`pod_watch_timeout_seconds`). {why}")
        return None

    def _events(self) -> list[dict[str, Any]]:
        """What the cluster tells of pod and Job, oldest first."""
        names = [self._it.name] if self._pod is None else [str(self._pod["metadata"]["name"])]
        found = []
        for name in names:
            listed, _ = self._cluster.list(f"{self._it.core_path}/events", fieldSelector=f"involvedObject.name={name}")
            found += listed
        return sorted(found, key=lambda one: str(one.get("lastTimestamp") or one.get("eventTime") or ""))

    # ---- Its end ----

    def _conclude(self) -> Ending:
        code = verdicts.exit_code(self._pod, self._it.container)
        clean = Ending(code, "").is_clean
        if not clean:
            self._look_last()
            clean = Ending(verdicts.exit_code(self._pod, self._it.container), "").is_clean
        ending = verdicts.explain_end(self._job, self._pod, container=self._it.container, name=self._it.name)
        if self._done is not None:
            ending = Ending(ending.code, f"Job {self._it.name} was deleted, as asked.")
        output = ""
        if self._output is not None:
            output = self._output.close()
        elif not clean and self._pod is not None and self._begun:
            output = read_tail(self._cluster, self._pod_path(self._pod), container=self._it.container)
        if self._pod is not None and not self._pod_gone and verdicts.others_run(self._pod, self._it.container):
            self._delete(STOP)  # what runs beside the flow would keep the pod for ever
        return replace(ending, output="" if clean else output)

    def _look_last(self) -> None:
        """The Job as it is at the end: it says why, where the pod only says that it was ended."""
        until, again = time.monotonic() + CONCLUDE_SECONDS, AGAIN_SECONDS
        while time.monotonic() < until and not self._left:
            try:
                self._job = self._cluster.get(self._it.job_path)
                if self._pod is not None and not self._pod_gone and not self._has_ended(self._pod):
                    self._pod = next((pod for pod in self._list_pods() if self._has_ended(pod)), self._pod)
                return
            except ClusterRefused:
                return
            except ClusterUnavailable:
                self._hear(again)
                again = min(again * 2, AGAIN_SECONDS_MAX)

    def _delete(self, how: str) -> bool:
        """Delete the Job, at once or with grace; False if that is to be tried again."""
        try:
            for pod in (
                self._list_pods() if how == KILL else ()
            ):  # one may have begun that the watch has not told of yet
                self._cluster.delete(self._pod_path(pod), gracePeriodSeconds=0)
            self._cluster.delete(self._it.job_path, propagationPolicy="Background" if how == KILL else "Foreground")
        except ClusterUnavailable as error:
            logger.warning("%s", error)
            return False
        except ClusterRefused as error:
            logger.warning("Job %s cannot be deleted: %s", self._it.name, error)
            return error.status != CONFLICT
        return True

    def _list_pods(self) -> Sequence[Mapping[str, Any]]:
        pods, _ = self._cluster.list(f"{self._it.core_path}/pods", labelSelector=f"{JOB_LABEL}={self._it.name}")
        return pods

    def _has_ended(self, pod: Mapping[str, Any]) -> bool:
        return verdicts.has_ended(pod, self._it.container)

    def _pod_path(self, pod: Mapping[str, Any]) -> str:
        return f"{self._it.core_path}/pods/{pod['metadata']['name']}"
