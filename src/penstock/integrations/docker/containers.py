"""One container, from its image to its end: pull, create, start, pass on what it prints, wait, explain, remove.

A thread of its own goes through these steps; the worker only looks, asks it to stop, or kills it.
"""

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from docker.errors import APIError, ImageNotFound, NotFound

from penstock.integrations.docker.engines import ENGINE_ERRORS, LOST, describe
from penstock.integrations.docker.jobs import Container
from penstock.integrations.docker.salvage import remove, save_journals
from penstock.workers.infrastructure import Ending, explain_code
from penstock.workers.outputs import Output

AGAIN_SECONDS = 1.0
"""Between questions to an engine that is away."""
SIGKILL_CODE = 137


class ContainerHandle:
    """A container of this worker's."""

    def __init__(self, client: Any, wanted: Container, *, journals: Path, on_end: Callable[[str], None]):
        self.name: str | None = None
        self._client, self._wanted, self._journals = client, wanted, journals
        self._on_end = on_end
        self._lock = threading.Lock()
        self._container: Any = None
        self._stopped = False
        self._ending: Ending | None = None
        self._thread = threading.Thread(target=self._live, name=f"penstock-{wanted.name}", daemon=True)
        self._thread.start()

    def poll(self) -> Ending | None:
        """How it ended."""
        return self._ending

    def stop(self) -> None:
        """Ask its process to end; one that has not begun does not begin."""
        self._signal("SIGTERM")

    def kill(self) -> None:
        """End it, whatever it does."""
        self._signal("SIGKILL")

    def _signal(self, name: str) -> None:
        with self._lock:
            self._stopped = True
            container = self._container
            if container is None and self._ending is None:  # an image that is being fetched is not waited for
                self._ending = _never("it was told to end before its container was made")
        if container is not None:
            # In a thread: an engine that does not answer keeps nobody waiting.
            threading.Thread(target=_send, args=(container, name), name="penstock-signal", daemon=True).start()

    # ---- The life of the container ----

    def _live(self) -> None:
        try:
            ending = self._run()
        except Exception as error:  # whatever it is must not leave a run without an end
            said = f"the Docker engine says: {describe(error)}"
            ending = _never(said) if self.name is None else Ending(None, f"{said}.", host=self._wanted.name)
        with self._lock:
            self._ending = self._ending or ending
        self._on_end(self._wanted.name)

    def _run(self) -> Ending:
        refused = self._fetch_image()
        if refused is not None:
            return _never(refused)
        with self._lock:
            if self._stopped:
                return _never("it was told to end before its container was made")
            container = self._client.containers.create(self._wanted.image, **self._wanted.options)
            self._container = container
        try:
            for network in self._wanted.networks:
                self._client.networks.get(network).connect(container)
            container.start()
        except ENGINE_ERRORS as error:
            remove(container)
            return _never(f"its container cannot be started: {describe(error)}")
        self.name = f"docker:{self._wanted.name}"
        return self._follow(container)

    def _fetch_image(self) -> str | None:
        """See to it that the engine has the image; why it cannot have it, or none."""
        image, policy = self._wanted.image, self._wanted.pull_policy
        if policy != "always" and self._has(image):
            return None
        if policy == "never":
            return f"the Docker engine has no image `{image}`, and is never to pull it (image_pull_policy)"
        try:
            self._client.images.pull(image)
        except ENGINE_ERRORS as error:
            return f"the image `{image}` cannot be pulled: {describe(error)}"
        return None

    def _has(self, image: str) -> bool:
        try:
            self._client.images.get(image)
        except ImageNotFound:
            return False
        return True

    def _follow(self, container: Any) -> Ending:
        output = _Printed(container, shown=self._wanted.shown)
        code = self._wait(container)
        output.close()
        if code is None:
            message = f"Container {container.name} is gone: somebody removed it, or its engine's data went."
            return Ending(None, message, output.text(), host=container.name)
        ending = Ending(code, self._explain(container, code), output.text(), host=container.name)
        save_journals(container, self._journals, target=self._wanted.target)
        if self._wanted.auto_remove:
            remove(container)
        return ending

    def _wait(self, container: Any) -> int | None:
        """Wait for the container's end; none if there is no such container any more."""
        pause = threading.Event()
        while True:
            try:
                return int(container.wait(timeout=None)["StatusCode"])
            except NotFound:
                return None
            except (APIError, *LOST):  # the engine is away; containers may outlive it
                pause.wait(AGAIN_SECONDS)

    def _explain(self, container: Any, code: int) -> str:
        what = f"Container {container.name}"
        try:
            container.reload()
        except ENGINE_ERRORS:
            return explain_code(code, what=what)
        state = container.attrs.get("State", {})
        limit = container.attrs.get("HostConfig", {}).get("Memory") or 0
        if state.get("OOMKilled") and code == SIGKILL_CODE:
            of = f" its limit of {limit // 2**20:,} MiB (mem_limit)" if limit else " its machine has"
            return f"{what} was killed because it used more memory than{of}."
        explained = explain_code(code, what=what)
        if state.get("OOMKilled"):
            explained += " A process in it was killed because it used more memory than its limit."
        return f"{explained} The engine says: {state['Error']}." if state.get("Error") else explained


class _Printed:
    """What a container prints, passed on as a process's is."""

    def __init__(self, container: Any, *, shown: bool):
        reading, self._writing = os.pipe()
        self._container = container
        self._output = Output(os.fdopen(reading, "rb"), shown=shown)
        self._thread = threading.Thread(target=self._pass_on, name="penstock-container-log", daemon=True)
        self._thread.start()

    def text(self) -> str:
        """The last that was printed."""
        return self._output.text()

    def close(self) -> None:
        """The container has ended: read what is left."""
        self._thread.join(AGAIN_SECONDS)
        self._output.close()

    def _pass_on(self) -> None:
        # Of a log that cannot be read (its driver keeps none), nothing is shown: the run says what matters itself.
        with os.fdopen(self._writing, "wb", buffering=0) as pipe, contextlib.suppress(*ENGINE_ERRORS):
            for chunk in self._container.logs(stream=True, follow=True):
                pipe.write(chunk)


def _send(container: Any, name: str) -> None:
    with contextlib.suppress(*ENGINE_ERRORS):  # it has ended
        container.kill(signal=name)


def _never(why: str) -> Ending:
    return Ending(None, f"{why[:1].upper()}{why[1:]}.", never_began=True)
