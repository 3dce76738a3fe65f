"""What becomes of the pods of this worker's Jobs: one watch for each namespace, whatever the number of runs.

List, then watch from the version of the list; when a window ends, watch on from the last version that was seen; when that is
too old (410 Gone) or the connection broke, list again. A pod that is missing from a new list has gone meanwhile.
"""

import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.integrations.kubernetes.cluster import Cluster, ClusterRefused, ClusterUnavailable
from penstock.integrations.kubernetes.manifests import JOB_LABEL, WORKER_LABEL

WINDOW_SECONDS = 60
"""The server ends a watch after this time; one that is silent for longer is dead."""
SILENCE_SECONDS = 15.0
AGAIN_SECONDS, AGAIN_SECONDS_MAX = 0.2, 10.0
GONE = 410

logger = logging.getLogger("penstock.worker")


@dataclass(frozen=True, slots=True)
class PodSeen:
    """A pod as it is now."""

    pod: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PodGone:
    """A pod is there no more; as it was last."""

    pod: Mapping[str, Any]


News = PodSeen | PodGone


class _TooOld(Exception):
    """The version to watch on from is not kept any more."""


class PodWatch:
    """Tells who waits for a Job what becomes of its pod."""

    def __init__(self, cluster: Cluster, *, namespace: str, worker: str, window_seconds: int = WINDOW_SECONDS):
        self._cluster, self._worker, self._window = cluster, worker, window_seconds
        self._path = f"/api/v1/namespaces/{namespace}/pods"
        self._lock = threading.Lock()
        self._hearers: dict[str, Callable[[News], None]] = {}
        self._pods: dict[str, Mapping[str, Any]] = {}
        self._closed = threading.Event()
        self.ready = threading.Event()
        """Set once pods could be listed, or it is sure that they cannot be."""
        self.refused: ClusterRefused | None = None
        self._thread = threading.Thread(target=self._run, name=f"penstock-pods-{namespace}", daemon=True)
        self._thread.start()

    def hear(self, job: str, hearer: Callable[[News], None]) -> None:
        """Have the pods of a Job told of, from now on."""
        with self._lock:
            self._hearers[job] = hearer
            for pod in self._pods.values():
                if _job_of(pod) == job:
                    hearer(PodSeen(pod))

    def forget(self, job: str) -> None:
        """Nobody waits for it any more."""
        with self._lock:
            self._hearers.pop(job, None)

    def close(self) -> None:
        """Look no more; ends by itself within a window."""
        self._closed.set()

    def _run(self) -> None:
        again = AGAIN_SECONDS
        while not self._closed.is_set():
            try:
                version = self._list()
                again = AGAIN_SECONDS
                while not self._closed.is_set():
                    version = self._follow(version)
            except _TooOld:
                continue
            except Exception as error:  # whatever it is: nobody else looks after the pods
                if isinstance(error, ClusterRefused):
                    self.refused = error
                    self.ready.set()
                expected = isinstance(error, ClusterUnavailable | ClusterRefused)
                logger.warning("%s Looking after its pods again.", error, exc_info=not expected)
                self._closed.wait(again)
                again = min(again * 2, AGAIN_SECONDS_MAX)

    def _list(self) -> str:
        pods, version = self._cluster.list(self._path, labelSelector=f"{WORKER_LABEL}={self._worker}")
        found = {_uid_of(pod) for pod in pods}
        for uid, pod in list(self._pods.items()):
            if uid not in found:
                self._tell(PodGone(pod))
        for pod in pods:
            self._tell(PodSeen(pod))
        self.refused = None
        self.ready.set()
        return version

    def _follow(self, version: str) -> str:
        """Watch for a window; gives the version to go on from. Raises `_TooOld`."""
        query = {
            "watch": "true",
            "labelSelector": f"{WORKER_LABEL}={self._worker}",
            "resourceVersion": version,
            "timeoutSeconds": str(self._window),
            "allowWatchBookmarks": "true",
        }
        try:
            for line in self._cluster.follow(self._path, read_seconds=self._window + SILENCE_SECONDS, **query):
                if self._closed.is_set():
                    break
                if line.strip():
                    version = self._take(json.loads(line)) or version
        except ClusterRefused as error:
            if error.status == GONE:
                raise _TooOld from error
            raise
        except ValueError as error:
            raise ClusterUnavailable(f"What the watch of pods answered cannot be read: {error}.") from error
        return version

    def _take(self, event: Mapping[str, Any]) -> str | None:
        type_, thing = event.get("type"), event.get("object") or {}
        if type_ == "ERROR":
            if thing.get("code") == GONE:
                raise _TooOld
            raise ClusterUnavailable(f"The watch of pods ended: {thing.get('message')}.")
        if type_ in ("ADDED", "MODIFIED"):
            self._tell(PodSeen(thing))
        elif type_ == "DELETED":
            self._tell(PodGone(thing))
        return (thing.get("metadata") or {}).get("resourceVersion")

    def _tell(self, news: News) -> None:
        with self._lock:  # hearers take it in and return at once: nobody hears what is older after what is newer
            if isinstance(news, PodGone):
                self._pods.pop(_uid_of(news.pod), None)
            else:
                self._pods[_uid_of(news.pod)] = news.pod
            hearer = self._hearers.get(_job_of(news.pod))
            if hearer is not None:
                hearer(news)


def _job_of(pod: Mapping[str, Any]) -> str:
    return str(((pod.get("metadata") or {}).get("labels") or {}).get(JOB_LABEL) or "")


def _uid_of(pod: Mapping[str, Any]) -> str:
    meta = pod.get("metadata") or {}
    return str(meta.get("uid") or meta.get("name"))
