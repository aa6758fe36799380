/* SPDX-License-Identifier: MIT */
/*
 * What a sleeping coroutine costs: N of them sleep for an hour; resident memory and page
 * tables before and after, divided by N. The process then leaves without waking them.
 */
#include <stdatomic.h>
#include <unistd.h>

#include <weft.h>

#include "micro.h"

static atomic_long asleep;

static int sleeper(void *arg)
{
	(void)arg;
	atomic_fetch_add(&asleep, 1);
	weft_sleep_ns(3600 * WEFT_SEC);
	return 0;
}

static int bench(void *arg)
{
	long n = *(long *)arg;
	long before = bench_memory();
	uint64_t start = bench_now();

	for (long i = 0; i < n; i++) {
		int err = weft_spawn(sleeper, NULL, NULL, NULL);

		if (err < 0) {
			fprintf(stderr, "spawn %ld: %s\n", i, strerror(-err));
			_exit(1);
		}
		if (i % 256 == 0)
			weft_yield();
	}
	while (atomic_load(&asleep) < n)
		weft_yield();
	printf("create_ns_per_coroutine %.1f\n",
	       (double)(bench_now() - start) / (double)n);
	weft_sleep_ns(50 * WEFT_MS); /* the last of them go from counting to sleeping */
	printf("bytes_per_coroutine %.1f\n",
	       (double)(bench_memory() - before) / (double)n);
	fflush(stdout);
	_exit(0);
}

int main(int argc, char **argv)
{
	struct weft_options opt = {.size = sizeof(opt)};
	long n = bench_count(argc, argv, 100000);
	int err = weft_run(bench, &n, &opt);

	fprintf(stderr, "weft_run: %s: %s\n", strerror(-err), weft_start_error());
	return 1;
}
