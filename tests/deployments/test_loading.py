"""A run's code, where the run is: fetched by steps, found, and its version told."""

import subprocess
import sys
from pathlib import Path

import pytest

from penstock.deployments.errors import CodeUnavailable, StepFailed
from penstock.deployments.folders import version_of_folder
from penstock.deployments.loading import Prepared, prepare
from penstock.deployments.placeholders import fill
from penstock.deployments.steps import check_steps
from penstock.scheduling import DeploymentSpec
from tests.deployments.repositories import Repository

FLOW = "from penstock import flow\n\n\n@flow\ndef hello():\n    return 'hello'\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "flows").mkdir(parents=True)
    (folder / "flows" / "hello.py").write_text(FLOW)
    return folder


def ready(spec: DeploymentSpec, tmp_path: Path) -> Prepared:
    return prepare(spec, cache=tmp_path / "cache")


def test_a_folders_code_is_found_where_it_lies(project: Path, tmp_path: Path) -> None:
    prepared = ready(DeploymentSpec(entrypoint="flows/hello.py:hello", path=str(project)), tmp_path)
    assert (project, f"{project}/flows/hello.py:hello") == (prepared.folder, prepared.entrypoint)
    assert version_of_folder(project) == prepared.code_version


def test_a_modules_flow_is_left_to_the_import(project: Path, tmp_path: Path) -> None:
    prepared = ready(DeploymentSpec(entrypoint="flows.hello:hello", path=str(project)), tmp_path)
    assert "flows.hello:hello" == prepared.entrypoint


def test_steps_fetch_the_code_and_hand_on_what_they_found(project: Path, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "remote")
    (repository.folder / "flows").mkdir()
    (repository.folder / "flows" / "hello.py").write_text(FLOW)
    commit = repository.commit()
    said: list[str] = []
    steps = [
        {"prefect.deployments.steps.git_clone": {"id": "code", "repository": repository.url, "branch": "main"}},
        {"run_shell_script": {"id": "which", "script": "# nothing\n\necho {{ code.commit_sha }}"}},
        {"penstock.deployments.steps.run_shell_script": {"script": "echo again {{ which.stdout }}"}},
    ]
    spec = DeploymentSpec(entrypoint="flows/hello.py:hello", path="/nowhere/at/all", pull_steps=steps)
    prepared = prepare(spec, cache=tmp_path / "cache", tell=said.append)
    assert commit == prepared.code_version
    assert (prepared.folder / "flows" / "hello.py").read_text() == FLOW
    assert [commit, f"again {commit}"] == said


def test_the_version_is_of_the_folder_that_the_steps_end_in(project: Path, tmp_path: Path) -> None:
    steps = [{"set_working_directory": {"directory": "flows"}}]
    prepared = ready(DeploymentSpec(entrypoint="hello.py:hello", path=str(project), pull_steps=steps), tmp_path)
    assert (project / "flows", version_of_folder(project / "flows")) == (prepared.folder, prepared.code_version)


def test_blocks_and_variables_are_looked_up_for_the_steps(project: Path, tmp_path: Path) -> None:
    steps = [{"set_working_directory": {"directory": "{{ penstock.variables.place }}"}}]
    spec = DeploymentSpec(entrypoint="hello.py:hello", path=str(project), pull_steps=steps)

    def resolve(document: object) -> object:
        return fill(document, {"penstock.variables.place": "flows"}.__getitem__)

    assert project / "flows" == prepare(spec, cache=tmp_path, resolve=resolve).folder


def test_what_is_missing_is_said_exactly(project: Path, tmp_path: Path) -> None:
    for spec, said in (
        (
            DeploymentSpec(entrypoint="x.py:f", path=str(tmp_path / "gone")),
            "gone of the deployment is not on this machine",
        ),
        (DeploymentSpec(entrypoint="gone.py:f", path=str(project)), "no file gone.py in"),
        (DeploymentSpec(path=str(project)), "no entrypoint"),
        (
            DeploymentSpec(
                entrypoint="x.py:f", pull_steps=[{"git_clone": {"repository": (tmp_path / "gone").as_uri()}}]
            ),
            "gone cannot be read: fatal",
        ),
        (
            DeploymentSpec(entrypoint="x.py:f", pull_steps=[{"set_working_directory": {"directory": "/gone"}}]),
            "/gone is not there",
        ),
    ):
        with pytest.raises(CodeUnavailable, match=said):
            ready(spec, tmp_path)


def test_a_step_that_fails_says_which_and_why(project: Path, tmp_path: Path) -> None:
    for step, said in (
        (
            {"run_shell_script": {"script": "true\nsh -c 'echo broken >&2; exit 3'\necho never"}},
            "exited with 3: broken",
        ),
        ({"run_shell_script": {"script": "no-such-command"}}, "`no-such-command` cannot be run"),
        ({"run_shell_script": {"script": "echo 'half"}}, "cannot be read"),
        ({"pip_install_requirements": {}}, "no file .*requirements.txt"),
    ):
        with pytest.raises(StepFailed, match=said):
            ready(DeploymentSpec(entrypoint="x.py:f", path=str(project), pull_steps=[step]), tmp_path)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"git_clon": {"repository": "x"}}, "`git_clone`"),
        ({"git_clone": {"repo": "x"}}, "repo"),
        ({"git_clone": {}}, "repository"),
        ({"prefect_aws.deployments.steps.pull_from_s3": {"bucket": "b"}}, "no step has that name"),
        ({"set_working_directory": {"directory": "a"}, "git_clone": {}}, "one name"),
    ],
)
def test_a_step_that_can_never_be_done_is_refused_before_any_is(step: dict[str, object], said: str) -> None:
    with pytest.raises(StepFailed, match=said):
        check_steps([step])  # type: ignore[list-item]  # some are wrong on purpose


def test_a_folders_version_changes_with_its_python_files_alone(project: Path) -> None:
    before = version_of_folder(project)
    (project / "notes.txt").write_text("x")
    (project / "flows" / "__pycache__").mkdir()
    (project / "flows" / "__pycache__" / "x.py").write_text("x")
    (project / ".venv").mkdir()
    (project / ".venv" / "x.py").write_text("x")
    assert before == version_of_folder(project)
    (project / "flows" / "hello.py").write_text(FLOW + "\n")
    assert before != version_of_folder(project)


def test_a_checkouts_version_is_its_commit_until_something_changes(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "checkout")
    commit = repository.commit(flows=FLOW)
    assert commit == version_of_folder(repository.folder)
    (repository.folder / "flows.py").write_text(FLOW + "x = 1\n")
    first = version_of_folder(repository.folder)
    (repository.folder / "flows.py").write_text(FLOW + "x = 2\n")
    second = version_of_folder(repository.folder)
    assert first is not None
    assert first.startswith(f"{commit}-dirty-")
    assert second is not None
    assert second.startswith(f"{commit}-dirty-")
    assert first != second


def test_loading_a_runs_code_imports_no_heavy_library() -> None:
    program = (
        "import sys; import penstock.deployments.loading\n"
        "print([m for m in ('yaml', 'pydantic', 'sqlalchemy', 'jsonschema', 'jinja2', 'penstock.engine', 'asyncio')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "[]\n" == done.stdout
