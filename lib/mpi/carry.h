/* SPDX-License-Identifier: MIT */
/* Rank 0: jobs of its pool go to the other ranks, and their answers come back. */
#ifndef WEFT_LIB_MPI_CARRY_H
#define WEFT_LIB_MPI_CARRY_H

#include <mpi.h>

#include "../proc/far.h"

struct wf_mpi_carrier;

/* workers: of each of n ranks. From now on the pool gives it jobs. NULL: no memory */
struct wf_mpi_carrier *wf_mpi_carrier_new(struct weft_job_pool *p, MPI_Comm comm, int n,
					  const int *workers);

/* Carry until the pool is closed, which then joins this thread and frees the carrier. */
void wf_mpi_carry(struct wf_mpi_carrier *c);

/* Tell ranks 1 to n - 1 that it is over. */
void wf_mpi_dismiss(MPI_Comm comm, int n);

#endif
