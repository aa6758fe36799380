#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""CPython: `executor_python.py N trip|batch threads|tasks|await`, as weft_executor.

threads: ThreadPoolExecutor; tasks: asyncio's; await: asyncio's tasks that call ThreadPoolExecutor."""

import asyncio
import sys
import time
from concurrent.futures import ThreadPoolExecutor

BATCH = 512


def task():
    pass


async def empty():
    pass


def per_op(start, n):
    print(f"ns_per_op {(time.perf_counter_ns() - start) / n:.3f}", flush=True)


def in_threads(n, batch, pool):
    start = time.perf_counter_ns()
    if not batch:
        for _ in range(n):
            pool.submit(task).result()
    else:
        for _ in range(0, n, BATCH):
            for f in [pool.submit(task) for _ in range(BATCH)]:
                f.result()
    per_op(start, n)


async def in_loop(n, batch, begin):
    start = time.perf_counter_ns()
    if not batch:
        for _ in range(n):
            await begin()
    else:
        for _ in range(0, n, BATCH):
            await asyncio.gather(*[begin() for _ in range(BATCH)])
    per_op(start, n)


async def in_asyncio(n, batch, place, pool):
    loop = asyncio.get_running_loop()
    if place == "tasks":
        await in_loop(n, batch, lambda: asyncio.create_task(empty()))
    else:
        await in_loop(n, batch, lambda: loop.run_in_executor(pool, task))


def main():
    n, batch, place = int(sys.argv[1]), sys.argv[2] == "batch", sys.argv[3]
    n = (n + BATCH - 1) // BATCH * BATCH if batch else n
    with ThreadPoolExecutor(2 if batch else 1) as pool:
        if place == "threads":
            in_threads(n, batch, pool)
        else:
            asyncio.run(in_asyncio(n, batch, place, pool))


main()
