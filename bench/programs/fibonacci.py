"""The field's usual benchmark: a flow of COUNT tasks in a row, each computing fibo(10): fibonacci.py LIBRARY COUNT."""

import importlib
import json
import sys
import time

library = importlib.import_module(sys.argv[1])


def fibo(n):
    return n if n < 2 else fibo(n - 1) + fibo(n - 2)


@library.task
def fibonacci(n):
    return fibo(n)


@library.flow
def sequence(count):
    for _ in range(count):
        fibonacci(10)


def bare(count):
    for _ in range(count):
        fibo(10)


def seconds_of(run, count):
    begin = time.perf_counter()
    run(count)
    return time.perf_counter() - begin


if __name__ == "__main__":
    count = int(sys.argv[2])
    seconds_of(sequence, 1)
    print(json.dumps({"seconds": seconds_of(sequence, count), "bare_seconds": seconds_of(bare, count)}))
