/* SPDX-License-Identifier: MIT */
/*
 * weft_yield() through the scheduler: two coroutines on one worker take turns, so that
 * every yield is a switch to the other one. N counts the yields of both together.
 */
#include <weft.h>

#include "micro.h"

static int turns(void *arg)
{
	long left = *(long *)arg;

	while (left-- > 0)
		weft_yield();
	return 0;
}

static int bench(void *arg)
{
	long each = *(long *)arg / 2;
	struct weft_co *co[2];
	uint64_t start;

	for (int i = 0; i < 2; i++)
		if (weft_spawn(turns, &each, NULL, &co[i]) < 0)
			return 1;
	start = bench_now();
	for (int i = 0; i < 2; i++)
		weft_join(co[i], NULL);
	bench_per_op(start, each * 2);
	return 0;
}

int main(int argc, char **argv)
{
	struct weft_options opt = {.size = sizeof(opt), .workers = 1};
	long n = bench_count(argc, argv, 5000000);
	int err = weft_run(bench, &n, &opt);

	if (err < 0)
		fprintf(stderr, "weft_run: %s: %s\n", strerror(-err), weft_start_error());
	return err != 0;
}
