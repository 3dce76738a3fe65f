"""The smallest recorded program: a flow of one task."""

from penstock import flow, task


@task
def add(a, b):
    return a + b


@flow
def one_task():
    return add(1, 2)


if __name__ == "__main__":
    assert one_task() == 3
