/* SPDX-License-Identifier: MIT */
/*
 * skynet: `weft_skynet N WORKERS`. A coroutine starts ten children, each of these ten more,
 * down to N leaves (a power of ten), each of which gives its number; the sums come back.
 */
#include <weft.h>

#include "counters.h"

struct node {
	long first, size; /* in: the leaves below */
	long sum;         /* out */
};

static const struct weft_co_attr fork_one = {.size = sizeof(fork_one),
					     .flags = WEFT_CO_FORK};

static int grow(void *arg)
{
	struct node *n = arg, child[10];
	struct weft_co *co[10];

	if (n->size == 1) {
		n->sum = n->first;
		return 0;
	}
	for (int i = 0; i < 10; i++) {
		child[i] = (struct node){n->first + i * (n->size / 10), n->size / 10, 0};
		if (weft_spawn(grow, &child[i], &fork_one, &co[i]) < 0)
			abort();
	}
	n->sum = 0;
	for (int i = 0; i < 10; i++) {
		weft_join(co[i], NULL);
		n->sum += child[i].sum;
	}
	return 0;
}

static int bench(void *arg)
{
	struct node root = {0, *(long *)arg, 0};

	for (int round = 0; round < 2; round++) { /* the first makes the stacks */
		const struct bench_counters before = bench_counters_now();
		uint64_t start = bench_now();

		grow(&root);
		printf("%s %.3f\n", round ? "ms" : "first_ms",
		       (double)(bench_now() - start) / 1e6);
		if (round)
			bench_counters_since(&before);
	}
	return root.sum != root.size * (root.size - 1) / 2;
}

int main(int argc, char **argv)
{
	struct weft_options opt = {.size = sizeof(opt),
				   .workers = argc > 2 ? (unsigned)atoi(argv[2]) : 1};
	long n = bench_count(argc, argv, 1000000);
	int err = weft_run(bench, &n, &opt);

	if (err)
		fprintf(stderr, "weft_run: %d: %s\n", err, weft_start_error());
	return err != 0;
}
