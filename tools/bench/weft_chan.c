/* SPDX-License-Identifier: MIT */
/* Ping-pong over two channels that hold nothing: N round trips on one worker. */
#include <weft.h>

#include "micro.h"

static struct weft_chan *to, *from;

static int pong(void *arg)
{
	long elem;

	(void)arg;
	while (weft_chan_recv(to, &elem) == 0)
		weft_chan_send(from, &elem);
	return 0;
}

static int bench(void *arg)
{
	long n = *(long *)arg, elem;
	struct weft_co *co;

	if (weft_chan_new(sizeof(elem), 0, &to) ||
	    weft_chan_new(sizeof(elem), 0, &from) || weft_spawn(pong, NULL, NULL, &co))
		return 1;
	uint64_t start = bench_now();
	for (long i = 0; i < n; i++) {
		weft_chan_send(to, &i);
		weft_chan_recv(from, &elem);
	}
	bench_per_op(start, n);
	weft_chan_close(to);
	weft_join(co, NULL);
	weft_chan_free(to);
	weft_chan_free(from);
	return 0;
}

int main(int argc, char **argv)
{
	struct weft_options opt = {.size = sizeof(opt), .workers = 1};
	long n = bench_count(argc, argv, 1000000);
	int err = weft_run(bench, &n, &opt);

	if (err)
		fprintf(stderr, "weft_run: %d: %s\n", err, weft_start_error());
	return err != 0;
}
