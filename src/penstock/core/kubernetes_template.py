"""The base job template of work pools of type kubernetes: a whole manifest of a Job, to be edited, and what goes into it.

Lists of names stand for what Kubernetes wants to have as objects: `secrets`, `image_pull_secrets`, and `env` as an object.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_QUANTITY = {"type": ["string", "number"], "pattern": r"^[0-9.]+([EPTGMk]|[EPTGMK]i|[mun]|[eE][0-9]+)?$"}
_NAMES = {"type": "array", "items": {"type": "string", "minLength": 1}}
_OBJECTS = {"type": "array", "items": {"type": "object"}}
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}


def _is(title: str, description: str, kind: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {**kind, "title": title, "description": description, **more}


VARIABLES: Mapping[str, Any] = MappingProxyType(
    {
        "image": _is("Image", "The image that has Penstock and the flow's code.", {"type": "string", "minLength": 1}),
        "image_pull_policy": _is(
            "Pull policy",
            "When nodes fetch the image.",
            {"enum": ["Always", "IfNotPresent", "Never"]},
            default="IfNotPresent",
        ),
        "cluster_config": _is(
            "Cluster",
            "Name of the KubernetesClusterConfig block that says which; the worker's own configuration if none is named.",
            {"type": "string", "minLength": 1},
        ),
        "namespace": _is(
            "Namespace", "Where the job is made; where the worker makes them if none is said.", {"type": "string"}
        ),
        "service_account_name": _is("Service account", "Whom the pod acts as.", {"type": "string"}),
        "env": _is("Environment", "Variables of the process's environment.", _TEXTS, default={}),
        "secrets": _is("Secrets", "Names of Secrets whose keys become variables of the environment.", _NAMES),
        "command": _is(
            "Command",
            "What the container runs.",
            {"type": "array", "items": {"type": "string"}, "minItems": 1},
            default=["python3", "-m", "penstock.workers.execute"],
        ),
        "labels": _is("Labels", "Labels of the job and its pod.", _TEXTS, default={}),
        "cpu_request": _is("CPU request", "What is kept free for it: `500m`, `2`.", _QUANTITY),
        "cpu_limit": _is("CPU limit", "What it may use at most.", _QUANTITY),
        "memory_request": _is("Memory request", "What is kept free for it: `512Mi`, `2Gi`.", _QUANTITY),
        "memory_limit": _is("Memory limit", "What it is killed for using more of.", _QUANTITY),
        "node_selector": _is("Node selector", "Labels of the nodes that it may run on.", _TEXTS),
        "tolerations": _is("Tolerations", "Taints of nodes that do not matter to it.", _OBJECTS),
        "image_pull_secrets": _is("Pull secrets", "Names of Secrets with the registry's credentials.", _NAMES),
        "volumes": _is("Volumes", "As a pod's `volumes`.", _OBJECTS),
        "volume_mounts": _is("Mounts", "As a container's `volumeMounts`.", _OBJECTS),
        "finished_job_ttl": _is(
            "Keep finished jobs",
            "Seconds until the cluster removes a job that has ended.",
            {"type": "integer", "minimum": 0},
            default=3600,
        ),
        "job_watch_timeout_seconds": _is(
            "Time limit",
            "Seconds that a job may take; the cluster ends it then. Without it, it may take as long as it does.",
            {"type": "integer", "minimum": 1},
        ),
        "pod_watch_timeout_seconds": _is(
            "Time to begin",
            "Seconds that a pod may wait for a node and its image before the run fails.",
            {"type": "integer", "minimum": 1},
            default=300,
        ),
        "stream_output": _is(
            "Show output", "Whether the worker shows what the process prints.", {"type": "boolean"}, default=True
        ),
        "grace_seconds": _is(
            "Grace period",
            "Seconds between the request to stop and the kill.",
            {"type": "integer", "minimum": 0},
            default=30,
        ),
    }
)

_CONTAINER = {
    "name": "penstock",
    "image": "{{ image }}",
    "imagePullPolicy": "{{ image_pull_policy }}",
    "command": "{{ command }}",
    "env": "{{ env }}",
    "envFrom": "{{ secrets }}",
    "resources": {
        "requests": {"cpu": "{{ cpu_request }}", "memory": "{{ memory_request }}"},
        "limits": {"cpu": "{{ cpu_limit }}", "memory": "{{ memory_limit }}"},
    },
    "volumeMounts": "{{ volume_mounts }}",
}
_POD = {
    "restartPolicy": "Never",
    "serviceAccountName": "{{ service_account_name }}",
    "imagePullSecrets": "{{ image_pull_secrets }}",
    "nodeSelector": "{{ node_selector }}",
    "tolerations": "{{ tolerations }}",
    "terminationGracePeriodSeconds": "{{ grace_seconds }}",
    "containers": [_CONTAINER],
    "volumes": "{{ volumes }}",
}
_MANIFEST = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"namespace": "{{ namespace }}", "labels": "{{ labels }}"},
    "spec": {
        "backoffLimit": 0,
        "ttlSecondsAfterFinished": "{{ finished_job_ttl }}",
        "activeDeadlineSeconds": "{{ job_watch_timeout_seconds }}",
        "template": {"metadata": {"labels": "{{ labels }}"}, "spec": _POD},
    },
}

KUBERNETES: Mapping[str, Any] = MappingProxyType(
    {
        "job_configuration": {
            "job_manifest": _MANIFEST,
            "cluster_config": "{{ cluster_config }}",
            "pod_watch_timeout_seconds": "{{ pod_watch_timeout_seconds }}",
            "stream_output": "{{ stream_output }}",
        },
        "variables": {
            "type": "object",
            "properties": dict(VARIABLES),
            "required": ["image"],
            "additionalProperties": False,
        },
    }
)
"""The template."""
