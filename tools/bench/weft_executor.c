/* SPDX-License-Identifier: MIT */
/*
 * `weft_executor N CASE PLACE [WORKERS]`: empty tasks at an executor, and their futures.
 *	trip    a coroutine submits one and waits for it, again and again
 *	thread  a plain thread does
 *	batch   512 submitted, then waited for, again and again
 * PLACE: threads (a pool of 1; of 2 for batch) or coroutines.
 */
#include <weft.h>

#include "micro.h"

enum { BATCH = 512 };

static struct weft_executor *ex;
static long n;

static int task(void *arg)
{
	(void)arg;
	return 0;
}

static int one_by_one(void *arg)
{
	struct weft_future *f;
	uint64_t start = bench_now();

	(void)arg;
	for (long i = 0; i < n; i++) {
		if (weft_submit(ex, task, NULL, NULL, &f) || weft_future_wait(f, NULL))
			return 1;
		weft_future_free(f);
	}
	bench_per_op(start, n);
	return 0;
}

static int in_batches(void *arg)
{
	static struct weft_future *f[BATCH];
	uint64_t start = bench_now();

	(void)arg;
	for (long done = 0; done < n; done += BATCH) {
		for (int i = 0; i < BATCH; i++)
			if (weft_submit(ex, task, NULL, NULL, &f[i]))
				return 1;
		for (int i = 0; i < BATCH; i++) {
			weft_future_wait(f[i], NULL);
			weft_future_free(f[i]);
		}
	}
	bench_per_op(start, (n + BATCH - 1) / BATCH * BATCH);
	return 0;
}

static int open_executor(const char *what, bool threads)
{
	const struct weft_pool_options pool = {.size = sizeof(pool),
					       .threads = *what == 'b' ? 2 : 1};

	return threads ? weft_pool_open(&pool, &ex) : weft_spawner_open(NULL, &ex);
}

static int bench(void *arg)
{
	const char *what = arg;
	struct weft_co *co;
	int rc, status = 0;

	rc = weft_spawn(*what == 'b' ? in_batches : one_by_one, NULL, NULL, &co);
	if (!rc)
		rc = weft_join(co, &status);
	return rc ? rc : status;
}

int main(int argc, char **argv)
{
	struct weft_options opt = {.size = sizeof(opt),
				   .workers = argc > 4 ? (unsigned)atoi(argv[4]) : 1};
	const char *what = argc > 2 ? argv[2] : "trip";

	n = bench_count(argc, argv, 100000);
	int rc = weft_start(&opt);
	if (!rc)
		rc = open_executor(what, argc <= 3 || argv[3][0] == 't');
	if (!rc)
		rc = !strcmp(what, "thread") ? one_by_one(NULL) : bench((void *)what);
	if (rc) {
		fprintf(stderr, "weft: %d: %s\n", rc, weft_start_error());
		return 1;
	}
	weft_executor_close(ex, false);
	return weft_stop() != 0;
}
