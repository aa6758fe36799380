/* SPDX-License-Identifier: MIT */
/*
 * `weft_recycle N WAVE`: start N empty coroutines on recycled stacks, WAVE at a time, each
 * wave running to its end before the next: what reuse costs when it is not always the same
 * stack. The first wave makes the stacks and is not counted.
 */
#include <weft.h>

#include "micro.h"

static long wave_size, ended;

static int empty(void *arg)
{
	(void)arg;
	ended++;
	return 0;
}

static int wave(void)
{
	ended = 0;
	for (long i = 0; i < wave_size; i++)
		if (weft_spawn(empty, NULL, NULL, NULL) < 0)
			return -1;
	while (ended < wave_size)
		weft_yield();
	return 0;
}

static int bench(void *arg)
{
	long n = *(long *)arg, done = 0;

	if (wave())
		return 1;
	uint64_t start = bench_now();
	for (; done < n; done += wave_size)
		if (wave())
			return 1;
	bench_per_op(start, done);
	return 0;
}

int main(int argc, char **argv)
{
	struct weft_options opt = {.size = sizeof(opt), .workers = 1};
	long n = bench_count(argc, argv, 1000000);

	wave_size = argc > 2 ? atol(argv[2]) : 1000;
	int err = weft_run(bench, &n, &opt);
	if (err < 0)
		fprintf(stderr, "weft_run: %s: %s\n", strerror(-err), weft_start_error());
	return err != 0;
}
