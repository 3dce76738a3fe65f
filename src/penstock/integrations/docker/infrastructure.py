"""What a worker of a pool of type docker starts runs on."""

import threading

from penstock.integrations.docker.containers import ContainerHandle
from penstock.integrations.docker.engines import open_engine
from penstock.integrations.docker.jobs import describe_container, name_of
from penstock.integrations.docker.orphans import OrphanWatch
from penstock.sdk.wiring import target_of
from penstock.settings import load_settings
from penstock.work import ClaimedRun, WorkPool
from penstock.workers.infrastructure import Handle, WhyOver, job_of


class DockerInfrastructure:
    """Starts containers, on the engine that DOCKER_HOST names or on this machine's. They outlive the worker.

    Raises `EngineUnavailable`.
    """

    def __init__(self) -> None:
        self._settings = load_settings()
        self._target = target_of(self._settings)
        self._client = open_engine()
        self._names: set[str] = set()
        self._lock = threading.Lock()
        self._orphans: OrphanWatch | None = None

    def start(self, claimed: ClaimedRun) -> Handle:
        """Start a run's container: what of it takes time goes on in a thread."""
        wanted = describe_container(self._client, claimed, job_of(claimed), self._settings, target=self._target)
        with self._lock:
            self._names.add(name_of(claimed))
        return ContainerHandle(self._client, wanted, journals=self._settings.journals_path, on_end=self._forget)

    def watch_orphans(self, pool: WorkPool, why_over: WhyOver) -> None:
        """From now on until `close`, look after the containers of workers that are gone, of whichever pool."""
        self._orphans = OrphanWatch(
            self._client, self._settings.journals_path, target=self._target, why_over=why_over, mine=self._mine
        )

    def close(self) -> None:
        """Let go of the engine. Containers go on; what they leave, the next worker finds."""
        if self._orphans is not None:
            self._orphans.close()

    def _forget(self, name: str) -> None:
        with self._lock:
            self._names.discard(name)

    def _mine(self, name: str) -> bool:
        with self._lock:
            return name in self._names
