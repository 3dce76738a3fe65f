"""What a pod prints: shown by the worker as it comes, and the last of it kept for the message of a run that dies."""

import contextlib
import re
import sys
import threading
from collections import deque

from penstock.integrations.kubernetes.cluster import Cluster, ClusterRefused, ClusterUnavailable
from penstock.workers.infrastructure import OUTPUT_CHARACTERS_MAX

LINES_KEPT = 200
LINE_BYTES_KEPT = 8_192
SILENCE_SECONDS = 600.0
"""A connection that is silent for so long is opened anew: it may be dead."""
AGAIN_SECONDS = 1.0
_MOMENT = re.compile(rb"\d{4}-\d\d-\d\dT")
END_SECONDS = 10.0


class PodOutput:
    """Reads a pod's log from its beginning to its end, over connections that break; each line once, by its time."""

    def __init__(self, cluster: Cluster, path: str, *, container: str):
        self._cluster, self._path, self._container = cluster, path, container
        self._lines: deque[bytes] = deque(maxlen=LINES_KEPT)
        self._last = b""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="penstock-pod-output", daemon=True)
        self._thread.start()

    def close(self) -> str:
        """The container has ended: read what is left; gives the last that it printed."""
        self._over.set()
        self._thread.join(END_SECONDS)
        return b"\n".join(self._lines).decode(errors="replace")[-OUTPUT_CHARACTERS_MAX:]

    def abandon(self) -> None:
        """Nobody wants to hear more of it."""
        self._over.set()

    def _run(self) -> None:
        while True:
            last = self._over.is_set()
            # Of a log that nobody can give, nothing is kept: the run says what matters itself.
            with contextlib.suppress(ClusterUnavailable, ClusterRefused):
                self._read(follow=not last)
            if last:
                return
            self._over.wait(AGAIN_SECONDS)

    def _read(self, *, follow: bool) -> None:
        query = {"container": self._container, "timestamps": "true"}
        if follow:
            query["follow"] = "true"
        if self._last:
            query["sinceTime"] = self._last.decode()
        for line in self._cluster.follow(f"{self._path}/log", read_seconds=SILENCE_SECONDS, **query):
            moment, _, text = line.partition(b" ")
            if not _MOMENT.match(moment):  # the rest of a line that was too long
                moment, text = self._last + b"+", line
            if moment > self._last:
                self._last = moment.rstrip(b"+")
                self._lines.append(text[-LINE_BYTES_KEPT:])
                with contextlib.suppress(OSError, ValueError):  # nobody looks any more
                    sys.stderr.buffer.write(text + b"\n")
                    sys.stderr.buffer.flush()


def read_tail(cluster: Cluster, path: str, *, container: str) -> str:
    """The last that a pod printed; empty if nobody can say."""
    try:
        lines = list(
            cluster.follow(f"{path}/log", read_seconds=END_SECONDS, container=container, tailLines=str(LINES_KEPT))
        )
    except (ClusterUnavailable, ClusterRefused):
        return ""
    return b"\n".join(lines).decode(errors="replace")[-OUTPUT_CHARACTERS_MAX:]
