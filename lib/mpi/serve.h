/* SPDX-License-Identifier: MIT */
/* The other ranks: jobs that rank 0 sends run in the pool here. */
#ifndef WEFT_LIB_MPI_SERVE_H
#define WEFT_LIB_MPI_SERVE_H

#include <mpi.h>

#include "weft/job.h"

/* Until rank 0 says that it is over. It sends jobs for as many slots as it likes to. */
void wf_mpi_serve(struct weft_job_pool *p, MPI_Comm comm);

#endif
