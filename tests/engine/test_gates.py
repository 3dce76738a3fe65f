"""Waiting that may be ended anywhere: whoever comes after waits and is woken as if nothing had happened."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from penstock.engine.gates import LOOK_SECONDS, Flag, wait_for
from penstock.engine.interrupts import CancelNow, interrupt_thread
from tests.engine.interruptions import ends, points, strike

LONG = 3_600.0


def locked() -> threading.Lock:
    gate = threading.Lock()
    gate.acquire()
    return gate


def soon(act: Callable[[], Any]) -> None:
    """Do something in another thread."""
    threading.Thread(target=act, daemon=True).start()


@pytest.mark.parametrize("seconds", [None, LONG])
def test_a_gate_that_is_opened_lets_the_one_through_who_waits(seconds: float | None) -> None:
    gate = locked()
    soon(gate.release)
    assert wait_for(gate, seconds)
    assert not gate.acquire(blocking=False)


@pytest.mark.parametrize("seconds", [0.0, -1.0, 0.01, LOOK_SECONDS * 1.1])
def test_a_gate_that_stays_shut_is_waited_for_so_long_only(seconds: float) -> None:
    assert not wait_for(locked(), seconds)


def test_a_flag_is_seen_by_all_who_wait_and_by_who_comes_later() -> None:
    flag, heard = Flag(), []
    threads = [threading.Thread(target=lambda n=n: heard.append(flag.wait(None if n % 2 else LONG))) for n in range(6)]
    for thread in threads:
        thread.start()
    flag.set()
    for thread in threads:
        thread.join()
    assert [True] * 7 == [*heard, flag.wait()]


@pytest.mark.parametrize("seconds", [0.0, -1.0, 0.01])
def test_a_flag_that_nobody_sets_is_waited_for_so_long_only(seconds: float) -> None:
    flag = Flag()
    assert (False, False) == (flag.wait(seconds), flag.is_set())


@pytest.mark.parametrize("said", [False, True])
def test_whoever_waits_for_a_flag_may_be_ended_anywhere(said: bool) -> None:
    """And nobody else waits for ever because of that: neither who sets it, nor who waits beside."""
    for point in points():
        flag = Flag()
        if said:
            flag.set()
        if not strike(point, lambda flag=flag: flag.wait(0.001)):
            break
        assert ends(flag.set)
        assert ends(flag.wait)
    assert point > 1


def test_whoever_sets_a_flag_may_be_ended_anywhere() -> None:
    """Those who wait then see it at their next look."""
    for point in points():
        flag = Flag()
        waiting = threading.Thread(target=flag.wait)
        waiting.start()
        struck = strike(point, flag.set)
        if struck and not flag.is_set():
            flag.set()
        waiting.join(20)
        assert not waiting.is_alive()
        if not struck:
            break
    assert point > 1


@pytest.mark.parametrize("wait", [lambda gate, flag: wait_for(gate), lambda gate, flag: flag.wait()])
def test_a_thread_that_waits_for_ever_hears_that_it_is_to_stop(wait: Callable[[threading.Lock, Flag], Any]) -> None:
    """A lock alone does not let it: what is thrown into a thread, or signalled, in the moment before it waits is not
    heard until the lock is free."""
    gate, flag, heard, begun = locked(), Flag(), threading.Event(), threading.Event()

    def work() -> None:
        try:
            begun.set()
            wait(gate, flag)
        except CancelNow:
            heard.set()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    begun.wait()
    assert thread.ident is not None
    interrupt_thread(thread.ident, CancelNow)
    assert heard.wait(30)
