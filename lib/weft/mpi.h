/* SPDX-License-Identifier: MIT */
/*
 * Jobs on more machines than one, over MPI: the same pool, calls and job functions. A library of
 * its own: include <weft/mpi.h> and link `pkg-config --cflags --libs weft-mpi`.
 *
 *	int main(int argc, char **argv)
 *	{
 *		weft_job_main(argc, argv);
 *		rc = weft_mpi_pool_open(NULL, &pool);
 *		if (rc)
 *			return rc != WEFT_MPI_SERVED;
 *		n = weft_job_call(pool, "shout", "hello", 5, buf, sizeof(buf), NULL);
 *		...
 *		weft_job_pool_close(pool, WEFT_NEVER);
 *
 *	mpirun -n 4 ./program		with --oversubscribe, if there are fewer cores
 *
 * How it works: every rank opens a job pool of its own, with zygote, workers and sandbox as its options
 * say. Rank 0 goes on with the program, and its pool sends jobs that find none of its own
 * workers idle to the rank that has the least to do; the others serve until rank 0 closes the pool. A job
 * that crashes, hangs or is killed is as contained there as it is here: a worker dies, the rank does not. A
 * rank that dies ends them all, as MPI does it, and no worker is left behind.
 *
 * What differs: jobs that stream stay on rank 0. Each rank is given twice as many jobs as it has workers
 * at most. Deadlines count from the submission, on the clock of the rank that has the job.
 */
#ifndef WEFT_MPI_H
#define WEFT_MPI_H

#include "job.h"

WEFT_BEGIN_DECLS

enum { WEFT_MPI_SERVED = 1 };

/*
 * [waits] On every rank. As weft_job_pool_open(); max_in and max_out are at most 1 GiB. On rank 0: 0 and the pool,
 * when all ranks have opened theirs. On the others: WEFT_MPI_SERVED, when rank 0 has closed its pool. Where one rank
 * fails, all do, with its error; weft_job_pool_error() has words for it where it happened.
 *
 * Starts MPI if the program has not, from a thread of its own which then makes all its calls, and ends it when the pool
 * is closed; so it can be opened once. A program that has started MPI itself needs MPI_THREAD_MULTIPLE
 * (else -EPERM), may open any number of pools after each other, and ends MPI itself.
 *   -EALREADY MPI has ended      -EINVAL, -E2BIG, -ENOEXEC ... as weft_job_pool_open()
 */
WEFT_API int weft_mpi_pool_open(const struct weft_job_pool_options *opt,
				struct weft_job_pool **ret_pool);

WEFT_END_DECLS

#endif
