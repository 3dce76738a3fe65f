"""What type checkers know of flows and tasks: checked by mypy with the source, and never run."""

from collections.abc import Iterator
from typing import assert_type

from penstock import State, flow, task, unmapped
from penstock.futures import Future, FutureList


@task
def add(a: int, b: int = 0) -> int:
    return a + b


@task(retries=2)
async def fetch(url: str) -> bytes:
    return url.encode()


@task
def chunks(rows: int) -> Iterator[str]:
    yield str(rows)


class Taxi:
    @staticmethod
    @task
    def zone(code: int) -> str:
        return str(code)


@flow(log_prints=True)
def ingest(month: int = 1) -> int:
    assert_type(add(1, b=2), int)
    assert_type(add(1, return_state=True), State)
    assert_type(add(1, wait_for=[]), int)
    assert_type(add.submit(1), Future[int])
    assert_type(add.submit(1, return_state=True), State)
    assert_type(add.map([1, 2], unmapped(3)), FutureList[int])
    assert_type(add.map([1, 2], return_state=True), list[State])
    assert_type(fetch.submit("u").result(), bytes)
    assert_type(fetch.map(["u"]).result(), list[bytes])
    assert_type(chunks.submit(3).result(), list[str])
    assert_type(list(chunks(3)), list[str])
    assert_type(Taxi.zone(7), str)
    add("1")  # type: ignore[call-overload]  # no number
    return month


@flow
async def ingest_later(month: int) -> int:
    assert_type(await fetch("u"), bytes)
    assert_type(await fetch("u", return_state=True), State)
    assert_type(await fetch.submit("u"), bytes)
    return month


async def use() -> None:
    assert_type(ingest(3), int)
    assert_type(ingest(3, return_state=True), State)
    assert_type(await ingest_later(3), int)
    assert_type(await ingest_later(3, return_state=True), State)
    ingest("3")  # type: ignore[call-overload]  # no number
