"""How a container reaches the server: an address that says `localhost` means another machine inside a container.

The engine's own network knows the host as `host.docker.internal`. On Linux a server that listens on the host's loopback address alone
cannot be reached that way; where nothing else is said, its containers then share the host's network.
"""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from docker.errors import NotFound

from penstock.core.errors import RequestInvalid
from penstock.integrations.docker.engines import ENGINE_ERRORS, LOOPBACK_NAMES, is_elsewhere

HOST_NAME = "host.docker.internal"
HOST_NETWORK = "host"
PORTS: Mapping[str, int] = {"http": 80, "https": 443, "postgresql": 5432}
PROBE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Network:
    """How a container is connected."""

    mode: str | None = None
    names: Sequence[str] = ()
    extra_hosts: Mapping[str, str] = field(default_factory=dict)

    def address(self, url: str) -> str:
        """An address of the worker's as the container is to say it.

        >>> Network(extra_hosts={HOST_NAME: "host-gateway"}).address("http://127.0.0.1:4200/api")
        'http://host.docker.internal:4200/api'
        """
        parts = urlsplit(url)
        if HOST_NAME not in self.extra_hosts or parts.hostname not in LOOPBACK_NAMES:
            return url
        user, at, _ = parts.netloc.rpartition("@")
        port = f":{parts.port}" if parts.port else ""
        return urlunsplit(parts._replace(netloc=f"{user}{at}{HOST_NAME}{port}"))


def plan_network(client: Any, job: Mapping[str, Any], url: str) -> Network:
    """How a run's container is connected, so that it reaches what the worker calls `url`.

    Raises `RequestInvalid` where it cannot: the engine is on another machine than what is called `localhost`.
    """
    mode, names = job.get("network_mode"), tuple(job.get("networks") or ())
    if mode and names:
        raise RequestInvalid("A container has `networks` or a `network_mode`, not both.")
    parts = urlsplit(url)
    if parts.hostname not in LOOPBACK_NAMES:
        return Network(mode, names)
    if is_elsewhere():
        raise RequestInvalid(
            f"The Docker engine is on another machine, where {url.rpartition('@')[2]} leads to itself. Give the worker the server's "
            "own address (PENSTOCK_API_URL)."
        )
    if mode is not None and (mode in (HOST_NETWORK, "none") or mode.startswith("container:")):
        return Network(mode)
    if not mode and not names and not _reaches_host(client, parts.port or PORTS.get(parts.scheme.partition("+")[0], 0)):
        return Network(HOST_NETWORK)
    return Network(mode, names, {HOST_NAME: "host-gateway"})


def _reaches_host(client: Any, port: int) -> bool:
    """Whether the engine's own network leads to what listens at this port of the host."""
    try:
        if "Docker Desktop" in client.info().get("OperatingSystem", ""):
            return True  # it passes on to the host's loopback address
        gateways = [part.get("Gateway") for part in client.networks.get("bridge").attrs["IPAM"]["Config"] or ()]
    except (NotFound, KeyError, *ENGINE_ERRORS):
        return False
    return any(gateway and _answers(gateway, port) for gateway in gateways)


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), PROBE_SECONDS).close()
    except OSError:
        return False
    return True
