#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""CPython's asyncio: `sync_asyncio.py N chan|many|one|mutex|wg [TASKS]`, as weft's programs."""

import asyncio
import sys
import time

MANY, HELD = 8, 64


def per_op(start, n):
    print(f"ns_per_op {(time.perf_counter_ns() - start) / n:.3f}")


async def chan(n):
    to, back = asyncio.Queue(1), asyncio.Queue(1)

    async def pong():
        for _ in range(n):
            await back.put(await to.get())

    task = asyncio.create_task(pong())
    start = time.perf_counter_ns()
    for i in range(n):
        await to.put(i)
        await back.get()
    per_op(start, n)
    await task


async def through_one(n, many_send):
    q, each = asyncio.Queue(HELD), n // MANY

    async def party():
        for i in range(each):
            await (q.put(i) if many_send else q.get())

    start = time.perf_counter_ns()
    tasks = [asyncio.create_task(party()) for _ in range(MANY)]
    for i in range(each * MANY):
        await (q.get() if many_send else q.put(i))
    await asyncio.gather(*tasks)
    per_op(start, each * MANY)


async def mutex(n, tasks):
    lock, each = asyncio.Lock(), n // tasks

    async def party():
        for i in range(each):
            async with lock:
                pass
            if i % 100 == 99:
                await asyncio.sleep(0)

    start = time.perf_counter_ns()
    await asyncio.gather(*[party() for _ in range(tasks)])
    per_op(start, each * tasks)


async def group(n):
    async def ends():
        pass

    start = time.perf_counter_ns()
    await asyncio.gather(*[ends() for _ in range(n)])
    per_op(start, n)


def main():
    n, what = int(sys.argv[1]), sys.argv[2]
    asyncio.run({"chan": lambda: chan(n), "many": lambda: through_one(n, True),
                 "one": lambda: through_one(n, False), "wg": lambda: group(n),
                 "mutex": lambda: mutex(n, int(sys.argv[3]))}[what]())


main()
