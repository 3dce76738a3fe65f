"""A Dagster job of COUNT no-op ops, recorded in an instance on disk: dagster_cost.py dagster called COUNT."""

import json
import os
import sys
import time

from dagster import DagsterInstance, job, op


@op
def nothing() -> None:
    pass


def job_of(count):
    @job(name=f"job_of_{count}")
    def run_them():
        for number in range(count):
            nothing.alias(f"nothing_{number}")()

    return run_them


def seconds_of(count, instance):
    made = job_of(count)
    begin = time.perf_counter()
    assert made.execute_in_process(instance=instance).success
    return time.perf_counter() - begin


if __name__ == "__main__":
    with DagsterInstance.local_temp(os.environ["DAGSTER_HOME"]) as instance:
        seconds_of(1, instance)
        one, all_of_them = seconds_of(1, instance), seconds_of(int(sys.argv[3]), instance)
    print(json.dumps({"seconds_of_one": one, "seconds": all_of_them}))
