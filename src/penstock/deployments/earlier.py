"""`Deployment.build_from_flow` of Prefect 2: an infrastructure block says the pool and its variables, a storage block the code."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from penstock.core.errors import Conflict
from penstock.deployments.deploying import check_name, deployment_of
from penstock.deployments.deployment import Deployment
from penstock.deployments.errors import NotDeployable
from penstock.deployments.sources import as_storage
from penstock.ports import Principal
from penstock.sdk import wiring
from penstock.sdk.deployment_options import DeploymentOptions
from penstock.sdk.flows import Flow
from penstock.settings import load_settings
from penstock.work import SaveWorkPool

POOL_NAMES: Mapping[str, str] = {"process": "default", "docker": "default-docker", "kubernetes": "default-kubernetes"}
"""The pools that stand for agents, which had none; made when a deployment first names one."""
_POOL_TYPES: Mapping[str, str] = {
    "process": "process",
    "docker-container": "docker",
    "dockercontainer": "docker",
    "kubernetes-job": "kubernetes",
    "kubernetesjob": "kubernetes",
}
_NO_VARIABLES = frozenset({"type", "command", "name", "stream_output", "job", "customizations", "image_registry"})


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
    pool_type, variables = read_infrastructure(infrastructure)
    variables |= infra_overrides or {}
    pool = work_pool_name or POOL_NAMES[pool_type]
    if work_pool_name is None:
        make_pool(pool, pool_type)
    spec = replace(
        made.spec,
        work_pool=pool,
        work_queue=work_queue_name or made.spec.work_queue,
        job_variables={**made.spec.job_variables, **variables},
    )
    if entrypoint is not None:
        spec = replace(spec, entrypoint=entrypoint)
    if path is not None:
        spec = replace(spec, path=path)
    if storage is not None:
        spec = replace(spec, path=path, pull_steps=[as_storage(storage).as_step()])
    made.spec = spec
    if is_schedule_active is False and made.schedules is not None:
        made.schedules = [replace(each, active=False) for each in made.schedules]
    if output is not None:
        from penstock.deployments.writing import write_deployment  # lazy: yaml

        write_deployment(Path(output), made)
    if apply:
        made.apply()
    return made


def read_infrastructure(block: Any) -> tuple[str, dict[str, Any]]:
    """The type of pool that an infrastructure block stands for, and its values as job variables. Raises `NotDeployable`."""
    if block is None:
        return "process", {}
    slug_of = getattr(block, "get_block_type_slug", None)
    slug = str(slug_of() if callable(slug_of) else getattr(block, "type", type(block).__name__)).lower()
    pool_type = _POOL_TYPES.get(slug) or _POOL_TYPES.get(type(block).__name__.lower())
    if pool_type is None:
        raise NotDeployable(
            f"{type(block).__name__} is no infrastructure that is known: {', '.join(sorted(set(_POOL_TYPES.values())))}."
        )
    dump = getattr(block, "job_variables", None) or getattr(block, "model_dump", None)
    values = dump() if callable(dump) else {}
    kept = {key: _plain(value) for key, value in values.items() if key not in _NO_VARIABLES}
    return pool_type, {key: value for key, value in kept.items() if value not in (None, {}, [], "")}


def make_pool(name: str, pool_type: str) -> None:
    """Make a pool unless it is there."""
    settings = load_settings()
    orchestrator, principal = wiring.open_orchestrator(settings), Principal(workspace=settings.workspace)
    try:
        orchestrator.ask(SaveWorkPool(name=name, type=pool_type), principal)
    except Conflict:
        return


def _plain(value: Any) -> Any:
    return getattr(value, "value", value)
