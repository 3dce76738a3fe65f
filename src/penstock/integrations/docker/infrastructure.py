"""What a worker of a pool of type docker starts runs on."""

import logging
import threading
import time

from penstock.integrations.docker.containers import ContainerHandle
from penstock.integrations.docker.engines import ENGINE_ERRORS, describe, open_engine
from penstock.integrations.docker.jobs import describe_container, name_of
from penstock.integrations.docker.salvage import find_forgotten, remove, save_journals
from penstock.sdk.wiring import target_of
from penstock.settings import load_settings
from penstock.work import ClaimedRun
from penstock.workers.infrastructure import Handle, job_of

FORGOTTEN_SECONDS = 60.0
"""A container that ended so long ago and is still there has no worker any more."""

logger = logging.getLogger("penstock.worker")


class DockerInfrastructure:
    """Starts containers, on the engine that DOCKER_HOST names or on this machine's. They outlive the worker.

    Raises `EngineUnavailable`.
    """

    def __init__(self, *, forgotten_seconds: float = FORGOTTEN_SECONDS) -> None:
        self._settings = load_settings()
        self._target = target_of(self._settings)
        self._client = open_engine()
        self._forgotten_seconds = forgotten_seconds
        self._names: set[str] = set()
        self._lock = threading.Lock()
        self._tidied_at = 0.0
        self._tidy()

    def start(self, claimed: ClaimedRun) -> Handle:
        """Start a run's container: what of it takes time goes on in a thread."""
        self._tidy()
        wanted = describe_container(self._client, claimed, job_of(claimed), self._settings, target=self._target)
        with self._lock:
            self._names.add(name_of(claimed))
        return ContainerHandle(self._client, wanted, journals=self._settings.journals_path, on_end=self._forget)

    def close(self) -> None:
        """Let go of the engine. Containers go on; what they leave, the next worker finds."""

    def _forget(self, name: str) -> None:
        with self._lock:
            self._names.discard(name)

    def _tidy(self) -> None:
        """Take in what containers of workers that died left, and remove them; now and then."""
        now = time.monotonic()
        if self._tidied_at and now - self._tidied_at < self._forgotten_seconds:
            return
        self._tidied_at = now
        threading.Thread(target=self._tidy_now, name="penstock-tidy", daemon=True).start()

    def _tidy_now(self) -> None:
        with self._lock:
            known = set(self._names)
        try:
            for container in find_forgotten(
                self._client, target=self._target, seconds=self._forgotten_seconds, known=known
            ):
                container.reload()
                save_journals(container, self._settings.journals_path, target=self._target)
                logger.warning("Removing container %s, whose worker is gone.", container.name)
                remove(container)
        except ENGINE_ERRORS as error:
            logger.warning("Containers that nobody waits for cannot be looked for: %s.", describe(error))
