/* SPDX-License-Identifier: MIT */
/*
 * `weft_scale N WORKERS CASE`: what more workers are worth where there is enough to do.
 *	pairs    4 pairs of coroutines for each worker; each pair sends a word there and back
 *		 over two channels that hold nothing, N round trips in all
 *	pieces   a tree of coroutines with 8 children each whose N leaves compute 20 us each
 */
#include <weft.h>

#include "counters.h"
#include "lateness.h"

enum { PAIRS_A_WORKER = 4, CHILDREN = 8, PIECE_NS = 20000 };

static long n;

struct pair {
	struct weft_chan *there, *back;
	long trips;
};

static int answers(void *arg)
{
	const struct pair *p = arg;
	long word;

	while (weft_chan_recv(p->there, &word) == 0)
		if (weft_chan_send(p->back, &word) < 0)
			abort();
	return 0;
}

static int asks(void *arg)
{
	struct pair *p = arg;
	struct weft_co *other;
	long word = 0;

	if (weft_chan_new(sizeof(word), 0, &p->there) < 0 ||
	    weft_chan_new(sizeof(word), 0, &p->back) < 0 ||
	    weft_spawn(answers, arg, NULL, &other) < 0)
		abort();
	for (long i = 0; i < p->trips; i++)
		if (weft_chan_send(p->there, &i) < 0 ||
		    weft_chan_recv(p->back, &word) < 0 || word != i)
			abort();
	weft_chan_close(p->there);
	weft_join(other, NULL);
	weft_chan_free(p->there);
	weft_chan_free(p->back);
	return 0;
}

static void pairs(void)
{
	const struct weft_co_attr in_turn = {.size = sizeof(in_turn),
					     .flags = WEFT_CO_SPREAD};
	const int many = PAIRS_A_WORKER * weft_workers();
	struct pair *pair = calloc((size_t)many, sizeof(*pair));
	struct weft_co **co = calloc((size_t)many, sizeof(*co));

	for (int i = 0; i < many; i++) {
		pair[i].trips = n / many;
		if (weft_spawn(asks, &pair[i], &in_turn, &co[i]) < 0)
			abort();
	}
	for (int i = 0; i < many; i++)
		weft_join(co[i], NULL);
	free(pair);
	free(co);
}

static int piece(void *arg)
{
	const struct weft_co_attr fork_one = {.size = sizeof(fork_one),
					      .flags = WEFT_CO_FORK};
	long leaves = (long)(intptr_t)arg;
	struct weft_co *co[CHILDREN];
	int started = 0;

	if (leaves == 1) {
		bench_compute(PIECE_NS);
		return 0;
	}
	for (int i = 0; i < CHILDREN; i++) {
		long mine = leaves / CHILDREN + (i < leaves % CHILDREN);

		if (mine &&
		    weft_spawn(piece, (void *)mine, &fork_one, &co[started++]) < 0)
			abort();
	}
	while (started)
		weft_join(co[--started], NULL);
	return 0;
}

static int bench(void *what)
{
	const struct bench_counters before = bench_counters_now();
	uint64_t start = bench_now();

	if (strcmp(what, "pairs"))
		piece((void *)n);
	else
		pairs();
	bench_per_op(start, n);
	bench_counters_since(&before);
	return 0;
}

int main(int argc, char **argv)
{
	struct weft_options opt = {.size = sizeof(opt),
				   .workers = argc > 2 ? (unsigned)atoi(argv[2]) : 1};

	n = bench_count(argc, argv, 100000);
	int err = weft_run(bench, (void *)(intptr_t)(argc > 3 ? argv[3] : "pairs"), &opt);
	if (err)
		fprintf(stderr, "weft_run: %d: %s\n", err, weft_start_error());
	return err != 0;
}
