"""Loading a flow from where its code is kept, for deployments that fetch it from there."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.deployments.errors import NotDeployable
from penstock.deployments.loading import CACHE_FOLDER, find_entrypoint
from penstock.deployments.storage import CodeStorage, GitRepository, LocalFolder
from penstock.sdk.flows import Flow
from penstock.sdk.loading import load_flow
from penstock.settings import load_settings

_GIT_URL = re.compile(r"(https?|ssh|git|file)://.+|[\w.-]+@[\w.-]+:.+")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a flow's code is kept, and where in it the flow is."""

    storage: CodeStorage
    entrypoint: str
    code_version: str | None


def load_from(source: Any, entrypoint: str) -> Flow[Any, Any]:
    """Fetch the code and load the flow; see `Flow.from_source`."""
    storage = as_storage(source)
    resolved = storage.pull(load_settings().home / CACHE_FOLDER)
    found = load_flow(find_entrypoint(resolved.folder, entrypoint))
    loaded: Flow[Any, Any] = found.with_options()  # a flow of its own: the module's knows nothing of where it came from
    loaded.source = Source(storage, entrypoint, resolved.code_version)
    return loaded


def as_storage(source: Any) -> CodeStorage:
    """A place of code, from what people give for one. Raises `NotDeployable`."""
    if isinstance(source, str) and _GIT_URL.fullmatch(source):
        return GitRepository(source)
    if isinstance(source, str | Path):
        return LocalFolder(source)
    if isinstance(source, CodeStorage):
        return source
    raise NotDeployable(
        "A source of code is the URL of a git repository, a folder, or a storage such as GitRepository(...) or a GitHub block, "
        f"got {source!r:.100}."
    )
