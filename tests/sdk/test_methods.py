"""Decorated methods: of instances, classes, and static ones."""

from typing import Any

from penstock import flow, task
from penstock.testing import History


class Pipeline:
    def __init__(self, factor: int):
        self.factor = factor

    @task
    def multiply(self, n: int) -> int:
        return n * self.factor

    @task
    async def multiply_later(self, n: int) -> int:
        return n * self.factor

    @staticmethod
    @task
    def increment(n: int) -> int:
        return n + 1

    @classmethod
    @task
    def name_of(cls, n: int) -> str:
        return f"{cls.__name__}-{n}"

    @flow
    def run(self, n: int = 2) -> list[Any]:
        first = self.multiply.submit(n)
        return [
            self.multiply(n),
            first.result(),
            self.multiply.map([1, 2]).result(),
            self.multiply.with_options(name="other")(n),
            self.multiply.fn(n),
            self.increment(n),
            self.increment.submit(n).result(),
            self.name_of(n),
        ]

    @staticmethod
    @flow
    def static_flow(n: int) -> int:
        return n

    @classmethod
    @flow
    def class_flow(cls, n: int) -> str:
        return f"{cls.__name__}{n}"


class Child(Pipeline):
    pass


def test_methods_of_an_instance_know_their_instance(history: History) -> None:
    assert [6, 6, [3, 6], 6, 6, 3, 3, "Pipeline-2"] == Pipeline(3).run()
    assert "Completed" == history.flow_run().state.name


def test_the_instance_is_no_parameter(history: History) -> None:
    Pipeline(3).run(5)

    assert {"n": 5} == history.flow_run().parameters
    assert ["n"] == list(Pipeline(1).run.parameters_schema()["properties"])


def test_parameters_of_methods_are_coerced() -> None:
    assert 6 == Pipeline(3).run("2")[0]  # type: ignore[arg-type]  # coerced


def test_static_and_class_flows_run(history: History) -> None:
    assert 3 == Pipeline.static_flow(3) == Pipeline(1).static_flow(3)
    assert "Pipeline3" == Pipeline.class_flow(3)
    assert "Child3" == Child.class_flow(3)
    assert {"n": 3} == history.flow_run().parameters


def test_a_method_of_an_instance_can_be_resumed(history: History) -> None:
    class Once:
        def __init__(self) -> None:
            self.calls = 0

        @task
        def step(self) -> int:
            self.calls += 1
            return self.calls

        @flow
        def run(self) -> int:
            done = self.step()
            if self.calls == 1:
                self.calls = 10
                raise RuntimeError("first time")
            return done

    once = Once()
    once.run(return_state=True)

    assert 1 == once.run.resume(history.flow_run().id)
    assert 10 == once.calls


def test_async_methods_are_awaited() -> None:
    import asyncio

    class Later:
        @task
        async def step(self, n: int) -> int:
            return n

        @flow
        async def run(self, n: int) -> int:
            return await self.step(n) + await self.step.submit(n)

    assert 4 == asyncio.run(Later().run(2))


def test_instances_are_told_apart_in_the_cache(history: History) -> None:
    from penstock.cache_policies import INPUTS

    class Scaled:
        def __init__(self, factor: int):
            self.factor = factor

        @task(cache_policy=INPUTS)
        def by_instance(self, n: int) -> int:
            return n * self.factor

        @task(cache_policy=INPUTS - "self")
        def whatever_instance(self, n: int) -> int:
            return n * self.factor

    @flow
    def body() -> list[int]:
        one, two = Scaled(1), Scaled(2)
        return [one.by_instance(3), two.by_instance(3), one.whatever_instance(3), two.whatever_instance(3)]

    assert [3, 6, 3, 3] == body()
