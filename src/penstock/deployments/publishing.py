"""Deploying to work pools from code: the image is built if one is asked for, the deployments are saved."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from penstock.deployments.deployment import Deployment
from penstock.deployments.errors import NotDeployable
from penstock.deployments.images import AUTO, code_folder, split_name, tag_of_now
from penstock.deployments.pools import check_image, get_pool
from penstock.deployments.steps import Place, run_steps
from penstock.scheduling import DeploymentSpec
from penstock.settings import load_settings


@dataclass(frozen=True, slots=True)
class DockerImage:
    """An image that is to be built: without a Dockerfile one is made that puts the folder's code on Penstock's image."""

    name: str
    tag: str | None = None
    dockerfile: str = AUTO
    buildargs: Mapping[str, str] = field(default_factory=dict)
    platform: str | None = None


def deploy(
    *deployments: Deployment,
    work_pool_name: str | None = None,
    image: str | DockerImage | None = None,
    build: bool = True,
    push: bool = True,
) -> list[str]:
    """Deploy flows to a work pool; answers the deployments' ids.

    An `image` is built of the working folder and pushed, unless told otherwise, once for all of them. Raises `NotFound` for
    an unknown pool, `NotDeployable` where the pool's workers would find no image, `StepFailed`.
    """
    if not deployments:
        raise NotDeployable("There is nothing to deploy: give what `flow.to_deployment(...)` makes.")
    pools = {}
    for each in deployments:
        pool = work_pool_name or each.spec.work_pool
        if pool is None:
            raise NotDeployable(
                f"Deployment `{each.key}` names no work pool. Give `work_pool_name`, or run it from here with `serve`."
            )
        if pool not in pools:
            pools[pool] = get_pool(pool)
        each.spec = replace(each.spec, work_pool=pool)
        if image is None:
            check_image(each.key, each.spec, pools[pool])
    if image is not None:
        reference, folder = make_image(image, build=build, push=push)
        for each in deployments:
            each.spec = within_image(each.spec, reference, folder)
    return [each.save().id for each in deployments]


def serve(*deployments: Deployment, **options: Any) -> None:
    """Run deployments from here; see `penstock.serve`, which stands above: workers know of deployments, not the other way round."""
    from importlib import import_module  # lazy: the workers, 60 ms, by name

    import_module("penstock.workers.serving").serve(*deployments, **options)


def make_image(image: str | DockerImage, *, build: bool, push: bool) -> tuple[str, str]:
    """Build and push an image of the working folder; answers its whole name and the folder of the code in it."""
    wanted = image if isinstance(image, DockerImage) else DockerImage(image)
    name, said = split_name(wanted.name)
    tag = wanted.tag or said or (tag_of_now() if build else "latest")
    here = Path.cwd()
    steps: list[dict[str, Any]] = []
    if build:
        options = {"dockerfile": wanted.dockerfile, "buildargs": dict(wanted.buildargs), "platform": wanted.platform}
        steps.append({"build_docker_image": {"image_name": name, "tag": tag, **options}})
    if build and push:
        steps.append({"push_docker_image": {"image_name": name, "tag": tag}})
    run_steps(steps, Place(folder=here, cache=load_settings().home))
    return f"{name}:{tag}", code_folder(here)


def within_image(spec: DeploymentSpec, image: str, folder: str) -> DeploymentSpec:
    """A version whose code lies within an image; what fetches its code is left to do so."""
    path = spec.path if spec.pull_steps else folder
    return replace(spec, path=path, job_variables={**spec.job_variables, "image": image})
