#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""mpi4py's MPIPoolExecutor on one worker rank: `mpi_executor.py N away|batch BYTES`, as weft_far."""

import os
import sys
import time

BATCH = 512


def copy(data):
    return data


def main():
    from mpi4py.futures import MPIPoolExecutor

    n, case, data = int(sys.argv[1]), sys.argv[2], bytes(int(sys.argv[3]))
    with MPIPoolExecutor() as pool:
        pool.submit(copy, data).result()
        start = time.monotonic_ns()
        if case == "batch":
            for _ in range(0, n, BATCH):
                for f in [pool.submit(copy, data) for _ in range(BATCH)]:
                    f.result()
            n = (n + BATCH - 1) // BATCH * BATCH
        else:
            for _ in range(n):
                pool.submit(copy, data).result()
        print(f"ns_per_op {(time.monotonic_ns() - start) / n:.3f}", flush=True)


def on_two_ranks():
    os.environ.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMPI_MCA_btl="self,vader",
                      OMPI_MCA_btl_vader_single_copy_mechanism="none")
    os.execvp("mpirun", ["mpirun", "--oversubscribe", "-n", "2", "/usr/bin/python3", "-m", "mpi4py.futures", *sys.argv])


if __name__ == "__main__":
    main() if os.environ.get("OMPI_COMM_WORLD_RANK") else on_two_ranks()
