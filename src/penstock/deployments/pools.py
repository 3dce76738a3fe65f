"""Whether runs in containers would find an image and the code: looked at before anything is built or saved."""

from collections.abc import Mapping
from typing import Any

from penstock.core.job_templates import fill_in
from penstock.deployments.errors import NotDeployable
from penstock.deployments.images import BASE_IMAGE, installed_version
from penstock.scheduling import DeploymentSpec
from penstock.sdk import wiring
from penstock.settings import load_settings
from penstock.work import GetWorkPool, WorkPool

IMAGE_POOLS = ("docker", "kubernetes")


def get_pool(name: str) -> WorkPool:
    """A pool. Raises `NotFound`."""
    settings = load_settings()
    return wiring.open_orchestrator(settings).ask(GetWorkPool(name=name), wiring.principal_of(settings))


def check_image(key: str, spec: DeploymentSpec, pool: WorkPool) -> str | None:
    """Raise `NotDeployable` for a deployment whose runs would find no image; answer what is worth telling of the one they find.

    An image may be said by the deployment or by the pool's template. Docker's own default has Penstock and no code, which is
    enough where the code is fetched or mounted.
    """
    if pool.type not in IMAGE_POOLS:
        return None
    job, _ = fill_in(pool.base_job_template, spec.job_variables)
    if _names_image(job):
        return None
    name = f"{BASE_IMAGE}:{installed_version()}"
    if pool.type == "docker" and (spec.pull_steps or job.get("volumes")):
        return f"Runs of `{key}` use the image {name}, as none is said: it has Penstock, and nothing else that the code needs."
    if spec.pull_steps:
        raise NotDeployable(
            f"Deployment `{key}` says no image, and work pool `{pool.name}` of type {pool.type} has none by default. Name one that "
            "has Penstock and what the code needs: `--job-variable image=NAME`, or `job_variables`."
        )
    raise NotDeployable(
        f"Deployment `{key}` says no image, and work pool `{pool.name}` is of type {pool.type}, whose runs do not see this folder. "
        "Have an image built that holds the code (`penstock init --recipe docker`; `image=` in Python), name one that has it "
        "(`--job-variable image=NAME`), or have the code fetched (`penstock init --recipe git`; `flow.from_source(...)`)."
    )


def has_image(pool: WorkPool, job_variables: Mapping[str, Any]) -> bool:
    """Whether runs with these job variables are of an image that the deployment or the pool's template names."""
    return pool.type in IMAGE_POOLS and _names_image(fill_in(pool.base_job_template, job_variables)[0])


def _names_image(job: Mapping[str, Any]) -> bool:
    """Docker has it at the top, Kubernetes in the manifest: in whichever container, the worker looks at that."""
    manifest: Any = job.get("job_manifest")
    for part in ("spec", "template", "spec"):
        manifest = manifest.get(part) if isinstance(manifest, Mapping) else None
    containers = manifest.get("containers") if isinstance(manifest, Mapping) else None
    inner = [one for one in containers if isinstance(one, Mapping)] if isinstance(containers, list) else []
    return any(one.get("image") for one in (job, *inner))
