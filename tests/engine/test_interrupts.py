"""Ending code from outside: time-outs within time-outs, on the main thread, in other threads and on a loop."""

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from itertools import product
from queue import SimpleQueue
from typing import Any

import pytest

from penstock.core.errors import RunTimedOut
from penstock.engine.interrupts import (
    _MAIN,
    CancelNow,
    CoroutineStopper,
    Interrupted,
    Stopper,
    TimeIsUp,
    accept_interrupts,
    await_within,
    call_within,
    interrupt_main,
    interrupt_thread,
)
from tests.engine.interruptions import points, strike_with, switching_often

SHORT, LONG = 0.02, 3_600.0
HELD = threading.Lock()
HELD.acquire()


def block() -> None:
    """Waits in C, deaf to everything but signals."""
    HELD.acquire()


def spin() -> None:
    """Goes on in Python, byte code after byte code."""
    while True:
        continue


def within(seconds: float, function: Callable[[], Any], owner: str = "run-1") -> Any:
    return call_within(seconds, function, what="It", owner=owner)


def in_thread(act: Callable[[], Any]) -> Any:
    """What an act comes to in another thread."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(act())
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return outcome[0]


def here(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except BaseException as error:
        return error


somewhere = pytest.mark.parametrize("somewhere", [here, in_thread], ids=["main thread", "other thread"])


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Every test leaves the process as it found it: no timer runs, and the handlers are those of before."""
    before = signal.getsignal(signal.SIGALRM), signal.getsignal(signal.SIGUSR1)
    yield
    assert (0.0, 0.0) == signal.getitimer(signal.ITIMER_REAL)
    assert before == (signal.getsignal(signal.SIGALRM), signal.getsignal(signal.SIGUSR1))


# ---- Time-outs ----


@somewhere
def test_what_ends_in_time_returns_its_value(somewhere: Callable[[Any], Any]) -> None:
    assert 42 == somewhere(lambda: within(LONG, lambda: 42))


@somewhere
def test_what_fails_in_time_raises_its_own_error(somewhere: Callable[[Any], Any]) -> None:
    error = KeyError("mine")
    assert error is somewhere(lambda: within(LONG, lambda: raise_(error)))


@somewhere
@pytest.mark.parametrize("work", [spin, block])
def test_what_does_not_end_in_time_is_timed_out(somewhere: Callable[[Any], Any], work: Callable[[], None]) -> None:
    error = somewhere(lambda: within(SHORT, work))
    assert (RunTimedOut, "run-1") == (type(error), error.owner)


@somewhere
def test_a_time_out_of_the_users_own_code_is_no_time_out_of_the_run(somewhere: Callable[[Any], Any]) -> None:
    error = somewhere(lambda: within(LONG, lambda: raise_(TimeoutError("of a socket"))))
    assert TimeoutError is type(error)


@pytest.mark.parametrize("limits", list(product([SHORT, LONG], repeat=3)))
@somewhere
def test_of_several_limits_the_first_to_strike_names_its_own_call(
    somewhere: Callable[[Any], Any], limits: tuple[float, ...]
) -> None:
    work: Callable[[], Any] = spin if SHORT in limits else lambda: "in time"
    for place, seconds in reversed(list(enumerate(limits))):
        work = lambda seconds=seconds, work=work, place=place: within(seconds, work, owner=f"run-{place}")  # noqa: E731
    outcome = somewhere(work)
    if SHORT in limits:
        struck = [f"run-{place}" for place, seconds in enumerate(limits) if seconds == SHORT]
        # The main thread looks at all limits at once; threads that wait for threads may notice the inner one first.
        assert outcome.owner in (struck[:1] if somewhere is here else struck)
    else:
        assert "in time" == outcome


@somewhere
def test_after_an_inner_time_out_the_outer_call_goes_on(somewhere: Callable[[Any], Any]) -> None:
    def outer() -> str:
        with pytest.raises(RunTimedOut):
            within(SHORT, spin, owner="inner")
        return "went on"

    assert "went on" == somewhere(lambda: within(LONG, outer))


@somewhere
def test_after_an_inner_time_out_the_outer_one_still_strikes(somewhere: Callable[[Any], Any]) -> None:
    def outer() -> None:
        with pytest.raises(RunTimedOut):
            within(SHORT, spin, owner="inner")
        spin()

    assert "outer" == somewhere(lambda: within(3 * SHORT, outer, owner="outer")).owner


def test_an_outer_time_out_lets_what_is_within_clean_up() -> None:
    cleaned: list[str] = []

    def inner() -> None:
        try:
            spin()
        finally:
            end = time.monotonic() + 5 * SHORT
            while time.monotonic() < end:  # as long as it takes to record how a run ended
                continue
            cleaned.append("inner")

    with pytest.raises(RunTimedOut):
        within(SHORT, lambda: within(LONG, lambda: within(SHORT * 2, inner)))
    assert ["inner"] == cleaned


def test_code_that_swallows_every_exception_does_not_swallow_a_time_out() -> None:
    def stubborn() -> None:
        while True:
            try:
                spin()
            except Exception:
                swallowed.append(1)

    swallowed: list[int] = []
    assert RunTimedOut is type(here(lambda: within(SHORT, stubborn)))
    assert RunTimedOut is type(in_thread(lambda: within(SHORT, stubborn)))


def test_what_ended_in_time_is_not_struck_afterwards() -> None:
    assert "done" == within(SHORT, lambda: "done")
    end = time.monotonic() + 3 * SHORT
    while time.monotonic() < end:
        continue


def test_a_handler_of_the_users_own_is_put_back() -> None:
    def mine(_: int, __: Any) -> None:
        """Does nothing."""

    before = signal.signal(signal.SIGALRM, mine)
    try:
        within(LONG, lambda: within(LONG, lambda: None))
        here(lambda: within(SHORT, spin))
        assert mine is signal.getsignal(signal.SIGALRM)
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("whose", ["outer", "inner"])
def test_a_time_out_that_strikes_anywhere_is_either_in_time_or_too_late(whose: str) -> None:
    """At each point, also while the call is being begun and ended."""

    def up() -> BaseException:
        place = 0 if whose == "outer" else len(_MAIN.deadlines) - 1
        owner = _MAIN.deadlines[place][1]
        del _MAIN.deadlines[place:]
        return TimeIsUp(owner)

    def due() -> bool:
        return len(_MAIN.deadlines) == (1 if whose == "outer" else 2)

    for point in points():
        outcome: list[Any] = []
        struck = strike_with(
            point,
            lambda outcome=outcome: outcome.append(
                here(lambda: within(LONG, lambda: within(LONG, lambda: "done", owner="inner"), owner="outer"))
            ),
            error=up,
            due=due,
        )
        assert [] == _MAIN.deadlines
        assert not struck, f"at point {point} it was struck outside of its call"
        assert outcome[0] == "done" or outcome[0].owner in ("outer", "inner")
        if outcome[0] == "done":
            break
    assert point > 5


# ---- In other threads ----


def test_a_thread_that_was_given_up_on_is_told_to_stop() -> None:
    stopped = threading.Event()

    def work() -> None:
        try:
            spin()
        except Interrupted:
            stopped.set()
            raise

    assert RunTimedOut is type(in_thread(lambda: within(SHORT, work)))
    assert stopped.wait(30)


def test_a_thread_that_does_not_hear_is_left_behind() -> None:
    lock, ended = threading.Lock(), threading.Event()
    lock.acquire()

    def work() -> str:
        lock.acquire()
        ended.set()
        return "too late"

    assert RunTimedOut is type(in_thread(lambda: within(SHORT, work)))
    assert not ended.is_set()
    lock.release()


def test_a_thread_that_begins_when_its_time_is_up_does_nothing() -> None:
    """On a machine that is busy a thread may take longer to begin than it has time."""
    go, did = threading.Event(), list[str]()

    def begins_late(*_: Any) -> None:
        go.wait(30)

    def act() -> None:
        threading.settrace(begins_late)  # for the thread that is begun from here
        try:
            call_within(SHORT, lambda: did.append("something"), what="Late", owner="run-1")
        finally:
            threading.settrace(None)  # type: ignore[arg-type]  # as Python has it

    assert RunTimedOut is type(in_thread(act))
    late = [thread for thread in threading.enumerate() if thread.name == "penstock-timed-Late"]
    go.set()
    for thread in late:
        thread.join(30)
    assert (1, []) == (len(late), did)


def test_the_callers_context_is_there() -> None:
    variable: ContextVar[str] = ContextVar("variable")
    variable.set("here")

    def work() -> str:
        variable.set("there")
        return within(LONG, variable.get)

    assert "there" == in_thread(work)


def test_whoever_waits_for_a_timed_call_hears_that_it_is_to_stop_and_passes_it_on() -> None:
    begun, stopped = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        try:
            spin()
        except CancelNow:
            stopped.set()
            raise

    outcome: list[BaseException] = []
    thread = threading.Thread(target=lambda: outcome.append(here(lambda: within(LONG, work))))
    thread.start()
    begun.wait()
    assert thread.ident is not None
    interrupt_thread(thread.ident, CancelNow)
    thread.join()
    assert CancelNow is type(outcome[0])
    assert stopped.wait(30)


# ---- On a loop ----


def on_loop(seconds: float, make: Callable[[], Any], owner: str = "run-1") -> Any:
    return await_within(seconds, make, what="It", owner=owner)


async def wait_for_ever() -> None:
    await asyncio.Event().wait()


def test_a_coroutine_is_cancelled_when_its_time_is_up() -> None:
    seen: list[type[BaseException]] = []

    async def work() -> None:
        try:
            await wait_for_ever()
        except BaseException as error:
            seen.append(type(error))
            raise

    error = here(lambda: asyncio.run(on_loop(SHORT, work)))
    assert (RunTimedOut, "run-1", [asyncio.CancelledError]) == (type(error), error.owner, seen)


def test_a_coroutine_that_ends_in_time_returns_its_value() -> None:
    async def work() -> int:
        return 42

    assert 42 == asyncio.run(on_loop(LONG, work))


def test_a_coroutines_own_time_out_is_no_time_out_of_the_run() -> None:
    async def work() -> None:
        await asyncio.wait_for(wait_for_ever(), SHORT)

    assert TimeoutError is type(here(lambda: asyncio.run(on_loop(LONG, work))))


@pytest.mark.parametrize("limits", list(product([SHORT, LONG], repeat=2)))
def test_of_two_limits_on_a_loop_the_first_names_its_own_call(limits: tuple[float, float]) -> None:
    work = wait_for_ever if SHORT in limits else lambda: asyncio.sleep(0, "in time")
    error = here(lambda: asyncio.run(on_loop(limits[0], lambda: on_loop(limits[1], work, "inner"), "outer")))
    expected = "in time" if SHORT not in limits else "outer" if limits[0] == SHORT else "inner"
    assert expected == getattr(error, "owner", error)


def test_coroutines_side_by_side_have_limits_of_their_own() -> None:
    async def main() -> list[Any]:
        waits = [on_loop(SHORT if n % 2 else LONG, wait_for_ever if n % 2 else asyncio.Event().is_set) for n in (1, 3)]
        quick = [on_loop(LONG, lambda: asyncio.sleep(0, "in time")) for _ in range(2)]
        return await asyncio.gather(*waits, *quick, return_exceptions=True)

    assert [RunTimedOut, RunTimedOut, str, str] == [type(outcome) for outcome in asyncio.run(main())]


# ---- Interrupting the main thread ----


def interrupted_by_another_thread(work: Callable[[], Any], kind: type[Interrupted] = CancelNow) -> Any:
    begun = threading.Event()

    def helper() -> None:
        begun.wait()
        interrupt_main(kind)

    thread = threading.Thread(target=helper)
    thread.start()

    def run() -> Any:
        begun.set()
        return work()

    outcome = here(run)
    thread.join()
    return outcome


@pytest.mark.parametrize("work", [spin, block, lambda: time.sleep(LONG)])
def test_a_flow_on_the_main_thread_can_be_interrupted_even_while_it_blocks(work: Callable[[], Any]) -> None:
    with accept_interrupts():
        assert CancelNow is type(interrupted_by_another_thread(work))


def test_a_flow_within_a_flow_does_not_end_that_the_outer_one_can_be_interrupted() -> None:
    with accept_interrupts():
        with accept_interrupts():
            pass
        assert CancelNow is type(interrupted_by_another_thread(block))


def test_flows_that_overlap_on_a_loop_stay_interruptible_until_the_last_has_ended() -> None:
    first, second = accept_interrupts(), accept_interrupts()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert CancelNow is type(interrupted_by_another_thread(block))
    second.__exit__(None, None, None)


def test_interrupting_while_no_flow_runs_does_nothing() -> None:
    assert "undisturbed" == interrupted_by_another_thread(lambda: "undisturbed")


def test_a_signal_handler_of_the_users_own_is_put_back_after_the_flow() -> None:
    def mine(_: int, __: Any) -> None:
        """Does nothing."""

    before = signal.signal(signal.SIGUSR1, mine)
    try:
        with accept_interrupts():
            assert mine is not signal.getsignal(signal.SIGUSR1)
        assert mine is signal.getsignal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_time_out_and_an_interrupt_do_not_disturb_each_other() -> None:
    with accept_interrupts():
        assert CancelNow is type(interrupted_by_another_thread(lambda: within(LONG, block)))
        assert RunTimedOut is type(here(lambda: within(SHORT, block)))


# ---- Stopping what a thread or a coroutine is doing, as long as it does it ----


@somewhere
@pytest.mark.parametrize("work", [spin, lambda: [time.sleep(0.001) for _ in iter(int, 1)]])
def test_somebody_else_stops_what_a_thread_is_doing(somewhere: Callable[[Any], Any], work: Callable[[], Any]) -> None:
    def run() -> Any:
        stop = Stopper()
        threading.Timer(0.0, stop).start()
        try:
            work()
        finally:
            stop.close()

    with accept_interrupts():
        assert CancelNow is type(somewhere(run))


@somewhere
def test_what_is_over_is_not_stopped(somewhere: Callable[[Any], Any]) -> None:
    def run() -> str:
        stop = Stopper()
        stop.close()
        helper = threading.Thread(target=stop)
        helper.start()
        helper.join()
        return "undisturbed"

    with accept_interrupts():
        assert "undisturbed" == somewhere(run)


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # some strike a finalizer of Python's own
@somewhere
def test_a_stop_that_comes_as_the_work_ends_strikes_within_it_or_not_at_all(somewhere: Callable[[Any], Any]) -> None:
    """Thousands of times: never does it reach what is done after the work, and never does it end the process."""
    stops: SimpleQueue[Stopper | None] = SimpleQueue()

    def stop_all() -> None:
        while (stop := stops.get()) is not None:
            stop()

    def run() -> int:
        for _ in range(2_000):
            try:
                stop = Stopper()
                try:
                    stops.put(stop)
                    sum(range(50))
                finally:
                    stop.close()
            except CancelNow:
                struck.append(1)
            sum(range(50))  # the caller goes on
        return len(struck)

    struck: list[int] = []
    helper = threading.Thread(target=stop_all)
    helper.start()
    try:
        with switching_often(), accept_interrupts():
            outcome = somewhere(run)
    finally:
        stops.put(None)
        helper.join()
    assert outcome == len(struck)


def test_somebody_else_stops_what_a_coroutine_is_doing() -> None:
    async def work() -> None:
        stop = CoroutineStopper()
        threading.Timer(0.0, stop).start()
        try:
            await wait_for_ever()
        finally:
            stop.close()

    assert asyncio.CancelledError is type(here(lambda: asyncio.run(work())))


def test_a_coroutine_that_is_over_is_not_stopped_and_a_closed_loop_is_left_alone() -> None:
    stops: list[CoroutineStopper] = []

    async def work() -> str:
        stops.append(CoroutineStopper())
        stops[0]()  # on its way, but not there
        stops[0].close()
        await asyncio.sleep(0)
        return "undisturbed"

    assert "undisturbed" == asyncio.run(work())
    stops[0]()


def raise_(error: BaseException) -> Any:
    raise error
