/* SPDX-License-Identifier: MIT */
/*
 * Channels: `weft_chan N WHAT WORKERS`.
 *
 *   pingpong   N round trips over two channels that hold nothing
 *   across     the same between two workers
 *   many       eight send N elements in all to one, over a channel that holds 64
 *   one        one sends N elements to eight
 */
#include <weft.h>

#include "micro.h"

enum { MANY = 8, HELD = 64 };

static struct weft_chan *to, *from;
static const char *what;

static int pong(void *arg)
{
	long elem;

	(void)arg;
	while (weft_chan_recv(to, &elem) == 0)
		weft_chan_send(from, &elem);
	return 0;
}

static int pingpong(long n)
{
	struct weft_co_attr there = {.size = sizeof(there)};
	struct weft_co *co;
	long elem;

	if (!strcmp(what, "across")) {
		weft_pin(); /* here, on the first */
		there.worker = 2;
		there.flags = WEFT_CO_PINNED;
	}
	if (weft_chan_new(sizeof(elem), 0, &to) ||
	    weft_chan_new(sizeof(elem), 0, &from) ||
	    weft_spawn(pong, NULL, &there, &co) < 0)
		return 1;
	uint64_t start = bench_now();
	for (long i = 0; i < n; i++) {
		weft_chan_send(to, &i);
		weft_chan_recv(from, &elem);
	}
	bench_per_op(start, n);
	weft_chan_close(to);
	return weft_join(co, NULL);
}

static int sends(void *arg)
{
	for (long i = 0; i < *(long *)arg; i++)
		weft_chan_send(to, &i);
	return 0;
}

static int receives(void *arg)
{
	long elem;

	(void)arg;
	while (weft_chan_recv(to, &elem) == 0)
		;
	return 0;
}

/* Who is alone is this coroutine. */
static int through_one(long n, bool many_send)
{
	struct weft_co *co[MANY];
	long each = n / MANY, elem;

	if (weft_chan_new(sizeof(long), HELD, &to))
		return 1;
	uint64_t start = bench_now();
	for (int i = 0; i < MANY; i++)
		if (weft_spawn(many_send ? sends : receives, &each, NULL, &co[i]) < 0)
			return 1;
	for (long i = 0; i < each * MANY; i++)
		if (many_send)
			weft_chan_recv(to, &elem);
		else
			weft_chan_send(to, &i);
	weft_chan_close(to);
	for (int i = 0; i < MANY; i++)
		weft_join(co[i], NULL);
	bench_per_op(start, each * MANY);
	return 0;
}

static int bench(void *arg)
{
	long n = *(long *)arg;

	if (!strcmp(what, "many") || !strcmp(what, "one"))
		return through_one(n, *what == 'm');
	return pingpong(n);
}

int main(int argc, char **argv)
{
	struct weft_options opt = {.size = sizeof(opt),
				   .workers = argc > 3 ? (unsigned)atoi(argv[3]) : 1};
	long n = bench_count(argc, argv, 1000000);

	what = argc > 2 ? argv[2] : "pingpong";
	int err = weft_run(bench, &n, &opt);
	if (err)
		fprintf(stderr, "weft_run: %d: %s\n", err, weft_start_error());
	return err != 0;
}
