"""Whatever way a journal is cut into batches, repeated and mixed with others', the rows come out the same."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, select

from penstock.core.ids import RunId
from penstock.core.records import Record
from penstock.orchestrator.local import LocalOrchestrator
from penstock.ports import TakeFlowRun
from penstock.store import Store, open_store
from penstock.store.tables import (
    COUNT_COLUMNS,
    artifact,
    dataset_use,
    event,
    flow_run,
    flow_run_state,
    log,
    task,
    task_run,
)
from penstock.testing import FakeClock
from tests.contract.telling import Teller, began, defined, logged, moved, seen, shown, used

RUN, CHILD, ARTIFACT = RunId("01" * 16), RunId("02" * 16), "03" * 16
CALLS = ("a", "b", "c", "d")


def records_of(epoch: int) -> st.SearchStrategy[Record]:
    """Something that a writer which owns an epoch may say."""
    states = st.sampled_from(["Pending", "Running", "Completed", "Failed", "Crashed", "NotReady"])
    runs = st.sampled_from([RUN, CHILD])
    return st.one_of(
        st.builds(
            lambda run, call, state, ordinal: seen(run, f"{run}{call}", state, epoch=epoch, ordinal=ordinal),
            runs,
            st.sampled_from(CALLS),
            states,
            st.integers(0, 3),
        ),
        st.builds(
            lambda run, name, at: moved(run, name, at=at, epoch=epoch),
            runs,
            st.sampled_from(["Running", "Completed", "Failed", "Cancelled", "Crashed"]),
            st.integers(1, 99),
        ),
        st.builds(lambda text: logged(RUN, text), st.text(max_size=5)),
        st.builds(lambda at: shown(ARTIFACT, run_id=RUN, data=at, at=at), st.integers(1, 5)),
        st.builds(lambda version: used(RUN, version=version), st.integers(1, 5)),
        st.builds(lambda source: defined(source_hash=source), st.sampled_from(["h1", "h2"])),
        st.just(began(CHILD, RUN, epoch=epoch)),
    )


def journals(epoch: int) -> st.SearchStrategy[list[Record]]:
    """What a writer says, which speaks of tasks and subflows before it speaks of what they do."""
    return st.lists(records_of(epoch), max_size=40).map(
        lambda records: [defined(), began(CHILD, RUN, epoch=epoch), *records]
    )


JOURNALS = {"first": journals(1), "second": journals(2)}


@settings(max_examples=30)
@given(**JOURNALS, data=st.data())
def test_batches_may_be_cut_and_repeated_in_any_way(
    first: list[Record], second: list[Record], data: st.DataObject
) -> None:
    with TemporaryDirectory() as folder:
        whole, parts = make_store(folder, "whole"), make_store(folder, "parts")
        for teller, journal in zip(make_writers(whole), (first, second), strict=True):
            teller.tell(*journal)
        for teller, journal in zip(make_writers(parts), (first, second), strict=True):
            numbered = teller.number(*journal)
            end = 0
            while end < len(numbered):
                start = data.draw(st.integers(0, end), label="from")
                end = data.draw(st.integers(end + 1, len(numbered)), label="to")
                teller.tell_numbered(numbered[start:end])
        assert rows_of(whole) == rows_of(parts)
        check_counts(parts)


@settings(max_examples=30)
@given(**JOURNALS, data=st.data())
def test_writers_of_different_epochs_may_be_taken_in_in_any_order(
    first: list[Record], second: list[Record], data: st.DataObject
) -> None:
    first, second = [task for task in first if is_of_tasks(task)], [task for task in second if is_of_tasks(task)]
    with TemporaryDirectory() as folder:
        in_order, mixed = make_store(folder, "in_order"), make_store(folder, "mixed")
        for teller, journal in zip(make_writers(in_order), (first, second), strict=True):
            teller.tell(*journal)
        writers = make_writers(mixed)
        left = [writers[0].number(*first), writers[1].number(*second)]
        while left[0] or left[1]:
            which = data.draw(st.sampled_from([n for n in (0, 1) if left[n]]), label="who")
            size = data.draw(st.integers(1, len(left[which])), label="how many")
            writers[which].tell_numbered(left[which][:size])
            left[which] = left[which][size:]
        assert sorted(rows(in_order, task_run, without=("seq", "task_seq", "changed"))) == sorted(
            rows(mixed, task_run, without=("seq", "task_seq", "changed"))
        )
        check_counts(mixed)


def is_of_tasks(record: Any) -> bool:
    return hasattr(record, "ordinal") and record.flow_run_id == RUN


def make_store(folder: str, name: str) -> Store:
    return open_store(f"sqlite:///{Path(folder, name)}.db", clock=FakeClock())


def make_writers(store: Store) -> Sequence[Teller]:
    """The writer of epoch 1, and the one that took the run over."""
    orchestrator, clock = LocalOrchestrator(store), FakeClock()
    first, second = Teller(orchestrator, clock), Teller(orchestrator, clock)
    first.begin(id=RUN, at=1)
    second.ask(TakeFlowRun(id=RUN, writer=second.hello, holder_alive=False))
    return first, second


def rows_of(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """All that may be compared: not the numbers that batches have, nor ids that the test makes up."""
    numbered = {flow_run: ("version", "writer_seq"), log: ("seq",), event: ("seq", "id")}
    tables = (flow_run, flow_run_state, task, task_run, log, event, artifact, dataset_use)
    return {table.name: rows(store, table, without=("changed", *numbered.get(table, ()))) for table in tables}


def rows(store: Store, table: Table, *, without: Sequence[str]) -> list[tuple[Any, ...]]:
    columns = [column for column in table.c if column.name not in without]
    order = table.c.seq
    with store.read() as connection:
        return [tuple(map(str, row)) for row in connection.execute(select(*columns).order_by(order))]


def check_counts(store: Store) -> None:
    """The counts that are kept are the counts that counting gives."""
    with store.read() as connection:
        for run in connection.execute(flow_run.select()):
            states = (
                connection.execute(select(task_run.c.state_type).where(task_run.c.flow_run_seq == run.seq))
                .scalars()
                .all()
            )
            assert {type_: states.count(type_) for type_ in COUNT_COLUMNS} == {
                type_: run._mapping[column] for type_, column in COUNT_COLUMNS.items()
            }
