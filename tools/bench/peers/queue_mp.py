#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Messages through multiprocessing.Queue between two processes: queue_mp.py N stream|trip BYTES."""

import multiprocessing
import os
import sys
import time


def produce(cpu, to, back, n, trip, size):
    os.sched_setaffinity(0, {cpu})
    msg = b"x" * size
    for _ in range(n):
        if trip:
            msg = to.get()
        back.put(msg)


def main():
    n, trip, size = int(sys.argv[1]), sys.argv[2] == "trip", int(sys.argv[3])
    cpus = sorted(os.sched_getaffinity(0))
    to, back = multiprocessing.Queue(), multiprocessing.Queue(4 if size > 65536 else 0)
    child = multiprocessing.Process(target=produce, daemon=True,
                                    args=(cpus[1 % len(cpus)], to, back, n, trip, size))
    child.start()
    os.sched_setaffinity(0, {cpus[0]})
    msg = b"x" * size
    start = time.monotonic_ns()
    for _ in range(n):
        if trip:
            to.put(msg)
        back.get()
    ns = time.monotonic_ns() - start
    print(f"mb_per_second {n * size * 1e3 / ns:.3f}")
    print(f"ns_per_op {ns / n:.3f}")
    child.join()


if __name__ == "__main__":
    main()
