"""Notifications: who is told of runs, once, without a flood, and without saying where."""

from collections.abc import Iterator
from typing import Any

import pytest

from penstock.core.errors import Conflict, NotFound, NotificationFailed, RequestInvalid
from penstock.core.notices import PER_FLOW_PER_MINUTE
from penstock.notifications import (
    AddNotification,
    DeliverNotices,
    ListNotifications,
    RemoveNotification,
    SendTestNotice,
)
from penstock.testing import FakeClock
from tests.contract.telling import Teller, began, moved
from tests.fixtures.receivers import Receiver, receiving

TOKEN = "canary-4711-token"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def add(teller: Teller, url: str, *states: str, **said: Any) -> Any:
    return teller.ask(AddNotification(url=url, states=states or ("failed",), **said))


def deliver(teller: Teller) -> int:
    return int(teller.ask(DeliverNotices()))


def run(teller: Teller, flow: str = "etl", state: str = "Failed", **said: Any) -> str:
    run_id = teller.begin(flow, **said)
    teller.end(run_id, state, message="it broke")
    return run_id


def test_a_failure_is_told_once_and_says_which_run(teller: Teller, receiver: Receiver) -> None:
    run(teller)  # before anybody wanted to know
    add(teller, receiver.url())
    run_id = run(teller, name="sad-otter")
    run(teller, state="Completed")
    assert (1, 0) == (deliver(teller), deliver(teller))
    (message,) = receiver.messages
    assert "Flow run 'sad-otter' of 'etl': Failed" == message["title"]
    assert "it broke" in message["message"]
    assert run_id in message["message"]
    assert "failure" == message["type"]


def test_only_what_is_wanted_is_told(teller: Teller, receiver: Receiver) -> None:
    add(teller, receiver.url(), "timedout", "Crashed", "completed", flow_name="etl", tag="night")
    run(teller, state="Completed", name="a", tags=["night"])
    run(teller, state="Completed", name="b")
    run(teller, "other", state="Completed", name="c", tags=["night"])
    run(teller, state="Failed", name="d", tags=["night"])
    teller.tell(moved(teller.begin(name="e", tags=["night"]), "TimedOut", type="FAILED", at=teller.clock.now_us()))
    deliver(teller)
    assert ["Flow run 'a' of 'etl': Completed", "Flow run 'e' of 'etl': TimedOut"] == receiver.titles


def test_subflow_runs_are_told_of_only_if_their_flow_is_named(teller: Teller, receiver: Receiver) -> None:
    add(teller, receiver.url("all"), name="all")
    add(teller, receiver.url("child"), name="child", flow_name="child")
    parent, child = teller.begin("etl", name="parent"), teller.new_id()
    teller.tell(began(child, parent, flow="child", name="small"), moved(child, "Failed", at=teller.clock.now_us()))
    teller.end(parent, "Failed")
    deliver(teller)
    assert ["Flow run 'parent' of 'etl': Failed", "Flow run 'small' of 'child': Failed"] == sorted(receiver.titles)


def test_many_failures_are_few_messages_and_a_summary(teller: Teller, clock: FakeClock, receiver: Receiver) -> None:
    add(teller, receiver.url())
    for _ in range(PER_FLOW_PER_MINUTE + 4):
        run(teller)
    run(teller, "other")
    assert PER_FLOW_PER_MINUTE + 1 == deliver(teller)
    run(teller)
    assert 0 == deliver(teller)
    clock.move(seconds=61)
    assert 1 == deliver(teller)
    assert "5 more runs of 'etl'" == receiver.titles[-1]
    clock.move(seconds=61)
    assert 0 == deliver(teller)
    run(teller)
    assert 1 == deliver(teller)


def test_what_could_not_be_sent_is_sent_later_and_not_twice(
    teller: Teller, clock: FakeClock, receiver: Receiver
) -> None:
    add(teller, receiver.url())
    run(teller, name="a")
    receiver.status = 500
    assert 0 == deliver(teller)
    (known,) = teller.ask(ListNotifications()).items
    assert (1, None) == (known.failures, known.last_sent_at)
    assert known.last_error
    receiver.status = 200
    assert 0 == deliver(teller)  # it is not tried again at once
    run(teller, name="b")
    clock.move(seconds=6)
    assert 2 == deliver(teller)
    assert ["a", "b"] == [title.split("'")[1] for title in receiver.titles]
    (known,) = teller.ask(ListNotifications()).items
    assert (0, None, clock.now_us()) == (known.failures, known.last_error, known.last_sent_at)


def test_what_is_days_old_is_only_counted(teller: Teller, clock: FakeClock, receiver: Receiver) -> None:
    add(teller, receiver.url())
    for _ in range(3):
        run(teller)
    clock.move(seconds=3 * 86_400)
    assert 0 == deliver(teller)
    clock.move(seconds=61)
    deliver(teller)
    assert ["3 more runs of 'etl'"] == receiver.titles


def test_an_address_that_is_away_holds_up_no_other(teller: Teller, receiver: Receiver) -> None:
    add(teller, "json://127.0.0.1:9/", name="a-dead-one")
    add(teller, receiver.url())
    run(teller)
    assert 1 == deliver(teller)


def test_an_address_is_never_shown(teller: Teller, receiver: Receiver) -> None:
    shown = add(teller, f"json://user:{TOKEN}@127.0.0.1:{receiver.port}/{TOKEN}?+key={TOKEN}")
    assert f"json://127.0.0.1:{receiver.port}/***" == shown.url
    receiver.status = 500
    run(teller)
    deliver(teller)
    with pytest.raises(NotificationFailed) as told:
        teller.ask(SendTestNotice(name=shown.name))
    request = AddNotification(url=f"json://host/{TOKEN}", states=("failed",))
    said = f"{teller.ask(ListNotifications())!r} {told.value} {request!r}"
    assert TOKEN not in said


def test_a_test_message_is_sent_at_once(teller: Teller, receiver: Receiver) -> None:
    name = add(teller, receiver.url()).name
    teller.ask(SendTestNotice(name=name))
    assert ["A test from Penstock"] == receiver.titles


def test_notifications_are_kept_by_name(teller: Teller) -> None:
    for _ in range(2):
        add(teller, "json://localhost/")
    assert ["json-1", "json-2"] == [item.name for item in teller.ask(ListNotifications()).items]
    with pytest.raises(Conflict):
        add(teller, "json://localhost/", name="json-2")
    teller.ask(RemoveNotification(name="json-1"))
    assert ["json-2"] == [item.name for item in teller.ask(ListNotifications()).items]
    for verb in (RemoveNotification, SendTestNotice):
        with pytest.raises(NotFound):
            teller.ask(verb(name="json-1"))
    for url, states in (
        (f"nosuch://{TOKEN}", ["failed"]),
        (TOKEN, ["failed"]),
        ("json://x/", ["faild"]),
        ("json://x/", []),
    ):
        with pytest.raises(RequestInvalid) as told:
            teller.ask(AddNotification(url=url, states=states))
        assert TOKEN not in str(told.value)
