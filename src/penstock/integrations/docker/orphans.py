"""Containers whose worker is gone. They go on, and say themselves how their runs end; here they are cleared away.

One that has ended is removed, once what it recorded and could not tell any more is taken in. One that goes on is ended only if its
run goes on elsewhere, or has ended.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from penstock.core.errors import PenstockError
from penstock.core.ids import RunId
from penstock.integrations.docker.engines import ENGINE_ERRORS, describe
from penstock.integrations.docker.jobs import CLAIM_LABEL, REMOVE_LABEL, RUN_LABEL, TARGET_LABEL
from penstock.integrations.docker.salvage import remove, save_journals
from penstock.workers.infrastructure import WhyOver

LOOK_SECONDS = 60.0
FORGOTTEN_SECONDS = 60.0
"""A container that ended so long ago and is still there has no worker any more."""
OVER = ("exited", "dead", "created")

logger = logging.getLogger("penstock.worker")


class OrphanWatch:
    """Looks at the engine's containers now and again, in a thread of its own."""

    def __init__(
        self,
        client: Any,
        journals: Path,
        *,
        target: str,
        why_over: WhyOver,
        mine: Callable[[str], bool],
        look_seconds: float = LOOK_SECONDS,
        forgotten_seconds: float = FORGOTTEN_SECONDS,
    ):
        """`mine` tells the containers that this worker waits for; `target` is the store whose runs it knows."""
        self._client, self._journals, self._target = client, journals, target
        self._why_over, self._mine = why_over, mine
        self._look_seconds, self._forgotten_seconds = look_seconds, forgotten_seconds
        self._closing = threading.Event()
        threading.Thread(target=self._watch, name="penstock-orphans", daemon=True).start()

    def close(self) -> None:
        """Look no more."""
        self._closing.set()

    def _watch(self) -> None:
        while not self._closing.is_set():
            try:
                for container in self._strangers():
                    self._look_at(container)
            except (PenstockError, *ENGINE_ERRORS) as error:
                logger.warning("Containers whose worker is gone cannot be looked after: %s.", describe(error))
            self._closing.wait(self._look_seconds)

    def _strangers(self) -> Iterator[Any]:
        """Containers of runs of this store that this worker does not wait for."""
        filters = {"label": f"{TARGET_LABEL}={self._target}"}
        for container in self._client.containers.list(all=True, ignore_removed=True, filters=filters):
            if not self._mine(container.name):
                yield container

    def _look_at(self, container: Any) -> None:
        if container.status in OVER:
            if container.labels.get(REMOVE_LABEL) == "true" and _seconds_over(container) >= self._forgotten_seconds:
                save_journals(container, self._journals, target=self._target)
                logger.warning("Removing container %s, whose worker is gone.", container.name)
                remove(container)
            return
        run_id, claim = container.labels.get(RUN_LABEL), container.labels.get(CLAIM_LABEL, "")
        why = self._why_over(RunId(run_id), int(claim)) if run_id and claim.isdigit() else None
        if why is not None:
            logger.warning("Ending container %s: %s", container.name, why)
            with contextlib.suppress(*ENGINE_ERRORS):  # it has just ended; removed when it is looked at again
                container.kill()


def _seconds_over(container: Any) -> float:
    """Since when it has ended; since when it was made, of one that never began."""
    text = container.attrs.get("State", {}).get("FinishedAt") or ""
    if not text or text.startswith("0001"):
        text = container.attrs.get("Created", "")
    moment = datetime.fromisoformat(text[:19]).replace(tzinfo=UTC) if text else datetime.now(UTC)
    return (datetime.now(UTC) - moment).total_seconds()
