#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""CPython's ProcessPoolExecutor: `job_executor.py N thread|batch|open BYTES`, as weft_job."""

import sys
import time
from concurrent.futures import ProcessPoolExecutor

BATCH = 512


def copy(data):
    return data


def timed(n, work):
    start = time.monotonic_ns()
    work()
    print(f"ns_per_op {(time.monotonic_ns() - start) / n:.3f}", flush=True)


def in_batches(pool, data, n):
    for _ in range(0, n, BATCH):
        for f in [pool.submit(copy, data) for _ in range(BATCH)]:
            f.result()


def opens(n, data):
    for _ in range(n):
        with ProcessPoolExecutor(2) as pool:
            pool.submit(copy, data).result()  # it starts its workers with the first


def main():
    n, case, data = int(sys.argv[1]), sys.argv[2], bytes(int(sys.argv[3]))
    if case == "open":
        timed(n, lambda: opens(n, data))
        return
    with ProcessPoolExecutor(2 if case == "batch" else 1) as pool:
        pool.submit(copy, data).result()
        if case == "batch":
            n = (n + BATCH - 1) // BATCH * BATCH
            timed(n, lambda: in_batches(pool, data, n))
        else:
            timed(n, lambda: [pool.submit(copy, data).result() for _ in range(n)])


if __name__ == "__main__":
    main()
