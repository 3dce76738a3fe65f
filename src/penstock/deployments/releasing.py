"""Deploying what a project file says: flows are loaded and checked, images built, and only then anything is saved."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from penstock.deployments.deploying import deployment_of_entry
from penstock.deployments.deployment import Deployment
from penstock.deployments.errors import NotDeployable
from penstock.deployments.loading import CACHE_FOLDER, find_entrypoint
from penstock.deployments.placeholders import fill
from penstock.deployments.pools import check_image, get_pool
from penstock.deployments.project import Entry
from penstock.deployments.resolving import resolve_all
from penstock.deployments.steps import Outputs, Place, check_steps, look_up, run_steps
from penstock.sdk.flows import Flow
from penstock.sdk.loading import load_flow
from penstock.settings import load_settings

Tell = Callable[[str], None]


@dataclass(slots=True)
class Release:
    """Several deployments of one folder. `check` comes before `build`, and `build` before `save`."""

    folder: Path
    entries: Sequence[Entry]
    tell: Tell = lambda line: None
    flows: list[Flow[Any, Any]] = field(default_factory=list)
    _outputs: dict[str, Outputs] = field(default_factory=dict)

    def check(self) -> None:
        """Load the flows, and refuse what cannot be deployed. Raises `NotDeployable`, `CodeUnavailable`, `StepFailed`, `NotFound`
        for an unknown pool, and whatever the user's file raises."""
        if str(self.folder) not in sys.path:
            sys.path.insert(0, str(self.folder))
        for entry in self.entries:
            for steps in (entry.build, entry.push, entry.pull):
                check_steps(steps)
            if entry.entrypoint is None:
                raise NotDeployable(f"Deployment `{entry.name}` has no entrypoint: write `path/to/file.py:flow`.")
            if entry.work_pool is None:
                raise NotDeployable(f"Deployment `{entry.name}` names no work pool: say `--pool`, or `work_pool.name`.")
            flow = load_flow(find_entrypoint(self.folder, entry.entrypoint))
            self.flows.append(flow)
            made = deployment_of_entry(flow, entry, self.folder, job_variables=entry.job_variables)
            told = check_image(made.key, made.spec, get_pool(entry.work_pool))
            if told is not None:
                self.tell(told)

    def build(self) -> None:
        """Do the build and push steps; those that several deployments share are done once."""
        for entry in self.entries:
            steps = [*entry.build, *entry.push]
            key = _digest(steps)
            if steps and key not in self._outputs:
                place = Place(folder=self.folder, cache=load_settings().home / CACHE_FOLDER, tell=self.tell)
                self._outputs[key] = run_steps(steps, place, resolve_all).outputs

    def deployments(self) -> Iterable[Deployment]:
        """What is to be saved, with what the steps answered filled in."""
        for entry, flow in zip(self.entries, self.flows, strict=True):
            outputs = self._outputs.get(_digest([*entry.build, *entry.push]), {})
            lookup = partial(look_up, outputs)
            filled = replace(entry, pull=fill(list(entry.pull), lookup))
            variables: Mapping[str, Any] = fill(entry.job_variables, lookup)
            made = deployment_of_entry(flow, filled, self.folder, job_variables=variables)
            self._warn(made)
            yield made

    def _warn(self, made: Deployment) -> None:
        fetched = any(name.endswith(("git_clone", "pull_with_block")) for step in made.spec.pull_steps for name in step)
        if fetched and "-dirty-" in (made.spec.code_version or ""):
            self.tell(
                f"Warning: {self.folder} has changes that are not committed, and runs of {made.key} fetch their code from git."
            )


def _digest(steps: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps(list(steps), sort_keys=True, default=str)
