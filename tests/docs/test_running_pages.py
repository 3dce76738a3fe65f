"""How pages are run: what a page shows must be what happens."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.fixtures.pages import agrees, commands_of, evaluate_console, take_files


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(block: str) -> str | None:
    return evaluate_console(SimpleNamespace(parsed=block, namespace={}))


def test_what_is_printed_must_be_what_the_page_says() -> None:
    assert run("$ echo one\none\n") is None
    assert "is expected to print" in (run("$ echo two\none\n") or "")


def test_a_command_that_shows_nothing_must_succeed() -> None:
    assert run("$ true\n") is None
    assert "exited with 1" in (run("$ false\n") or "")


def test_a_command_sees_the_exit_code_of_the_one_before() -> None:
    assert run("$ ls missing\n...\n$ echo $?\n2\n") is None


def test_a_killed_process_is_told_as_a_terminal_tells_it() -> None:
    assert run("$ sh -c 'kill -9 $$'\nKilled\n$ echo $?\n137\n") is None


def test_a_run_is_called_what_it_was_called_before() -> None:
    assert run("$ echo able-otter\nbrave-otter\n$ echo brave-otter is able-otter\nable-fox\n") is not None
    assert run("$ echo able-otter\nbrave-otter\n$ test brave-otter = able-otter\n") is None


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("took 1.5 s", "took 20 ms"),
        ("10:20:30.125 | INFO", "23:59:59.999 | INFO"),
        ("a\n...\nb", "a\nb"),
        ("a\n...\nb", "a\n1\n2\nb"),
        ("a ... b", "a 1 2 b"),
        ("id  name", "id name"),
    ],
)
def test_what_differs_from_run_to_run_may_differ(shown: str, printed: str) -> None:
    assert agrees(shown, printed)


@pytest.mark.parametrize(("shown", "printed"), [("a", "a\nb"), ("...\na", "b"), ("12", "13"), ("a", "")])
def test_nothing_else_may(shown: str, printed: str) -> None:
    assert not agrees(shown, printed)


def test_a_command_may_have_several_lines() -> None:
    assert [("echo 'a\nb'", "a\nb"), ("true", "")] == commands_of("$ echo 'a\n> b'\na\nb\n$ true\n")


def test_files_of_another_page_can_be_taken() -> None:
    take_files("tutorial/2-web-to-lake.md")
    assert Path("web_to_lake.py").is_file()
