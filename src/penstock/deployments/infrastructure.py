"""What a deployment's runs are started on, as blocks: what Prefect 2 said by them, the job variables of work pools say here.

A field is a variable of the pool's base job template, which says what fits it and what it is for. One that is left out has the
default of the pool.
"""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, ClassVar

from pydantic import ConfigDict, ValidationInfo, field_validator, model_validator

from penstock.core.job_templates import DEFAULTS
from penstock.core.json_schemas import find_problems
from penstock.sdk.blocks import Block


def _describe(schema: dict[str, Any], class_: type["InfrastructureBlock"]) -> None:
    """The fields as the template has them."""
    fields = schema["properties"]
    fields |= {name: said for name, said in class_.get_variables().items() if name in fields}


class InfrastructureBlock(Block):
    """The base of what runs are started on; made of job variables of pools of one type."""

    model_config = ConfigDict(json_schema_extra=_describe)

    pool_type: ClassVar[str] = "process"
    """The type of pools whose workers start it."""

    @classmethod
    def get_variables(cls) -> Mapping[str, Any]:
        """What the template of such pools knows: a JSON Schema by name."""
        variables: Mapping[str, Any] = DEFAULTS[cls.pool_type]["variables"]["properties"]
        return variables

    def job_variables(self) -> dict[str, Any]:
        """What is said, as job variables."""
        said = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: value for name, value in said.items() if value is not None}

    @model_validator(mode="before")
    @classmethod
    def _know(cls, given: Any) -> Any:
        """Raise `ValueError` for a field that there is not, naming near ones."""
        for name in given if isinstance(given, Mapping) else ():
            if name not in cls.model_fields:
                near = get_close_matches(name, cls.model_fields, n=1)
                hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(cls.model_fields)}"
                raise ValueError(f"{cls.__name__} has no field `{name}`; {hint}")
        return given

    @field_validator("*", mode="before")
    @classmethod
    def _check(cls, value: Any, info: ValidationInfo) -> Any:
        """Raise `ValueError` for what the template would not take; templates are filled in later."""
        name = info.field_name or ""
        schema = cls.get_variables().get(name)
        if value is None or schema is None:
            return value
        value = _as_said(value, schema)
        if "{{" in str(value):
            return value
        for where, expectation, _ in find_problems({"properties": {name: schema}}, {name: value}):
            raise ValueError(expectation if where == name else f"`{where}` {expectation}")
        return value


class Process(InfrastructureBlock):
    """A process on the worker's machine.

    >>> Process(env={"LAKE": "/srv/lake"}, working_dir="/srv/flows").save("on-the-lake")
    'process/on-the-lake'
    """

    pool_type: ClassVar[str] = "process"

    env: dict[str, str] | None = None
    working_dir: str | None = None
    python: str | None = None
    stream_output: bool | None = None
    warm: bool | None = None
    isolation: str | None = None
    grace_seconds: float | None = None


class DockerContainer(InfrastructureBlock):
    """A container of an image that has Penstock and the flow's code.

    >>> DockerContainer(image="zoom:1", image_pull_policy="ALWAYS", auto_remove=True).save("zoom")
    'docker-container/zoom'
    >>> DockerContainer.load("zoom").job_variables()
    {'image': 'zoom:1', 'image_pull_policy': 'always', 'auto_remove': True}
    """

    _block_type_name: ClassVar[str | None] = "Docker Container"
    pool_type: ClassVar[str] = "docker"

    image: str | None = None
    image_pull_policy: str | None = None
    env: dict[str, str] | None = None
    volumes: list[str] | None = None
    networks: list[str] | None = None
    network_mode: str | None = None
    auto_remove: bool | None = None
    mem_limit: str | int | None = None
    memswap_limit: str | int | None = None
    cpus: float | None = None
    labels: dict[str, str] | None = None
    working_dir: str | None = None
    command: list[str] | None = None
    privileged: bool | None = None
    container_create_kwargs: dict[str, Any] | None = None
    stream_output: bool | None = None
    grace_seconds: float | None = None


class KubernetesJob(InfrastructureBlock):
    """A job of a Kubernetes cluster, of an image that has Penstock and the flow's code.

    >>> KubernetesJob(image="zoom:1", namespace="flows", memory_limit="2Gi").save("zoom")
    'kubernetes-job/zoom'
    """

    _block_type_name: ClassVar[str | None] = "Kubernetes Job"
    pool_type: ClassVar[str] = "kubernetes"

    image: str | None = None
    image_pull_policy: str | None = None
    cluster_config: str | None = None
    namespace: str | None = None
    service_account_name: str | None = None
    env: dict[str, str] | None = None
    secrets: list[str] | None = None
    command: list[str] | None = None
    labels: dict[str, str] | None = None
    cpu_request: str | float | None = None
    cpu_limit: str | float | None = None
    memory_request: str | float | None = None
    memory_limit: str | float | None = None
    node_selector: dict[str, str] | None = None
    tolerations: list[dict[str, Any]] | None = None
    image_pull_secrets: list[str] | None = None
    volumes: list[dict[str, Any]] | None = None
    volume_mounts: list[dict[str, Any]] | None = None
    finished_job_ttl: int | None = None
    job_watch_timeout_seconds: int | None = None
    pod_watch_timeout_seconds: int | None = None
    stream_output: bool | None = None
    grace_seconds: int | None = None


def _as_said(value: Any, schema: Mapping[str, Any]) -> Any:
    """A value as the template says it: paths as text, a saved block as its name, `IF_NOT_PRESENT` as `if-not-present`."""
    value = getattr(value, "value", value) if isinstance(value, str) else value  # a member of an enum
    if isinstance(value, Block):
        return value._block_document_name or value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, str):
        choices = [choice for choice in schema.get("enum", ()) if _letters(choice) == _letters(value)]
        return value if value in choices else next(iter(choices), value)
    return value


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()


__all__ = ["DockerContainer", "InfrastructureBlock", "KubernetesJob", "Process"]
