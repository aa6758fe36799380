/* SPDX-License-Identifier: MIT */
/*
 * `weft_mutex N COROUTINES WORKERS`: together they lock and unlock one mutex N times, and
 * yield after every hundredth, so that they meet.
 */
#include <weft.h>

#include "micro.h"

static struct weft_mutex m;
static long each;

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

static int bench(void *arg)
{
	int parties = *(int *)arg;
	struct weft_co *co[64];
	long count = 0;
	uint64_t start = bench_now();

	for (int i = 0; i < parties; i++)
		if (weft_spawn(lock_it, &count, NULL, &co[i]) < 0)
			return 1;
	for (int i = 0; i < parties; i++)
		weft_join(co[i], NULL);
	bench_per_op(start, each * parties);
	return count != each * parties;
}

int main(int argc, char **argv)
{
	int parties = argc > 2 ? atoi(argv[2]) % 65 : 1;
	struct weft_options opt = {.size = sizeof(opt),
				   .workers = argc > 3 ? (unsigned)atoi(argv[3]) : 1};

	each = bench_count(argc, argv, 5000000) / parties;
	int err = weft_run(bench, &parties, &opt);
	if (err)
		fprintf(stderr, "weft_run: %d: %s\n", err, weft_start_error());
	return err != 0;
}
