"""Blocks: typed configuration of outside systems, saved by name, with secrets encrypted.

Those that deployments are made of load when first used.
"""

from typing import TYPE_CHECKING, Any

from penstock.loading import load_name
from penstock.sdk.blocks import JSON, Block, Secret, SecretBytes, SecretDict, SecretStr

if TYPE_CHECKING:
    from penstock.deployments.infrastructure import DockerContainer as DockerContainer
    from penstock.deployments.infrastructure import KubernetesJob as KubernetesJob
    from penstock.deployments.infrastructure import Process as Process
    from penstock.deployments.storage.github import GitHub as GitHub

_HOMES = {
    "DockerContainer": "penstock.deployments.infrastructure",
    "KubernetesJob": "penstock.deployments.infrastructure",
    "Process": "penstock.deployments.infrastructure",
    "GitHub": "penstock.deployments.storage.github",
}

__all__ = [
    "JSON",
    "Block",
    "DockerContainer",
    "GitHub",
    "KubernetesJob",
    "Process",
    "Secret",
    "SecretBytes",
    "SecretDict",
    "SecretStr",
]


def __getattr__(name: str) -> Any:
    value = globals()[name] = load_name(__name__, _HOMES, name)
    return value
