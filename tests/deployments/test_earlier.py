"""Prefect 2's way: infrastructure and storage are saved as blocks, and deployments are built from flows with them."""

from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from penstock import flow
from penstock.blocks import Block, DockerContainer, GitHub, KubernetesJob, Process, Secret
from penstock.blockverbs import GetBlockType
from penstock.core.errors import NotFound, RequestInvalid
from penstock.core.job_templates import DEFAULTS
from penstock.core.json_schemas import find_problems
from penstock.deployments import CodeUnavailable, Deployment, GitRepository, NotDeployable, StepFailed
from penstock.deployments.infrastructure import InfrastructureBlock
from penstock.deployments.loading import prepare
from penstock.deployments.project import read_project
from penstock.scheduling import DeploymentSpec
from penstock.sdk import wiring
from penstock.sdk.flows import Flow
from penstock.work import GetWorkPool, SaveWorkPool
from tests.deployments.repositories import Repository

FLOWS = "from penstock import flow\n\n\n@flow\ndef hello(name: str = 'you') -> str:\n    return name\n"
KINDS = (Process, DockerContainer, KubernetesJob)


@flow
def parent(months: list[int] = [1, 2]) -> None: ...  # noqa: B006  # as users write


@pytest.fixture(autouse=True)
def own_home(home: Path) -> None: ...


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "remote")
    (made.folder / "flows").mkdir()
    (made.folder / "flows" / "fetched.py").write_text(FLOWS)
    made.commit()
    return made


def samples(schema: dict[str, Any]) -> list[Any]:
    """Values that fit a variable."""
    if "enum" in schema:
        return list(schema["enum"])
    if schema["type"] == "array":
        return [[{"key": "gpu"}] if schema["items"]["type"] == "object" else ["python"]]
    of_kind = {"string": "2", "integer": 2, "number": 0.5, "boolean": True, "object": {"a": "b"}}
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return [of_kind[kind] for kind in kinds]


@pytest.mark.parametrize("kind", KINDS)
def test_a_block_takes_what_the_template_of_its_pools_takes(kind: type[InfrastructureBlock]) -> None:
    variables = DEFAULTS[kind.pool_type]["variables"]["properties"]
    assert set(variables) == set(kind.model_fields)
    said = [(name, value) for name, schema in variables.items() for value in samples(schema)]
    said += [(name, schema["default"]) for name, schema in variables.items() if "default" in schema]
    for name, value in said:
        taken = kind(**{name: value}).job_variables()
        assert [name] == list(taken)
        assert [] == find_problems({"properties": variables}, taken)


@pytest.mark.parametrize("kind", KINDS)
def test_a_block_is_saved_and_loaded_and_its_type_says_what_fits(kind: type[InfrastructureBlock]) -> None:
    block = kind(env={"COLOR": "green"}, stream_output=False)
    block.save("zoom")
    assert {"env": {"COLOR": "green"}, "stream_output": False} == kind.load("zoom").job_variables()
    slug = kind.get_block_type_slug()
    assert block.job_variables() == Block.load(f"{slug}/zoom").job_variables()  # type: ignore[attr-defined]
    described = wiring.open_orchestrator().ask(GetBlockType(slug=slug)).fields_schema["properties"]
    assert DEFAULTS[kind.pool_type]["variables"]["properties"] == described


def test_values_are_taken_as_people_write_them(tmp_path: Path) -> None:
    class Policy(StrEnum):
        IF_NOT_PRESENT = "IF_NOT_PRESENT"

    assert ["always", "if-not-present", "Never"] == [
        DockerContainer(image_pull_policy=policy).image_pull_policy
        for policy in ("ALWAYS", Policy.IF_NOT_PRESENT, "Never")
    ]
    assert "IfNotPresent" == KubernetesJob(image_pull_policy=Policy.IF_NOT_PRESENT).image_pull_policy
    assert str(tmp_path) == Process(working_dir=tmp_path).working_dir  # type: ignore[arg-type]
    assert "{{ penstock.variables.memory }}" == DockerContainer(mem_limit="{{ penstock.variables.memory }}").mem_limit
    cluster = Secret(value="any block that is saved is known by its name")
    cluster.save("mill")
    assert "mill" == KubernetesJob(cluster_config=cluster).cluster_config  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"image_pull_policy": "sometimes"}, "`if-not-present`, `always`"),
        ({"mem_limit": "plenty"}, "pattern"),
        ({"env": {"YEAR": 2021}}, "`env.YEAR` must be string"),
        ({"volumes": "/srv:/srv"}, "must be array"),
        ({"cpus": 0}, "more than 0"),
        ({"imge": "zoom"}, "`image`"),
        ({"customizations": []}, "network_mode"),
    ],
)
def test_what_does_not_fit_a_container_is_refused_by_the_name_of_the_field(said: Any, told: str) -> None:
    with pytest.raises(ValidationError) as raised:
        DockerContainer(**said)
    (name,) = said
    assert name in str(raised.value)
    assert told in str(raised.value)


def test_a_deployment_is_built_of_an_infrastructure_block() -> None:
    DockerContainer(image="zoom:1", image_pull_policy="ALWAYS", auto_remove=True).save("zoom")
    made: Deployment = Deployment.build_from_flow(
        flow=parent,
        name="docker-flow",
        infrastructure=DockerContainer.load("zoom"),
        infra_overrides={"image": "zoom:2", "env": {"COLOR": "green"}},
        work_queue_name="fast",
        parameters={"months": [3]},
    )
    made.apply()
    spec = made.save().spec
    assert ("default-docker", "fast", {"months": [3]}) == (spec.work_pool, spec.work_queue, spec.parameters)
    assert {
        "image": "zoom:2",
        "image_pull_policy": "always",
        "auto_remove": True,
        "env": {"COLOR": "green"},
    } == spec.job_variables
    assert "docker" == wiring.open_orchestrator().ask(GetWorkPool(name="default-docker")).type
    # The image is its maker's: its code is looked for where it works.
    assert [{"set_working_directory": {"directory": "."}}] == list(spec.pull_steps)


@pytest.mark.parametrize(
    ("said", "error", "told"),
    [
        ({"infrastructure": DockerContainer(), "work_pool_name": "local"}, NotDeployable, "`local` is of type process"),
        ({"infrastructure": DockerContainer(cpus=2)}, NotDeployable, "says no image"),
        ({"infrastructure": Secret(value=1)}, NotDeployable, "DockerContainer (`docker-container/NAME`)"),
        ({"infrastructure": {"image": "zoom"}}, NotDeployable, "dict is no infrastructure"),
        ({"infrastructure": Process(), "infra_overrides": {"worm": True}}, RequestInvalid, "`warm`"),
        ({"infra_overrides": {"warm": "perhaps"}}, RequestInvalid, "must be boolean"),
        ({"infrastructure": Process(), "work_pool_name": "lokal"}, NotFound, "`local`"),
        ({"storage": 5}, NotDeployable, "GitHub block"),
        ({"storage": GitHub(repository="ada/taxi", access_token="t0ken")}, NotDeployable, ".save("),
    ],
)
def test_what_cannot_be_deployed_says_why(said: Any, error: type[Exception], told: str) -> None:
    wiring.open_orchestrator().ask(SaveWorkPool(name="local"))
    with pytest.raises(error) as raised:
        Deployment.build_from_flow(flow=parent, name="a", **said).apply()
    assert told in str(raised.value)
    assert "t0ken" not in str(raised.value)


def test_a_deployment_to_containers_needs_an_image_however_it_is_made() -> None:
    wiring.open_orchestrator().ask(SaveWorkPool(name="containers", type="docker"))
    with pytest.raises(NotDeployable):
        parent.to_deployment("a", work_pool_name="containers").apply()


def test_a_repository_block_is_fetched_at_whatever_its_reference_is(repository: Repository, tmp_path: Path) -> None:
    first = repository.commit(a="1")
    repository.git("tag", "-a", "v1", "-m", "one")
    repository.git("branch", "dev")
    second = repository.commit(a="2")
    found = {
        reference: GitHub(repository=repository.url, reference=reference).pull(tmp_path / "cache").code_version
        for reference in (None, "main", "dev", "v1", first, first[:10])
    }
    assert {None: second, "main": second, "dev": first, "v1": first, first: first, first[:10]: first} == found
    with pytest.raises(CodeUnavailable) as raised:
        GitHub(repository=repository.url, reference="nowhere").pull(tmp_path / "cache")
    assert "no branch or tag `nowhere`" in str(raised.value)


def test_a_repository_at_github_needs_no_address_and_no_password_in_it() -> None:
    assert "https://github.com/ada/taxi" == GitHub(repository="ada/taxi").repository
    assert {"git_clone": {"repository": "https://github.com/ada/taxi", "reference": "main"}} == GitHub(
        repository="ada/taxi", reference="main"
    ).as_step()
    for wrong in (
        {"repository": "https://ada:hunter2@github.com/ada/taxi"},
        {"repository": "x/y", "reference": "--all"},
    ):
        with pytest.raises(ValidationError) as raised:
            GitHub(**wrong)
        assert "hunter2" not in str(raised.value)


def test_runs_fetch_what_the_block_says_when_they_begin(repository: Repository, tmp_path: Path) -> None:
    other = repository.git("rev-parse", "HEAD")
    GitHub(repository=repository.url, reference="main", access_token="t0ken").save("zoom")
    made: Deployment = Deployment.build_from_flow(
        flow=parent,
        name="a",
        storage=GitHub.load("zoom"),
        path="flows",
        entrypoint="fetched.py:hello",
        infrastructure=DockerContainer(image="zoom:1"),
    )
    made.apply()
    assert None is made.spec.path
    repository.commit(later="1")
    prepared = prepare(made.spec, cache=tmp_path / "cache")
    assert repository.git("rev-parse", "HEAD") == prepared.code_version
    assert prepared.entrypoint.endswith("/flows/fetched.py:hello")
    GitHub(repository=repository.url, reference=other).save("zoom", overwrite=True)
    assert other == prepare(made.spec, cache=tmp_path / "cache").code_version
    Secret(value="no place of code").save("zoom")
    steps = [{"pull_with_block": {"block_type_slug": "secret", "block_document_name": "zoom"}}]
    with pytest.raises(StepFailed):
        prepare(DeploymentSpec(entrypoint="fetched.py:hello", pull_steps=steps), cache=tmp_path / "cache")


def test_a_flow_is_loaded_from_a_repository_block_and_deployed_with_it(repository: Repository) -> None:
    block = GitHub(repository=repository.url)
    block.save("zoom")
    loaded = Flow.from_source(block, "flows/fetched.py:hello")
    assert "me" == loaded.fn("me")
    step = {"pull_with_block": {"block_type_slug": "github", "block_document_name": "zoom"}}
    assert [step] == loaded.to_deployment("a").spec.pull_steps
    built = Deployment.build_from_flow(loaded, "b", infrastructure=DockerContainer(image="zoom:1"))
    assert ([step], "flows/fetched.py:hello") == (built.spec.pull_steps, built.spec.entrypoint)


def test_a_repository_is_fetched_again_with_its_submodules_by_a_short_commit(
    repository: Repository, tmp_path: Path
) -> None:
    commit = repository.git("rev-parse", "HEAD")
    short = GitRepository(repository.url, commit=commit[:8], include_submodules=True)
    assert [commit] * 2 == [short.pull(tmp_path / "cache").code_version for _ in range(2)]


def test_the_file_that_is_written_says_all_of_it(repository: Repository, tmp_path: Path) -> None:
    GitHub(repository=repository.url).save("zoom")
    made: Deployment = Deployment.build_from_flow(
        parent,
        "a",
        output=tmp_path / "a.yaml",
        storage=GitHub.load("zoom"),
        path="flows",
        infrastructure=Process(env={"COLOR": "green"}),
        description="Every month.",
        paused=True,
        schedules=[],
    )
    entry = read_project(tmp_path / "a.yaml").get_entry("a")
    spec = made.spec
    assert (spec.work_pool, spec.job_variables, spec.pull_steps, "Every month.", True) == (
        entry.work_pool,
        entry.job_variables,
        entry.pull,
        entry.description,
        entry.paused,
    )
    assert entry.schedules is not None  # else they would be left as they are
    assert not entry.schedules
