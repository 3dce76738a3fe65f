"""The Docker engine that DOCKER_HOST names, or this machine's: opening it, and saying what went wrong with it."""

import os
from typing import Any
from urllib.parse import urlsplit

import docker
import requests
from docker.errors import APIError, DockerException, TLSParameterError

from penstock.core.errors import PenstockError

ANSWER_SECONDS = 60
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
MESSAGE_CHARACTERS_MAX = 1_000

ENGINE_ERRORS = (DockerException, requests.RequestException, OSError)
"""What asking an engine may raise."""
LOST = (requests.ConnectionError, requests.Timeout, OSError)
"""No answer, which says nothing of the container."""


class EngineUnavailable(PenstockError):
    """No Docker engine answers."""


def open_engine() -> "docker.DockerClient":
    """A client of the engine that the environment names. Raises `EngineUnavailable`."""
    where = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    try:
        client = docker.from_env(timeout=ANSWER_SECONDS)
        client.ping()
    except (TLSParameterError, *ENGINE_ERRORS) as error:
        raise EngineUnavailable(
            f"No Docker engine answers at {where}: {describe(error)}. Start it (`systemctl start docker`), set DOCKER_HOST "
            "to where it is, or see to it that this user may use it."
        ) from error
    return client


def describe(error: BaseException) -> str:
    """What an engine's error says, in one line."""
    said: Any = error.explanation if isinstance(error, APIError) and error.explanation else error
    return " ".join(str(said).split())[:MESSAGE_CHARACTERS_MAX].rstrip(".") or type(error).__name__


def is_elsewhere() -> bool:
    """Whether the engine is on another machine, whose containers see nothing of this one."""
    parts = urlsplit(os.environ.get("DOCKER_HOST", ""))
    return parts.scheme in ("tcp", "ssh", "http", "https") and parts.hostname not in LOOPBACK_NAMES
