"""Concurrency limits: slots are leases, rates decay."""

import pytest

from penstock.core.errors import Conflict, NotFound, RequestInvalid
from penstock.limits import (
    AcquireSlots,
    GetConcurrencyLimit,
    ListConcurrencyLimits,
    ListHeldSlots,
    ListSlotWaiters,
    ReleaseSlots,
    RemoveConcurrencyLimit,
    RenewSlots,
    ResetConcurrencyLimit,
    SetConcurrencyLimit,
)
from penstock.ports import SetVariable
from penstock.testing import FakeClock
from tests.contract.telling import Teller


def limit(teller: Teller, name: str = "db", slots: int = 2, **said: object) -> None:
    teller.ask(SetConcurrencyLimit(name=name, slots=slots, **said))  # type: ignore[arg-type]


def take(teller: Teller, *names: str, **said: object) -> str | None:
    """The id of the slots that were got."""
    identifier = teller.new_id()
    answer = teller.ask(AcquireSlots(id=identifier, names=names or ("db",), **said))  # type: ignore[arg-type]
    return identifier if answer.acquired else None


def occupied(teller: Teller, name: str = "db") -> int:
    return int(teller.ask(GetConcurrencyLimit(name=name)).occupied)


def test_no_more_than_the_slots_are_taken(teller: Teller) -> None:
    limit(teller, slots=2)
    first = take(teller)
    assert first
    assert take(teller)
    assert take(teller) is None
    teller.ask(ReleaseSlots(id=first))
    assert take(teller)
    assert 2 == occupied(teller)


def test_several_slots_are_taken_at_once_or_not_at_all(teller: Teller) -> None:
    limit(teller, slots=3)
    assert take(teller, occupy=2)
    assert take(teller, occupy=2) is None
    assert take(teller, occupy=1)


def test_of_several_limits_all_are_taken_or_none(teller: Teller) -> None:
    limit(teller, "db", 5)
    limit(teller, "api", 1)
    assert take(teller, "db", "api")
    answer = teller.ask(AcquireSlots(id=teller.new_id(), names=("db", "api")))
    assert (False, "api") == (answer.acquired, answer.waiting_for)
    assert (1, 1) == (occupied(teller, "db"), occupied(teller, "api"))


def test_a_lease_that_is_not_renewed_ends(teller: Teller, clock: FakeClock) -> None:
    limit(teller, slots=1)
    held = take(teller, lease_seconds=60)
    assert held
    clock.move(seconds=50)
    assert [] == list(teller.ask(RenewSlots(ids=[held], lease_seconds=60)))
    clock.move(seconds=50)
    assert take(teller) is None
    clock.move(seconds=11)
    assert take(teller)
    assert [held] == list(teller.ask(RenewSlots(ids=[held])))


def test_asking_again_takes_nothing_more(teller: Teller) -> None:
    limit(teller, slots=2)
    request = AcquireSlots(id=teller.new_id(), names=("db",), occupy=2)
    assert teller.ask(request).acquired
    assert teller.ask(request).acquired
    assert 2 == occupied(teller)


def test_a_rate_limit_lets_through_so_many_in_a_time(teller: Teller, clock: FakeClock) -> None:
    limit(teller, "api", slots=2, decay_per_second=0.5)
    assert take(teller, "api")
    assert take(teller, "api")
    answer = teller.ask(AcquireSlots(id=teller.new_id(), names=("api",)))
    assert not answer.acquired
    assert 2.0 == pytest.approx(answer.retry_after_seconds, abs=0.1)
    clock.move(seconds=2.1)
    assert take(teller, "api")
    assert take(teller, "api") is None


def test_what_has_no_limit_holds_nobody_back(teller: Teller) -> None:
    answer = teller.ask(AcquireSlots(id=teller.new_id(), names=("nothing",)))
    assert (True, ["nothing"]) == (answer.acquired, list(answer.missing))


def test_a_limit_of_none_lets_nobody_pass(teller: Teller) -> None:
    limit(teller, slots=0)
    assert take(teller) is None


def test_who_holds_a_limit_can_be_seen_and_ended(teller: Teller) -> None:
    limit(teller, slots=3)
    take(teller, occupy=2, holder="flow run brave-fox")
    assert [("flow run brave-fox", 2)] == [
        (slot.holder, slot.occupied) for slot in teller.ask(ListHeldSlots(name="db"))
    ]
    assert 0 == teller.ask(ResetConcurrencyLimit(name="db")).occupied
    assert [] == list(teller.ask(ListHeldSlots(name="db")))


def test_who_waits_for_a_limit_can_be_seen(teller: Teller, clock: FakeClock) -> None:
    limit(teller, slots=1)
    run_id = teller.begin()
    held = take(teller, holder="the first", flow_run_id=run_id)
    (slot,) = teller.ask(ListHeldSlots(name="db"))
    assert run_id == slot.flow_run_id
    asked = AcquireSlots(id=teller.new_id(), names=("db",), holder="the second", flow_run_id=run_id)
    since = clock.now_us()
    for _ in range(3):  # it asks again and again, and is one
        assert not teller.ask(asked).acquired
        clock.move(seconds=2)
    (waiter,) = teller.ask(ListSlotWaiters(name="db"))
    assert ("the second", since, run_id) == (waiter.holder, waiter.since, waiter.flow_run_id)
    found = teller.ask(GetConcurrencyLimit(name="db"))
    assert (1, 1) == (found.occupied, found.waiting)
    teller.ask(ReleaseSlots(id=held or ""))
    assert teller.ask(asked).acquired
    assert [] == list(teller.ask(ListSlotWaiters(name="db")))
    assert (["the second"], 1) == ([slot.holder for slot in teller.ask(ListHeldSlots(name="db"))], occupied(teller))


def test_who_asks_no_more_waits_no_more(teller: Teller, clock: FakeClock) -> None:
    limit(teller, "api", slots=1, decay_per_second=0.01)
    assert take(teller, "api")
    assert take(teller, "api") is None
    assert 1 == teller.ask(GetConcurrencyLimit(name="api")).waiting
    clock.move(seconds=6)
    assert [] == list(teller.ask(ListSlotWaiters(name="api")))


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 1_001])
def test_a_limit_and_a_variable_have_names_that_one_can_type(teller: Teller, name: str) -> None:
    for request in (SetConcurrencyLimit(name=name, slots=1), SetVariable(name=name, value=1)):
        with pytest.raises(RequestInvalid):
            teller.ask(request)


def test_limits_are_kept_by_name(teller: Teller) -> None:
    for name in ("b", "a/c d", "c"):
        limit(teller, name, 1)
    limit(teller, "b", 7)
    assert [("a/c d", 1), ("b", 7), ("c", 1)] == [(x.name, x.slots) for x in teller.ask(ListConcurrencyLimits()).items]
    teller.ask(RemoveConcurrencyLimit(name="a/c d"))
    with pytest.raises(NotFound):
        teller.ask(GetConcurrencyLimit(name="a/c d"))
    with pytest.raises(Conflict):
        limit(teller, "b", 1, overwrite=False)
    for slots, decay in ((-1, None), (1, 0.0), (1, -1.0)):
        with pytest.raises(RequestInvalid):
            limit(teller, "x", slots, decay_per_second=decay)
