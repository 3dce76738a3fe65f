"""A flow of COUNT no-op tasks: task_cost.py LIBRARY called|submitted|mapped|strict COUNT. LIBRARY: penstock or prefect.

Says how long the flow took from its call to its return, how long one of a single task did, and the most memory held.
"""

import importlib
import json
import resource
import sys
import time

library = importlib.import_module(sys.argv[1])
kind, count = sys.argv[2], int(sys.argv[3])


@library.task
def nothing(number):
    return None


@library.flow
def called(count):
    for number in range(count):
        nothing(number)


@library.flow
def submitted(count):
    for future in [nothing.submit(number) for number in range(count)]:
        future.result()


@library.flow
def mapped(count):
    for future in nothing.map(list(range(count))):
        future.result()


def strict():
    return library.flow(durability="strict", name="strict")(called.fn)


run = strict() if kind == "strict" else {"called": called, "submitted": submitted, "mapped": mapped}[kind]


def seconds_of(count):
    begin = time.perf_counter()
    run(count)
    return time.perf_counter() - begin


if __name__ == "__main__":
    warming = seconds_of(1)
    seconds_of_one = seconds_of(1)
    seconds = seconds_of(count)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kilobytes = most / 1024 if sys.platform == "darwin" else most
    print(json.dumps({"seconds": seconds, "seconds_of_one": seconds_of_one, "kilobytes": kilobytes}))
