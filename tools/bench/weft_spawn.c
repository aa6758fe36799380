/* SPDX-License-Identifier: MIT */
/* Spawn an empty coroutine and join it, N times, one at a time. */
#include <weft.h>

#include "micro.h"

static int empty(void *arg)
{
	(void)arg;
	return 0;
}

static int bench(void *arg)
{
	long n = *(long *)arg;
	uint64_t start = bench_now();
	struct weft_co *co;

	for (long i = 0; i < n; i++) {
		if (weft_spawn(empty, NULL, NULL, &co) < 0)
			return 1;
		weft_join(co, NULL);
	}
	bench_per_op(start, n);
	return 0;
}

int main(int argc, char **argv)
{
	struct weft_options opt = {.size = sizeof(opt), .workers = 1};
	long n = bench_count(argc, argv, 1000000);
	int err = weft_run(bench, &n, &opt);

	if (err < 0)
		fprintf(stderr, "weft_run: %s: %s\n", strerror(-err), weft_start_error());
	return err != 0;
}
