"""Deployments: flows that run by themselves, or when asked for, on the machine that is right for them.

Names load when first used.
"""

from typing import TYPE_CHECKING, Any

from penstock.loading import load_name

if TYPE_CHECKING:
    from penstock.deployments.deployment import Deployment as Deployment
    from penstock.deployments.errors import CodeUnavailable as CodeUnavailable
    from penstock.deployments.errors import NotDeployable as NotDeployable
    from penstock.deployments.errors import ProjectInvalid as ProjectInvalid
    from penstock.deployments.errors import StepFailed as StepFailed
    from penstock.deployments.publishing import DockerImage as DockerImage
    from penstock.deployments.publishing import deploy as deploy
    from penstock.deployments.running import arun_deployment as arun_deployment
    from penstock.deployments.running import run_deployment as run_deployment
    from penstock.deployments.storage import CodeStorage as CodeStorage
    from penstock.deployments.storage import GitRepository as GitRepository
    from penstock.deployments.storage import InImage as InImage
    from penstock.deployments.storage import LocalFolder as LocalFolder

_HOMES = {
    "Deployment": "penstock.deployments.deployment",
    "DockerImage": "penstock.deployments.publishing",
    "deploy": "penstock.deployments.publishing",
    "arun_deployment": "penstock.deployments.running",
    "run_deployment": "penstock.deployments.running",
    "CodeStorage": "penstock.deployments.storage",
    "GitRepository": "penstock.deployments.storage",
    "InImage": "penstock.deployments.storage",
    "LocalFolder": "penstock.deployments.storage",
    "CodeUnavailable": "penstock.deployments.errors",
    "NotDeployable": "penstock.deployments.errors",
    "ProjectInvalid": "penstock.deployments.errors",
    "StepFailed": "penstock.deployments.errors",
}

__all__ = [
    "CodeStorage",
    "CodeUnavailable",
    "Deployment",
    "DockerImage",
    "GitRepository",
    "InImage",
    "LocalFolder",
    "NotDeployable",
    "ProjectInvalid",
    "StepFailed",
    "arun_deployment",
    "deploy",
    "run_deployment",
]


def __getattr__(name: str) -> Any:
    value = globals()[name] = load_name(__name__, _HOMES, name)
    return value
