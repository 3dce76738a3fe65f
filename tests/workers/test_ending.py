"""How runs end whose process dies, whose code cannot be had, or that are told to stop."""

import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from penstock.ports import CancelFlowRun
from penstock.scheduling import RequeueRun
from penstock.workers.worker import Worker
from tests.system.conftest import SOURCE, until
from tests.workers.conftest import PYTHON, Shop

pytestmark = pytest.mark.slow

STARTS = pytest.mark.parametrize("job", [{"warm": False}, {}, {"isolation": "reuse"}], ids=["cold", "fork", "reuse"])


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@STARTS
def test_how_a_process_died_is_explained(shop: Shop, job: dict[str, Any]) -> None:
    shop.write("""
        @flow
        def leave(how: str):
            print(f"about to leave by {how}")
            if how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if how == "exit":
                os._exit(3)
    """)
    name = shop.deploy("flows.py:leave", job_variables=job)
    runs = {how: shop.request(name, how=how) for how in ("returning", "kill", "exit")}
    shop.work(limit=1)  # one after another: of processes that run several, the second run takes its process down
    assert ["Completed", "Crashed", "Crashed"] == [shop.run(run).state.name for run in runs.values()]
    for how, what in (("kill", "was killed by SIGKILL"), ("exit", "ended with exit code 3")):
        message = str(shop.run(runs[how]).state.message)
        assert what in message
        assert f"about to leave by {how}" in message
    assert "leave by returning" not in str(shop.run(runs["kill"]).state.message)


def test_what_cannot_be_started_failed_and_says_exactly_why(shop: Shop) -> None:
    shop.write("def broken(:\n    pass\n", "broken.py")
    shop.write("import a_module_that_is_nowhere\n", "lacking.py")
    shop.write("sys.exit('not today')\n", "leaving.py")
    shop.write("@flow\ndef present():\n    pass\n", "fine.py")
    nowhere = str(shop.folder / "nowhere")
    clone = [{"git_clone": {"repository": f"file://{nowhere}.git"}}]
    line = len((shop.folder / "broken.py").read_text().splitlines()) - 1
    cases: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
        "syntax": ({"entrypoint": "broken.py:broken"}, ("broken.py", f"line {line}", "no valid Python")),
        "file": ({"entrypoint": "missing.py:present"}, ("missing.py", str(shop.folder))),
        "function": ({"entrypoint": "fine.py:presnt"}, ("`presnt`", "`present`")),
        "import": ({"entrypoint": "lacking.py:lacking"}, ("lacking.py", "a_module_that_is_nowhere")),
        "exit": ({"entrypoint": "leaving.py:leaving"}, ("leaving.py", "SystemExit: not today")),
        "flow": ({"entrypoint": "fine.py:present", "flow": "other"}, ("`other`", "`present`")),
        "folder": ({"entrypoint": "fine.py:present", "path": nowhere}, (nowhere, "git_clone")),
        "git": ({"entrypoint": "fine.py:present", "path": None, "pull_steps": clone}, (nowhere,)),
        "working_dir": ({"entrypoint": "fine.py:present", "job": {"working_dir": nowhere}}, (nowhere,)),
        "python": ({"entrypoint": "fine.py:present", "job": {"python": f"{nowhere}/python"}}, (nowhere,)),
    }
    runs = {}
    for name, (spec, _) in cases.items():
        job = {"warm": name == "syntax", **spec.pop("job", {})}
        runs[name] = shop.request(shop.deploy(name=name, job_variables=job, **spec))
    shop.work(limit=2)
    for name, (_, parts) in cases.items():
        state = shop.run(runs[name]).state
        assert "Failed" == state.name, name
        assert [part for part in parts if part not in str(state.message)] == [], state.message


CANCELLED = """
    def told(flow, run, state):
        note("hook")

    @flow(on_cancellation=[told])
    def rest():
        note(f"rests {os.getpid()}")
        time.sleep(3600)
"""


@STARTS
def test_a_run_that_is_cancelled_ends_with_its_hooks(shop: Shop, job: dict[str, Any]) -> None:
    shop.write(CANCELLED)
    name = shop.deploy("flows.py:rest", job_variables=job)
    with shop.working():
        run = shop.request(name)
        until(lambda: shop.ledger.lines(), "the run to rest")
        shop.history.ask(CancelFlowRun(id=run, holder_alive=True))
        shop.wait_for(run, "Cancelled")
        until(lambda: shop.asked(run).status == "done", "its claim to be given up")
    assert ["hook"] == shop.ledger.lines()[1:]


@STARTS
def test_a_run_that_does_not_heed_is_killed_with_what_it_started(shop: Shop, job: dict[str, Any]) -> None:
    shop.write("""
        @flow
        def defy():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGUSR1, signal.SIG_IGN)
            child = subprocess.Popen(["sleep", "3600"])
            note(f"{child.pid}")
            while True:
                try:
                    time.sleep(3600)
                except BaseException:
                    pass
    """)
    name = shop.deploy("flows.py:defy", job_variables={"grace_seconds": 0.1, **job})
    with shop.working():
        run = shop.request(name)
        until(lambda: shop.ledger.lines(), "the run to defy")
        shop.history.ask(CancelFlowRun(id=run, holder_alive=True))
        told = shop.wait_for(run, "Cancelled").state.message or ""
        # Other processes of the home may find it dead before its worker does, and know no more than that.
        assert told == "Cancelled; its process was killed." or told.endswith("ended without a final word."), told
    until(lambda: not alive(int(shop.ledger.lines()[0])), "the end of what it had started")


def test_a_run_that_is_cancelled_before_it_began_is_told_of_soon(shop: Shop, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    shop.write(f"note('imports')\nwait_for({str(gate)!r})\n\n@flow\ndef late():\n    note('ran')\n")
    name = shop.deploy("flows.py:late", job_variables={"warm": False})
    with shop.working():
        run = shop.request(name)
        until(lambda: shop.ledger.lines(), "the import")
        shop.history.ask(CancelFlowRun(id=run, holder_alive=True))
        gate.touch()
        shop.wait_for(run, "Cancelled")
    assert ["imports"] == shop.ledger.lines()


@pytest.mark.parametrize("warm", [False, True])
def test_a_process_whose_claim_is_lost_is_killed_and_the_run_has_one_more(
    shop: Shop, tmp_path: Path, warm: bool
) -> None:
    gate = tmp_path / "gate"
    shop.write(f"""
        @flow
        def slow():
            note(f"begun {{os.getpid()}}")
            wait_for({str(gate)!r})
            note("done")
    """)
    name = shop.deploy("flows.py:slow", job_variables={"warm": warm})
    with shop.working():
        run = shop.request(name)
        until(lambda: shop.ledger.lines(), "the first process")
        shop.history.ask(CancelFlowRun(id=run, holder_alive=False))  # somebody is sure that it is dead
        shop.history.ask(RequeueRun(flow_run_id=run))
        until(lambda: len(shop.ledger.lines()) > 1, "the second process")
        first = int(shop.ledger.lines()[0].split()[1])
        until(lambda: not alive(first), "the end of the first process")
        gate.touch()
        assert 2 == shop.wait_for(run, "Completed").epoch
    assert ["done"] == shop.ledger.lines()[2:]


@pytest.mark.parametrize(("on_crash", "first"), [("resume", 1), ("retry", 2)])
def test_a_crashed_run_goes_on_by_itself(shop: Shop, on_crash: str, first: int) -> None:
    shop.write("""
        @task
        def prepare():
            note("prepared")

        @task
        def crash():
            note("tried")
            if open(os.environ["LEDGER"]).read().count("tried") == 1:
                os.kill(os.getpid(), signal.SIGKILL)

        @flow
        def work():
            prepare()
            crash()
    """)
    name = shop.deploy("flows.py:work", on_crash=on_crash)
    with shop.working():
        run = shop.wait_for(shop.request(name), "Completed")
    assert (2, first, 2) == (run.epoch, shop.ledger.lines().count("prepared"), shop.ledger.lines().count("tried"))


# ---- The worker's own end ---------------------------------------------------------------------------------------


def gated(shop: Shop, gate: Path) -> None:
    shop.write(f"""
        @flow
        def wait():
            note("waits")
            wait_for({str(gate)!r})
            for number in range(2_000):
                print(f"{{number}} lines that nobody may read any more")
            note("done")
    """)


def test_a_worker_that_stops_waits_for_what_runs_and_claims_nothing_more(shop: Shop, tmp_path: Path) -> None:
    gated(shop, tmp_path / "gate")
    name = shop.deploy("flows.py:wait")
    worker = shop.make()
    with shop.working(worker):
        first = shop.request(name)
        until(lambda: shop.ledger.lines(), "the run")
        worker._stopping.set()  # as its own `stop` does it; the second call would leave
        second = shop.request(name)
        (tmp_path / "gate").touch()
        shop.wait_for(first, "Completed")
    assert "Scheduled" == shop.run(second).state.name


def test_a_worker_that_is_told_twice_leaves_what_runs_to_itself(shop: Shop, tmp_path: Path) -> None:
    gated(shop, tmp_path / "gate")
    name = shop.deploy("flows.py:wait")
    worker = shop.make()
    with shop.working(worker):
        run = shop.request(name)
        until(lambda: shop.ledger.lines(), "the run")
        worker.stop()
    assert "Running" == shop.run(run).state.name
    (tmp_path / "gate").touch()
    assert 1 == shop.wait_for(run, "Completed").epoch


PRINTING = """
import os, sys
from penstock.workers.printing import outlive_reader
outlive_reader()
print("begun")
sys.stdin.readline()
for number in range(1_000):
    print(number, "x" * 200)
os.system("echo from a child")
sys.stderr.write("the end\\n")
open(sys.argv[1], "w").write("done")
"""


def test_a_process_whose_reader_is_gone_prints_on(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [PYTHON, "-c", PRINTING, str(tmp_path / "end")],
        env={"PYTHONPATH": str(SOURCE)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert b"begun\n" == process.stdout.readline()
    process.stdout.close()
    process.stdin.write(b"go on\n")
    process.stdin.close()
    assert (0, "done") == (process.wait(60), (tmp_path / "end").read_text())


def test_a_worker_leaves_nothing_behind(shop: Shop) -> None:
    shop.write("@flow\ndef quick():\n    pass\n")
    name = shop.deploy("flows.py:quick")
    reused = shop.deploy("flows.py:quick", "reused", job_variables={"isolation": "reuse"})

    def once() -> None:
        with shop.working() as worker:
            for _ in range(2):
                for one in (name, reused):
                    shop.wait_for(shop.request(one), "Completed")
                shop.write("# changed\n@flow\ndef quick():\n    pass\n")
            assert isinstance(worker, Worker)

    me = psutil.Process()
    others, threads = set(me.children(recursive=True)), set(threading.enumerate())  # of other tests

    def left() -> set[psutil.Process]:
        return set(me.children(recursive=True)) - others

    for _ in range(2):  # whatever is opened once a process, or by threads that meet, is open then
        once()
    until(lambda: not left(), f"the end of {left()}")
    until(
        lambda: not any("warm" in one.name or "output" in one.name for one in {*threading.enumerate()} - threads),
        "threads",
    )
    before = me.num_fds()
    shop.write("@flow\ndef quick():\n    pass\n")
    once()
    until(lambda: not left(), f"the end of {left()}")
    until(lambda: me.num_fds() <= before, "descriptors to be closed")


def test_sigterm_from_somebody_else_ends_a_run_at_once_and_it_goes_on(shop: Shop) -> None:
    shop.write("""
        @flow
        def rest():
            note(f"rests {os.getpid()}")
            if open(os.environ["LEDGER"]).read().count("rests") == 1:
                time.sleep(3600)
    """)
    name = shop.deploy("flows.py:rest", on_crash="retry")
    with shop.working():
        run = shop.request(name)
        until(lambda: shop.ledger.lines(), "the run")
        psutil.Process(int(shop.ledger.lines()[0].split()[1])).send_signal(signal.SIGTERM)
        assert 2 == shop.wait_for(run, "Completed").epoch
