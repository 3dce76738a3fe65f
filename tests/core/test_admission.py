"""Who of those that wait begins now: a table, and what holds for all crowds."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.admission import AdmissionFacts, Candidate, Crowd, Hold, Line, admit

POOL = Line("pool")
QUEUES = {1: Line("default")}


def facts(*candidates: Candidate, **said: object) -> AdmissionFacts:
    values = {"now": 100, "pool": POOL, "queues": QUEUES, "deployments": {}, "candidates": candidates} | said
    return AdmissionFacts(**values)  # type: ignore[arg-type]  # a test's table


def test_the_earlier_due_goes_first() -> None:
    assert [2, 3, 1] == admit(
        facts(Candidate(1, 1, None, 9), Candidate(2, 1, None, 5), Candidate(3, 1, None, 7))
    ).admitted


def test_the_queues_priority_comes_before_the_time() -> None:
    queues = {1: Line("low", priority=2), 2: Line("high", priority=1)}
    assert [2, 1] == admit(facts(Candidate(1, 1, None, 1), Candidate(2, 2, None, 9), queues=queues)).admitted


def test_fresh_runs_go_before_those_of_backfills() -> None:
    assert [2, 1] == admit(facts(Candidate(1, 1, None, 1, fresh=False), Candidate(2, 1, None, 9))).admitted


def test_the_deployment_with_the_fewest_running_goes_first_whoever_waited_longer() -> None:
    waiting = [*(Candidate(n, 1, 1, n) for n in range(5)), *(Candidate(10 + n, 1, 2, 50 + n) for n in range(3))]
    crowds = {1: Crowd("busy"), 2: Crowd("quiet")}
    assert [0, 10, 1, 11, 2, 12, 3, 4] == admit(facts(*waiting, deployments=crowds)).admitted
    crowds = {1: Crowd("busy", running=2), 2: Crowd("quiet")}
    assert [10, 11, 0] == admit(facts(*waiting, deployments=crowds, room=3)).admitted


@pytest.mark.parametrize(
    ("said", "hold"),
    [
        ({"now": 3}, Hold.NOT_DUE),
        ({"pool": Line("pool", paused=True)}, Hold.POOL_PAUSED),
        ({"queues": {1: Line("default", paused=True)}}, Hold.QUEUE_PAUSED),
        ({"deployments": {1: Crowd("etl", running=2, limit=2)}}, Hold.DEPLOYMENT_LIMIT),
        ({"queues": {1: Line("default", running=2, limit=2)}}, Hold.QUEUE_LIMIT),
        ({"pool": Line("pool", running=2, limit=2)}, Hold.POOL_LIMIT),
        ({"pool": Line("pool", running=0, limit=0)}, Hold.POOL_LIMIT),
        ({"room": 0}, Hold.WORKER_LIMIT),
    ],
)
def test_what_stands_against_a_run_is_named(said: dict[str, object], hold: Hold) -> None:
    made = admit(facts(Candidate(1, 1, 1, 5), **said))
    assert [] == made.admitted
    assert hold is made.refused[1].hold


def test_beyond_a_limit_that_lets_nothing_wait_a_run_is_cancelled() -> None:
    crowds = {1: Crowd("etl", limit=1, cancel_new=True)}
    made = admit(facts(Candidate(1, 1, 1, 1), Candidate(2, 1, 1, 2), deployments=crowds))
    assert ([1], {2}) == (made.admitted, set(made.cancelled))


def test_a_run_that_is_not_due_is_not_cancelled_for_a_limit() -> None:
    crowds = {1: Crowd("etl", running=1, limit=1, cancel_new=True)}
    made = admit(facts(Candidate(1, 1, 1, 500), deployments=crowds))
    assert ({}, Hold.NOT_DUE) == (made.cancelled, made.refused[1].hold)


def test_a_run_that_follows_another_waits_for_its_end() -> None:
    made = admit(facts(Candidate(1, 1, 1, 1, follows=True), Candidate(2, 1, 1, 2)))
    assert ([2], Hold.OVERLAP) == (made.admitted, made.refused[1].hold)


def test_runs_of_queues_that_are_not_served_are_left_alone() -> None:
    made = admit(facts(Candidate(1, 9, None, 1)))
    assert ([], {}) == (made.admitted, made.refused)


limits = st.none() | st.integers(0, 4)
lines = st.builds(Line, st.just("q"), st.integers(0, 3), limits, paused=st.booleans(), priority=st.integers(1, 3))
crowds = st.builds(Crowd, st.just("d"), st.integers(0, 3), limits, st.booleans())


@st.composite
def all_facts(draw: st.DrawFn) -> AdmissionFacts:
    queues = draw(st.dictionaries(st.integers(1, 3), lines, min_size=1))
    deployments = {key: draw(crowds) for key in (1, 2, 3)}
    waiting = [
        Candidate(
            key,
            draw(st.integers(1, 3)),
            draw(st.none() | st.integers(1, 3)),
            draw(st.integers(0, 120)),
            draw(st.booleans()),
            draw(st.booleans()),
        )
        for key in range(draw(st.integers(0, 12)))
    ]
    return AdmissionFacts(
        100,
        draw(lines),
        queues,
        deployments,
        waiting,
        draw(st.none() | st.integers(0, 6)),
    )


@given(all_facts())
def test_no_limit_is_ever_exceeded(known: AdmissionFacts) -> None:
    made = admit(known)
    by_key = {candidate.key: candidate for candidate in known.candidates}
    admitted = [by_key[key] for key in made.admitted]
    in_queue = Counter(candidate.queue for candidate in admitted)
    of_deployment = Counter(candidate.deployment for candidate in admitted)
    if admitted and known.pool.limit is not None:
        assert known.pool.running + len(admitted) <= known.pool.limit
    for key, count in in_queue.items():
        line = known.queues[key]
        assert not line.paused
        assert line.limit is None or line.running + count <= line.limit
    for deployment, count in of_deployment.items():
        crowd = known.deployments.get(deployment)  # type: ignore[arg-type]  # none is in no dictionary
        assert crowd is None or crowd.limit is None or crowd.running + count <= crowd.limit
    assert not any(candidate.follows for candidate in admitted)
    assert all(candidate.due_at <= known.now for candidate in admitted)
    assert known.room is None or len(admitted) <= known.room


@given(all_facts())
def test_everybody_who_is_served_gets_one_answer(known: AdmissionFacts) -> None:
    made = admit(known)
    served = sorted(candidate.key for candidate in known.candidates if candidate.queue in known.queues)
    assert served == sorted([*made.admitted, *made.cancelled, *made.refused])


@given(all_facts())
def test_who_is_refused_for_a_limit_would_be_admitted_without_it(known: AdmissionFacts) -> None:
    """The explanation agrees with the decision: lifting all that is named brings the run in."""
    made = admit(known)
    for key, refusal in made.refused.items():
        if refusal.hold in (Hold.POOL_LIMIT, Hold.QUEUE_LIMIT, Hold.WORKER_LIMIT, Hold.DEPLOYMENT_LIMIT):
            lifted = replace(
                known,
                pool=replace(known.pool, limit=None),
                queues={name: replace(line, limit=None) for name, line in known.queues.items()},
                deployments={name: replace(crowd, limit=None) for name, crowd in known.deployments.items()},
                candidates=[candidate for candidate in known.candidates if candidate.key == key],
                room=None,
            )
            assert [key] == admit(lifted).admitted


@given(all_facts(), st.integers(1, 3))
def test_nobody_starves_within_a_queue(known: AdmissionFacts, room: int) -> None:
    """Turn by turn, with all that began over by the next, every run that nothing else stands against begins."""
    queues = {key: Line("q", priority=1) for key in known.queues}
    waiting = [
        replace(candidate, due_at=0, follows=False) for candidate in known.candidates if candidate.queue in queues
    ]
    for _ in range(len(waiting)):
        made = admit(AdmissionFacts(100, POOL, queues, {}, waiting, room=room))
        waiting = [candidate for candidate in waiting if candidate.key not in made.admitted]
    assert [] == waiting


@given(st.lists(st.integers(1, 40), min_size=2, max_size=4), st.integers(1, 10))
def test_deployments_share_evenly(sizes: list[int], room: int) -> None:
    waiting = [
        Candidate(deployment * 1_000 + n, 1, deployment, deployment)
        for deployment, size in enumerate(sizes)
        for n in range(size)
    ]
    made = admit(facts(*waiting, room=room))
    got = Counter(key // 1_000 for key in made.admitted)
    for deployment, size in enumerate(sizes):
        others = max(got.values())
        assert got[deployment] >= min(size, others - 1)
