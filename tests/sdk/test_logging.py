"""Log lines: loggers that know their run, prints, and standard loggers captured by setting."""

import logging
import threading
from contextvars import copy_context

import pytest

from penstock import flow, get_run_logger, task
from penstock.core.errors import NotInRun
from penstock.logging import disable_run_logger
from penstock.sdk.logging import RunLogHandler
from penstock.testing import History, harness
from tests.engine.interruptions import ends, points, strike

DATABASES = ("sqlite", "postgres")


def messages(history: History, logger: str | None = None) -> list[str]:
    return [line.message for line in history.logs(of=logger) if line.logger != "penstock.engine"]


def test_lines_of_flow_and_task_loggers_belong_to_their_runs(history: History) -> None:
    @task
    def speaks() -> None:
        get_run_logger().warning("from the %s", "task")

    @flow
    def body() -> None:
        get_run_logger().info("from the flow")
        speaks()

    body()

    run, call = history.flow_run(), history.task_run("speaks")
    assert [
        ("from the flow", 20, run.id, None),
        ("from the task", 30, run.id, call.id),
    ] == [
        (line.message, line.level, line.flow_run_id, line.task_run_id)
        for line in history.logs()
        if line.logger != "penstock.engine"
    ]


def test_the_engine_tells_how_a_run_went(history: History) -> None:
    @flow
    def body() -> None: ...

    body()

    assert 2 <= len(history.logs(of="penstock.engine"))


def test_whoever_logs_may_be_ended_anywhere_and_others_log_on() -> None:
    """Python's handlers have a lock, which stays locked if its holder is ended within: ours has none."""
    handler, record = RunLogHandler(), logging.makeLogRecord({"msg": "text", "levelno": logging.INFO})

    @flow
    def body() -> int:
        for point in points():
            if not strike(point, lambda: handler.handle(record)):
                break
            assert ends(lambda: handler.handle(record))
        return point

    assert body() > 3


def test_a_logger_outside_of_runs_is_an_error_that_says_what_to_use() -> None:
    with pytest.raises(NotInRun):
        get_run_logger()


def test_a_task_function_can_be_tested_alone_with_the_run_logger_off() -> None:
    @task
    def speaks() -> int:
        get_run_logger().info("heard by nobody")
        return 1

    with disable_run_logger():
        assert 1 == speaks.fn()


def test_prints_are_logged_where_asked_for_and_nowhere_else(
    history: History, capsys: pytest.CaptureFixture[str]
) -> None:
    @task(log_prints=True)
    def printing() -> None:
        print("logged", 1, sep="-")

    @task
    def silent() -> None:
        print("to the terminal")

    @flow
    def body() -> None:
        printing()
        silent()
        print("also to the terminal")

    body()
    print("after")

    assert ["logged-1"] == messages(history)
    assert ["to the terminal", "also to the terminal", "after"] == capsys.readouterr().out.splitlines()


def test_a_flow_that_logs_prints_does_so_for_its_tasks_and_subflows(history: History) -> None:
    @task
    def inherits() -> None:
        print("task")

    @task(log_prints=False)
    def declines() -> None:
        print("not logged")

    @flow
    def sub() -> None:
        print("sub")

    @flow(log_prints=True)
    def body() -> None:
        print("flow")
        inherits()
        inherits.submit().wait()
        declines()
        sub()
        print("flow again")

    body()

    assert ["flow", "task", "task", "flow again"] == messages(history)
    assert ["sub"] == [
        line.message for line in history.logs(history.subflow_runs()[0].id) if line.logger != "penstock.engine"
    ]


def test_prints_to_a_file_are_not_logged(history: History) -> None:
    import io
    import sys

    kept = io.StringIO()

    @flow(log_prints=True)
    def body() -> None:
        print("to a file", file=kept)
        print("to standard error", file=sys.stderr)
        print("to standard output", file=sys.stdout)
        print("two\nlines", end="")

    body()

    assert "to a file\n" == kept.getvalue()
    assert ["to standard error", "to standard output", "two\nlines"] == messages(history)


def test_prints_in_a_users_thread_are_logged_if_it_runs_in_the_flows_context(history: History) -> None:
    @flow(log_prints=True)
    def body() -> None:
        context = copy_context()
        inside = threading.Thread(target=lambda: context.run(print, "inside"))
        outside = threading.Thread(target=lambda: print("outside"))
        for thread in (inside, outside):
            thread.start()
            thread.join()

    body()

    assert ["inside"] == messages(history)


def test_prints_of_generators_go_to_the_run_between_their_steps_only(
    history: History, capsys: pytest.CaptureFixture[str]
) -> None:
    @task(log_prints=True)
    def items() -> object:
        print("first")
        yield 1
        print("last")

    @flow
    def body() -> None:
        for _ in items():
            print("between")

    body()

    assert ["first", "last"] == messages(history)
    assert ["between"] == capsys.readouterr().out.splitlines()


def test_standard_loggers_named_in_the_settings_are_captured(history: History) -> None:
    with harness(extra_loggers="library,other.sub"):

        @task
        def works() -> None:
            logging.getLogger("library.http").info("%d requests", 3)
            logging.getLogger("other.sub").warning("careful")
            logging.getLogger("unnamed").warning("not captured")

        @flow
        def body() -> None:
            logging.getLogger("library").info("from the flow")
            works()

        body()
        logging.getLogger("library").info("outside of runs")

        assert ["from the flow", "3 requests", "careful"] == messages(history)
        assert "library.http" in {line.logger for line in history.logs()}


def test_long_lines_are_kept_and_longer_ones_cut(history: History) -> None:
    @flow
    def body() -> None:
        get_run_logger().info("x" * 10_000)
        get_run_logger().info("y" * 100_000)

    body()

    long, cut = messages(history)
    assert 10_000 == len(long)
    assert 25_000 == len(cut)


@pytest.mark.parametrize("text", ["ünïcödé 🚕 中文", "tab\tand\nline", "\x1b[31mred\x00nul", "\ud800 surrogate", ""])
def test_any_text_can_be_logged(text: str, history: History) -> None:
    @flow(log_prints=True)
    def body() -> None:
        print(text)

    body()

    assert 1 == len(messages(history))
    if "\x00" not in text and "\ud800" not in text:
        assert [text] == messages(history)


def test_levels_below_the_setting_are_left_out(history: History) -> None:
    @flow
    def body() -> None:
        get_run_logger().debug("fine")
        get_run_logger().error("bad")

    with harness(log_level="WARNING"):
        body()
        assert ["bad"] == messages(history)
    with harness(log_level="DEBUG"):
        body()
        assert ["fine", "bad"] == messages(history)


def test_an_exception_is_logged_with_its_traceback(history: History) -> None:
    @flow
    def body() -> None:
        try:
            raise KeyError("lost")
        except KeyError:
            get_run_logger().exception("it happened")

    body()

    (message,) = messages(history)
    assert message.startswith("it happened\nTraceback")
    assert "KeyError: 'lost'" in message


def test_arguments_that_do_not_fit_the_format_do_not_end_the_run(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    @flow
    def body() -> None:
        logger = get_run_logger().logger  # type: ignore[union-attr]  # an adapter
        ours = [handler for handler in logger.handlers if isinstance(handler, RunLogHandler)]
        monkeypatch.setattr(logger, "handlers", ours)  # pytest's own handler raises
        logger.info("%d", "no number")

    body()

    assert 1 == len(messages(history))


def test_lines_can_stay_at_home(history: History) -> None:
    @flow
    def body() -> None:
        get_run_logger().info("private")

    with harness(logs_to="local") as home:
        body()
        run = history.flow_run()
        assert [] == list(history.logs())
        assert "private" in (home / "logs" / f"{run.id}.jsonl").read_text()


def test_a_logger_carries_the_run_for_other_handlers() -> None:
    @flow
    def body() -> dict[str, object]:
        return dict(get_run_logger().extra)  # type: ignore[union-attr,arg-type]  # an adapter

    assert {"flow_run_id", "flow_run_name", "flow_name"} <= set(body())
