/* SPDX-License-Identifier: MIT */
/*
 * `weft_mutex N COROUTINES WORKERS [wait]`: together they lock and unlock one mutex N times, and
 * yield after every hundredth, so that they meet. wait: how long each had to wait for it.
 */
#include <weft.h>

#include "hist.h"
#include "micro.h"

static struct weft_mutex m;
static long each;
static struct hist waits; /* under m */

static int lock_it(void *arg)
{
	for (long i = 0; i < each; i++) {
		weft_mutex_lock(&m);
		++*(long *)arg;
		weft_mutex_unlock(&m);
		if (i % 100 == 99)
			weft_yield();
	}
	return 0;
}

static int lock_and_look(void *arg)
{
	for (long i = 0; i < each; i++) {
		uint64_t start = bench_now();

		weft_mutex_lock(&m);
		hist_add(&waits, bench_now() - start);
		++*(long *)arg;
		weft_mutex_unlock(&m);
		if (i % 100 == 99)
			weft_yield();
	}
	return 0;
}

struct job {
	int parties;
	bool look;
};

static int bench(void *arg)
{
	const struct job *job = arg;
	struct weft_co *co[64];
	long count = 0;
	uint64_t start = bench_now();

	for (int i = 0; i < job->parties; i++)
		if (weft_spawn(job->look ? lock_and_look : lock_it, &count, NULL,
			       &co[i]) < 0)
			return 1;
	for (int i = 0; i < job->parties; i++)
		weft_join(co[i], NULL);
	if (job->look)
		bench_waits(&waits);
	else
		bench_per_op(start, each * job->parties);
	return count != each * job->parties;
}

int main(int argc, char **argv)
{
	struct job job = {argc > 2 ? atoi(argv[2]) % 65 : 1, argc > 4};
	struct weft_options opt = {.size = sizeof(opt),
				   .workers = argc > 3 ? (unsigned)atoi(argv[3]) : 1};

	each = bench_count(argc, argv, 5000000) / job.parties;
	int err = weft_run(bench, &job, &opt);
	if (err)
		fprintf(stderr, "weft_run: %d: %s\n", err, weft_start_error());
	return err != 0;
}
