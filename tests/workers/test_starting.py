"""How runs begin: cold, in a fork, in a process that runs several; always with the code as it is now."""

from dataclasses import replace
from typing import Any

import pytest

from penstock.ports import ListLogs
from penstock.work import ClaimedRun
from penstock.workers.infrastructure import Handle
from penstock.workers.process import ProcessInfrastructure
from tests.workers.conftest import Shop

pytestmark = pytest.mark.slow

COUNTING = """
    note(f"imported by {os.getpid()}")

    @flow
    def count(number: int):
        note(f"ran {number} in {os.getpid()}")
        note(f"shows {os.environ.get('PENSTOCK_API_KEY')}")
"""


class HandsTokens:
    """As a worker behind a server with a key has it: each claimed run comes with a token."""

    def __init__(self) -> None:
        self._inner = ProcessInfrastructure()

    def start(self, claimed: ClaimedRun) -> Handle:
        return self._inner.start(replace(claimed, token=f"token of {claimed.run.id}"))

    def close(self) -> None:
        self._inner.close()


def pids(shop: Shop, beginning: str) -> list[str]:
    return [line.rpartition(" ")[2] for line in shop.ledger.lines() if line.startswith(beginning)]


@pytest.mark.parametrize(
    ("job", "imports", "processes", "shown"),
    [
        ({"warm": False}, 3, 3, "token of {}"),
        ({}, 1, 3, "token of {}"),
        ({"isolation": "reuse"}, 1, 1, "the worker's"),
        ({"env": {"PENSTOCK_API_KEY": "its own"}}, 1, 3, "its own"),
    ],
    ids=["cold", "fork", "reuse", "key"],
)
def test_runs_begin_as_their_job_says_and_show_their_own_token(
    shop: Shop, job: dict[str, Any], imports: int, processes: int, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_API_KEY", "the worker's")
    shop.write(COUNTING)
    name = shop.deploy("flows.py:count", job_variables=job)
    runs = [shop.request(name, number=number) for number in range(3)]
    shop.make(HandsTokens(), limit=1, once=True).run()
    assert [f"shows {shown.format(run)}" for run in runs] == [x for x in shop.ledger.lines() if x.startswith("shows")]
    assert ["Completed"] * 3 == [shop.run(run).state.name for run in runs]
    assert [(1, "done")] * 3 == [(shop.run(run).epoch, shop.asked(run).status) for run in runs]
    assert (imports, processes) == (len(pids(shop, "imported")), len(set(pids(shop, "ran"))))
    named = [str(shop.asked(run).infrastructure) for run in runs]
    assert {f"process:{pid}" for pid in pids(shop, "ran")} == set(named)


@pytest.mark.parametrize("isolation", ["fork", "reuse"])
def test_changed_code_is_noticed_also_in_what_the_flow_imports(shop: Shop, isolation: str) -> None:
    shop.write("def word():\n    return 'first'\n", "helper_module.py")
    text = """
        {imported}

        @flow
        def speak():
            import helper_module
            note(f"{beginning} {{helper_module.word()}}")
    """
    imported = (
        "import helper_module" if isolation == "fork" else ""
    )  # reused: what the run itself imports is noticed too
    shop.write(text.format(imported=imported, beginning="the"))
    name = shop.deploy("flows.py:speak", job_variables={"isolation": isolation})
    with shop.working():
        shop.wait_for(shop.request(name), "Completed")
        shop.write("def word():\n    return 'second'\n", "helper_module.py")
        shop.wait_for(shop.request(name), "Completed")
        shop.write(text.format(imported=imported, beginning="now the"))
        shop.wait_for(shop.request(name), "Completed")
    assert ["the first", "the second", "now the second"] == shop.ledger.lines()


def test_a_module_that_starts_threads_runs_in_processes_of_its_own(shop: Shop) -> None:
    shop.write(COUNTING + "\n    threading.Thread(target=lambda: time.sleep(3600), daemon=True).start()\n")
    name = shop.deploy("flows.py:count")
    runs = [shop.request(name, number=number) for number in range(2)]
    shop.work(limit=1)
    assert ["Completed"] * 2 == [shop.run(run).state.name for run in runs]
    assert set(pids(shop, "ran")) < set(pids(shop, "imported"))


def test_code_that_was_broken_is_run_once_it_is_mended(shop: Shop) -> None:
    shop.write("def count(:\n    pass\n")
    name = shop.deploy("flows.py:count")
    with shop.working():
        shop.wait_for(shop.request(name), "Failed")
        shop.write(COUNTING)
        shop.wait_for(shop.request(name, number=1), "Completed")


def test_parameters_come_as_the_flow_has_declared_them(shop: Shop) -> None:
    shop.write("""
        from datetime import date

        @flow
        def load(month: date, colors: list[str], limit: int = 7, **more: float):
            note(repr((month, colors, limit, more)))
    """)
    name = shop.deploy("flows.py:load", parameters={"colors": ["green"]})
    shop.request(name, month="2020-04-01", tip=0.5)
    shop.work()
    assert ["(datetime.date(2020, 4, 1), ['green'], 7, {'tip': 0.5})"] == shop.ledger.lines()


def test_flows_of_every_kind_run(shop: Shop) -> None:
    shop.write("""
        @flow
        async def coroutine():
            note("coroutine")

        @flow
        def generator():
            yield 1
            note("generator")

        @flow(name="async_generator")
        async def async_generator():
            yield 1
            note("async generator")

        @flow
        async def failing():
            raise ValueError("no")
    """)
    kinds = ("coroutine", "generator", "async_generator", "failing")
    runs = [shop.request(shop.deploy(f"flows.py:{kind}")) for kind in kinds]
    shop.work()
    assert ["Completed", "Completed", "Completed", "Failed"] == [shop.run(run).state.name for run in runs]
    assert {"coroutine", "generator", "async generator"} == set(shop.ledger.lines())


def test_what_is_printed_at_import_is_in_the_log_of_the_run(shop: Shop) -> None:
    shop.write("print('loading the tables')\n\n@flow\ndef quiet():\n    pass\n")
    run = shop.request(shop.deploy("flows.py:quiet", job_variables={"warm": False}))
    shop.work()
    assert "loading the tables" in [line.message for line in shop.history.ask(ListLogs(flow_run_id=run)).items]


def test_the_environment_and_folder_of_the_job_are_those_of_the_run(shop: Shop) -> None:
    shop.write("""
        @flow
        def look():
            note(f"{os.environ['COLOR']} {os.getcwd()}")
    """)
    elsewhere = shop.folder.parent / "elsewhere"
    elsewhere.mkdir()
    for warm in (False, True):
        job = {"env": {"COLOR": "green"}, "working_dir": str(elsewhere), "warm": warm}
        shop.request(shop.deploy("flows.py:look", job_variables=job))
        shop.work()
    assert [f"green {elsewhere}"] * 2 == shop.ledger.lines()
