"""COUNT no-op Luigi tasks run in this process: luigi_cost.py luigi called COUNT. Luigi keeps no history of them."""

import json
import logging
import sys
import time

import luigi

logging.disable(logging.WARNING)


class Nothing(luigi.Task):
    batch = luigi.IntParameter()
    number = luigi.IntParameter()
    done = False

    def run(self):
        self.done = True

    def complete(self):
        return self.done


def seconds_of(count, batch):
    begin = time.perf_counter()
    luigi.build([Nothing(batch, number) for number in range(count)], local_scheduler=True, log_level="ERROR")
    return time.perf_counter() - begin


if __name__ == "__main__":
    seconds_of(1, 0)
    print(json.dumps({"seconds_of_one": seconds_of(1, 1), "seconds": seconds_of(int(sys.argv[3]), 2)}))
