"""What a worker speaks to: starts runs as Jobs, and removes Jobs that nobody waits for any more."""

import uuid

from penstock.core.job_templates import fill_in
from penstock.integrations.kubernetes.cluster import Cluster
from penstock.integrations.kubernetes.handles import (
    LOOK_RUNNING_SECONDS,
    LOOK_SECONDS,
    PATIENCE_SECONDS,
    HandleOptions,
    KubernetesHandle,
)
from penstock.integrations.kubernetes.manifests import prepare
from penstock.integrations.kubernetes.orphans import OrphanWatch
from penstock.integrations.kubernetes.watching import WINDOW_SECONDS, PodWatch
from penstock.sdk import wiring
from penstock.work import ClaimedRun, WorkPool
from penstock.workers.infrastructure import Handle, WhyOver, job_of

BEGIN_SECONDS_DEFAULT = 300.0


def namespace_of(pool: WorkPool) -> str | None:
    """Where the Jobs of a pool are made, unless a run says otherwise; none where the worker's own namespace is meant."""
    job, _ = fill_in(pool.base_job_template, {})
    manifest = job.get("job_manifest")
    meta = manifest.get("metadata") if isinstance(manifest, dict) else None
    said = meta.get("namespace") if isinstance(meta, dict) else None
    return said if isinstance(said, str) and said else None


class KubernetesInfrastructure:
    """Starts Jobs in a cluster. Raises `RequestInvalid` if the worker has no configuration for one."""

    def __init__(
        self,
        *,
        look_seconds: float = LOOK_SECONDS,
        look_running_seconds: float = LOOK_RUNNING_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
        window_seconds: int = WINDOW_SECONDS,
    ) -> None:
        self._look, self._look_running = look_seconds, look_running_seconds
        self._patience, self._window = patience_seconds, window_seconds
        self._cluster = Cluster()
        self._worker = uuid.uuid4().hex[:16]
        self._watches: dict[str, PodWatch] = {}
        self._handles: list[KubernetesHandle] = []
        self._orphans: OrphanWatch | None = None

    def start(self, claimed: ClaimedRun) -> Handle:
        """Begin to make a run's Job; what the cluster says against it becomes the handle's ending."""
        job = job_of(claimed)
        settings, namespace = wiring.current_settings(), self._cluster.namespace
        prepared = prepare(claimed, job, namespace=namespace, worker=self._worker, settings=settings)
        options = HandleOptions(
            begin_seconds=float(job.get("pod_watch_timeout_seconds") or BEGIN_SECONDS_DEFAULT),
            stream_output=bool(job.get("stream_output", True)),
            look_seconds=self._look,
            look_running_seconds=self._look_running,
            patience_seconds=self._patience,
        )
        handle = KubernetesHandle(self._cluster, self._watch_of(prepared.namespace), prepared, options)
        self._handles = [one for one in self._handles if one.poll() is None] + [handle]
        return handle

    def watch_orphans(self, pool: WorkPool, why_over: WhyOver) -> None:
        """From now on, remove Jobs of this pool that are over, in the namespace of its template and in those of its runs."""
        first = namespace_of(pool) or self._cluster.namespace
        self._orphans = OrphanWatch(
            self._cluster,
            pool.name,
            why_over,
            worker=self._worker,
            find_namespaces=lambda: {first, *self._watches},
        )

    def close(self) -> None:
        """Wait for nothing more. The Jobs go on."""
        if self._orphans is not None:
            self._orphans.close()
        for handle in self._handles:
            handle.leave()
        for watch in self._watches.values():
            watch.close()

    def _watch_of(self, namespace: str) -> PodWatch:
        if namespace not in self._watches:
            self._watches[namespace] = PodWatch(
                self._cluster, namespace=namespace, worker=self._worker, window_seconds=self._window
            )
        return self._watches[namespace]
