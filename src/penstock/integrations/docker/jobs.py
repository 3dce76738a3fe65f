"""From a claimed run to how its container is made.

Behind a server the container has the server's address and the run's token, and nothing else of the worker's. Without a server it is a
process of the worker's own home: that folder is mounted, and the process is the worker's user, so that database, journals and
results are the same files.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock import __version__
from penstock.core.errors import RequestInvalid
from penstock.integrations.docker.engines import is_elsewhere
from penstock.integrations.docker.networks import Network, plan_network
from penstock.settings import PREFIX, Settings
from penstock.work import ClaimedRun
from penstock.workers.infrastructure import CLAIM_VARIABLE, FLEETING_VARIABLE, FOLDER_VARIABLE, RUN_VARIABLE

IMAGE = "penstock"
NAME_CHARACTERS_MAX = 63
LABELS = "penstock.dev/"
RUN_LABEL, CLAIM_LABEL, POOL_LABEL = f"{LABELS}flow-run-id", f"{LABELS}claim", f"{LABELS}work-pool"
TARGET_LABEL, REMOVE_LABEL = f"{LABELS}records-in", f"{LABELS}auto-remove"
"""Which store a container's run is recorded in, and whether the container may go when it has ended."""
OTHERS = frozenset({f"{PREFIX}HOME", f"{PREFIX}API_URL", f"{PREFIX}API_KEY", RUN_VARIABLE, CLAIM_VARIABLE})
"""Settings of the worker's that are not handed on as they are."""


@dataclass(frozen=True, slots=True)
class Container:
    """A container that is to be made."""

    name: str
    image: str
    pull_policy: str
    options: Mapping[str, Any]
    """As `docker.containers.create` takes them."""
    networks: tuple[str, ...]
    auto_remove: bool
    shown: bool
    target: str


def describe_container(
    client: Any, claimed: ClaimedRun, job: Mapping[str, Any], settings: Settings, *, target: str
) -> Container:
    """How a run's container is made. Raises `RequestInvalid`."""
    url = settings.api_url or settings.effective_database_url
    network = plan_network(client, job, url)
    environment, mounts, user = _within(claimed, settings, network)
    name = name_of(claimed)
    folder = {FOLDER_VARIABLE: job["working_dir"]} if job.get("working_dir") else {}
    options: dict[str, Any] = {
        **(job.get("container_create_kwargs") or {}),
        "name": name,
        "hostname": name,
        "command": list(job.get("command") or ()) or None,
        "environment": {**environment, **folder, **_texts(job.get("env"))},
        "volumes": [*mounts, *(job.get("volumes") or ())],
        "labels": {**_texts(job.get("labels")), **labels_of(claimed, job, target)},
        "extra_hosts": dict(network.extra_hosts),
        "network_mode": network.mode,
        "working_dir": job.get("working_dir"),
        "mem_limit": job.get("mem_limit"),
        "memswap_limit": job.get("memswap_limit"),
        "nano_cpus": round(job["cpus"] * 1_000_000_000) if job.get("cpus") else None,
        "privileged": bool(job.get("privileged")),
        "user": user,
    }
    if network.names:
        options["network"] = network.names[0]
    return Container(
        name=name,
        image=job.get("image") or f"{IMAGE}:{__version__}",
        pull_policy=str(job.get("image_pull_policy") or "if-not-present").replace("-", "").lower(),
        options={option: value for option, value in options.items() if value not in (None, {}, [])},
        networks=tuple(network.names[1:]),
        auto_remove=bool(job.get("auto_remove", True)),
        shown=bool(job.get("stream_output", True)),
        target=target,
    )


def name_of(claimed: ClaimedRun) -> str:
    """The container's name: its run's, and what makes it one of its kind.

    A claim has one container: an engine that was asked twice says so.
    """
    tail = f"-{claimed.run.id[-8:]}-{claimed.request.claim}"
    head = re.sub(r"[^A-Za-z0-9-]+", "-", claimed.run.name).strip("-")[: NAME_CHARACTERS_MAX - len(tail)]
    return f"{head or 'run'}{tail}"


def labels_of(claimed: ClaimedRun, job: Mapping[str, Any], target: str) -> dict[str, str]:
    """What a container says of its run."""
    run, asked = claimed.run, claimed.request
    labels = {
        RUN_LABEL: run.id,
        f"{LABELS}flow-run": run.name,
        f"{LABELS}flow": run.flow_name,
        f"{LABELS}deployment": asked.deployment_name,
        POOL_LABEL: asked.work_pool,
        f"{LABELS}worker": asked.worker,
        CLAIM_LABEL: str(asked.claim),
        TARGET_LABEL: target,
        REMOVE_LABEL: "true" if job.get("auto_remove", True) else "false",
    }
    return {name: value for name, value in labels.items() if value}


def _within(claimed: ClaimedRun, settings: Settings, network: Network) -> tuple[dict[str, str], list[str], str | None]:
    """The environment of a run's process, what is mounted for it, and as whom it runs."""
    told = {
        RUN_VARIABLE: claimed.run.id,
        CLAIM_VARIABLE: str(claimed.request.claim),
        f"{PREFIX}WORKSPACE": settings.workspace,
        f"{PREFIX}LEASE_SECONDS": f"{settings.lease_seconds:g}",  # the same for server, workers and runs
    }
    if settings.api_url:
        told |= {f"{PREFIX}API_URL": network.address(settings.api_url), FLEETING_VARIABLE: "1"}
        if claimed.token is not None:
            told[f"{PREFIX}API_KEY"] = claimed.token
        return told, [], None
    if is_elsewhere():
        raise RequestInvalid(
            "Without a server a run's container shares the worker's home folder, and the Docker engine is on another machine. "
            "Start a server (`penstock server start`) and set PENSTOCK_API_URL."
        )
    handed_on = {name: value for name, value in os.environ.items() if name.startswith(PREFIX) and name not in OTHERS}
    if settings.database_url:
        handed_on[f"{PREFIX}DATABASE_URL"] = network.address(settings.database_url)
    for variable, place in (("RESULTS_PATH", settings.results_path), ("LAKE_PATH", settings.lake_path)):
        if place is not None:
            handed_on[PREFIX + variable] = str(_folder(place) or place)  # `~` is another folder there
    places = [str(settings.home), *_folders_outside(settings)]
    return (
        {**handed_on, **told, f"{PREFIX}HOME": str(settings.home)},
        [f"{place}:{place}" for place in places],
        f"{os.getuid()}:{os.getgid()}",
    )


def _folders_outside(settings: Settings) -> list[str]:
    """Folders beside the home that hold what is not to stay in the container."""
    named = [settings.results_path, settings.lake_path]
    if settings.database_url and settings.database_url.startswith("sqlite"):
        named.append(os.path.dirname(settings.database_url.partition(":///")[2]))
    folders = {folder for place in named if place and (folder := _folder(place)) is not None}
    return sorted(str(folder) for folder in folders if not folder.is_relative_to(settings.home))


def _folder(place: str) -> Path | None:
    """The folder that a setting names; none of an object store's address."""
    if re.match(r"(?!file:)\w+://", place):
        return None
    return Path(place.removeprefix("file://")).expanduser().absolute()


def _texts(given: Any) -> dict[str, str]:
    return {str(name): str(value) for name, value in (given or {}).items()}
