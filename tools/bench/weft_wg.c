/* SPDX-License-Identifier: MIT */
/* Wait group: `weft_wg N WORKERS`: N coroutines, each of which is done at once; one waits. */
#include <weft.h>

#include "micro.h"

static int ends(void *wg)
{
	return weft_wg_done(wg);
}

static int bench(void *arg)
{
	long n = *(long *)arg;
	struct weft_wg wg = {{0}};

	for (int round = 0; round < 2; round++) { /* the first makes the stacks */
		uint64_t start = bench_now();

		weft_wg_add(&wg, (int32_t)n);
		for (long i = 0; i < n; i++)
			if (weft_spawn(ends, &wg, NULL, NULL) < 0)
				return 1;
		weft_wg_wait(&wg);
		if (round)
			bench_per_op(start, n);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct weft_options opt = {.size = sizeof(opt),
				   .workers = argc > 2 ? (unsigned)atoi(argv[2]) : 1};
	long n = bench_count(argc, argv, 100000);
	int err = weft_run(bench, &n, &opt);

	if (err)
		fprintf(stderr, "weft_run: %d: %s\n", err, weft_start_error());
	return err != 0;
}
