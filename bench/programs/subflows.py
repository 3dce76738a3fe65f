"""A flow that calls COUNT empty subflows: subflows.py LIBRARY COUNT. Says the seconds of each."""

import importlib
import json
import sys
import time

library = importlib.import_module(sys.argv[1])


@library.flow
def child(number):
    return None


@library.flow
def parent(count):
    for number in range(count):
        child(number)


if __name__ == "__main__":
    count = int(sys.argv[2])
    parent(1)
    begin = time.perf_counter()
    parent(1)
    middle = time.perf_counter()
    parent(count)
    end = time.perf_counter()
    print(json.dumps({"seconds_of_one": middle - begin, "seconds": end - middle}))
