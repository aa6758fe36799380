/* SPDX-License-Identifier: MIT */
/*
 * Fork and join: `weft_fib N WORKERS` computes the N-th Fibonacci number, each call of the
 * recursion in a coroutine of its own: 832,039 of them for N = 27.
 */
#include <weft.h>

#include "counters.h"

static const struct weft_co_attr fork_one = {.size = sizeof(fork_one),
					     .flags = WEFT_CO_FORK};

static int fib(void *arg)
{
	intptr_t n = (intptr_t)arg;
	struct weft_co *a, *b;
	int x, y;

	if (n < 2)
		return (int)n;
	if (weft_spawn(fib, (void *)(n - 1), &fork_one, &a) < 0 ||
	    weft_spawn(fib, (void *)(n - 2), &fork_one, &b) < 0)
		abort();
	weft_join(a, &x);
	weft_join(b, &y);
	return x + y;
}

static int bench(void *arg)
{
	for (int round = 0; round < 2; round++) { /* the first makes the stacks */
		const struct bench_counters before = bench_counters_now();
		uint64_t start = bench_now();
		int x = fib((void *)*(intptr_t *)arg);

		printf("%s %.3f\n", round ? "ms" : "first_ms",
		       (double)(bench_now() - start) / 1e6);
		if (x <= 0)
			return 1;
		if (round)
			bench_counters_since(&before);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct weft_options opt = {.size = sizeof(opt),
				   .workers = argc > 2 ? (unsigned)atoi(argv[2]) : 1};
	intptr_t n = bench_count(argc, argv, 27);
	int err = weft_run(bench, &n, &opt);

	if (err)
		fprintf(stderr, "weft_run: %d: %s\n", err, weft_start_error());
	return err != 0;
}
