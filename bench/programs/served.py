"""Flows that a worker runs."""

import os
import time

from penstock import flow, task


@flow
def begin(number: int) -> None:
    """Note when the user's code began, and by which request."""
    fd = os.open(os.environ["LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, f"{number} {time.time_ns()}\n".encode())
    os.close(fd)


def fibo(n: int) -> int:
    return n if n < 2 else fibo(n - 1) + fibo(n - 2)


@task
def fibonacci(n: int) -> int:
    return fibo(n)


@flow
def sequence(count: int) -> None:
    """As many small tasks in a row."""
    for _ in range(count):
        fibonacci(10)
