"""Prefect 2's way to deploy: an infrastructure block says the pool and its variables, a storage block where the code is.

`Deployment.build_from_flow` does it in code, `penstock deployment build` by command.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from penstock.core.block_values import split_reference
from penstock.core.errors import Conflict, InvalidDefinition, NotFound
from penstock.deployments.deploying import check_name, deployment_of
from penstock.deployments.deployment import Deployment
from penstock.deployments.errors import NotDeployable
from penstock.deployments.infrastructure import DockerContainer, InfrastructureBlock, KubernetesJob, Process
from penstock.deployments.pools import get_pool, has_image
from penstock.deployments.project import Step
from penstock.deployments.sources import as_storage
from penstock.deployments.storage import CodeStorage
from penstock.deployments.storage.github import GitHub
from penstock.ports import Principal
from penstock.sdk import wiring
from penstock.sdk.blocks import Block
from penstock.sdk.deployment_options import DeploymentOptions
from penstock.sdk.flows import Flow
from penstock.settings import load_settings
from penstock.work import SaveWorkPool, WorkPool

POOL_NAMES: Mapping[str, str] = {"process": "default", "docker": "default-docker", "kubernetes": "default-kubernetes"}
"""The pools that stand for agents, which had none; made when a deployment first names one."""
_INFRASTRUCTURE = (Process, DockerContainer, KubernetesJob)


def build_from_flow(
    flow: Flow[Any, Any],
    name: str,
    *,
    output: str | Path | None = None,
    apply: bool = False,
    infrastructure: Any = None,
    infra_overrides: Mapping[str, Any] | None = None,
    storage: Any = None,
    path: str | None = None,
    entrypoint: str | None = None,
    schedule: Any = None,
    is_schedule_active: bool | None = None,
    work_queue_name: str | None = None,
    work_pool_name: str | None = None,
    skip_upload: bool = True,
    ignore_file: str | None = None,
    **options: Any,
) -> Deployment:
    """A deployment of a flow. `skip_upload` and `ignore_file` change nothing: code is fetched from where it lies."""
    del skip_upload, ignore_file
    said: DeploymentOptions = {**options}  # type: ignore[typeddict-item]  # names and all are checked below
    if schedule is not None:
        said["schedule"] = schedule
    made = deployment_of(flow, check_name(name), said)
    if storage is None and flow.source is not None:
        storage = flow.source.storage
    placed = place(
        infrastructure,
        None if storage is None else as_storage(storage),
        path=path,
        work_pool=work_pool_name,
        job_variables={**made.spec.job_variables, **(infra_overrides or {})},
    )
    made.spec = replace(
        made.spec,
        entrypoint=entrypoint or made.spec.entrypoint,
        work_pool=placed.work_pool,
        work_queue=work_queue_name or made.spec.work_queue,
        job_variables=placed.job_variables,
        path=made.spec.path if storage is None else None,
        pull_steps=placed.pull,
    )
    if is_schedule_active is False and made.schedules is not None:
        made.schedules = [replace(each, active=False) for each in made.schedules]
    if output is not None:
        from penstock.deployments.writing import write_deployment  # lazy: yaml

        write_deployment(Path(output), made)
    if apply:
        made.apply()
    return made


@dataclass(frozen=True, slots=True)
class Placed:
    """Where runs of a deployment are started, and how the code comes there."""

    work_pool: str
    job_variables: Mapping[str, Any]
    pull: Sequence[Step]


def place(
    infrastructure: Any,
    storage: CodeStorage | None,
    *,
    path: str | None,
    work_pool: str | None,
    job_variables: Mapping[str, Any],
) -> Placed:
    """What blocks, or none, say of a deployment; what is said beside them, `job_variables`, goes before.

    `path` is a folder within the storage, or without one the folder of the code where the run is. An image that is named holds
    the code in the folder that it works in, unless something else is said. Raises `NotDeployable`; `NotFound` for an unknown pool.
    """
    block = Process() if infrastructure is None else infrastructure
    if not isinstance(block, InfrastructureBlock):
        raise NotDeployable(f"{_title(block)} is no infrastructure. {_known(_INFRASTRUCTURE)}")
    variables = {**block.job_variables(), **job_variables}
    if work_pool is None:
        work_pool = POOL_NAMES[block.pool_type]
        make_pool(work_pool, block.pool_type)
    if infrastructure is not None:
        pool = get_pool(work_pool)
        _check_type(block, pool)
        if path is None and storage is None and has_image(pool, variables):
            path = "."
    pull = [] if storage is None else [storage.as_step()]
    if path is not None:
        pull.append({"set_working_directory": {"directory": path}})
    return Placed(work_pool, variables, pull)


def load_infrastructure(reference: str) -> InfrastructureBlock:
    """The saved block that is known as `type/name`. Raises `NotFound`, `NotDeployable` for a block that is none."""
    block = _load(reference, _INFRASTRUCTURE)
    if not isinstance(block, InfrastructureBlock):
        raise NotDeployable(f"Block `{reference}` is no infrastructure. {_known(_INFRASTRUCTURE)}")
    return block


def load_storage(reference: str) -> tuple[CodeStorage, str | None]:
    """The saved block that is known as `type/name`, and the folder in it that `type/name/folder` names. Raises as
    `load_infrastructure` does."""
    slug, _, rest = reference.partition("/")
    name, _, folder = rest.partition("/")
    block = _load(f"{slug}/{name}", (GitHub,))
    if not isinstance(block, CodeStorage):
        raise NotDeployable(f"Block `{slug}/{name}` is no place of code. {_known((GitHub,))}")
    return block, folder.strip("/") or None


def make_pool(name: str, pool_type: str) -> None:
    """Make a pool unless it is there."""
    settings = load_settings()
    orchestrator, principal = wiring.open_orchestrator(settings), Principal(workspace=settings.workspace)
    try:
        orchestrator.ask(SaveWorkPool(name=name, type=pool_type), principal)
    except Conflict:
        return


def _load(reference: str, known: Sequence[type[Block]]) -> Block:
    try:
        slug, name = split_reference(reference)
    except ValueError as error:
        raise InvalidDefinition(str(error)) from error
    try:
        return Block.load(reference)
    except NotFound as error:
        class_ = next((each for each in known if each.get_block_type_slug() == slug), None)
        if class_ is None:
            error.args = (f"{error} {_known(known)}",)
        elif not error.near:
            todo = f'`{class_.__name__}(...).save("{name}")` in Python, or `penstock block create {slug} {name}`'
            error.args = (f"{error} Save it first: {todo}.",)
        raise


def _check_type(block: InfrastructureBlock, pool: WorkPool) -> None:
    if pool.type != block.pool_type:
        raise NotDeployable(
            f"{_title(block)} is for work pools of type {block.pool_type}, and `{pool.name}` is of type {pool.type}. Name another "
            f"pool, or none: then it is `{POOL_NAMES[block.pool_type]}`."
        )


def _title(block: Any) -> str:
    name = getattr(block, "_block_document_name", None)
    return f"Block `{block.get_block_type_slug()}/{name}`" if name else type(block).__name__


def _known(classes: Sequence[type[Block]]) -> str:
    listed = ", ".join(f"{each.__name__} (`{each.get_block_type_slug()}/NAME`)" for each in classes)
    return f"There {'is' if len(classes) == 1 else 'are'} {listed}."
