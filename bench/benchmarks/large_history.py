"""Every list and chart of the API over a history of 1,000,000 task runs, 50,000 flow runs and 5,000,000 log lines.

What is asked comes from the OpenAPI document, with the questions of `bench/questions.py`: one that nobody can put fails.
"""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from bench.measure import Measurement, throw_away_home
from bench.questions import Asker, Question, list_questions
from bench.seeding import seeded
from bench.service import Server, started

BUDGET_MILLISECONDS = 100
TAKES = 7
SHOWN = 8


@dataclass(frozen=True)
class Answered:
    question: Question
    milliseconds: float
    cpu_milliseconds: float
    kilobytes: float


def measure(*, quick: bool) -> Iterator[Measurement]:
    sizes = (500, 20_000, 20_000) if quick else (50_000, 1_000_000, 5_000_000)
    history = seeded(flow_runs=sizes[0], task_runs=sizes[1], logs=sizes[2])
    settings = {"PENSTOCK_DATABASE_URL": f"sqlite:///{history}", "PENSTOCK_RETENTION_DAYS": "0"}
    with throw_away_home() as home, started(home, settings) as served:
        asker = Asker(served.url)
        answered = [take(served, asker, question, 2 if quick else TAKES) for question in list_questions(asker)]
    answered.sort(key=lambda one: one.milliseconds, reverse=True)
    middle = statistics.median(one.milliseconds for one in answered)
    yield Measurement(f"the median of {len(answered)} questions", middle, "ms", BUDGET_MILLISECONDS)
    over = [one for one in answered if one.milliseconds > BUDGET_MILLISECONDS]
    for one in answered[: max(SHOWN, len(over))]:
        note = f"{one.cpu_milliseconds:.0f} ms of processor time, {one.kilobytes:,.0f} kB"
        yield Measurement(str(one.question), one.milliseconds, "ms", BUDGET_MILLISECONDS, note)


def take(served: Server, asker: Asker, question: Question, takes: int) -> Answered:
    """The median of several, after one that loads what it needs."""
    asker.ask(question)
    before = served.cpu_seconds()
    found = [asker.ask(question) for _ in range(takes)]
    computed = (served.cpu_seconds() - before) / takes
    middle = statistics.median(seconds for seconds, _ in found)
    return Answered(question, middle * 1_000, computed * 1_000, len(found[0][1]) / 1_000)
