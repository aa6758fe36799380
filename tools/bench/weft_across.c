/* SPDX-License-Identifier: MIT */
/*
 * A round trip between two workers: `weft_across N idle|busy|latency`. A coroutine on one starts
 * another on the other one and joins it. busy: a coroutine on each yields all the time, so
 * that neither worker ever sleeps. latency: both are of that class, so that the workers look
 * for a while before they sleep.
 */
#include <weft.h>

#include "micro.h"

static bool over;
static uint32_t service;

static int yielder(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED))
		weft_yield();
	return 0;
}

static int pong(void *arg)
{
	(void)arg;
	return 0;
}

static int ping(void *arg)
{
	const struct weft_co_attr there = {.size = sizeof(there),
					   .worker = 2,
					   .flags = WEFT_CO_PINNED,
					   .service = service};
	long n = *(long *)arg;
	uint64_t start = bench_now();
	struct weft_co *co;

	for (long i = 0; i < n; i++) {
		if (weft_spawn(pong, NULL, &there, &co) < 0)
			return 1;
		weft_join(co, NULL);
	}
	bench_per_op(start, n);
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	return 0;
}

int main(int argc, char **argv)
{
	struct weft_options opt = {.size = sizeof(opt), .workers = 2};
	struct weft_co_attr pinned = {.size = sizeof(pinned), .flags = WEFT_CO_PINNED};
	bool busy = argc > 2 && !strcmp(argv[2], "busy");
	bool latency = argc > 2 && !strcmp(argv[2], "latency");
	long n = bench_count(argc, argv, 20000);
	struct weft_co *co;
	int err = weft_start(&opt);

	for (int w = 1; !err && busy && w <= 2; w++) {
		pinned.worker = w;
		err = weft_spawn(yielder, NULL, &pinned, NULL);
	}
	pinned.worker = 1;
	pinned.service = service = latency ? WEFT_CO_LATENCY : WEFT_CO_NORMAL;
	if (!err)
		err = weft_spawn(ping, &n, &pinned, &co);
	if (!err)
		err = weft_join(co, NULL);
	weft_stop();
	return err != 0;
}
