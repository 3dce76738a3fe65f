"""A deployment as a value: what is going to be saved, made from a flow and options, or by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from penstock.core.schedules import Schedule, to_json
from penstock.deployments.pools import check_image, get_pool
from penstock.ports import Principal
from penstock.scheduling import Deployment as Saved
from penstock.scheduling import DeploymentSpec, SaveDeployment
from penstock.sdk import wiring
from penstock.sdk.flows import Flow
from penstock.settings import load_settings


@dataclass(slots=True, kw_only=True)
class Deployment:
    """A flow, where its code lies, and how it is run. `apply()` saves it; saying what is saved already makes no new version."""

    flow_name: str
    name: str
    spec: DeploymentSpec = field(default_factory=DeploymentSpec)
    schedules: Sequence[Schedule] | None = None
    """None leaves those that are there."""
    paused: bool | None = None
    flow: Flow[Any, Any] | None = None
    """The flow that it was made from, if it was."""

    @property
    def key(self) -> str:
        """What it is known as: `flow/name`."""
        return f"{self.flow_name}/{self.name}"

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Defaults on top of the function's own."""
        return self.spec.parameters

    @parameters.setter
    def parameters(self, parameters: Mapping[str, Any]) -> None:
        self.spec = replace(self.spec, parameters=dict(parameters))

    def request(self) -> SaveDeployment:
        """The verb that saves it."""
        schedules = None if self.schedules is None else [to_json(schedule) for schedule in self.schedules]
        return SaveDeployment(
            flow_name=self.flow_name, name=self.name, spec=self.spec, schedules=schedules, paused=self.paused
        )

    def apply(self, *, work_pool_name: str | None = None, upload: bool | None = None) -> str:
        """Save it, and answer its id. Raises `ParameterInvalid`, `ScheduleInvalid`, `NotFound` for an unknown work pool,
        `RequestInvalid` for job variables that its template does not take, `NotDeployable` where its workers would find no image.

        `upload` is Prefect 2's; code is fetched from where it lies, so there is nothing to do.
        """
        if work_pool_name is not None:
            self.spec = replace(self.spec, work_pool=work_pool_name)
        if self.spec.work_pool is not None:
            check_image(self.key, self.spec, get_pool(self.spec.work_pool))
        return self.save().id

    def save(self) -> Saved:
        """Save it, and answer what is saved, for who has looked at the image already. Raises as `apply` does else."""
        settings = load_settings()
        return wiring.open_orchestrator(settings).ask(self.request(), Principal(workspace=settings.workspace))

    @classmethod
    def build_from_flow(cls, flow: Flow[Any, Any], name: str, **options: Any) -> "Deployment":
        """Prefect 2's way to make one; see `penstock.deployments.earlier`."""
        from penstock.deployments.earlier import build_from_flow  # lazy: few programs are of that age

        return build_from_flow(flow, name, **options)
