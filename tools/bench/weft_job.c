/* SPDX-License-Identifier: MIT */
/*
 * `weft_job N CASE BYTES [KIND]`: jobs that copy BYTES in and out.
 *	thread     a plain thread calls one after the other
 *	coroutine  a coroutine does
 *	batch      512 submitted, then waited for, again and again, on 2 workers; each
 *	open       open and close a pool of 2 workers
 *	stream     one job sends N messages of BYTES
 * KIND: warm (the default), unchecked (not looked after), pure (sandboxed), fresh (sandboxed, a new
 * worker for each).
 */
#include <weft.h>
#include <weft/job.h>

#include "micro.h"

enum { BATCH = 512 };

static struct weft_job_pool *pool;
static char *in, *out;
static size_t bytes;
static long n;

static ssize_t copy(const struct weft_job_args *a)
{
	memcpy(a->out, a->in, a->in_len);
	return (ssize_t)a->in_len;
}
WEFT_JOB("copy", copy)

static int one_by_one(void *arg)
{
	uint64_t start = bench_now();

	(void)arg;
	for (long i = 0; i < n; i++)
		if (weft_job_call(pool, "copy", in, bytes, out, bytes, NULL) !=
		    (ssize_t)bytes)
			return 1;
	bench_per_op(start, n);
	return 0;
}

static int in_batches(void)
{
	static struct weft_job *job[BATCH];
	uint64_t start = bench_now();

	for (long done = 0; done < n; done += BATCH) {
		for (int i = 0; i < BATCH; i++)
			if (weft_job_submit(pool, "copy", in, bytes, out, bytes, NULL,
					    &job[i]))
				return 1;
		for (int i = 0; i < BATCH; i++) {
			ssize_t status;
			if (weft_job_wait(job[i], &status) || status != (ssize_t)bytes)
				return 1;
		}
	}
	bench_per_op(start, (n + BATCH - 1) / BATCH * BATCH);
	return 0;
}

static ssize_t sends(const struct weft_job_args *a)
{
	static char message[1 << 20];
	long todo[2];

	memcpy(todo, a->in, sizeof(todo));
	for (long i = 0; i < todo[0]; i++) {
		int rc = weft_job_send(message, (size_t)todo[1]);
		if (rc)
			return rc;
	}
	return 0;
}
WEFT_JOB("sends", sends)

static int stream(void)
{
	const struct weft_job_attr a = {.size = sizeof(a), .stream = 1};
	const long todo[2] = {n, (long)bytes};
	struct weft_job *job;
	ssize_t status;
	uint64_t start = bench_now();

	if (weft_job_submit(pool, "sends", todo, sizeof(todo), NULL, 0, &a, &job))
		return 1;
	for (long i = 0; i < n; i++)
		if (weft_job_next(job, out, bytes) != (ssize_t)bytes)
			return 1;
	bench_per_op(start, n);
	return weft_job_wait(job, &status) || status;
}

static struct weft_job_pool_options options(const char *kind, unsigned workers)
{
	struct weft_job_pool_options o = {
		.size = sizeof(o), .min_workers = workers, .max_workers = workers};

	o.max_in = o.max_out = bytes > 65536 ? bytes : 0;
	if (!strcmp(kind, "pure") || !strcmp(kind, "fresh"))
		o.profile = WEFT_JOB_PURE;
	if (!strcmp(kind, "unchecked"))
		o.flags = WEFT_JOB_UNCHECKED;
	if (!strcmp(kind, "fresh"))
		o.flags = WEFT_JOB_FRESH;
	return o;
}

static int opens(const struct weft_job_pool_options *o)
{
	uint64_t start = bench_now();

	for (long i = 0; i < n; i++) {
		if (weft_job_pool_open(o, &pool))
			return 1;
		weft_job_pool_close(pool, 0);
	}
	bench_per_op(start, n);
	return 0;
}

int main(int argc, char **argv)
{
	weft_job_main(argc, argv);
	if (argc < 4)
		return 2;
	n = bench_count(argc, argv, 10000);
	bytes = (size_t)atol(argv[3]);
	bool alone = strcmp(argv[2], "batch") && strcmp(argv[2], "open");
	const char *kind = argc > 4 ? argv[4] : "warm";
	/* fresh ones are forked ahead: one does the job, the next is ready */
	struct weft_job_pool_options o =
		options(kind, alone && strcmp(kind, "fresh") ? 1 : 2);
	if (!strcmp(argv[2], "stream") && bytes >= 16384)
		o.max_out = 4 * bytes; /* room for some of them */
	in = calloc(2, bytes + 1);
	out = in + bytes + 1;
	if (!strcmp(argv[2], "open"))
		return opens(&o);
	if (weft_job_pool_open(&o, &pool))
		return fprintf(stderr, "%s\n", weft_job_pool_error()), 1;
	int rc = !strcmp(argv[2], "stream")      ? stream()
		 : !strcmp(argv[2], "coroutine") ? weft_run(one_by_one, NULL, NULL)
		 : alone                         ? one_by_one(NULL)
						 : in_batches();
	weft_job_pool_close(pool, WEFT_NEVER);
	return rc;
}
