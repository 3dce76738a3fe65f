"""Jobs that nobody waits for any more: made by a worker that is gone, for a run that has ended or is somebody else's by now.

A Job whose run goes on is left alone: its process reports by itself. So is one of a run that this Penstock does not know, as
several may share a namespace.
"""

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from typing import Any

from penstock.core.errors import PenstockError
from penstock.core.ids import RunId
from penstock.integrations.kubernetes import verdicts
from penstock.integrations.kubernetes.cluster import Cluster
from penstock.integrations.kubernetes.manifests import (
    CLAIM_LABEL,
    POOL_ANNOTATION,
    POOL_LABEL,
    RUN_LABEL,
    WORKER_LABEL,
    label_of,
)
from penstock.workers.infrastructure import WhyOver

EVERY_SECONDS = 120.0
AGAIN_SECONDS = 5.0
"""After a pass that failed."""

logger = logging.getLogger("penstock.worker")


class OrphanWatch:
    """Removes what is left over: as soon as a worker starts, and then every two minutes."""

    def __init__(
        self,
        cluster: Cluster,
        work_pool: str,
        why_over: WhyOver,
        *,
        worker: str,
        find_namespaces: Callable[[], Collection[str]],
    ):
        self._cluster, self._pool, self._why_over, self._worker = cluster, work_pool, why_over, worker
        self._find_namespaces = find_namespaces
        self._closed = threading.Event()
        threading.Thread(target=self._run, name="penstock-orphans", daemon=True).start()

    def close(self) -> None:
        """Look no more."""
        self._closed.set()

    def _run(self) -> None:
        wait = 0.0
        while not self._closed.wait(wait):
            try:
                for namespace in self._find_namespaces():
                    remove_orphans(self._cluster, namespace, self._pool, self._why_over, worker=self._worker)
                wait = EVERY_SECONDS
            except PenstockError as error:
                logger.warning("Jobs that are left over could not be looked for: %s", error)
                wait = min(max(wait * 2, AGAIN_SECONDS), EVERY_SECONDS)


def remove_orphans(cluster: Cluster, namespace: str, work_pool: str, why_over: WhyOver, *, worker: str) -> list[str]:
    """Look once; gives the names of what was removed."""
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    jobs, _ = cluster.list(path, labelSelector=f"{POOL_LABEL}={label_of(work_pool)},{WORKER_LABEL}!={worker}")
    removed = []
    for job in jobs:
        meta = job.get("metadata") or {}
        if verdicts.is_finished(job) or meta.get("deletionTimestamp") or not _is_of(job, work_pool):
            continue  # what has ended goes by its time to live
        labels = meta["labels"]
        why = why_over(RunId(labels[RUN_LABEL]), int(labels[CLAIM_LABEL]))
        if why is not None and cluster.delete(f"{path}/{meta['name']}", propagationPolicy="Foreground"):
            logger.warning("Job %s was left over and is removed: %s", meta["name"], why)
            removed.append(str(meta["name"]))
    return removed


def _is_of(job: Mapping[str, Any], work_pool: str) -> bool:
    meta = job["metadata"]
    labels = meta.get("labels") or {}
    said = (meta.get("annotations") or {}).get(POOL_ANNOTATION)
    return said == work_pool and bool(labels.get(RUN_LABEL)) and str(labels.get(CLAIM_LABEL)).isdigit()
