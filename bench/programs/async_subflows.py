"""COUNT async subflows at once, each with a task that waits WAIT seconds: async_subflows.py LIBRARY COUNT WAIT."""

import asyncio
import importlib
import json
import sys
import time

library = importlib.import_module(sys.argv[1])


@library.task
async def wait(seconds):
    await asyncio.sleep(seconds)


@library.flow
async def child(seconds):
    await wait(seconds)


@library.flow
async def parent(count, seconds):
    await asyncio.gather(*[child(seconds) for _ in range(count)])


if __name__ == "__main__":
    count, seconds = int(sys.argv[2]), float(sys.argv[3])
    asyncio.run(parent(1, 0.0))
    begin = time.perf_counter()
    asyncio.run(parent(count, seconds))
    print(json.dumps({"seconds": time.perf_counter() - begin}))
