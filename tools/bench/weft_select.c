/* SPDX-License-Identifier: MIT */
/*
 * Select: `weft_select N CASES WORKERS`: one sends N elements over CASES channels that hold
 * nothing, in turn; another receives them by select.
 */
#include <weft.h>

#include "micro.h"

static struct weft_chan *chan[WEFT_SELECT_MAX];
static long n;
static unsigned width;

static int sends(void *arg)
{
	(void)arg;
	for (long i = 0; i < n; i++)
		weft_chan_send(chan[i % width], &i);
	return 0;
}

static int bench(void *arg)
{
	struct weft_select cases[WEFT_SELECT_MAX];
	struct weft_co *co;
	long elem, sum = 0;

	(void)arg;
	for (unsigned i = 0; i < width; i++) {
		if (weft_chan_new(sizeof(elem), 0, &chan[i]))
			return 1;
		cases[i] = (struct weft_select){WEFT_SELECT_RECV, chan[i], &elem};
	}
	if (weft_spawn(sends, NULL, NULL, &co) < 0)
		return 1;
	uint64_t start = bench_now();
	for (long i = 0; i < n; i++, sum += elem)
		if (weft_select(cases, width, true, NULL) < 0)
			return 1;
	bench_per_op(start, n);
	weft_join(co, NULL);
	return sum != n * (n - 1) / 2;
}

int main(int argc, char **argv)
{
	struct weft_options opt = {.size = sizeof(opt),
				   .workers = argc > 3 ? (unsigned)atoi(argv[3]) : 1};

	n = bench_count(argc, argv, 1000000);
	width = argc > 2 ? 1 + (unsigned)(atoi(argv[2]) - 1) % WEFT_SELECT_MAX : 2;
	int err = weft_run(bench, NULL, &opt);
	if (err)
		fprintf(stderr, "weft_run: %d: %s\n", err, weft_start_error());
	return err != 0;
}
