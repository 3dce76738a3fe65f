"""What a worker speaks to: starts runs as Jobs, and removes Jobs that nobody waits for any more."""

import uuid
from dataclasses import dataclass, field

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


def block_of(pool: WorkPool) -> str | None:
    """The block that says in which cluster the Jobs of a pool are made, unless a run says otherwise; none for the worker's own."""
    said = fill_in(pool.base_job_template, {})[0].get("cluster_config")
    return said if isinstance(said, str) and said else None


@dataclass(slots=True)
class _Place:
    """A cluster, and who looks what becomes of Jobs there."""

    cluster: Cluster
    watches: dict[str, PodWatch] = field(default_factory=dict)
    orphans: OrphanWatch | None = None


class KubernetesInfrastructure:
    """Starts Jobs in clusters: mostly in one, which the pool's template names or the worker's configuration leads to."""

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
        self._worker = uuid.uuid4().hex[:16]
        self._places: dict[str | None, _Place] = {}
        """By the block that says where; none is the worker's own configuration."""
        self._handles: list[KubernetesHandle] = []
        self._orphans_of: tuple[WorkPool, WhyOver] | None = None

    def start(self, claimed: ClaimedRun) -> Handle:
        """Begin to make a run's Job; what the cluster says against it becomes the handle's ending.

        Raises `RequestInvalid` without a configuration for the cluster, `NotFound` for an unknown block.
        """
        job = job_of(claimed)
        place = self._place_of(job.get("cluster_config") or None)
        settings, namespace = wiring.current_settings(), place.cluster.namespace
        prepared = prepare(claimed, job, namespace=namespace, worker=self._worker, settings=settings)
        options = HandleOptions(
            begin_seconds=float(job.get("pod_watch_timeout_seconds") or BEGIN_SECONDS_DEFAULT),
            stream_output=bool(job.get("stream_output", True)),
            look_seconds=self._look,
            look_running_seconds=self._look_running,
            patience_seconds=self._patience,
        )
        handle = KubernetesHandle(place.cluster, self._watch_of(place, prepared.namespace), prepared, options)
        self._handles = [one for one in self._handles if one.poll() is None] + [handle]
        return handle

    def watch_orphans(self, pool: WorkPool, why_over: WhyOver) -> None:
        """From now on, remove Jobs of this pool that are over, in the namespace of its template and in those of its runs.

        Raises `RequestInvalid` if there is no configuration for the pool's cluster.
        """
        self._orphans_of = (pool, why_over)
        for place in (*self._places.values(), self._place_of(block_of(pool))):
            self._look_after(place)

    def close(self) -> None:
        """Wait for nothing more. The Jobs go on."""
        for handle in self._handles:
            handle.leave()
        for place in self._places.values():
            if place.orphans is not None:
                place.orphans.close()
            for watch in place.watches.values():
                watch.close()

    def _place_of(self, block: str | None) -> _Place:
        place = self._places.get(block)
        if place is None:
            place = self._places[block] = _Place(Cluster(block))
            self._look_after(place)
        return place

    def _look_after(self, place: _Place) -> None:
        if self._orphans_of is None or place.orphans is not None:
            return
        pool, why_over = self._orphans_of
        first = namespace_of(pool) or place.cluster.namespace
        place.orphans = OrphanWatch(
            place.cluster,
            pool.name,
            why_over,
            worker=self._worker,
            find_namespaces=lambda: {first, *place.watches},
        )

    def _watch_of(self, place: _Place, namespace: str) -> PodWatch:
        if namespace not in place.watches:
            place.watches[namespace] = PodWatch(
                place.cluster, namespace=namespace, worker=self._worker, window_seconds=self._window
            )
        return place.watches[namespace]
