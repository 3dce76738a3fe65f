"""Code that is fetched from git."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from penstock.blocks import GitHub
from penstock.deployments.errors import CodeUnavailable, NotDeployable
from penstock.deployments.storage import GitRepository
from tests.deployments.repositories import Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "remote")
    made.commit(flows="first = 1\n")
    return made


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_the_default_branch_is_fetched_at_its_newest_commit(repository: Repository, cache: Path) -> None:
    commit = repository.commit(flows="second = 2\n")
    resolved = GitRepository(repository.url).pull(cache)
    assert commit == resolved.code_version
    assert "second = 2\n" == (resolved.folder / "flows.py").read_text()


def test_a_branch_a_tag_and_a_commit_are_each_what_they_say(repository: Repository, cache: Path) -> None:
    first = repository.git("rev-parse", "HEAD")
    repository.git("tag", "-a", "v1", "-m", "first")
    repository.git("checkout", "--quiet", "-b", "next")
    second = repository.commit(flows="second = 2\n")
    repository.git("checkout", "--quiet", "main")
    third = repository.commit(flows="third = 3\n")
    assert (
        [first, second, third, first, first]
        == [
            GitRepository(repository.url, **at).pull(cache).code_version  # type: ignore[arg-type]  # of texts
            for at in ({"tag": "v1"}, {"branch": "next"}, {"branch": "main"}, {"commit": first}, {"commit": first[:10]})
        ]
    )


def test_a_commit_is_fetched_once_and_then_needs_no_repository(repository: Repository, cache: Path) -> None:
    commit = repository.git("rev-parse", "HEAD")
    before = GitRepository(repository.url, commit=commit).pull(cache)
    repository.folder.rename(repository.folder.with_name("gone"))
    assert before == GitRepository(repository.url, commit=commit).pull(cache)
    assert before == GitRepository(repository.url, commit=commit[:8]).pull(cache)


def test_a_newer_commit_leaves_the_older_one_where_it_is(repository: Repository, cache: Path) -> None:
    older = GitRepository(repository.url).pull(cache)
    repository.commit(flows="second = 2\n")
    newer = GitRepository(repository.url).pull(cache)
    assert ("first = 1\n", "second = 2\n") == (
        (older.folder / "flows.py").read_text(),
        (newer.folder / "flows.py").read_text(),
    )


def test_many_processes_fetch_one_commit_and_none_sees_half_of_it(repository: Repository, cache: Path) -> None:
    commit = repository.commit(**{f"module_{n}": f"n = {n}\n" for n in range(30)})
    program = (
        "import sys; from pathlib import Path; from penstock.deployments.storage import GitRepository\n"
        "r = GitRepository(sys.argv[1]).pull(Path(sys.argv[2]))\n"
        "print(r.code_version, len(list(r.folder.glob('module_*.py'))))"
    )
    command = [sys.executable, "-c", program, repository.url, str(cache)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert [f"{commit} 30\n"] * 4 == [process.communicate(timeout=60)[0] for process in started]
    assert [commit] == [path.name for path in next(cache.iterdir()).iterdir()]


def test_submodules_come_with_it_if_wanted(repository: Repository, cache: Path, tmp_path: Path) -> None:
    other = Repository(tmp_path / "other")
    other.commit(shared="x = 1\n")
    repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", other.url, "lib")
    repository.git("commit", "--quiet", "-m", "lib")
    plain = GitRepository(repository.url).pull(cache)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("COUNT", "1"), ("KEY_0", "protocol.file.allow"), ("VALUE_0", "always")):
            patch.setenv(f"GIT_CONFIG_{name}", value)
        whole = GitRepository(repository.url, include_submodules=True).pull(cache)
    assert not (plain.folder / "lib" / "shared.py").exists()
    assert "x = 1\n" == (whole.folder / "lib" / "shared.py").read_text()
    assert plain.code_version == whole.code_version


def test_what_is_not_there_is_named(repository: Repository, cache: Path, tmp_path: Path) -> None:
    for at, said in (
        ({"branch": "nope"}, "branch `nope`"),
        ({"tag": "v9"}, "tag `v9`"),
        ({"commit": "f" * 40}, "f" * 40),
    ):
        with pytest.raises(CodeUnavailable, match=said):
            GitRepository(repository.url, **at).pull(cache)  # type: ignore[arg-type]  # of texts
    with pytest.raises(CodeUnavailable, match=r"fatal: .*nowhere"):
        GitRepository((tmp_path / "nowhere").as_uri()).pull(cache)


def test_a_fetch_that_failed_leaves_nothing(repository: Repository, cache: Path) -> None:
    with pytest.raises(CodeUnavailable):
        GitRepository(repository.url, commit="f" * 40).pull(cache)
    assert [] == list(next(cache.iterdir()).iterdir())


class Closed(BaseHTTPRequestHandler):
    """A git server that lets nobody in, and remembers what it was shown."""

    shown: list[str | None]

    def do_GET(self) -> None:
        self.shown.append(self.headers.get("Authorization"))
        self.send_response(403)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


def test_credentials_reach_the_server_and_no_message(cache: Path) -> None:
    Closed.shown = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Closed) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_port
        for wanted in (
            GitRepository(f"http://127.0.0.1:{port}/x.git", credentials={"username": "ada", "password": "hunter2"}),
            GitRepository(f"http://ada:hunter2@127.0.0.1:{port}/x.git"),
            GitHub(repository=f"http://ada@127.0.0.1:{port}/x.git", access_token="hunter2"),
        ):
            with pytest.raises(CodeUnavailable) as raised:
                wanted.pull(cache)
            assert "hunter2" not in str(raised.value) + repr(raised.value.__cause__)
            assert "403" in str(raised.value)
        server.shutdown()
    assert {"Basic YWRhOmh1bnRlcjI="} == set(Closed.shown)


def test_credentials_stand_on_no_command_line(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "arguments"
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\necho "$@" >> {log}\necho "fatal: no" >&2\nexit 128\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(CodeUnavailable):
        GitRepository("https://ada:hunter2@example.org/x.git", credentials="t0ken").pull(cache)
    assert "hunter2" not in log.read_text()
    assert "t0ken" not in log.read_text()
    assert "https://example.org/x.git" in log.read_text()


def test_a_step_holds_the_name_of_a_block_and_never_a_secret() -> None:
    named = GitRepository("https://example.org/x.git", branch="main", credentials="{{ penstock.blocks.secret.git }}")
    assert {
        "git_clone": {
            "repository": "https://example.org/x.git",
            "branch": "main",
            "credentials": "{{ penstock.blocks.secret.git }}",
        }
    } == named.as_step()
    for wrong in (
        GitRepository("https://example.org/x.git", credentials="t0ken"),
        GitRepository("https://ada:hunter2@example.org/x.git"),
    ):
        with pytest.raises(NotDeployable) as raised:
            wrong.as_step()
        assert "hunter2" not in str(raised.value)
        assert "t0ken" not in str(raised.value)


@pytest.mark.parametrize(
    "options",
    [
        {"url": "--upload-pack=touch /x"},
        {"url": "https://example.org/x.git", "branch": "--all"},
        {"url": "https://example.org/x.git", "branch": "a", "tag": "b"},
        {"url": "https://example.org/x.git", "commit": "main"},
        {"url": ""},
    ],
)
def test_what_no_repository_can_be_is_refused(options: dict[str, str]) -> None:
    with pytest.raises(NotDeployable):
        GitRepository(**options)


def test_threads_of_one_process_share_a_fetch(repository: Repository, cache: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = {
            resolved.folder for resolved in pool.map(lambda _: GitRepository(repository.url).pull(cache), range(4))
        }
    assert 1 == len(found)
