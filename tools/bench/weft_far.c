/* SPDX-License-Identifier: MIT */
/*
 * `weft_far N CASE BYTES`: jobs that copy BYTES in and out, on two ranks of MPI with a worker each.
 *	away   one after the other, on the other rank: the worker here is kept busy
 *	batch  512 submitted, then waited for, again and again, on both; each
 */
#include <weft.h>
#include <weft/mpi.h>

#include "micro.h"
#include "mpirun.h"

enum { BATCH = 512 };

static struct weft_job_pool *pool;
static char *in, *out;
static size_t bytes;

static ssize_t copy(const struct weft_job_args *a)
{
	memcpy(a->out, a->in, a->in_len);
	return (ssize_t)a->in_len;
}
WEFT_JOB("copy", copy)

static ssize_t hold(const struct weft_job_args *a)
{
	(void)a;
	for (;;)
		pause();
	return 0;
}
WEFT_JOB("hold", hold)

static int away(long n)
{
	struct weft_job *job;
	uint64_t start;

	if (weft_job_submit(pool, "hold", NULL, 0, NULL, 0, NULL, &job))
		return 1;
	start = bench_now();
	for (long i = 0; i < n; i++)
		if (weft_job_call(pool, "copy", in, bytes, out, bytes, NULL) !=
		    (ssize_t)bytes)
			return 1;
	bench_per_op(start, n);
	weft_job_cancel(job);
	return weft_job_wait(job, NULL);
}

static int batch(long n)
{
	struct weft_job *job[BATCH];
	uint64_t start = bench_now();
	ssize_t result;

	for (long done = 0; done < n; done += BATCH) {
		for (int i = 0; i < BATCH; i++)
			if (weft_job_submit(pool, "copy", in, bytes, out, bytes, NULL,
					    &job[i]))
				return 1;
		for (int i = 0; i < BATCH; i++)
			if (weft_job_wait(job[i], &result) || result != (ssize_t)bytes)
				return 1;
	}
	bench_per_op(start, (n + BATCH - 1) / BATCH * BATCH);
	return 0;
}

int main(int argc, char **argv)
{
	weft_job_main(argc, argv);
	bench_on_two_ranks(argv);
	bytes = argc > 3 ? (size_t)atol(argv[3]) : 0;
	const struct weft_job_pool_options o = {.size = sizeof(o),
						.max_workers = 1,
						.max_in = bytes + 1,
						.max_out = bytes + 1};
	int rc = weft_mpi_pool_open(&o, &pool);
	if (rc)
		return rc != WEFT_MPI_SERVED;
	in = calloc(1, bytes + 1);
	out = calloc(1, bytes + 1);
	long n = bench_count(argc, argv, 1000);
	rc = argc > 2 && !strcmp(argv[2], "batch") ? batch(n) : away(n);
	weft_job_pool_close(pool, WEFT_NEVER);
	return rc;
}
