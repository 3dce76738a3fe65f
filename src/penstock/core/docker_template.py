"""The base job template of work pools of type docker: what can be said of a run's container. Names are those of Prefect's."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_LIST = {"type": "array", "items": {"type": "string", "minLength": 1}}
_SIZE = {"type": ["string", "integer"], "pattern": "^-?[0-9]+ ?[bkmgBKMG]?[bB]?$"}
PULL_POLICIES = ("if-not-present", "always", "never")


def _is(title: str, description: str, kind: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {**kind, "title": title, "description": description, **more}


VARIABLES: Mapping[str, Any] = MappingProxyType(
    {
        "image": _is(
            "Image",
            "The image that has Penstock and the flow's code; `penstock` of the worker's version if none is said.",
            {"type": "string", "minLength": 1},
        ),
        "image_pull_policy": _is(
            "Pull policy",
            "When the engine fetches the image.",
            {"enum": [*PULL_POLICIES, "IfNotPresent", "Always", "Never"]},
            default=PULL_POLICIES[0],
        ),
        "env": _is("Environment", "Variables of the process's environment.", _TEXTS, default={}),
        "volumes": _is(
            "Volumes", "Folders of the host, and volumes: `/srv/data:/data`, `cache:/cache:ro`.", _LIST, default=[]
        ),
        "networks": _is("Networks", "Networks of the engine that the container joins.", _LIST, default=[]),
        "network_mode": _is("Network mode", "`bridge`, `host`, `none`, `container:NAME`.", {"type": "string"}),
        "auto_remove": _is(
            "Remove", "Whether the container is removed when it has ended.", {"type": "boolean"}, default=True
        ),
        "mem_limit": _is("Memory limit", "What it is killed for using more of: `512m`, `2g`.", _SIZE),
        "memswap_limit": _is("Memory and swap limit", "Of both together; -1 for as much swap as there is.", _SIZE),
        "cpus": _is("CPUs", "How many it may use: `0.5`, `2`.", {"type": "number", "exclusiveMinimum": 0}),
        "labels": _is("Labels", "Labels of the container, beside those of the run.", _TEXTS, default={}),
        "working_dir": _is("Working folder", "Where in the container the process works.", {"type": "string"}),
        "command": _is(
            "Command",
            "What the container runs.",
            {"type": "array", "items": {"type": "string"}, "minItems": 1},
            default=["python3", "-m", "penstock.workers.execute"],
        ),
        "privileged": _is(
            "Privileged", "Whether it may do all that the host's root may.", {"type": "boolean"}, default=False
        ),
        "container_create_kwargs": _is(
            "Further options",
            "What else `containers.create` of the `docker` package takes: `{shm_size: 1g}`.",
            {"type": "object"},
            default={},
        ),
        "stream_output": _is(
            "Show output", "Whether the worker shows what the container prints.", {"type": "boolean"}, default=True
        ),
        "grace_seconds": _is(
            "Grace period",
            "Seconds between the request to stop and the kill.",
            {"type": "number", "minimum": 0},
            default=30,
        ),
    }
)
DOCKER: Mapping[str, Any] = MappingProxyType(
    {
        "job_configuration": {name: f"{{{{ {name} }}}}" for name in VARIABLES},
        "variables": {"type": "object", "properties": dict(VARIABLES), "additionalProperties": False},
    }
)
"""The template of pools of type docker."""
