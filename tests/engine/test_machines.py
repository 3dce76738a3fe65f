"""Whose lock can be judged: that of this machine's processes, whatever the host calls itself."""

import json
from pathlib import Path

import pytest

from penstock.engine.journal import SUFFIX, boot_id
from penstock.engine.replay import is_alive

WRITER = "018bcfe5680070008000000000000000"


def leave_journal(folder: Path, *, host: str, boot: str) -> None:
    header = {
        "format": 1,
        "writer": WRITER,
        "workspace": "default",
        "host": host,
        "boot": boot,
        "pid": 1,
        "target": "x",
    }
    (folder / f"{WRITER}{SUFFIX}").write_text(json.dumps(header) + "\n")


@pytest.mark.skipif(not boot_id(), reason="this system does not say which boot it is in")
def test_a_container_that_was_started_anew_is_the_same_machine(tmp_path: Path) -> None:
    leave_journal(tmp_path, host="container-1", boot=boot_id())
    assert not is_alive(tmp_path, WRITER, host="container-1")


def test_another_machine_is_never_judged(tmp_path: Path) -> None:
    leave_journal(tmp_path, host="elsewhere", boot="another boot")
    assert is_alive(tmp_path, WRITER, host="elsewhere")


def test_nor_is_one_whose_journal_is_not_here(tmp_path: Path) -> None:
    assert is_alive(tmp_path, WRITER, host="elsewhere")
