"""Projects whose code lies in an image: built by `penstock deploy` and from code, and run by a worker of a pool of type docker."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from penstock import __version__, deploy
from penstock.deployments import DockerImage
from penstock.deployments.errors import StepFailed
from penstock.ports import ListFlowRuns
from penstock.scheduling import GetDeployment, ListDeployments
from penstock.sdk import wiring
from penstock.sdk.loading import load_flow
from penstock.work import SaveWorkPool
from tests.fixtures.docker import DockerEngine
from tests.fixtures.servers import SOURCE

NOWHERE = "127.0.0.1:9/taxi"
"""A registry that nobody serves."""
FLOWS = """
from penstock import flow, task


@task
def add(a: int, b: int) -> int:
    return a + b


@flow(log_prints=True)
def parent(color: str = "green", n: int = 2) -> int:
    print(__file__)
    return add(n, 40)
"""
DEPLOYMENT = """
deployments:
  - name: monthly
    entrypoint: flows.py:parent
    parameters: {n: 3}
    schedules:
      - cron: "0 5 1 * *"
    work_pool: *docker
"""


@dataclass
class Project:
    """A folder with flows, and the shell of its user."""

    folder: Path
    engine: docker.DockerClient

    def run(self, *words: str, code: int = 0) -> str:
        environment = {**os.environ, "PYTHONPATH": str(SOURCE), "NO_COLOR": "1"}
        command = [sys.executable, "-m", "penstock", *words]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert code == done.returncode, f"{words}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr


@pytest.fixture
def project(
    docker_engine: DockerEngine, penstock_image: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    monkeypatch.setenv("DOCKER_HOST", docker_engine.url)
    engine = docker_engine.client
    engine.images.get(penstock_image).tag("penstock", __version__)  # what images are built upon
    folder = tmp_path / "taxi"
    folder.mkdir()
    (folder / "flows.py").write_text(FLOWS)
    monkeypatch.chdir(folder)
    wiring.shut_down()
    wiring.open_orchestrator().ask(SaveWorkPool(name="docker", type="docker"))
    yield Project(folder, engine)
    wiring.shut_down()


def test_a_project_is_built_into_an_image_deployed_and_run(project: Project) -> None:
    project.run("init", "--recipe", "docker", "--image", "taxi")
    text = (project.folder / "penstock.yaml").read_text()
    (project.folder / "penstock.yaml").write_text(text.partition("deployments: []")[0] + DEPLOYMENT)
    (project.folder / "requirements.txt").write_text("penstock\n")  # there already
    project.run("deploy", "--all")
    deployed = wiring.open_orchestrator().ask(GetDeployment(key="parent/monthly"))
    image = deployed.spec.job_variables["image"]
    assert "penstock" == project.engine.images.get(image).attrs["Config"]["User"]
    assert not (project.folder / "Dockerfile").exists()
    project.run("deployment", "run", "parent/monthly", "-p", "n=2")
    project.run("block", "create", "docker-container", "zoom", "-p", f"image={image}")
    project.run(
        "deployment", "build", "flows.py:parent", "-n", "b", "-ib", "docker-container/zoom", "--pool", "docker", "-a"
    )
    project.run("deployment", "run", "parent/b", "-p", "n=2")
    said = project.run("worker", "start", "-p", "docker", "--run-once")
    found = wiring.open_orchestrator().ask(ListFlowRuns()).items
    assert [("Completed", 1)] * 2 == [(run.state.name, deployed.version) for run in found], said
    assert [42, 42] == [wiring.result_store().get(run.result) for run in found if run.result is not None]
    assert 2 == said.count("/opt/penstock/taxi/flows.py")


def test_a_push_that_fails_says_why_and_deploys_nothing(project: Project) -> None:
    project.run("init", "--recipe", "docker", "--image", NOWHERE)
    text = (project.folder / "penstock.yaml").read_text()
    text = text.replace("# push:", "push:").replace("#   - push", "  - push").replace("#       ", "      ")
    (project.folder / "penstock.yaml").write_text(text.partition("deployments: []")[0] + DEPLOYMENT)
    said = project.run("deploy", "--all", code=1)
    assert "push_docker_image" in said
    assert "127.0.0.1:9" in said.splitlines()[-1]
    assert [] == list(wiring.open_orchestrator().ask(ListDeployments()).items)


def test_an_image_is_built_from_code_too(project: Project) -> None:
    parent = load_flow(f"{project.folder}/flows.py:parent")
    with pytest.raises(StepFailed) as caught:
        deploy(parent.to_deployment("a"), work_pool_name="docker", image=DockerImage(NOWHERE, tag="1"))
    assert "push_docker_image" == caught.value.step
    assert project.engine.images.get(f"{NOWHERE}:1") is not None
    (project.folder / "Dockerfile").write_text(f"FROM penstock:{__version__}\nCOPY never-heard-of .\n")
    with pytest.raises(StepFailed) as caught:
        deploy(
            parent.to_deployment("a"),
            work_pool_name="docker",
            image=DockerImage("taxi", dockerfile="Dockerfile"),
            push=False,
        )
    assert "build_docker_image" == caught.value.step
    assert "never-heard-of" in str(caught.value)
